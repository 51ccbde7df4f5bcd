internal import Foundation
internal import GRDB
package import JSON
internal import Storage

/// One value of a query's result.
package enum QueryValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])

    /// As JSON has it; bytes are written as hexadecimal digits.
    package var node: JSONNode {
        switch self {
        case .null: .null
        case .integer(let number): .integer(number)
        case .real(let number): .real(number)
        case .text(let text): .text(text)
        case .blob(let bytes):
            .text(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        }
    }

    fileprivate var byteCount: Int {
        switch self {
        case .null, .integer, .real: 8
        case .text(let text): text.utf8.count
        case .blob(let bytes): bytes.count
        }
    }

    /// A text is taken with its length, since it may hold U+0000, where C strings end.
    init(_ row: Row, at index: Int) {
        self =
            switch (row[index] as DatabaseValue).storage {
            case .null: .null
            case .int64(let number): .integer(number)
            case .double(let number): .real(number)
            case .string: .text(String(decoding: row[index] as Data, as: UTF8.self))
            case .blob(let data): .blob(Array(data))
            }
    }

    /// All values of a row, in the order of its columns.
    static func all(of row: Row) -> [QueryValue] {
        (0..<row.count).map { QueryValue(row, at: $0) }
    }
}

/// Column names and the rows below them.
package struct QueryResult: Equatable, Sendable {
    package var columns: [String]
    package var rows: [[QueryValue]] = []
    /// Whether there are more rows than were asked for.
    package var isCut = false

    /// The value of a column in each row, or nil where there is no such column.
    package func values(of column: String) -> [QueryValue]? {
        guard let index = columns.firstIndex(of: column) else { return nil }
        return rows.map { $0[index] }
    }
}

/// What to ask a read model.
package enum Query: Sendable {
    /// Rows of a documented table that meet a condition, as they were at a moment.
    ///
    /// The condition is an SQL expression over the table's columns; the moment is for tables that
    /// take one.
    case table(String, condition: String? = nil, moment: Instant? = nil)
    /// One SQL statement that changes nothing.
    case sql(String)
}

/// How much of an answer is wanted, and how long it may take.
package struct QueryLimits: Sendable {
    package let rowsMax: Int
    package let skipping: Int
    /// Bytes of texts and blobs, and of columns' names in each row, after which no more rows are
    /// taken.
    package let bytesMax: Int
    /// Bytes of one value, also of those that a statement makes on its way; nil allows what SQLite
    /// does, which is a gigabyte.
    package let valueBytesMax: Int?
    /// Nil waits for as long as it takes.
    package let patience: Duration?

    package static let none = QueryLimits(
        rowsMax: .max, skipping: 0, bytesMax: .max, valueBytesMax: nil, patience: nil)

    package init(
        rowsMax: Int, skipping: Int, bytesMax: Int, valueBytesMax: Int?, patience: Duration?
    ) {
        self.rowsMax = rowsMax
        self.skipping = skipping
        self.bytesMax = bytesMax
        self.valueBytesMax = valueBytesMax
        self.patience = patience
    }
}

/// A read model that can be asked; every answer comes from one state of the file.
package struct ReadModel: Sendable {
    package let projection: any Projection
    let path: ReadModelPath

    package init(of projection: any Projection, in directory: String) {
        self.projection = projection
        path = ReadModelPath(directory: directory, name: projection.name)
    }

    /// Answers from what is there, whatever has become of the log since.
    /// - Throws: ``ReadModelError`` where there is no read model of this version, or where the
    ///   query cannot be answered; it names the tables or columns that exist.
    package func answer(_ query: Query) throws -> QueryResult {
        try read { try rows(query, in: $0) }
    }

    /// Answers even where the log has gone on since, and says how far it has.
    /// - Throws: as ``answer(_:)``, and where the read model does not belong to this log.
    package func answer(
        _ query: Query, towards source: EventSource, within limits: QueryLimits = .none
    ) throws -> (result: QueryResult, standing: ReadModelStanding) {
        try read(within: limits.patience) { database in
            let standing = try standing(in: database, towards: source)
            if let bytesMax = limits.valueBytesMax { limitValues(of: database, to: bytesMax) }
            return (try rows(query, in: database, within: limits), standing)
        }
    }

    func rows(
        _ query: Query, in database: Database, within limits: QueryLimits = .none
    ) throws -> QueryResult {
        switch query {
        case .table(let name, let condition, let moment):
            try rows(
                of: name, condition: condition, moment: moment, in: database, within: limits)
        case .sql(let sql): try rows(sql: sql, in: database, within: limits)
        }
    }

    /// SHA-256 over all rows of the declared tables.
    ///
    /// Linear in the rows.
    package func digest() throws -> ReadModelDigest {
        try read { try ReadModelDigest(of: projection.tables, in: $0) }
    }

    /// Runs within one transaction on a read model of the projection's own version.
    func read<Result>(
        within patience: Duration? = nil, _ body: (Database) throws -> Result
    ) throws -> Result {
        guard FileManager.default.fileExists(atPath: path.live) else {
            throw ReadModelError.notBuilt(name: projection.name, path: path.live)
        }
        return try withDatabase(at: path.live, for: .reading, within: patience) { database in
            var result: Result?
            try database.inTransaction(.deferred) {
                if let reason = try rebuildReason(loaded(from: database)) {
                    throw ReadModelError.outdated(name: projection.name, reason)
                }
                result = try body(database)
                return .commit
            }
            guard let result else { preconditionFailure("a transaction ended without a result") }
            return result
        }
    }

    private func rows(
        of name: String, condition: String?, moment: Instant?, in database: Database,
        within limits: QueryLimits
    ) throws -> QueryResult {
        guard let table = projection.tables.first(where: { $0.name == name }) else {
            throw ReadModelError.unknownTable(
                name, model: projection.name, known: projection.tables.map(\.name))
        }
        var from = table.name
        var arguments = StatementArguments()
        if let moment {
            guard let source = table.moment else {
                throw ReadModelError.noMoment(
                    table: name,
                    tables: projection.tables.filter { $0.moment != nil }.map(\.name))
            }
            from = "(\(source.select))"
            arguments = ["at": moment.microseconds]
        }
        if let condition, condition.namesPragma || condition.asksMore {
            throw ReadModelError.badCondition(
                condition, reason: "it may ask about the columns of its table only", table: name,
                columns: table.columns.map(\.name))
        }
        var sql = "SELECT \(table.columnList) FROM \(from)"
        // The line break ends a comment in the condition.
        if let condition { sql += " WHERE (\(condition)\n)" }
        sql += table.orderClause
        do {
            return try fetch(database.makeStatement(sql: sql), arguments, within: limits)
        } catch let error as DatabaseError where condition != nil && error.isOfTheStatement {
            throw ReadModelError.badCondition(
                condition ?? "", reason: error.reason, table: name,
                columns: table.columns.map(\.name))
        }
    }

    private func rows(
        sql: String, in database: Database, within limits: QueryLimits
    ) throws -> QueryResult {
        guard sql.beginsAsQuery, !sql.namesPragma else { throw ReadModelError.notReading(sql: sql) }
        do {
            let statement = try database.makeStatement(sql: sql)
            guard statement.isReadonly, statement.columnCount > 0 else {
                throw ReadModelError.notReading(sql: sql)
            }
            // In an object of JSON the one value would hide the other.
            var seen: Set<[UInt8]> = []
            for column in statement.columnNames where !seen.insert(Array(column.utf8)).inserted {
                throw ReadModelError.repeatedColumn(column)
            }
            return try fetch(statement, [], within: limits)
        } catch let error as DatabaseError {
            switch error.resultCode {
            case .SQLITE_READONLY: throw ReadModelError.notReading(sql: sql)
            case _ where error.isOfTheStatement:
                throw ReadModelError.badQuery(
                    reason: error.reason, tables: projection.tables.map(\.name))
            default: throw error
            }
        }
    }

    /// Rows up to the limits; the one that goes beyond is the last.
    private func fetch(
        _ statement: Statement, _ arguments: StatementArguments, within limits: QueryLimits
    ) throws -> QueryResult {
        var result = QueryResult(columns: statement.columnNames)
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        let nameBytes = result.columns.reduce(0) { $0 + $1.utf8.count }
        var (skipped, bytes) = (0, 0)
        while let row = try rows.next() {
            guard skipped == limits.skipping else {
                skipped += 1
                continue
            }
            guard result.rows.count < limits.rowsMax, bytes < limits.bytesMax else {
                result.isCut = true
                break
            }
            let values = QueryValue.all(of: row)
            bytes += nameBytes
            for value in values { bytes += value.byteCount }
            result.rows.append(values)
        }
        return result
    }
}

extension String {
    /// Whether a pragma may stand in it.
    ///
    /// Some change how all of the process uses SQLite, as soon as they are compiled, even where
    /// they are not run.
    fileprivate var namesPragma: Bool { lowercased().contains("pragma") }

    /// Whether a condition may reach beyond the row that it is asked of.
    ///
    /// Whoever may see a table need not be one who may see the tables that it is made of.
    fileprivate var asksMore: Bool {
        let text = lowercased()
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
        return words.contains { word in
            // Behind IN may stand the name of a table.
            word == "select"
                || word == "in" && text[word.endIndex...].first { !$0.isWhitespace } != "("
        }
    }

    /// Whether the first word, behind white space and comments, begins a query.
    fileprivate var beginsAsQuery: Bool {
        var rest = self[...].unicodeScalars
        while true {
            rest = rest.drop { $0.properties.isWhitespace }
            if rest.starts(with: "--".unicodeScalars) {
                rest = rest.drop { $0 != "\n" }
            } else if rest.starts(with: "/*".unicodeScalars) {
                rest = rest.dropFirst(2)
                while !rest.isEmpty, !rest.starts(with: "*/".unicodeScalars) {
                    rest = rest.dropFirst()
                }
                rest = rest.dropFirst(2)
            } else {
                let word = String(Substring(rest.prefix { $0.properties.isAlphabetic }))
                // SQLite reads a text up to the first NUL.
                return ["SELECT", "WITH", "VALUES"].contains(word.uppercased())
                    && !unicodeScalars.contains("\0")
            }
        }
    }
}

extension DatabaseError {
    fileprivate var reason: String {
        switch resultCode {
        case .SQLITE_TOOBIG: "a value, or one made on the way to it, has too many bytes"
        case .SQLITE_NOMEM: "it takes more memory than there is for queries"
        default: message ?? resultCode.description
        }
    }

    /// Whether the statement is to blame and not the file.
    fileprivate var isOfTheStatement: Bool {
        switch resultCode {
        case .SQLITE_ERROR, .SQLITE_MISUSE, .SQLITE_RANGE, .SQLITE_TOOBIG, .SQLITE_NOMEM,
            .SQLITE_MISMATCH, .SQLITE_AUTH:
            true
        default: false
        }
    }
}
