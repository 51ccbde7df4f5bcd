import EventLog
import Foundation
import JSON
import OwnThread
import TestSupport
import Testing

/// Blocks that are made beside the writer, and runs that are merged there.
@Suite(.ownThread) struct SealTests {
    private let directory: Scratch

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
    }

    private func event(_ number: UInt64) throws -> NewEvent {
        NewEvent(
            id: EventID(high: number &* 0x9E37_79B9_7F4A_7C15, low: number),
            type: try EventType("t.\(number % 5)"), schema: 1,
            stream: try StreamName("s/\(number / 6)"),
            tags: try Tags([try Tag("n:\(number % 97)")]), source: try Source("urn:test"),
            time: Instant(microseconds: Int64(number) * 1_000_000),
            data: try .json(checking: Array("{\"n\":\(number),\"what\":\"call\"}".utf8)[...]))
    }

    private enum Pace {
        case full
        /// No faster than blocks are made beside the writer, on however busy a machine.
        case asBlocksAreMade
    }

    private func awaitBlocks(_ log: EventLog) async throws {
        while try log.statistics().tailEvents >= 512 {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    private func append(
        _ numbers: Range<UInt64>, commitEvents: Int, pace: Pace = .full
    ) async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        var first = numbers.lowerBound
        while first < numbers.upperBound {
            let end = min(first + UInt64(commitEvents), numbers.upperBound)
            let appends = try (first..<end).map { Append([try event($0)]) }
            let outcomes = try await log.append(each: appends)
            for (outcome, number) in zip(outcomes, first..<end) {
                let position = Position(number + 1)
                #expect(outcome == .appended(PositionRange(first: position, last: position)))
            }
            first = end
            if pace == .asBlocksAreMade { try await awaitBlocks(log) }
        }
        log.close()
    }

    private func problems() throws -> [Corruption] {
        try EventLog.check(at: directory.log, depth: .full) { _ in }.problems
    }

    /// Whole units have left the tail when a log is closed, however it was filled.
    @Test(arguments: [1, 64, 1_000, 6_000])
    func aClosedLogHasAShortTail(commitEvents: Int) async throws {
        let count: UInt64 = commitEvents == 1 ? 600 : 7_000
        try await append(0..<count, commitEvents: commitEvents)
        #expect(try problems() == [])
        let log = try EventLog.open(at: directory.log, access: .reading)
        let statistics = try log.statistics()
        #expect(statistics.tailEvents == (count + 1) % 256)
        #expect(try log.events().map(\.sent) == (0..<count).map { try event($0) }.prepended(log))
    }

    /// A trickle of small commits takes hardly more room than an import.
    @Test(.timeLimit(.minutes(5))) func manyCommitsTakeTheRoomOfFew() async throws {
        let other = try SealTests()
        try await append(0..<8_192, commitEvents: 24, pace: .asBlocksAreMade)
        try await other.append(0..<8_192, commitEvents: 4_096)
        let trickled = try EventLog.open(at: directory.log, access: .reading).statistics()
        let imported = try EventLog.open(at: other.directory.log, access: .reading).statistics()
        let kept = { (statistics: LogStatistics) in
            statistics.databaseBytes.reduce(0) { $0 + $1.bytes }
        }
        #expect(kept(trickled) <= kept(imported) + kept(imported) / 10)
        // Free pages are used again: what the file has of them does not grow with the commits.
        #expect(trickled.freeBytes < 700_000)
    }

    /// What is read is the same whether units stand in the tail, in short blocks or in full ones.
    @Test func readersSeeTheSameWhileBlocksAreMade() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        for first in stride(from: UInt64(0), to: 5_100, by: 300) {
            _ = try await log.append(each: (first..<first + 300).map { Append([try event($0)]) })
            let positions = try log.events().map(\.position.value)
            #expect(positions == Array(0...first + 300))
            var selection = Selection()
            selection.stream = try StreamName("s/\(first / 6)")
            #expect(try log.events(selection).count == 6)
        }
    }

    @Test func aCancelledAppendIsUnknownAndARetryTells() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let append = Append([try event(1)])
        let task = Task { try await log.append(append) }
        task.cancel()
        do {
            _ = try await task.value
        } catch LogError.cancelled {
            // Whether it was appended is not known here.
        }
        let position = Position(1)
        let range = PositionRange(first: position, last: position)
        let outcome = try await log.append(append)
        #expect(outcome == .appended(range) || outcome == .alreadyAppended(range))
        #expect(try log.head().size == 2)
    }

    /// More than the queue holds comes at once, and waits its turn.
    @Test func whatComesTooFastWaits() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let text = Array("\"\(String(repeating: "x", count: 1_000_000))\"".utf8)
        let data = try EventData.json(checking: text[...])
        let outcomes = try await withThrowingTaskGroup(of: AppendOutcome.self) { group in
            for number in 0..<120 as Range<UInt64> {
                var heavy = try event(number)
                heavy.data = data
                let append = Append([heavy])
                group.addTask { try await log.append(append) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count == 120)
        #expect(try log.head().size == 121)
    }

    /// Identifiers are known wherever their events are: in the tail, in short blocks, in runs, and
    /// while they go from one to the next.
    @Test(arguments: [81, 82] as [UInt64])
    func everyIdentifierIsKnownWhileEventsMove(seed: UInt64) async throws {
        var generator = SeededNumbers(seed: seed)
        var appends: [Append] = []
        // The second time with what opening has read.
        for _ in 0..<2 {
            let log = try EventLog.open(at: directory.log, access: .writing)
            defer { log.close() }
            for _ in 0..<12 {
                let count = Int.random(in: 1...900, using: &generator)
                let fresh = try (0..<count).map { _ in
                    Append([try .small(using: &generator, streams: 50)])
                }
                appends += fresh
                _ = try await log.append(each: fresh)
                let outcomes = try await log.append(each: appends)
                let lost = outcomes.enumerated().filter { number, outcome in
                    let position = Position(UInt64(number + 1))
                    return outcome
                        != .alreadyAppended(PositionRange(first: position, last: position))
                }
                #expect(lost.isEmpty, "seed \(seed): not known of \(appends.count) events")
            }
        }
    }
}

extension [NewEvent] {
    /// The events behind the one that begins the log.
    fileprivate func prepended(_ log: EventLog) throws -> [NewEvent] {
        guard let first = try log.event(at: Position(0)) else { return self }
        return [first.sent] + self
    }
}
