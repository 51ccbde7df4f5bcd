internal import ContactCentre
internal import GRDB
internal import JSON
internal import ProjectionKit

extension CaseFacts {
    static let creation = """
        CREATE TABLE facts (
            id INTEGER PRIMARY KEY, stream TEXT NOT NULL UNIQUE, opened_us INTEGER, zone TEXT,
            channel TEXT, service TEXT, area TEXT, opened_by TEXT, target_us INTEGER,
            first_touch_us INTEGER, first_unit_us INTEGER, first_person_us INTEGER,
            first_resolved_us INTEGER, last_resolved_us INTEGER, closed_us INTEGER,
            breached_us INTEGER, stands INTEGER NOT NULL, ended_us INTEGER, owner TEXT,
            previous_owner TEXT, line INTEGER NOT NULL, last_line INTEGER NOT NULL,
            owner_line INTEGER NOT NULL, highest_line INTEGER NOT NULL,
            waiting_for TEXT, waiting_since_us INTEGER, handovers INTEGER NOT NULL,
            returns INTEGER NOT NULL, escalations INTEGER NOT NULL, step_backs INTEGER NOT NULL,
            reopenings INTEGER NOT NULL, paused_us INTEGER, latest_move_us INTEGER,
            \(boundedSum("paused_us")))
        """

    /// What the database knows of the case with this stream, or nil.
    static func load(_ stream: String, from database: Database) throws -> CaseFacts? {
        let statement = try database.cachedStatement(sql: "SELECT * FROM facts WHERE stream = ?")
        let found = try Row.fetchCursor(statement, arguments: [stream])
        guard let row = try found.next().map({ StoredRow($0, of: "facts") }) else { return nil }
        var facts = CaseFacts(id: try row.integer("id"), stream: stream)
        facts.opened = try row.optionalInstant("opened_us")
        facts.zone = try row.optionalText("zone")
        facts.channel = try row.optionalText("channel")
        facts.service = try row.optionalText("service")
        facts.area = try row.optionalText("area")
        facts.openedBy = try row.optionalText("opened_by")
        facts.target = try row.optionalInstant("target_us")
        facts.firstTouch = try row.optionalInstant("first_touch_us")
        facts.firstUnit = try row.optionalInstant("first_unit_us")
        facts.firstPerson = try row.optionalInstant("first_person_us")
        facts.firstResolved = try row.optionalInstant("first_resolved_us")
        facts.lastResolved = try row.optionalInstant("last_resolved_us")
        facts.closed = try row.optionalInstant("closed_us")
        facts.breached = try row.optionalInstant("breached_us")
        facts.stands = try row.choice("stands")
        facts.ended = try row.optionalInstant("ended_us")
        facts.owner = try row.optionalText("owner").map(ExactText.init)
        facts.previousOwner = try row.optionalText("previous_owner").map(ExactText.init)
        facts.line = try row.integer("line")
        facts.lastLine = try row.integer("last_line")
        facts.ownerLine = try row.integer("owner_line")
        facts.highestLine = try row.integer("highest_line")
        facts.waitingFor = try row.optionalText("waiting_for")
        facts.waitingSince = try row.optionalInstant("waiting_since_us")
        facts.handovers = try row.integer("handovers")
        facts.returns = try row.integer("returns")
        facts.escalations = try row.integer("escalations")
        facts.stepBacks = try row.integer("step_backs")
        facts.reopenings = try row.integer("reopenings")
        facts.pausedMicroseconds = try row.optionalInteger("paused_us")
        facts.latestMove = try row.optionalInstant("latest_move_us")
        return facts
    }

    func save(to database: Database) throws {
        let places = Array(repeating: "?", count: 33).joined(separator: ", ")
        try database.cachedStatement(sql: "INSERT OR REPLACE INTO facts VALUES (\(places))").run([
            id, stream, opened?.microseconds, zone, channel, service, area, openedBy,
            target?.microseconds, firstTouch?.microseconds, firstUnit?.microseconds,
            firstPerson?.microseconds, firstResolved?.microseconds, lastResolved?.microseconds,
            closed?.microseconds, breached?.microseconds, stands.rawValue, ended?.microseconds,
            owner?.text, previousOwner?.text, line, lastLine, ownerLine, highestLine,
            waitingFor, waitingSince?.microseconds, handovers, returns, escalations, stepBacks,
            reopenings, pausedMicroseconds, latestMove?.microseconds,
        ])
    }
}
