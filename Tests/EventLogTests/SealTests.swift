import EventLog
import Foundation
import JSON
import Testing

/// Blocks that are made beside the writer, and runs that are merged there.
@Suite struct SealTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
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

    private func append(_ numbers: Range<UInt64>, commitEvents: Int) async throws {
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
        }
        log.close()
    }

    private func problems() throws -> [Corruption] {
        try EventLog.check(at: directory.log, depth: .full) { _ in }.problems
    }

    /// Whole units have left the tail when a log is closed, however it was filled.
    @Test(arguments: [1, 64, 1_000, 6_000])
    func aClosedLogHasAShortTail(commitEvents: Int) async throws {
        let count: UInt64 = commitEvents == 1 ? 1_100 : 13_000
        try await append(0..<count, commitEvents: commitEvents)
        let log = try EventLog.open(at: directory.log, access: .reading)
        let statistics = try log.statistics()
        #expect(statistics.tailEvents == (count + 1) % 256)
        #expect(try log.events().map(\.sent) == (0..<count).map { try event($0) }.prepended(log))
        #expect(try problems() == [])
    }

    /// A trickle of small commits takes hardly more room than an import.
    @Test func manyCommitsTakeTheRoomOfFew() async throws {
        let other = try SealTests()
        try await append(0..<12_288, commitEvents: 24)
        try await other.append(0..<12_288, commitEvents: 6_144)
        let trickled = try EventLog.open(at: directory.log, access: .reading).statistics()
        let imported = try EventLog.open(at: other.directory.log, access: .reading).statistics()
        let kept = { (statistics: LogStatistics) in
            statistics.databaseBytes.reduce(0) { $0 + $1.bytes }
        }
        #expect(kept(trickled) <= kept(imported) + kept(imported) / 10)
        // Free pages are used again: what the file has of them does not grow with the commits.
        #expect(trickled.freeBytes < 700_000)
    }

    /// Enough blocks for runs to be merged twice over: all look-ups go through merged runs.
    @Test func mergedRunsFindWhatIsThere() async throws {
        let count: UInt64 = 9 * 4_096 + 700
        try await append(0..<count, commitEvents: 5_000)
        #expect(try problems() == [])
        let log = try EventLog.open(at: directory.log, access: .writing)
        for number in [0, 1, 4_095, 4_096, 20_000, 33_000, count - 1] as [UInt64] {
            var selection = Selection()
            selection.stream = try StreamName("s/\(number / 6)")
            let expected = (number / 6 * 6..<min(number / 6 * 6 + 6, count)).map { $0 + 1 }
            #expect(try log.events(selection).map(\.position.value) == expected)
            let again = try await log.append(Append([try event(number)]))
            let position = Position(number + 1)
            #expect(again == .alreadyAppended(PositionRange(first: position, last: position)))
        }
        var selection = Selection()
        selection.tags = [try Tag("n:7")]
        selection.types = [try EventType("t.2")]
        let matching = (0..<count).filter { number in number % 97 == 7 && number % 5 == 2 }
        let expected = matching.map { $0 + 1 }
        #expect(try log.events(selection).map(\.position.value) == expected)
        selection.tags = [try Tag("n:never")]
        #expect(try log.events(selection).isEmpty)
    }

    /// What is read is the same whether units stand in the tail, in short blocks or in full ones.
    @Test func readersSeeTheSameWhileBlocksAreMade() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        for first in stride(from: UInt64(0), to: 9_000, by: 300) {
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
}

extension [NewEvent] {
    /// The events behind the one that begins the log.
    fileprivate func prepended(_ log: EventLog) throws -> [NewEvent] {
        guard let first = try log.event(at: Position(0)) else { return self }
        return [first.sent] + self
    }
}
