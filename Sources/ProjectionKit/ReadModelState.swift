internal import EventLog
internal import GRDB
internal import JSON

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
    var unreadable = UnreadableEvents()

    /// The format of this table and of what is common to all read models.
    static let format = 2

    static let schema = """
        CREATE TABLE read_model (
            row INTEGER PRIMARY KEY CHECK (row = 1), format INTEGER NOT NULL,
            name TEXT NOT NULL, version INTEGER NOT NULL, configuration TEXT NOT NULL,
            log TEXT NOT NULL, events INTEGER NOT NULL, last_event TEXT,
            last_recorded_us INTEGER, unreadable INTEGER NOT NULL,
            first_unreadable INTEGER, first_unreadable_reason TEXT)
        """

    func save(to database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO read_model VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        try statement.execute(arguments: [
            Self.format, name, version, configuration, log.description, Int64(events),
            lastEvent?.description, lastRecorded?.microseconds, Int64(unreadable.count),
            unreadable.first.map { Int64($0.position.value) }, unreadable.first?.reason,
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
        guard let row = try Row.fetchOne(database, sql: "SELECT * FROM read_model") else {
            return .unreadable("its table read_model is empty")
        }
        do throws(FoldFailure) {
            let stored = StoredRow(row, of: "read_model")
            let format = try stored.int("format")
            guard format == Self.format else { return .otherFormat(format) }
            return .state(try ReadModelState(stored))
        } catch {
            switch error {
            case .damaged(let reason): return .unreadable(reason)
            case .tooLarge: return .unreadable("its numbers are too large")
            }
        }
    }
}

extension ReadModelState {
    fileprivate init(_ row: StoredRow) throws(FoldFailure) {
        guard let log = EventID(try row.text("log")) else { throw row.damage("log") }
        self.init(
            name: try row.text("name"), version: try row.int("version"),
            configuration: try row.text("configuration"), log: log,
            events: try row.count("events"),
            lastEvent: try row.optionalText("last_event").flatMap { EventID($0) },
            lastRecorded: try row.optionalInstant("last_recorded_us"))
        unreadable.count = try row.count("unreadable")
        if unreadable.count > 0 {
            unreadable.first = UnreadableEvents.First(
                position: Position(try row.count("first_unreadable")),
                reason: try row.text("first_unreadable_reason"))
        }
    }
}
