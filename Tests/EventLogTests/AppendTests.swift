import EventLog
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct AppendTests {
    /// Whatever is appended, in whatever portions and with whatever restarts, is read again.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func randomEventsComeBack(seed: UInt64) async throws {
        let directory = try Scratch()
        var generator = SeededNumbers(seed: seed)
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var sent: [NewEvent] = []
        for _ in 0..<4 {
            let log = try EventLog.open(at: directory.log, access: .writing)
            for _ in 0..<3 {
                let count = Int.random(in: 1..<1_500, using: &generator)
                var appends: [Append] = []
                for _ in 0..<count {
                    appends.append(Append([try .random(using: &generator, streams: 500)]))
                }
                let outcomes = try await log.append(each: appends)
                for (offset, outcome) in outcomes.enumerated() {
                    let position = Position(UInt64(sent.count + offset + 1))
                    #expect(
                        outcome == .appended(PositionRange(first: position, last: position)),
                        "seed \(seed)")
                }
                sent += appends.map { $0.events[0] }
            }
            log.close()
        }
        let log = try EventLog.open(at: directory.log, access: .reading)
        let events = try log.events()
        #expect(events.dropFirst().map(\.sent) == sent, "seed \(seed)")
        var revisions: [StreamName: UInt64] = [:]
        for event in events {
            #expect(event.revision.value == revisions[event.stream, default: 0])
            revisions[event.stream, default: 0] += 1
            #expect(try Event(line: event.line[...]) == event)
        }
    }
    /// A commit has one recorded time, however many hand in its events one by one.
    @Test func eventsOfOneCommitHaveOneRecordedTime() async throws {
        let directory = try Scratch()
        try await Self.appendByMany(to: directory.log)
        let environment = try Environment.open(
            in: directory.log, access: .reading, databases: ["tail"], readersMax: 126)
        let commits = try environment.read { transaction in
            try transaction.withCursor(in: "tail") { cursor in
                var commits: [[String]] = []
                var isEntry = try cursor.first()
                while isEntry {
                    commits.append(
                        cursor.withEntry { _, value in
                            String(decoding: [UInt8](copying: value), as: UTF8.self)
                                .split(separator: "\"recorded\":\"").dropFirst()
                                .map { String($0.prefix { $0 != "\"" }) }
                        })
                    isEntry = try cursor.next()
                }
                return commits
            }
        }
        #expect(commits.joined().count == 193)
        #expect(commits.allSatisfy { Set($0).count == 1 }, "\(commits)")
        // Each commit has read the clock anew. Most have many events, which came in portions; how
        // many is up to the machine.
        #expect(Set(commits.joined()).count == commits.count)
        #expect(commits.contains { $0.count > 1 }, "\(commits.map(\.count))")
    }

    /// 32 that append six events each, too few for a block, by a clock that never stands still.
    ///
    /// They pause for different times, so that the writer waits for some of them.
    private static func appendByMany(to path: String) async throws {
        let now = Mutex<Int64>(1_700_000_000_000_000)
        let clock = LogClock(
            wall: {
                Instant(
                    microseconds: now.withLock { now in
                        now += 1
                        return now
                    })
            }, boot: { 0 }, bootID: EventID(high: 1, low: 1))
        try EventLog.create(at: path, zone: "Europe/Rome", clock: clock)
        let log = try EventLog.open(
            at: path, access: .writing, clock: clock, clockPolicy: .acceptJump)
        defer { log.close() }
        var generator = SeededNumbers(seed: 7)
        let lists = try (0..<32).map { _ in
            try (0..<6).map { _ in try NewEvent.small(using: &generator, streams: 20) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, list) in lists.enumerated() {
                group.addTask {
                    for event in list {
                        _ = try await log.append(Append([event]))
                        try await Task.sleep(for: .microseconds(number * 5))
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
