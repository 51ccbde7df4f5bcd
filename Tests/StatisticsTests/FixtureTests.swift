import Statistics
import Testing

@Suite("Estimates and verdicts of known tables")
struct FixtureTests {
    @Test func wilsonIntervals() throws {
        let most = try #require(Proportion(favourable: 8, total: 10).wilson)
        #expect(most.value == 0.8)
        #expect(abs(most.interval.low - 0.4901624715) < 1e-10)
        #expect(abs(most.interval.high - 0.9433178485) < 1e-10)
        let none = try #require(Proportion(favourable: 0, total: 10).wilson)
        #expect(none.interval.low == 0)
        #expect(abs(none.interval.high - 0.2775327999) < 1e-10)
        #expect(Proportion(favourable: 10, total: 10).wilson?.interval.high == 1)
    }

    @Test func differenceAndRatio() throws {
        let reference = Proportion(favourable: 80, total: 100)
        let group = Proportion(favourable: 30, total: 50)
        let difference = try #require(group.difference(from: reference))
        #expect(abs(difference.value + 0.2) < 1e-15)
        #expect(abs(difference.interval.low + 0.353412) < 1e-6)
        #expect(abs(difference.interval.high + 0.047534) < 1e-6)
        let ratio = try #require(group.ratio(to: reference))
        #expect(abs(ratio.value - 0.75) < 1e-15)
        #expect(abs(ratio.interval.low - 0.586076) < 1e-6)
        #expect(abs(ratio.interval.high - 0.959773) < 1e-6)
    }

    @Test func whatDoesNotExistIsNil() {
        let empty = Proportion(favourable: 0, total: 0)
        let none = Proportion(favourable: 0, total: 40)
        let some = Proportion(favourable: 20, total: 40)
        #expect(empty.rate == nil && empty.wilson == nil)
        #expect(empty.difference(from: some) == nil && some.difference(from: empty) == nil)
        #expect(none.ratio(to: some) == nil && some.ratio(to: none) == nil)
        #expect(none.difference(from: some)?.value == -0.5)
    }

    @Test func verdictsOfPlainCases() {
        let reference = Proportion(favourable: 800, total: 1000)
        let groups = [
            Proportion(favourable: 300, total: 1000), Proportion(favourable: 790, total: 1000),
            Proportion(favourable: 64, total: 100), Proportion(favourable: 1, total: 29),
            Proportion(favourable: 0, total: 100),
        ]
        let small = Proportion(favourable: 29, total: 29)
        #expect(
            FourFifths.verdicts(of: groups.map { .init(of: $0, with: reference) })
                == [.below, .meets, .inconclusive, .insufficientData, .inconclusive])
        #expect(
            FourFifths.verdicts(of: groups.map { .init(of: $0, with: small) })
                == [FourFifthsVerdict](repeating: .insufficientData, count: 5))
    }

    @Test("A family of one is judged by the printed interval")
    func familyOfOne() throws {
        let reference = Proportion(favourable: 160, total: 200)
        var seen: Set<FourFifthsVerdict> = []
        for favourable in 1...150 {
            let group = Proportion(favourable: favourable, total: 150)
            let interval = try #require(group.ratio(to: reference)).interval
            let expected: FourFifthsVerdict =
                interval.high < 0.8 ? .below : interval.low >= 0.8 ? .meets : .inconclusive
            #expect(
                FourFifths.verdicts(of: [.init(of: group, with: reference)]) == [expected])
            seen.insert(expected)
        }
        #expect(seen == [.below, .meets, .inconclusive])
    }
}
