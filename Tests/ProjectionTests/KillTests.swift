internal import EventLog
internal import Foundation
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// A process that is killed at any moment leaves a read model that the next run completes.
@Suite struct KillTests {
    /// Projects a log and kills this process when it comes to the event `last`.
    private static func projectUntilKilled(
        log path: String, in directory: String, at last: UInt64
    ) throws {
        let source = EventSource(try EventLog.open(at: path, access: .reading))
        let deadly = EventSource(
            log: source.log, size: source.size,
            read: { range, visit in
                try source.read(range) { columns, places in
                    for place in places {
                        let position = columns.first.value + UInt64(place)
                        if position == last { kill(getpid(), SIGKILL) }
                        guard try visit(columns, place..<place + 1) == .next else { return .stop }
                    }
                    return .next
                }
            }, corrections: source.corrections)
        _ = try Projector(OperatorQueues(), in: directory, chunkEvents: 16)
            .bringUpToDate(from: deadly)
    }

    @Test(.timeLimit(.minutes(5)), arguments: UInt64(1)...6)
    func theNextRunCompletesWhatWasKilled(seed: UInt64) async throws {
        var maker = ContactMaker(seed: seed)
        let contacts = maker.contacts(60, from: try at("2026-03-26T20:00:00Z"))
        let told = ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
        let scratch = try Scratch()
        let (logPath, path) = (scratch.log, scratch.place("projections"))
        try await told.write(to: logPath)
        let source = EventSource(try EventLog.open(at: logPath, access: .reading))
        let projector = Projector(OperatorQueues(), in: path)
        // Odd seeds are killed while building, even ones while going on from a first part.
        let first = seed % 2 == 0 ? 70 : 0
        if first > 0 { _ = try projector.bringUpToDate(from: source.first(first)) }
        let last = UInt64.random(
            in: UInt64(first + 20)..<UInt64(told.size), using: &maker.numbers)
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [logPath = logPath as String, path = path as String, last = last as UInt64] in
            try KillTests.projectUntilKilled(log: logPath, in: path, at: last)
        }
        let model = ReadModel(of: OperatorQueues(), in: path)
        let status = try model.status(towards: source)
        #expect(status?.standing.position == (first > 0 ? Position(last / 16 * 16 - 1) : nil))
        _ = try projector.bringUpToDate(from: source)
        let digest = try model.digest()
        _ = try projector.rebuild(from: source)
        #expect(try model.digest() == digest, "seed \(seed), killed at \(last)")
    }
}
