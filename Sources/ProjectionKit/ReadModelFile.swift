internal import EventLog
internal import Foundation
internal import GRDB
internal import JSON

/// Where the files of one read model are.
struct ReadModelPath {
    let directory: String
    let name: String

    var live: String { directory + "/" + name + ".sqlite" }

    func building(version: Int) -> String {
        directory + "/" + name + "@" + String(version) + ".building.sqlite"
    }

    /// A database and what SQLite keeps beside it.
    static func withSideFiles(_ path: String) -> [String] { [path] + sideFiles(of: path) }

    static func sideFiles(of path: String) -> [String] {
        ["-journal", "-wal", "-shm"].map { path + $0 }
    }

    /// Leftovers of builds that were interrupted, of any version.
    var leftovers: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasPrefix(name + "@") && $0.contains(".building.sqlite") }
            .map { directory + "/" + $0 }
    }
}

/// What a read model says about itself; it changes in the same transaction as the rows.
struct ReadModelState: Equatable {
    var name: String
    var version: Int
    var configuration: String
    var log: EventID
    /// How many events were taken in: all positions below this number.
    var events: UInt64
    /// The last of them, by which a log that was rolled back is recognised.
    var lastEvent: EventID?
    var lastRecorded: Instant?

    /// The format of this table and of what is common to all read models.
    static let format = 1

    static let schema = """
        CREATE TABLE read_model (
            row INTEGER PRIMARY KEY CHECK (row = 1), format INTEGER NOT NULL,
            name TEXT NOT NULL, version INTEGER NOT NULL, configuration TEXT NOT NULL,
            log TEXT NOT NULL, events INTEGER NOT NULL, last_event TEXT,
            last_recorded_us INTEGER)
        """

    func save(to database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO read_model VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)")
        try statement.execute(arguments: [
            Self.format, name, version, configuration, log.description, Int64(events),
            lastEvent?.description, lastRecorded?.microseconds,
        ])
    }

    enum Loaded {
        case state(ReadModelState)
        case otherFormat(Int)
        case unreadable(String)
    }

    static func load(from database: Database) throws -> Loaded {
        guard try database.tableExists("read_model") else {
            return .unreadable("it has no table read_model")
        }
        guard let format = try Int.fetchOne(database, sql: "SELECT format FROM read_model") else {
            return .unreadable("its table read_model is empty")
        }
        guard format == Self.format else { return .otherFormat(format) }
        let row = try Row.fetchOne(
            database,
            sql: """
                SELECT name, version, configuration, log, events, last_event, last_recorded_us
                FROM read_model
                """)
        guard let row, let log = EventID(row[3] as String) else {
            return .unreadable("its log id is no UUID")
        }
        let lastEvent: String? = row[5]
        let lastRecorded: Int64? = row[6]
        return .state(
            ReadModelState(
                name: row[0], version: row[1], configuration: row[2], log: log,
                events: UInt64(row[4] as Int64), lastEvent: lastEvent.flatMap { EventID($0) },
                lastRecorded: lastRecorded.map(Instant.init(microseconds:))))
    }
}

/// What a connection to a read model is for.
enum ReadModelAccess {
    /// Alone with a file that nobody knows of yet; a crash makes it worthless.
    case building
    /// Beside readers; a crash leaves the last committed chunk.
    case updating
    /// Without changing anything but what a crash left half done.
    case inspecting
    case reading
}

/// Opens a database, uses it and closes it; SQLite's errors come out as ``ReadModelError``.
func withDatabase<Result>(
    at path: String, for access: ReadModelAccess, _ body: (Database) throws -> Result
) throws -> Result {
    do {
        var configuration = Configuration()
        configuration.readonly = access == .reading
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(ProjectionLimits.busyTimeoutSeconds)
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let result = try queue.writeWithoutTransaction { database in
            for pragma in access.pragmas { try database.execute(sql: "PRAGMA " + pragma) }
            return try body(database)
        }
        try queue.close()
        return result
    } catch let error as DatabaseError {
        throw readModelError(error, path: path)
    }
}

extension ReadModelAccess {
    /// A read model can be derived again, so a power cut may cost it the last commits.
    fileprivate var pragmas: [String] {
        switch self {
        case .building:
            [
                "locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF",
                "cache_size = -\(ProjectionLimits.buildCacheKiB)",
            ]
        case .updating: ["journal_mode = WAL", "synchronous = NORMAL"]
        case .inspecting, .reading: []
        }
    }
}

func readModelError(_ error: DatabaseError, path: String) -> ReadModelError {
    let reason = error.message ?? error.resultCode.description
    if error.extendedResultCode == .SQLITE_CONSTRAINT_CHECK {
        return .sumTooLarge(path: path, reason: reason)
    }
    switch error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged(path: path, reason: reason)
    case .SQLITE_BUSY: return .busy(path: path)
    default: return .storage(path: path, reason: reason)
    }
}

func readModelError(_ failure: FoldFailure, path: String) -> ReadModelError {
    switch failure {
    case .damaged(let reason): .damaged(path: path, reason: reason)
    case .tooLarge: .sumTooLarge(path: path, reason: "integer overflow")
    }
}
