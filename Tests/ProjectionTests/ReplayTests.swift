internal import ContactCentre
internal import EventLog
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// A replay in memory gives the figures that the read model on disk shows.
@Suite struct ReplayTests {
    private static let figures = [
        "received", "offered", "answered", "abandoned", "abandoned_in_self_service",
        "answered_within_threshold", "abandoned_within_threshold", "wait_answered_us",
        "answered_with_known_wait", "wait_abandoned_us", "abandoned_with_known_wait", "handled",
        "handle_us", "excluded_by_precision", "wait_excluded_by_precision",
    ]

    /// The rows of a table by their key, as far as they are sums.
    private func rows(
        _ table: String, key: String, _ columns: [String], of model: ReadModel
    ) throws -> [String: ReplayQueues.Row] {
        var rows: [String: ReplayQueues.Row] = [:]
        for shown in try model.answer(.table(table)).shownRows {
            guard case .text(let name) = shown[key] else { continue }
            rows[name] = sums(of: shown, columns)
        }
        return rows
    }

    private func sums(of shown: ShownRow, _ columns: [String]) -> ReplayQueues.Row {
        var row: ReplayQueues.Row = [:]
        for column in columns {
            if case .integer(let value) = shown[column] { row[column] = value }
        }
        return row
    }

    /// Segments of one unit let contacts begin in one and go on in others.
    @Test(.timeLimit(.minutes(5)), arguments: UInt64(1)...6)
    func theFiguresAreThoseOfTheReadModel(seed: UInt64) async throws {
        var maker = ContactMaker(seed: seed, zones: ["Europe/Rome", "Asia/Kolkata"])
        let contacts = maker.contacts(260, from: try at("2026-03-26T20:00:00Z"))
        var told =
            seed % 2 == 0 ? contacts.inOrderOfTime() : contacts.shuffled(by: &maker.numbers)
        told.insert(
            Told(stream: "contact/3", type: "contact.queued", time: nil, data: "[1]"), at: 700)
        told.append(
            Told(stream: "contact/5", type: "contact.received", time: nil, data: "{}"))
        let scratch = try Scratch()
        try await ToldLog(zone: "Europe/Rome", told: told).write(to: scratch.log)
        let log = try EventLog.open(at: scratch.log, access: .reading)
        let outcome = try Projector(OperatorQueues(), in: scratch.path, chunkEvents: 300)
            .rebuild(from: EventSource(log))
        let model = ReadModel(of: OperatorQueues(), in: scratch.path)
        let totals = sums(of: try model.answer(.table("totals")).shownRows[0], Self.figures)
        for (threads, units) in [(1, 1), (2, 1), (3, 2), (2, 256)] {
            var division = ReplayDivision()
            division.threads = threads
            division.segmentUnits = UInt64(units)
            let replay = try ReplayQueues.run(log, division: division)
            #expect(replay.events == outcome.events)
            #expect(replay.unreadable == outcome.unreadable.count)
            #expect(replay.totals == totals, "seed \(seed)")
            #expect(
                try replay.queues == rows("queues", key: "queue", Self.figures, of: model))
            #expect(try replay.days == rows("days", key: "day", Self.figures, of: model))
            #expect(
                try replay.halfHours
                    == rows("half_hours", key: "start", Self.figures, of: model))
            #expect(
                try replay.operators
                    == rows(
                        "operators", key: "operator", ["answered", "handled", "handle_us"],
                        of: model))
        }
    }
}
