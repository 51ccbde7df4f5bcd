import Foundation
import JSON
import Reorganisation
import TestSupport
import Testing

/// Draws are functions of what they are drawn for, and have the distributions that they claim.
struct DrawsTests {
    /// The values were computed with Python from the definition; seeds keep their meaning.
    @Test(arguments: [
        (UInt64(0), UInt64(0), UInt64(0), Draws.Purpose.arrivalGap, 0x1.527888d9df2bap-3),
        (1, 0, 0, .patience, 0x1.badb3712d65f7p-2), (1, 1, 0, .patience, 0x1.92298ddbcab9dp-2),
        (20_261_123, 7, 123_456_789, .talk, 0x1.27e406d3f7c16p-3),
        (.max, 0, .max, .endingParty, 0x1.6f5ad22d7ec8ep-3),
    ])
    func drawsAreThoseOfTheDefinition(
        seed: UInt64, replication: UInt64, entity: UInt64, purpose: Draws.Purpose, value: Double
    ) {
        #expect(Draws(seed: seed, replication: replication).unit(purpose, entity: entity) == value)
    }

    /// 20,000 neighbouring entities: the largest gap to uniformity (Kolmogorov and Smirnov) stays
    /// under the bound that chance exceeds once in 10^5 times, and purposes do not correlate.
    @Test(arguments: UInt64(0)..<5)
    func neighboursAreUniformAndUnrelated(seed: UInt64) {
        let draws = Draws(seed: seed)
        let count = 20_000
        var byPurpose: [[Double]] = []
        for purpose in Draws.Purpose.allCases {
            let values = (0..<UInt64(count)).map { draws.unit(purpose, entity: $0) }
            let gap =
                values.sorted().enumerated().map { index, value in
                    abs(value - (Double(index) + 0.5) / Double(count))
                }.max() ?? 1
            #expect(gap < 2.47 / Double(count).squareRoot())
            byPurpose.append(values)
        }
        for (values, others) in zip(byPurpose, byPurpose.dropFirst()) {
            let covariance =
                zip(values, others).reduce(0) { $0 + ($1.0 - 0.5) * ($1.1 - 0.5) } / Double(count)
            #expect(abs(covariance * 12) < 5 / Double(count).squareRoot())
        }
    }

    @Test func functionsAgreeWithTheCLibrary() {
        for step in 1...20_000 {
            let number = Double(step) * 0.37 * Foundation.exp(Double(step % 61) - 30)
            #expect(isNear(logarithm(number), Foundation.log(number)))
            let exponent = Double(step - 10_000) * 0.0337
            #expect(isNear(powerOfE(exponent), Foundation.exp(exponent)))
        }
        #expect(logarithm(1) == 0)
        #expect(powerOfE(0) == 1)
    }

    /// The probability below the quantile is the one that was asked for.
    @Test func normalQuantileInvertsTheErrorFunction() {
        for exponent in 1...12 {
            for digit in 1...9 {
                let probability = Double(digit) * pow(10, -Double(exponent))
                let quantile = normalQuantile(probability)
                let back = 0.5 * erfc(-quantile / 2.0.squareRoot())
                #expect(abs(back / probability - 1) < 1e-12)
                #expect(isNear(normalQuantile(1 - probability), -quantile, within: 1e-3))
            }
        }
        #expect(normalQuantile(0.5) == 0)
        #expect(isNear(normalQuantile(0.975), 1.9599639845400538))
    }

    @Test(arguments: [
        DurationLaw.exponential(meanUs: 3e6), .logNormal(meanUs: 2e6, variation: 0.5),
        .logNormal(meanUs: 5e6, variation: 1.2), .constant(us: 7),
    ])
    func meansAreAsTold(law: DurationLaw) {
        let count = 40_000
        let sum = (0..<count).reduce(0.0) { sum, step in
            sum + Double(law.duration(at: (Double(step) + 0.5) / Double(count)))
        }
        #expect(isNear(sum / Double(count), law.meanUs, within: 2e-3))
        #expect(law.duration(at: 0x1p-54) >= 0)
        #expect(law.duration(at: 1 - 0x1p-53) < 1_000_000_000_000)
    }

    private func isNear(
        _ value: Double, _ expected: Double, within tolerance: Double = 2e-15
    ) -> Bool {
        abs(value - expected) <= tolerance * max(abs(expected), tolerance)
    }
}

/// The agenda sorts as a stable sort does.
struct AgendaTests {
    @Test(arguments: UInt64(0)..<20)
    func comesOutSorted(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        var agenda = Agenda<Int>()
        var expected: [(key: [UInt64], entry: Int)] = []
        var seen: [Int] = []
        var wanted: [Int] = []
        for entry in 0..<600 {
            let key = (0..<3).map { _ in UInt64.random(in: 0..<4, using: &random) }
            agenda.add(entry, at: Int64(key[0]), rank: UInt8(key[1]), entity: key[2])
            expected.append((key, entry))
            guard entry % 3 == 2 else { continue }
            expected.sort {
                $0.key == $1.key ? $0.entry < $1.entry : $0.key.lexicographicallyPrecedes($1.key)
            }
            wanted.append(expected.removeFirst().entry)
            let first = agenda.popFirst()
            seen.append(try #require(first).entry)
            #expect(agenda.nextTime == expected.map { Int64($0.key[0]) }.min())
        }
        expected.sort {
            $0.key == $1.key ? $0.entry < $1.entry : $0.key.lexicographicallyPrecedes($1.key)
        }
        while let (time, entry) = agenda.popFirst() {
            let next = expected.removeFirst()
            #expect(time == Int64(next.key[0]))
            wanted.append(next.entry)
            seen.append(entry)
        }
        #expect(seen == wanted)
        #expect(expected.isEmpty)
        #expect(agenda.nextTime == nil)
    }
}
