import EventLog
import Foundation
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

/// Followers against a filter over the whole log.
@Suite struct SubscribeTests {
    private let directory: Scratch

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
    }

    private static func randomFilter(
        _ generator: inout SeededNumbers
    ) throws -> EventFilter {
        var filter = EventFilter()
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: filter.stream = try StreamName("contact/3")
        case 1: filter.types = [try EventType("contact.queued"), try EventType("x.y\"z\\")]
        case 2: filter.tags = [try Tag("k1:v2")]
        case 3: filter.stream = try StreamName("nobody/writes/here")
        default: break
        }
        return filter
    }

    private static func matches(_ event: Event, _ filter: EventFilter) -> Bool {
        (filter.stream == nil || event.stream == filter.stream)
            && (filter.types.isEmpty || filter.types.contains(event.type))
            && filter.tags.allSatisfy { event.tags.contains($0) }
    }

    /// Follows until everything before `end` is examined; forgets and resumes now and then.
    private static func follow(
        _ log: EventLog, _ filter: EventFilter, seed: UInt64, until end: UInt64
    ) async throws -> [Position] {
        var generator = SeededNumbers(seed: seed)
        var seen: [Position] = []
        var next: UInt64 = 0
        while next < end {
            // A follower whose task is cancelled sees no batch more, and would ask for ever.
            try Task.checkCancellation()
            let start: SubscriptionStart =
                next == 0 ? .beginning : .after(Position(next - 1))
            for try await batch in try log.subscribe(filter, from: start) {
                #expect(batch.next.value > next)
                #expect(
                    batch.events.allSatisfy {
                        (next..<batch.next.value).contains($0.position.value)
                    })
                seen += batch.events.map(\.position)
                next = batch.next.value
                if Int.random(in: 0..<3, using: &generator) == 0 {
                    try await Task.sleep(
                        for: .microseconds(Int.random(in: 0..<8_000, using: &generator)))
                }
                if next >= end || Int.random(in: 0..<6, using: &generator) == 0 { break }
            }
        }
        return seen
    }

    private static func append(
        _ commits: Int, seed: UInt64, to log: EventLog
    ) async throws {
        var generator = SeededNumbers(seed: seed)
        for _ in 0..<commits {
            let count = Int.random(in: 1...60, using: &generator)
            let appends = try (0..<count).map { _ in
                Append([try .small(using: &generator, streams: 12)])
            }
            _ = try await log.append(each: appends)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                try await Task.sleep(
                    for: .microseconds(Int.random(in: 0..<5_000, using: &generator)))
            }
        }
    }

    private static func size(seed: UInt64, commits: Int) throws -> UInt64 {
        var generator = SeededNumbers(seed: seed)
        var size: UInt64 = 1
        for _ in 0..<commits {
            let count = Int.random(in: 1...60, using: &generator)
            for _ in 0..<count { _ = try NewEvent.small(using: &generator, streams: 12) }
            size += UInt64(count)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                _ = Int.random(in: 0..<5_000, using: &generator)
            }
        }
        return size
    }

    @Test("every follower sees exactly what it wants", .timeLimit(.minutes(5)))
    func inTheWritingProcess() async throws {
        for seed in [21, 22, 23] as [UInt64] {
            let place = try Scratch()
            try EventLog.create(at: place.log, zone: "Europe/Rome")
            let log = try EventLog.open(at: place.log, access: .writing)
            let end = try Self.size(seed: seed, commits: 40)
            var generator = SeededNumbers(seed: seed &+ 1_000)
            try await withThrowingTaskGroup { group in
                group.addTask { try await Self.append(40, seed: seed, to: log) }
                for number in 0..<6 as Range<UInt64> {
                    let filter = try Self.randomFilter(&generator)
                    group.addTask {
                        let seen = try await Self.follow(
                            log, filter, seed: seed &* 100 &+ number, until: end)
                        let expected = try log.events().filter { Self.matches($0, filter) }
                        #expect(
                            seen == expected.filter { $0.position.value < end }.map(\.position),
                            "seed \(seed), follower \(number)")
                    }
                }
                try await group.waitForAll()
            }
            log.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func aCommitWakesWhoeverWaits() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let seen = Mutex<UInt64>(0)
        let following = Task {
            for try await batch in try log.subscribe(from: .end) {
                seen.withLock { $0 = batch.next.value }
                if batch.next.value >= 21 { break }
            }
        }
        for number in 0..<20 as Range<UInt64> {
            var generator = SeededNumbers(seed: number)
            _ = try await log.append(Append([try .small(using: &generator, streams: 2)]))
        }
        try await following.value
        #expect(seen.withLock { $0 } == 21)
        log.close()
    }

    @Test(.timeLimit(.minutes(1))) func cancellingEndsAFollowerThatWaits() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let follow: @Sendable () async throws -> Int = {
            var batches = 0
            for try await _ in try log.subscribe(from: .beginning) { batches += 1 }
            return batches
        }
        for isClosed in [false, true] {
            if isClosed { log.close() }
            let following = Task { try await follow() }
            try await Task.sleep(for: .milliseconds(50))
            following.cancel()
            #expect(try await following.value <= 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func whoOnlyReadsFollowsAnotherProcess() async throws {
        let log = try EventLog.open(at: directory.log, access: .reading)
        let following = Task {
            var seen: [UInt64] = []
            for try await batch in try log.subscribe(from: .beginning) {
                seen += batch.events.map(\.position.value)
                if batch.next.value >= 501 { break }
            }
            return seen
        }
        await #expect(processExitsWith: .success) { [path = directory.log as String] in
            let log = try EventLog.open(at: path, access: .writing)
            for number in 0..<50 as Range<UInt64> {
                var generator = SeededNumbers(seed: number)
                let appends = try (0..<10).map { _ in
                    Append([try .small(using: &generator, streams: 5)])
                }
                _ = try await log.append(each: appends)
            }
            log.close()
        }
        #expect(try await following.value == Array(0..<501))
    }

    @Test func aFilterThatMatchesNothingStillAdvances() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        try await Self.append(20, seed: 5, to: log)
        var filter = EventFilter()
        filter.stream = try StreamName("nobody/writes/here")
        let size = try log.head().size
        var iterator = try log.subscribe(filter, from: .beginning).makeAsyncIterator()
        let batch = try #require(try await iterator.next())
        #expect(batch.events.isEmpty)
        #expect(batch.next == Position(size))
        log.close()
    }
}
