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
        case citizenGroup = 10
        case declaration = 11
        case caseOpening = 12
        case openingParty = 13
        case resolution = 14
        case firstTouch = 15
        case secondLine = 16
        case backOffice = 17
        case returning = 18
        case waitingForCitizen = 19
        case outcome = 20
        case outcomeWord = 21
        case reopening = 22
        case rework = 23
        case closing = 24
        case secondClosing = 25
        case caseworker = 26
        case reply = 27
        case invitation = 28
        case delivery = 29
        case response = 30
        case invitationDelay = 31
        case answerDelay = 32
        case score = 33
        case routing = 34
        case handingOn = 35
        case expertPatience = 36
        case expertTalk = 37
        case expertAfterWork = 38
    }

    /// The number strictly between 0 and 1 for the entity with this number.
    package func unit(_ purpose: Purpose, entity: UInt64) -> Double {
        (Double(bits(purpose, entity: entity)) + 0.5) * 0x1p-53
    }

    /// The same as a whole number of 53 bits.
    package func bits(_ purpose: Purpose, entity: UInt64) -> UInt64 {
        Self.mix(Self.mix(root ^ entity) ^ purpose.rawValue) >> 11
    }

    /// The same for the one of several numbers of a purpose that has this index.
    package func unit(_ purpose: Purpose, entity: UInt64, index: Int) -> Double {
        let bits = Self.mix(
            Self.mix(Self.mix(root ^ entity) ^ purpose.rawValue) ^ UInt64(index))
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

    /// The duration in microseconds that half of all stay below.
    package var medianUs: Double {
        switch self {
        case .constant(let us): Double(us)
        case .exponential(let mean): mean * logarithm(2)
        case .logNormal(let mean, let variation):
            mean / (1 + variation * variation).squareRoot()
        }
    }

    /// A year: longer durations would only risk an overflow of times.
    private static let longestUs = 365.25 * 86_400e6
}

/// The draws of one contact and of all that follows from it.
struct Lot {
    private let draws: Draws
    private let number: ContactNumber

    init(_ draws: Draws, of number: ContactNumber) {
        self.draws = draws
        self.number = number
    }

    func unit(_ purpose: Draws.Purpose) -> Double {
        draws.unit(purpose, entity: number.value)
    }

    func unit(_ purpose: Draws.Purpose, index: Int) -> Double {
        draws.unit(purpose, entity: number.value, index: index)
    }

    /// Whether something happens that happens to this part of all.
    func happens(_ purpose: Draws.Purpose, ratio: Double) -> Bool { unit(purpose) < ratio }

    func duration(_ law: DurationLaw, _ purpose: Draws.Purpose) -> Int64 {
        law.duration(at: unit(purpose))
    }
}

extension Array {
    /// The place of the value that the number from 0 to 1 falls on; 0 where there is none.
    func place<Value>(at unit: Double) -> Int where Element == Weighted<Value> {
        var rest = unit * reduce(0) { $0 + $1.weight }
        for (place, candidate) in enumerated() {
            rest -= candidate.weight
            if rest < 0 { return place }
        }
        return Swift.max(0, count - 1)
    }
}
