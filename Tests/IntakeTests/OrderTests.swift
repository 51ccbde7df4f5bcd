import EventLog
import Intake
import TestSupport
import Testing

@Suite("The order of an import")
struct OrderTests {
    static let mapping = """
        namespace: urn:test
        source: urn:test
        times: {zone: UTC, format: yyyy-MM-dd HH:mm}
        values:
          a: {time: [day, a]}
          b: {time: [day, b]}
          c: {time: [day, c]}
          day: {column: day}
          row: {column: row}
        stream: s/{row}
        events:
          - {name: a, type: test.a, when: {present: a}, time: a}
          - {name: b, type: test.b, when: {present: b}, time: b}
          - {name: none, type: test.none}
          - {name: c, type: test.c, when: {present: c}, time: c}
        """

    private struct Expected {
        let latest: Int
        let rank: Int
        let file: Int
        let row: Int
        let text: String
    }

    @Test("is that of a plain sort over all files", arguments: 0..<20 as Range<UInt64>)
    func order(seed: UInt64) async throws {
        var random = SeededNumbers(seed: seed)
        var tables: [String] = []
        var expected: [Expected] = []
        for file in 0..<Int.random(in: 1...4, using: &random) {
            var table = "row,day,a,b,c\n"
            for row in 0..<Int.random(in: 0...120, using: &random) {
                let minutes = (0..<3).map { _ in
                    Bool.random(using: &random) ? Int.random(in: 0..<30, using: &random) : nil
                }
                let clocks = minutes.map { $0.map { "12:\($0 / 10)\($0 % 10)" } ?? "" }
                table += "\(file).\(row),2026-01-01,\(clocks.joined(separator: ","))\n"
                var latest = -1
                for (rank, minute) in [minutes[0], minutes[1], nil, minutes[2]].enumerated() {
                    if rank != 2 && minute == nil { continue }
                    latest = max(latest, minute ?? -1)
                    let text = "s/\(file).\(row) test.\(["a", "b", "none", "c"][rank])"
                    expected.append(
                        Expected(latest: latest, rank: rank, file: file, row: row, text: text))
                }
            }
            tables.append(table)
        }
        expected.sort {
            ($0.latest, $0.rank, $0.file, $0.row) < ($1.latest, $1.rank, $1.file, $1.row)
        }
        let imported = try await importing(tables.map(\.utf8), mapping: Self.mapping)
        #expect(imported.refused == [])
        #expect(
            imported.events.map { "\($0.stream) \($0.type)" } == expected.map(\.text),
            "seed \(seed)")
    }

    @Test("a backward clock keeps its time and its place in the stream")
    func backwardClock() async throws {
        let imported = try await importing(
            "row,day,a,b,c\n1,2026-01-01,12:05,12:00,12:04\n2,2026-01-01,12:01,12:05,12:05\n",
            mapping: Self.mapping)
        #expect(
            imported.events.map { "\($0.stream) \($0.type) \($0.timeText ?? "-")" } == [
                "s/2 test.a 2026-01-01T12:01:00Z", "s/1 test.a 2026-01-01T12:05:00Z",
                "s/1 test.b 2026-01-01T12:00:00Z", "s/2 test.b 2026-01-01T12:05:00Z",
                "s/1 test.none -", "s/2 test.none -", "s/1 test.c 2026-01-01T12:04:00Z",
                "s/2 test.c 2026-01-01T12:05:00Z",
            ])
        #expect(
            imported.report.anomalies == [
                NamedCount(name: "backward_clock.b", count: 1),
                NamedCount(name: "backward_clock.c", count: 1),
            ])
    }

    @Test("many events reach the log in several calls, in order")
    func chunks() async throws {
        let rows = (0..<5_000).map { "\($0),2026-01-01,,12:\(59 - $0 % 50),\n" }
        let imported = try await importing(
            "row,day,a,b,c\n" + rows.joined(), mapping: Self.mapping)
        #expect(imported.report.events == 10_000)
        let times = imported.events.compactMap(\.time)
        #expect(times == times.sorted())
        #expect(imported.events.prefix(5_000).allSatisfy { $0.type.text == "test.b" } == false)
    }
}
