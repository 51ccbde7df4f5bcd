package import GRDB
internal import GRDBSQLite

/// Lets no statement of a connection make a value of more than so many bytes, or a row.
///
/// Statements fail with SQLITE_TOOBIG where they would.
package func limitValues(of database: Database, to bytesMax: Int) {
    if let connection = unsafe database.sqliteConnection {
        _ = unsafe sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, Int32(clamping: bytesMax))
    }
}
