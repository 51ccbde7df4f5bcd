internal import GRDB
internal import JSON
internal import ProjectionKit

extension ContactFacts {
    /// Key and facts of the contact with this stream, or nil where the database has none.
    static func load(
        _ stream: String, from database: Database, _ names: inout NameBook
    ) throws -> (key: Int64, facts: ContactFacts)? {
        let contact = try database.cachedStatement(
            sql: """
                SELECT id, zone, queue, received_us, gave_up_in_self_service
                FROM contacts WHERE stream = ?
                """)
        let found = try Row.fetchCursor(contact, arguments: [stream])
        guard let row = try found.next().map({ StoredRow($0, of: "contacts") }) else { return nil }
        let key = try row.integer("id")
        var facts = ContactFacts()
        facts.zone = try row.optionalText("zone").map { names.name($0) }
        facts.queue = try row.optionalText("queue").map { names.name($0) }
        facts.received = try row.optionalInstant("received_us")
        facts.gaveUpInSelfService = try row.choice("gave_up_in_self_service")
        facts.visits = try loadVisits(of: key, from: database, &names)
        facts.connections = try loadConnections(of: key, from: database, &names)
        return (key, facts)
    }

    private static func loadVisits(
        of key: Int64, from database: Database, _ names: inout NameBook
    ) throws -> Few<Visit> {
        let statement = try database.cachedStatement(
            sql: """
                SELECT queue, queued_us, left_us, ending, timing FROM visits
                WHERE contact = ? ORDER BY visit
                """)
        var visits = Few<Visit>()
        let rows = try Row.fetchCursor(statement, arguments: [key])
        while let row = try rows.next().map({ StoredRow($0, of: "visits") }) {
            visits.append(
                Visit(
                    queue: names.name(try row.text("queue")),
                    queued: try row.optionalInstant("queued_us"),
                    left: try row.optionalInstant("left_us"),
                    ending: try row.optionalChoice("ending"),
                    timing: try row.choice("timing")))
        }
        return visits
    }

    private static func loadConnections(
        of key: Int64, from database: Database, _ names: inout NameBook
    ) throws -> Few<Connection> {
        let statement = try database.cachedStatement(
            sql: """
                SELECT visit, operator, connected_us, disconnected_us, after_work_ended_us, timing
                FROM connections WHERE contact = ? ORDER BY connection
                """)
        var connections = Few<Connection>()
        let rows = try Row.fetchCursor(statement, arguments: [key])
        while let row = try rows.next().map({ StoredRow($0, of: "connections") }) {
            connections.append(
                Connection(
                    visit: try row.int("visit"),
                    operator: try row.optionalText("operator").map { names.name($0) },
                    connected: try row.instant("connected_us"),
                    disconnected: try row.optionalInstant("disconnected_us"),
                    afterWorkEnded: try row.optionalInstant("after_work_ended_us"),
                    timing: try row.choice("timing")))
        }
        return connections
    }

    /// Writes what differs from what is stored, but for the visits.
    func save(
        stream: String, key: Int64, replacing stored: ContactFacts?, to database: Database,
        _ names: NameBook
    ) throws {
        if stored == nil || stored?.received != received
            || stored?.gaveUpInSelfService != gaveUpInSelfService
        {
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO contacts VALUES (?, ?, ?, ?, ?, ?)")
            try statement.run([
                key, stream, zone.map { names.text($0) }, queue.map { names.text($0) },
                received?.microseconds, gaveUpInSelfService.rawValue,
            ])
        }
        for (index, connection) in connections.enumerated() {
            if let stored, index < stored.connections.count,
                stored.connections[index] == connection
            {
                continue
            }
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO connections VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            try statement.run([
                key, index + 1, connection.visit, connection.operator.map { names.text($0) },
                connection.connected.microseconds, connection.disconnected?.microseconds,
                connection.afterWorkEnded?.microseconds, connection.timing.rawValue,
            ])
        }
    }
}

extension ContactFacts.Visit {
    func save(
        contact: Int64, number: Int, _ days: WaitingDays?, to database: Database,
        _ names: NameBook
    ) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO visits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        try statement.run([
            contact, number, names.text(queue), queued?.microseconds, left?.microseconds,
            ending?.rawValue,
            days?.from, days?.to, timing.rawValue,
        ])
    }
}
