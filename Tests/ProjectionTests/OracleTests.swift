internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// Every table against a plain count over contacts of chance.
@Suite struct OracleTests {
    private struct Case {
        let contacts: [RandomContact]
        let model: ReadModel
        let directory: Scratch

        /// Odd seeds mix zones; the days are those around the end of summer time.
        init(seed: UInt64) async throws {
            let zones = seed % 2 == 0 ? [] : ["Europe/Rome", "Asia/Tokyo", "America/New_York"]
            var maker = ContactMaker(seed: seed, zones: zones)
            contacts = maker.contacts(100, from: try at("2026-10-22T20:00:00Z"))
            directory = try Scratch()
            let log = ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
            let source = try await log.source()
            let projector = Projector(
                OperatorQueues(), in: directory.path,
                chunkEvents: .random(in: 1...300, using: &maker.numbers))
            _ = try projector.bringUpToDate(from: source)
            model = ReadModel(of: OperatorQueues(), in: directory.path)
        }

        var oracle: Oracle { Oracle(contacts: contacts, logZone: "Europe/Rome") }

        func rows(of table: String, by key: String) throws -> [String: ShownRow] {
            var found: [String: ShownRow] = [:]
            for var row in try model.answer(.table(table)).shownRows {
                guard case .text(let name) = row.removeValue(forKey: key) else { continue }
                found[name] = row
            }
            return found
        }
    }

    @Test(arguments: UInt64(1)...16) func figuresOfEveryTable(seed: UInt64) async throws {
        let test = try await Case(seed: seed)
        let oracle = test.oracle
        #expect(try test.model.answer(.table("totals")).shownRows == [oracle.totals()])
        #expect(try test.rows(of: "queues", by: "queue") == oracle.byQueue())
        let days = try test.rows(of: "days", by: "day")
        let expectedDays = oracle.byDay()
        #expect(Set(days.keys) == Set(expectedDays.keys))
        for (day, expected) in expectedDays {
            for (column, value) in expected {
                #expect(days[day]?[column] == value, "\(day) \(column), seed \(seed)")
            }
        }
        let halfHours = try test.model.answer(
            .sql("SELECT sum(offered), sum(received), sum(handle_us) FROM half_hours"))
        let totals = oracle.totals()
        #expect(
            halfHours.rows == [
                ["offered", "received", "handle_us"].map { totals[$0] ?? .null }
            ])
        let operators = try test.rows(of: "operators", by: "operator").mapValues { row in
            ["answered", "handled", "handle_us"].map { row[$0] }
        }
        #expect(operators == oracle.byOperator().mapValues { $0.map { .integer($0) } })
    }

    @Test(arguments: UInt64(1)...8) func whoWaitsAtAnyMoment(seed: UInt64) async throws {
        let test = try await Case(seed: seed)
        var numbers = SeededNumbers(seed: seed)
        let borders = test.contacts.flatMap(\.told).map(\.time)
        for _ in 0..<40 {
            let border = try #require(borders.randomElement(using: &numbers))
            let moment = Instant(
                microseconds: border.microseconds + .random(in: -1...1, using: &numbers))
            let rows = try test.model.answer(.table("waiting", moment: moment)).shownRows
            #expect(Set(rows.map(name)) == test.oracle.waiting(at: moment))
            #expect(rows.count == Set(rows.map(name)).count)
        }
        let last = try #require(borders.max())
        let now = try test.model.answer(.table("waiting"))
        #expect(Set(now.shownRows.map(name)) == test.oracle.waiting(at: last))
        #expect(try now == test.model.answer(.table("waiting", moment: last)))
    }

    private func name(_ row: ShownRow) -> String {
        guard case .text(let contact) = row["contact"], case .integer(let visit) = row["visit"]
        else { return "" }
        return "\(contact)#\(visit)"
    }
}
