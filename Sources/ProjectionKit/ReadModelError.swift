package import EventLog

/// Why a read model cannot be built or asked; each case says what to do.
package enum ReadModelError: Error, Equatable, Sendable {
    case notBuilt(name: String, path: String)
    /// The read model is of another version or configuration than the projection.
    case outdated(name: String, RebuildReason)
    /// It may hold what was erased, until somebody has made it anew.
    case stale(name: String)
    case otherLog(path: String, found: EventID, expected: EventID)
    /// The log is shorter than what the read model has taken in.
    case aheadOfLog(path: String, events: UInt64, logEvents: UInt64)
    /// The log holds another event than the one that the read model took in.
    case otherHistory(path: String, at: Position)
    case damaged(path: String, reason: String)
    /// Another process is projecting in the same directory.
    case locked(directory: String)
    /// Another program holds a lock on the file for too long.
    case busy(path: String)
    /// All statements together may hold no more memory; it may pass.
    case outOfMemory(path: String)
    /// Other programs keep the old file open, so that it cannot be replaced.
    case inUse(path: String)
    /// The log's durations add up to more than a sum can hold.
    case sumTooLarge(path: String, reason: String)
    case storage(path: String, reason: String)
    /// The disk has no room for what reading, or keeping up, takes; later it may.
    case noRoom(path: String)
    /// The log did not deliver an event that its size promises.
    case missingEvent(at: Position)
    case asOfBeyondLog(Position, logEvents: UInt64)
    case unknownTable(String, model: String, known: [String])
    case noMoment(table: String, tables: [String])
    case badCondition(String, reason: String, table: String, columns: [String])
    case badQuery(reason: String, tables: [String])
    case notReading(sql: String)
    /// Two columns of a query's result have the same name.
    case repeatedColumn(String)
    case tookTooLong(seconds: Int64)
}

/// Why a read model is made anew from the first event.
package enum RebuildReason: Equatable, Sendable {
    case notBuilt
    case asked
    /// Events that it has taken in were corrected since.
    case corrected
    case version(found: Int, current: Int)
    case configuration(found: String, current: String)
    /// The file was written by another version of this software.
    case format(found: Int, current: Int)
}

extension RebuildReason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notBuilt: "there was none"
        case .asked: "a rebuild was asked for"
        case .corrected: "events were corrected"
        case .version(let found, let current):
            "it has version \(found) of the projection, the current one is \(current)"
        case .configuration(let found, let current):
            "it was made with \(found), now it is \(current)"
        case .format(let found, let current):
            "its file has format \(found), the current one is \(current)"
        }
    }
}

extension ReadModelError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notBuilt(let name, let path):
            "there is no read model \(path); run: ascolto project \(name)"
        case .outdated(let name, let reason):
            "the read model \(name) must be made anew: \(reason); run: ascolto project \(name)"
        case .stale(let name):
            "\(name) is to be made anew after an erasure, and is not shown before that; where no "
                + "server does it: ascolto project \(name)"
        case .otherLog(let path, let found, let expected):
            "\(path) belongs to the log \(found), not to \(expected); "
                + "project with --rebuild to replace it"
        case .aheadOfLog(let path, let events, let logEvents):
            "\(path) has taken in \(events) events, but the log has only \(logEvents): the log "
                + "was rolled back; project with --rebuild once the log is what it should be"
        case .otherHistory(let path, let position):
            "\(path) has taken in another event at position \(position) than the log holds: the "
                + "log was rolled back and went on; project with --rebuild"
        case .damaged(let path, let reason):
            "\(path) is damaged or no read model (\(reason)); project with --rebuild"
        case .locked(let directory):
            "another process is projecting in \(directory); try again when it is done"
        case .busy(let path): "another program has locked \(path); try again when it is done"
        case .noRoom(let path):
            "the disk has no room to open \(path); make room, then try again"
        case .outOfMemory(let path):
            "queries take all the memory there is for \(path) too; try again when they are done"
        case .inUse(let path):
            "another program keeps \(path) open, so it cannot be replaced; close it and try again"
        case .sumTooLarge(let path, let reason):
            "\(path): a sum is too large to be exact (\(reason)); it stays as it was before"
        case .storage(let path, let reason): "\(path): \(reason)"
        case .missingEvent(let position):
            "the log did not deliver the event at position \(position); run: ascolto check"
        case .asOfBeyondLog(let position, let logEvents):
            "position \(position) does not exist yet; the log has \(logEvents) events"
        case .unknownTable(let table, let model, let known):
            "\(model) has no table \"\(table)\"; it has \(known.joined(separator: ", "))"
        case .noMoment(let table, let tables):
            "\"\(table)\" does not depend on a moment; a moment is for "
                + (tables.isEmpty ? "other read models" : tables.joined(separator: ", "))
        case .badCondition(let condition, let reason, let table, let columns):
            "the condition \(condition): \(reason); \"\(table)\" has the columns "
                + columns.joined(separator: ", ")
        case .badQuery(let reason, let tables):
            "SQL: \(reason); the tables are \(tables.joined(separator: ", "))"
        case .repeatedColumn(let column):
            "SQL: two columns are called \"\(column)\"; name one of them with AS"
        case .tookTooLong(let seconds):
            "the query took more than \(seconds) s; ask for less, or ask a copy of the file"
        case .notReading(let sql):
            "SQL is one query (SELECT, WITH or VALUES) without pragmas, not: "
                + sql.prefix(80)
        }
    }
}
