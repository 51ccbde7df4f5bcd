import EventLog
import Foundation
import JSON
import TestSupport
import Testing

/// Reading against a filter over a plain array.
@Suite struct ReadTests {
    @Test(arguments: [11, 12] as [UInt64])
    func everySelectionIsAFilter(seed: UInt64) async throws {
        let directory = try Scratch()
        try EventLog.create(
            at: directory.log, zone: "Europe/Rome", clock: .fixed(Instant(microseconds: 0)))
        var generator = SeededNumbers(seed: seed)
        // Five commits at known moments; blocks and a tail.
        for commit in 0..<5 {
            let clock = LogClock.fixed(Instant(microseconds: Int64(commit + 1) * 1_000))
            let log = try EventLog.open(at: directory.log, access: .writing, clock: clock)
            let appends = try (0..<1_900).map { _ in
                Append([try .random(using: &generator, streams: 40)])
            }
            _ = try await log.append(each: appends)
            log.close()
        }
        let log = try EventLog.open(at: directory.log, access: .reading)
        let all = try log.events()
        #expect(all.count == 9_501)
        #expect(try log.statistics().blocks >= 2)
        for event in all.shuffled(using: &generator).prefix(200) + all.suffix(300) {
            #expect(try log.event(withID: event.id) == event, "seed \(seed), \(event.position)")
            let near = EventID(high: event.id.high, low: event.id.low ^ 1)
            #expect(try log.event(withID: near) == nil, "seed \(seed), \(event.position)")
        }
        for _ in 0..<60 {
            let selection = try randomSelection(using: &generator)
            let expected = filter(all, selection)
            let found = try log.events(selection)
            #expect(found == expected, "seed \(seed), \(selection)")
        }
    }

    /// What a reader keeps of the tail never shows in what it reads.
    @Test(arguments: [21, 22, 23] as [UInt64])
    func readersThatComeBackReadTheSame(seed: UInt64) async throws {
        let directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var generator = SeededNumbers(seed: seed)
        let log = try EventLog.open(at: directory.log, access: .writing)
        defer { log.close() }
        var size = 1
        for _ in 0..<16 {
            let count = Int.random(in: 1...90, using: &generator)
            let events = try (0..<count).map { _ in
                try NewEvent.random(using: &generator, streams: 12)
            }
            if Bool.random(using: &generator) {
                _ = try await log.append(Append(events))
            } else {
                _ = try await log.append(each: events.map { Append([$0]) })
            }
            size += count
            let uncached = try uncachedEvents(of: log)
            #expect(uncached.count == size, "seed \(seed)")
            for _ in 0..<2 {
                var selection = Selection()
                selection.stream = try StreamName(
                    "contact/\(Int.random(in: 0..<14, using: &generator))")
                let expected = uncached.filter { $0.stream == selection.stream }
                #expect(try log.events(selection) == expected, "seed \(seed), \(size) events")
            }
        }
        #expect(try log.events() == uncachedEvents(of: log), "seed \(seed)")
    }

    /// Nor does what a reader has found out about streams, while blocks and runs come and go.
    @Test(arguments: [31] as [UInt64])
    func whatReadersKnowOfStreamsNeverShows(seed: UInt64) async throws {
        let directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var generator = SeededNumbers(seed: seed)
        let log = try EventLog.open(at: directory.log, access: .writing)
        defer { log.close() }
        var all: [Event] = []
        for _ in 0..<24 {
            let count = Int.random(in: 1...3_000, using: &generator)
            let appends = try (0..<count).map { _ in
                Append([try .small(using: &generator, streams: 20_000)])
            }
            _ = try await log.append(each: appends)
            for _ in 0..<3 {
                // Runs are merged and blocks rewritten meanwhile, or not.
                all += try uncachedEvents(of: log, from: UInt64(all.count))
                var selection = try randomSelection(using: &generator)
                if Bool.random(using: &generator) { selection = Selection() }
                // Half of the time one of a few, so that it was asked for before.
                let streams = Bool.random(using: &generator) ? 8 : 21_000
                selection.stream = try StreamName(
                    "contact/\(Int.random(in: 0..<streams, using: &generator))")
                let expected = filter(all, selection)
                for _ in 0..<2 {
                    let found = try log.events(selection)
                    #expect(found == expected, "seed \(seed), \(all.count) events, \(selection)")
                }
            }
        }
        #expect(all.count > 33_000, "seed \(seed)")
        // So many that runs get filters.
        let byStream = Dictionary(grouping: all, by: \.stream)
        for _ in 0..<300 {
            var selection = Selection()
            let stream = try StreamName("contact/\(Int.random(in: 0..<21_000, using: &generator))")
            selection.stream = stream
            #expect(try log.events(selection) == byStream[stream] ?? [], "seed \(seed), \(stream)")
        }
    }

    /// An index page that is damaged under an open reader is noticed by the next who needs it.
    @Test func damageIsNoticedByAReaderThatHasSearchedBefore() async throws {
        let directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var generator = SeededNumbers(seed: 41)
        do {
            let log = try EventLog.open(at: directory.log, access: .writing)
            let appends = try (0..<6_000).map { _ in
                Append([try .small(using: &generator, streams: 20)])
            }
            _ = try await log.append(each: appends)
            log.close()
        }
        let log = try EventLog.open(at: directory.log, access: .reading)
        var (before, after) = (Selection(), Selection())
        before.stream = try StreamName("contact/1")
        after.stream = try StreamName("contact/2")
        let events = try log.events(before)
        #expect(events.count > 50)
        // The key of the run of streams over the first block, with the version and the shift of
        // the page behind it.
        let key: [UInt8] = [2] + Array(repeating: 0, count: 8) + [0, 0, 0, 0, 0, 0, 0x10, 0]
        let path = directory.log + "/data.mdb"
        let file = try Data(contentsOf: URL(fileURLWithPath: path))
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        var pages = 0
        var from = file.startIndex
        while let found = file.range(of: Data(key), in: from..<file.endIndex) {
            from = found.upperBound
            let page = found.lowerBound + 27
            guard file[page] == 2, file[page + 1] == 8 else { continue }
            try handle.seek(toOffset: UInt64(page + 40))
            try handle.write(contentsOf: [file[page + 40] ^ 1])
            pages += 1
        }
        try handle.close()
        #expect(pages > 0)
        #expect(throws: LogError.self) { try log.events(after).count }
        // What was found before needs no page of the index.
        #expect(try log.events(before) == events)
    }

    /// The events from a position on as columns give them, which are read past every cache.
    private func uncachedEvents(of log: EventLog, from first: UInt64 = 0) throws -> [Event] {
        var events: [Event] = []
        guard try log.head().size > first else { return [] }
        let all = PositionRange(first: Position(first), last: Position(.max))
        try log.readColumns(all) { columns, places in
            events += columns.events(at: Array(places))
            return .next
        }
        return events
    }

    private func randomSelection(
        using generator: inout SeededNumbers
    ) throws -> Selection {
        func chance(_ percent: Int) -> Bool {
            Int.random(in: 0..<100, using: &generator) < percent
        }
        func position() -> Position { Position(UInt64.random(in: 0..<10_000, using: &generator)) }
        func moment() -> Instant {
            Instant(microseconds: Int64.random(in: -1_000_000...1 << 50, using: &generator))
        }
        func recording() -> Instant {
            Instant(microseconds: Int64.random(in: -10...6_000, using: &generator))
        }
        var selection = Selection()
        if chance(30) { selection.from = position() }
        if chance(30) { selection.to = position() }
        if chance(30) { selection.stream = try StreamName("contact/\(position().value % 45)") }
        if chance(30) { selection.types = [try EventType("contact.queued")] }
        if chance(20) { selection.types.insert(try EventType("x.y\"z\\")) }
        if chance(20) { selection.tags = [try Tag("k0:v1")] }
        if chance(10) { selection.tags.append(try Tag("k1:v2")) }
        if chance(15) { selection.since = moment() }
        if chance(15) { selection.until = moment() }
        if chance(15) { selection.recordedSince = recording() }
        if chance(15) { selection.recordedUntil = recording() }
        if chance(15) { selection.asOf = .position(position()) }
        if chance(15) { selection.asOf = .recorded(recording()) }
        if chance(50) { selection.direction = .backward }
        if chance(30) { selection.limit = Int.random(in: 0..<500, using: &generator) }
        return selection
    }

    private func filter(_ all: [Event], _ selection: Selection) -> [Event] {
        var events = all.filter { event in
            let tags = event.tags.texts.map(String.init)
            let asOf =
                switch selection.asOf {
                case .position(let last): event.position <= last
                case .recorded(let moment): event.recorded <= moment
                case nil: true
                }
            return asOf
                && event.position >= selection.from ?? event.position
                && event.position <= selection.to ?? event.position
                && event.stream == selection.stream ?? event.stream
                && (selection.types.isEmpty || selection.types.contains(event.type))
                && selection.tags.allSatisfy { tags.contains($0.text) }
                && event.occurred >= selection.since ?? event.occurred
                && (selection.until.map { event.occurred < $0 } ?? true)
                && event.recorded >= selection.recordedSince ?? event.recorded
                && (selection.recordedUntil.map { event.recorded < $0 } ?? true)
        }
        if selection.direction == .backward { events.reverse() }
        return Array(events.prefix(selection.limit ?? .max))
    }

    @Test func aReadSeesThePrefixThatItBeganWith() async throws {
        let directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        let log = try EventLog.open(at: directory.log, access: .writing)
        var generator = SeededNumbers(seed: 5)
        let first = try (0..<5_000).map { _ in
            Append([try .random(using: &generator, streams: 9)])
        }
        let later = try (0..<5_000).map { _ in
            Append([try .random(using: &generator, streams: 9)])
        }
        _ = try await log.append(each: first)
        let reader = Task.detached { try log.events().count }
        _ = try await log.append(each: later)
        let count = try await reader.value
        #expect(count >= 5_001)
        #expect(try log.events().count == 10_001)
        var stopped = 0
        stopped = try countUntilStop(log)
        #expect(stopped == 3)
    }

    private func countUntilStop(_ log: EventLog) throws -> Int {
        var count = 0
        try log.read(Selection()) { _ in
            count += 1
            return count == 3 ? .stop : .next
        }
        return count
    }
}
