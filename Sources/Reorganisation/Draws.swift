/// Random numbers that belong to what they are drawn for.
///
/// Each number is a function of the seed, the replication, the entity and the purpose alone. So
/// another operator, or another order of events, shifts no draw of anyone else, and two arms of a
/// comparison see the same citizens.
package struct Draws: Hashable, Sendable {
    private let root: UInt64

    package init(seed: UInt64, replication: UInt64 = 0) {
        root = Self.mix(Self.mix(seed) ^ replication)
    }

    /// What a number is drawn for; the values are part of what a seed means and never change.
    package enum Purpose: UInt64, CaseIterable, Sendable {
        case arrivalGap = 1
        case arrivalAcceptance = 2
        case dayVolume = 3
        case selfServiceDuration = 4
        case selfServiceResult = 5
        case patience = 6
        case talk = 7
        case afterWork = 8
        case endingParty = 9
    }

    /// The number strictly between 0 and 1 for the entity with this number.
    package func unit(_ purpose: Purpose, entity: UInt64) -> Double {
        let bits = Self.mix(Self.mix(root ^ entity) ^ purpose.rawValue)
        return (Double(bits >> 11) + 0.5) * 0x1p-53
    }

    /// The output function of SplitMix64 (Steele, Lea, Flood 2014) after one step of its counter.
    private static func mix(_ input: UInt64) -> UInt64 {
        var mixed = input &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// How a duration is distributed; durations are in microseconds.
package enum DurationLaw: Hashable, Sendable {
    case constant(us: Int64)
    case exponential(meanUs: Double)
    /// `variation` is the standard deviation divided by the mean.
    case logNormal(meanUs: Double, variation: Double)

    /// The duration at which the distribution reaches `probability` in 0..<1, at least 0 µs.
    package func duration(at probability: Double) -> Int64 {
        switch self {
        case .constant(let us): return us
        case .exponential(let mean):
            return Int64((-mean * logarithm(1 - probability)).rounded())
        case .logNormal(let mean, let variation):
            let variance = logarithm(1 + variation * variation)
            let exponent =
                logarithm(mean) - variance / 2
                + variance.squareRoot() * normalQuantile(probability)
            return Int64(min(powerOfE(exponent), Self.longestUs).rounded())
        }
    }

    /// The mean in microseconds.
    package var meanUs: Double {
        switch self {
        case .constant(let us): Double(us)
        case .exponential(let mean), .logNormal(let mean, _): mean
        }
    }

    /// A year: longer durations would only risk an overflow of times.
    private static let longestUs = 365.25 * 86_400e6
}
