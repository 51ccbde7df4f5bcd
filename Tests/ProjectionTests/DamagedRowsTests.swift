internal import ContactCentre
internal import EventLog
internal import Foundation
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// A read model with values that nobody wrote is called damaged; a rebuild makes it whole.
@Suite struct DamagedRowsTests {
    private let directory: Scratch
    private let source: EventSource
    private var model: ReadModel { ReadModel(of: OperatorQueues(), in: directory.path) }
    private var projector: Projector { Projector(OperatorQueues(), in: directory.path) }

    init() async throws {
        directory = try Scratch()
        let story = try Story("1", from: try at("2026-03-26T20:00:00Z"))
            .received(queue: "desk", zone: "Europe/Rome").queued("desk", after: 1)
            .left("desk", .answered, after: 3).connected("anna", after: 3)
            .queued("desk", after: 9)
        source = try await ToldLog(told: story.told).source()
        _ = try projector.bringUpToDate(from: source.first(5))
    }

    private func isDamaged(_ error: any Error) -> Bool {
        guard case .damaged = error as? ReadModelError else { return false }
        return "\(error)".contains("--rebuild")
    }

    private func edit(_ sql: String) throws {
        let queue = try DatabaseQueue(path: directory.place("operator-queues.sqlite"))
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }

    @Test(arguments: [
        "events = -1", "events = 'abc'", "events = x'00'", "events = 1e300",
        "last_recorded_us = 'q'", "last_recorded_us = -1 << 63", "log = x'ff'", "log = 'mine'",
        "name = x'ff'", "version = 'two'", "format = 'two'", "unreadable = -1",
        "unreadable = 1", "unreadable = 1, first_unreadable = -1, first_unreadable_reason = ''",
        "configuration = x'00'", "last_event = x'00'",
    ])
    func bookkeeping(change: String) throws {
        try edit("UPDATE read_model SET " + change)
        #expect { try model.answer(.table("totals")) } throws: { isDamaged($0) }
        #expect { try model.digest() } throws: { isDamaged($0) }
        #expect { try model.status(towards: source) } throws: { isDamaged($0) }
        #expect { try projector.bringUpToDate(from: source) } throws: { isDamaged($0) }
        _ = try projector.rebuild(from: source)
        #expect(try model.status(towards: source)?.standing.lagEvents == 0)
    }

    @Test(arguments: [
        "contacts SET received_us = -1 << 63", "contacts SET received_us = 'q'",
        "contacts SET zone = 'Mars'", "contacts SET zone = x'ff'", "contacts SET queue = x'ff'",
        "contacts SET gave_up_in_self_service = 7", "visits SET queue = x'ff'",
        "visits SET queued_us = 1 << 62", "visits SET left_us = 'q'", "visits SET ending = 9",
        "connections SET visit = 'first'",
        "connections SET operator = x'ff'", "connections SET connected_us = -1 << 63",
        "days SET day_number = 9223372036854775807", "latest SET occurred_us = 'q'",
    ])
    func rowsThatAreGoneOnFrom(change: String) throws {
        try edit("UPDATE " + change)
        #expect { try projector.bringUpToDate(from: source) } throws: { isDamaged($0) }
        _ = try projector.rebuild(from: source)
        #expect(try model.status(towards: source)?.standing.lagEvents == 0)
    }
}
