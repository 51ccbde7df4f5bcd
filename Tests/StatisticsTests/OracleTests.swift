import OwnThread
import Statistics
import TestSupport
import Testing

@Suite(
    "Statistics agree with statsmodels", .ownThread,
    .enabled(if: Python.estimates, "\(Python.needed)"))
struct OracleTests {
    @Test("Intervals of random tables, to 1e-12", arguments: [UInt64(1), 2, 3])
    func intervals(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let pairs = (0..<1000).map { _ in
            (Self.proportion(&numbers), Self.proportion(&numbers))
        }
        let input = pairs.map { "\(Self.text($0)) \(Self.text($1))\n" }.joined()
        let lines = try Python.run("estimates.py", input: .text(input)).lines
        try #require(lines.count == pairs.count, "seed \(seed)")
        for (line, pair) in zip(lines, pairs) {
            let intervals = [
                pair.0.wilson, pair.0.difference(from: pair.1), pair.0.ratio(to: pair.1),
            ].map { $0?.interval }
            let limits = intervals.flatMap { [$0?.low, $0?.high] }
            let expected = line.split(separator: " ").map { Double($0) }
            try #require(expected.count == limits.count)
            for (limit, other) in zip(limits, expected) {
                #expect(Self.agree(limit, other), "seed \(seed): \(pair) \(limits) \(line)")
            }
        }
    }

    @Test("Verdicts of random families", arguments: [UInt64(4), 5, 6])
    func verdicts(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let families = (0..<500).map { _ -> [FourFifths.Comparison] in
            // Attributes of one scheme have references of their own.
            let references = (0..<3).map { _ in Self.proportion(&numbers) }
            return (0..<Int.random(in: 1...12, using: &numbers)).map { _ in
                let reference = references[Int.random(in: 0..<3, using: &numbers)]
                return FourFifths.Comparison(of: Self.proportion(&numbers), with: reference)
            }
        }
        let input = families.map { family in
            family.map { "\(Self.text($0.group)) \(Self.text($0.reference))" }
                .joined(separator: " ") + "\n"
        }.joined()
        let lines = try Python.run("verdicts.py", input: .text(input)).lines
        try #require(lines.count == families.count, "seed \(seed)")
        for (line, family) in zip(lines, families) {
            let words = FourFifths.verdicts(of: family).map(\.rawValue).joined(separator: " ")
            #expect(words == line, "seed \(seed): \(family)")
        }
    }

    /// Of all sizes, and with rates at and near both ends.
    private static func proportion(_ numbers: inout SeededNumbers) -> Proportion {
        let sizes = [3, 40, 400, 100_000]
        let size = sizes[Int.random(in: sizes.indices, using: &numbers)]
        let total = Int.random(in: 1...size, using: &numbers)
        let margin = min(total, 3)
        let ranges = [0...margin, (total - margin)...total, 0...total]
        let range = ranges[Int.random(in: ranges.indices, using: &numbers)]
        return Proportion(favourable: Int.random(in: range, using: &numbers), total: total)
    }

    private static func text(_ proportion: Proportion) -> String {
        "\(proportion.favourable) \(proportion.total)"
    }

    private static func agree(_ own: Double?, _ other: Double?) -> Bool {
        guard let own, let other else { return own == nil && other == nil }
        return abs(own - other) <= 1e-12 * max(1, abs(other))
    }
}
