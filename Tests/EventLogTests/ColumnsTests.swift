import EventLog
import JSON
import Merkle
import Storage
import TestSupport
import Testing

/// Columns, events and lines of the same positions say the same.
@Suite struct ColumnsTests {
    /// Events as a log would keep them, with identifiers of one version or of any.
    private func events(seed: UInt64, count: Int) throws -> [Event] {
        var generator = SeededNumbers(seed: seed)
        var revisions: [StreamName: UInt64] = [:]
        return try (0..<count).map { index in
            let sent = try NewEvent.random(using: &generator, streams: 1 + Int(seed % 7) * 60)
            let revision = revisions[sent.stream] ?? seed
            revisions[sent.stream] = revision + 1
            var id = EventID(high: generator.next(), low: generator.next())
            if seed % 3 != 0 {
                let version = (seed % 3) * 3 + 1
                id = EventID(
                    high: id.high & ~0xF000 | version << 12, low: id.low & ~0 >> 2 | 1 << 63)
            }
            return Event(
                position: Position(seed * 256 + UInt64(index)), revision: Revision(revision),
                recorded: Instant(microseconds: 1_800_000_000_000_000 + Int64(index / 9) * 77),
                id: id, type: sent.type, schema: sent.schema, stream: sent.stream,
                tags: sent.tags, source: sent.source, time: sent.time, cause: sent.cause,
                correlation: sent.correlation, attributes: sent.attributes, data: sent.data)
        }
    }

    @Test(arguments: UInt64(1)...14) func columnsAreTheirEvents(seed: UInt64) throws {
        for count in [1, 2, 255, 256] {
            let events = try events(seed: seed, count: count)
            let columns = try EventColumns(of: events[...])
            #expect(columns.events() == events, "seed \(seed), \(count) events")
            #expect(columns.events().map(\.line) == events.map(\.line))
            let places = stride(from: 0, to: count, by: 3).map { $0 }
            #expect(columns.events(at: places) == places.map { events[$0] })
            for (index, event) in events.enumerated() {
                #expect(columns.id(index) == event.id)
                #expect(columns.occurred(index) == event.occurred)
            }
        }
    }

    @Test(arguments: UInt64(1)...14) func checkedColumnsHaveTheLeavesOfTheirEvents(
        seed: UInt64
    ) throws {
        for count in [2, 255, 256] {
            let events = try events(seed: seed, count: count)
            let leaves = try CheckedEvents([EventColumns(of: events[...])]).leaves
            #expect(leaves == events.map { Tree.leafHash($0.leaf) }, "seed \(seed), \(count)")
        }
    }

    /// What no log would have taken is found wherever it stands.
    @Test(arguments: [
        #"{"a":1,"a":2}"#, "nul", " 1", "1 ", "{\"a\":\n1}", "", #""\u{1}""#, #"{"a":[}"#, "1 2",
    ])
    func checkedColumnsShowDamagedData(json: String) throws {
        for place in [0, 100, 255] {
            var events = try events(seed: 5, count: 256)
            events[place].data = .json(Array(json.utf8)[...])
            try expectDamage(events, at: place)
        }
    }

    @Test(arguments: [Int64.max / 2, Int64.min / 2] as [Int64])
    func timesThatNothingCanWriteAreDamage(moment: Int64) throws {
        var events = try events(seed: 6, count: 256)
        events[255].recorded = Instant(microseconds: .max / 2)
        #expect(throws: MalformedBytes.self) { try EventColumns(of: events[...]) }
        events = try self.events(seed: 6, count: 256)
        events[7].time = Instant(microseconds: moment)
        #expect(throws: MalformedBytes.self) { try EventColumns(of: events[...]) }
    }

    @Test func checkedColumnsShowDataOfAnotherForm() throws {
        for data in [EventData.bytes([]), .removed(Hash(of: Array("null".utf8)))] {
            var events = try events(seed: 8, count: 256)
            events[9].data = data
            try expectDamage(events, at: 9)
        }
    }

    private func expectDamage(_ events: [Event], at place: Int) throws {
        let columns = try EventColumns(of: events[...])
        let found = #expect(throws: Corruption.self) { try CheckedEvents([columns]) }
        #expect(found?.position == events[place].position.value)
    }

    /// However a replay is divided, its parts come in the order of the log.
    @Test(.timeLimit(.minutes(5)), arguments: UInt64(1)...2)
    func aReplayIsTheLogInItsOrder(seed: UInt64) async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let log = try EventLog.open(at: scratch.log, access: .writing)
        var generator = SeededNumbers(seed: seed)
        for part in 0..<6 {
            let events = try (0..<800).map { index in
                var event = try NewEvent.random(using: &generator, streams: 90)
                // Long data in every unit would take a debug build minutes.
                if part > 0 || index > 40 { event.data = .absent }
                return event
            }
            _ = try await log.append(Append(events))
        }
        let expected = try log.events()
        for (threads, units) in [(1, 1), (2, 1), (3, 2), (2, 64)] {
            var division = ReplayDivision()
            (division.threads, division.segmentUnits) = (threads, UInt64(units))
            let replayed = try log.replay(
                division: division, into: [Event](),
                make: { reader in
                    var events: [Event] = []
                    while let columns = try reader.next() { events += columns.events() }
                    return events
                }, merge: { whole, part in whole += part })
            #expect(replayed == expected, "seed \(seed), \(threads) threads")
        }
        var visited: [Event] = []
        try log.readColumns(PositionRange(first: Position(300), last: Position(4_700))) {
            visited += $0.events(at: Array($1))
            return .next
        }
        #expect(visited == Array(expected[300...4_700]))
        log.close()
    }
}
