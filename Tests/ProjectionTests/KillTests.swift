internal import EventLog
internal import Foundation
internal import ProjectionKit
internal import Projections
internal import Testing

/// A process that is killed at any moment leaves a read model that the next run completes.
@Suite struct KillTests {
    /// Projects a log of chance and kills this process when it comes to the event `last`.
    private static func projectUntilKilled(
        in directory: String, seed: UInt64, at last: UInt64, size: Int
    ) throws {
        let source = try log(seed: seed).first(size).source()
        let deadly = EventSource(
            log: source.log, size: source.size,
            read: { range, visit in
                try source.read(range) { event in
                    if event.position.value == last { kill(getpid(), SIGKILL) }
                    return try visit(event)
                }
            })
        _ = try Projector(OperatorQueues(), in: directory, chunkEvents: 16)
            .bringUpToDate(from: deadly)
    }

    private static func log(seed: UInt64) throws -> ToldLog {
        var maker = ContactMaker(seed: seed)
        let contacts = maker.contacts(60, from: try at("2026-03-26T20:00:00Z"))
        return ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
    }

    @Test(.timeLimit(.minutes(1)), arguments: UInt64(1)...6)
    func theNextRunCompletesWhatWasKilled(seed: UInt64) async throws {
        let directory = try TemporaryDirectory()
        let log = try Self.log(seed: seed)
        var numbers = SeededNumbers(seed: seed)
        let undisturbed = try TemporaryDirectory()
        _ = try Projector(OperatorQueues(), in: undisturbed.path).rebuild(from: log.source())
        // Odd seeds are killed while building, even ones while going on from a first part.
        let first = seed % 2 == 0 ? 70 : 0
        if first > 0 {
            _ = try Projector(OperatorQueues(), in: directory.path)
                .bringUpToDate(from: log.first(first).source())
        }
        let last = UInt64(Int.random(in: first + 20..<log.told.count, using: &numbers))
        let (path, size) = (directory.path, log.told.count)
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [
                path = path as String, seed = seed as UInt64, last = last as UInt64,
                size = size as Int
            ]
            in
            try KillTests.projectUntilKilled(in: path, seed: seed, at: last, size: size)
        }
        let model = ReadModel(of: OperatorQueues(), in: directory.path)
        if first > 0 {
            let status = try #require(try model.status(towards: log.source()))
            #expect(status.position == Position(last / 16 * 16 - 1))
        }
        _ = try Projector(OperatorQueues(), in: directory.path).bringUpToDate(from: log.source())
        let expected = try ReadModel(of: OperatorQueues(), in: undisturbed.path).digest()
        #expect(try model.digest() == expected, "seed \(seed), killed at \(last)")
    }
}
