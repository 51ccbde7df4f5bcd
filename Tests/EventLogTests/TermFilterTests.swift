import EventLog
import TestSupport
import Testing

@Suite("Filters of runs, and tables of numbers")
struct TermFilterTests {
    @Test("nothing that a run has is denied, and few strangers are let through", arguments: [1, 2])
    func denies(seed: UInt64) {
        var generator = SeededNumbers(seed: seed)
        for count in [0, 1, 2, 25, 26, 4_096, 100_000] {
            var hashes = Set<UInt32>()
            while hashes.count < count {
                hashes.insert(.random(in: .min ... .max, using: &generator))
            }
            let filter = TermFilter(hashes.sorted())
            let denied = hashes.count { !filter.mayContain($0) }
            #expect(denied == 0, "seed \(seed), \(count) hashes")
            var passed = 0
            for _ in 0..<10_000 {
                let stranger = UInt32.random(in: .min ... .max, using: &generator)
                if !hashes.contains(stranger), filter.mayContain(stranger) { passed += 1 }
            }
            #expect(passed < 100, "seed \(seed), \(count) hashes")
            #expect(filter.byteCount <= 32 + count * 12 / 8)
        }
    }

    @Test("hashes that share their upper or lower bits are told apart too")
    func alikeHashes() {
        for shift in [0, 12] as [UInt32] {
            let hashes = (0..<4_096 as Range<UInt32>).map { $0 << shift }
            let filter = TermFilter(hashes)
            #expect(hashes.count { !filter.mayContain($0) } == 0, "shifted by \(shift)")
        }
    }

    @Test("a table of numbers answers as a dictionary does", arguments: [3, 4])
    func table(seed: UInt64) {
        var generator = SeededNumbers(seed: seed)
        var table = NumberTable()
        var known: [UInt64: Int] = [:]
        var keys: [UInt64] = []
        for step in 0..<20_000 {
            let key = UInt64.random(in: 0..<6_000, using: &generator)
            // Few upper halves, so that many keys share one.
            let hash = (key % 1_000) << 40 | key
            let found = table.number(hash) { keys[$0] == key }
            #expect(found == known[key], "seed \(seed), step \(step)")
            if found == nil {
                table.insert(keys.count, hash)
                known[key] = keys.count
                keys.append(key)
            }
            if step == 10_000 {
                table.removeAll()
                known = [:]
                keys = []
            }
            #expect(table.count == known.count)
        }
    }

    @Test("ends of streams follow what is appended, and old ones are forgotten")
    func streamEnds() throws {
        var ends = StreamEnds()
        var expected: [String: StreamEnd] = [:]
        var generator = SeededNumbers(seed: 5)
        for position in 0..<3_000 as Range<UInt64> {
            let text = "stream/\(Int.random(in: 0..<400, using: &generator))"
            let stream = try StreamName(text)
            let revision = ends.advance(
                stream, stream.keyedHash, to: Position(position))
            #expect(revision == expected[text]?.revision.next ?? Revision(0))
            expected[text] = StreamEnd(revision: revision, position: Position(position))
            #expect(ends[stream] == expected[text])
        }
        ends.removeAll(endingBefore: 2_500)
        for (text, end) in expected {
            let kept = end.position.value >= 2_500 ? end : nil
            #expect(ends[try StreamName(text)] == kept)
        }
        #expect(ends.count == expected.values.count { $0.position.value >= 2_500 })
        // Canonically equivalent texts are two streams.
        let (composed, combined) = (try StreamName("caf\u{E9}"), try StreamName("cafe\u{301}"))
        ends.set(StreamEnd(revision: Revision(1), position: Position(1)), of: composed)
        #expect(ends[combined] == nil)
    }

    @Test("filters of the oldest runs go where those of all would take too much")
    func boundedFilters() {
        let filter = TermFilter(Array(0..<4_096))
        let filters = RunFilters(ids: filter, streams: filter)
        var runs = (0..<10 as Range<UInt64>).map {
            KnownRun(
                extent: RunExtent(first: $0 * 4_096, end: ($0 + 1) * 4_096), filters: filters)
        }
        runs.boundFilters(bytesMax: 10 * filters.byteCount)
        #expect(runs.allSatisfy { $0.filters != nil })
        #expect(runs.nextWithoutFilters(bytesMax: .max) == nil)
        runs.boundFilters(bytesMax: 7 * filters.byteCount)
        #expect(runs.map { $0.filters == nil } == (0..<10).map { $0 < 3 })
        // What was let go is not read again as long as there is no room for it.
        #expect(runs.nextWithoutFilters(bytesMax: 7 * filters.byteCount) == nil)
        #expect(runs.nextWithoutFilters(bytesMax: .max) == runs[2].extent)
    }
}
