internal import ContactCentre
internal import GRDB
internal import JSON
internal import ProjectionKit

extension ContactFacts {
    /// What the database knows of the contact with this stream, or nil.
    static func load(_ stream: String, from database: Database) throws -> ContactFacts? {
        let contact = try database.cachedStatement(
            sql: """
                SELECT id, zone, queue, received_us, gave_up_in_self_service
                FROM contacts WHERE stream = ?
                """)
        let found = try Row.fetchCursor(contact, arguments: [stream])
        guard let row = try found.next().map({ StoredRow($0, of: "contacts") }) else { return nil }
        var facts = ContactFacts(id: try row.integer("id"), stream: stream)
        facts.zone = try row.optionalText("zone")
        facts.queue = try row.optionalText("queue").map(ExactText.init)
        facts.received = try row.optionalInstant("received_us")
        facts.gaveUpInSelfService = try row.choice("gave_up_in_self_service")
        facts.visits = try facts.loadVisits(from: database)
        facts.connections = try facts.loadConnections(from: database)
        return facts
    }

    private func loadVisits(from database: Database) throws -> [Visit] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT queue, queued_us, left_us, ending FROM visits
                WHERE contact = ? ORDER BY visit
                """)
        var visits: [Visit] = []
        let rows = try Row.fetchCursor(statement, arguments: [id])
        while let row = try rows.next().map({ StoredRow($0, of: "visits") }) {
            visits.append(
                Visit(
                    queue: ExactText(try row.text("queue")),
                    queued: try row.optionalInstant("queued_us"),
                    left: try row.optionalInstant("left_us"),
                    ending: try row.optionalChoice("ending")))
        }
        return visits
    }

    private func loadConnections(from database: Database) throws -> [Connection] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT visit, operator, connected_us, disconnected_us, after_work_ended_us
                FROM connections WHERE contact = ? ORDER BY connection
                """)
        var connections: [Connection] = []
        let rows = try Row.fetchCursor(statement, arguments: [id])
        while let row = try rows.next().map({ StoredRow($0, of: "connections") }) {
            connections.append(
                Connection(
                    visit: try row.int("visit"),
                    operator: try row.optionalText("operator").map(ExactText.init),
                    connected: try row.instant("connected_us"),
                    disconnected: try row.optionalInstant("disconnected_us"),
                    afterWorkEnded: try row.optionalInstant("after_work_ended_us")))
        }
        return connections
    }

    /// Writes what differs from what is stored, but for the visits.
    func save(replacing stored: ContactFacts?, to database: Database) throws {
        if stored == nil || stored?.received != received
            || stored?.gaveUpInSelfService != gaveUpInSelfService
        {
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO contacts VALUES (?, ?, ?, ?, ?, ?)")
            try statement.run([
                id, stream, zone, queue?.text, received?.microseconds, gaveUpInSelfService.rawValue,
            ])
        }
        for (index, connection) in connections.enumerated() {
            if let stored, index < stored.connections.count,
                stored.connections[index] == connection
            {
                continue
            }
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO connections VALUES (?, ?, ?, ?, ?, ?, ?)")
            try statement.run([
                id, index + 1, connection.visit, connection.operator?.text,
                connection.connected.microseconds, connection.disconnected?.microseconds,
                connection.afterWorkEnded?.microseconds,
            ])
        }
    }
}

extension ContactFacts.Visit {
    func save(
        contact: Int64, number: Int, _ days: WaitingDays?, to database: Database
    ) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO visits VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        try statement.run([
            contact, number, queue.text, queued?.microseconds, left?.microseconds, ending?.rawValue,
            days?.from, days?.to,
        ])
    }
}
