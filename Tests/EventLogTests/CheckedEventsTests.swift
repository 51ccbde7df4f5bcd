import EventLog
import JSON
import Merkle
import Storage
import TestSupport
import Testing

/// What a check remembers from event to event changes nothing of what it finds.
@Suite struct CheckedEventsTests {
    /// Units of events whose data and tags differ more often than a check remembers, or hardly.
    private func units(
        _ count: Int, distinctData: Int, streams: Int = 3,
        _ change: (Int, inout Event) throws -> Void = { _, _ in }
    ) throws -> [[Event]] {
        var generator = SeededNumbers(seed: UInt64(distinctData))
        return try (0..<count).map { unit in
            try (0..<256).map { place in
                let index = unit * 256 + place
                let number = index % distinctData
                var event = Event(
                    position: Position(UInt64(index)), revision: Revision(UInt64(index / streams)),
                    recorded: Instant(microseconds: 1_800_000_000_000_000 + Int64(index)),
                    id: EventID(high: generator.next(), low: generator.next()),
                    type: try EventType("type \(number % 7)"), schema: 1,
                    stream: try StreamName("stream/\(index % streams)"),
                    tags: try Tags([Tag("n:\(number)"), Tag("ü:\(number % 2)")]),
                    source: try Source("urn:\(number % 5)"), time: nil, cause: nil,
                    correlation: nil, attributes: .none,
                    data: try .json(checking: Array("{\"n\":\(number)}".utf8)[...]))
                try change(index, &event)
                return event
            }
        }
    }

    private func check(_ units: [[Event]]) throws -> CheckedEvents {
        try CheckedEvents(units.map { try EventColumns(of: $0[...]) })
    }

    @Test(arguments: [3, 5_000]) func leavesAreThoseOfTheEvents(distinctData: Int) throws {
        let units = try units(22, distinctData: distinctData)
        let checked = try check(units)
        #expect(checked.leaves == units.joined().map { Tree.leafHash($0.leaf) })
        #expect(checked.repeated.isEmpty)
    }

    /// Damage behind data that were right a thousand times, and again where it comes once more.
    @Test func damageIsFoundBehindDataThatAreKnown() throws {
        for places in [[700], [300, 700]] {
            let units = try units(3, distinctData: 2) { index, event in
                if places.contains(index) { event.data = .json(Array("{\"n\":0".utf8)[...]) }
            }
            let found = #expect(throws: Corruption.self) { try check(units) }
            #expect(found?.position == UInt64(places[0]))
        }
    }

    @Test func repeatedIdentifiersAreFoundWhereverTheyAre() throws {
        let id = EventID(high: 0x0192_0000_0000_7000, low: 0x8000_0000_0000_0001)
        let other = EventID(high: 0, low: 0)
        let units = try units(4, distinctData: 3) { index, event in
            if [5, 6, 1_000].contains(index) { event.id = id }
            if [0, 255].contains(index) { event.id = other }
        }
        let repeated = try check(units).repeated
        #expect(repeated.map(\.earlier) == [5, 0, 6])
        #expect(repeated.map(\.later) == [6, 255, 1_000])
    }

    /// Streams that lie apart, so many that the table of revisions grows.
    @Test func revisionsFollowEachOtherInEveryStream() throws {
        let right = try units(20, distinctData: 2, streams: 2_000)
        #expect(try check(right).misnumbered.isEmpty)
        let wrong = try units(20, distinctData: 2, streams: 2_000) { index, event in
            if [700, 4_100].contains(index) { event.revision = Revision(event.revision.value + 1) }
        }
        // The next event of the stream does not follow what stands in between.
        #expect(try check(wrong).misnumbered == [700, 2_700, 4_100])
    }

    /// Two implementations of SHA-256 give the same, at every length around a block and beyond.
    @Test func bothHashesAreTheSame() {
        var generator = SeededNumbers(seed: 9)
        for count in Array(0...200) + [511, 512, 4_096, 100_000] {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            #expect(Hash(words: sha256(bytes.span)) == Hash(of: bytes))
            #expect(
                Hash(words: sha256(bytes.span, after: Tree.leafPrefix)) == Tree.leafHash(bytes))
        }
        let leaves = (0..<256).map { Tree.leafHash([UInt8($0)]) }
        let root = Tree.perfectRoot(leaves[...]) { left, right in
            Hash(words: sha256(left: left.words, right: right.words, after: Tree.nodePrefix))
        }
        #expect(root == Tree.perfectRoot(leaves[...]))
    }
}
