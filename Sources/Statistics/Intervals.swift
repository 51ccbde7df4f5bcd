internal import Glibc

extension Proportion {
    /// The rate with Wilson's score interval; nil where there is no unit.
    package var wilson: Estimate? {
        guard let rate else { return nil }
        let count = Double(total)
        let square = Normal.z95 * Normal.z95
        let scale = 1 + square / count
        let centre = (rate + square / (2 * count)) / scale
        let spread = rate * (1 - rate) / count + square / (4 * count * count)
        let half = Normal.z95 * spread.squareRoot() / scale
        // Rounding would leave the limit at an extreme a hair inside or outside of it.
        return Estimate(
            value: rate,
            interval: Interval(
                low: favourable == 0 ? 0 : centre - half,
                high: favourable == total ? 1 : centre + half))
    }

    /// This rate minus that of `reference`, with Newcombe's hybrid score interval.
    ///
    /// Nil where either has no unit.
    package func difference(from reference: Proportion) -> Estimate? {
        guard let own = wilson, let other = reference.wilson else { return nil }
        let value = own.value - other.value
        let below = hypot(own.value - own.interval.low, other.interval.high - other.value)
        let above = hypot(other.value - other.interval.low, own.interval.high - own.value)
        return Estimate(
            value: value, interval: Interval(low: value - below, high: value + above))
    }

    /// This rate divided by that of `reference`, with the interval that is symmetric in logarithms.
    ///
    /// Nil where either has no favourable unit: there the logarithm, and with it the interval, does
    /// not exist, and 0 or infinity would pass for a measurement.
    package func ratio(to reference: Proportion) -> Estimate? {
        LogRatio(of: self, to: reference)?.estimate(at: Normal.z95)
    }
}

/// The logarithm of a ratio of two rates, with its standard error.
struct LogRatio {
    let logarithm: Double
    let error: Double

    init?(of group: Proportion, to reference: Proportion) {
        guard group.favourable > 0, reference.favourable > 0,
            let own = group.rate, let other = reference.rate
        else { return nil }
        logarithm = log(own / other)
        // Exactly zero where all units of both are favourable, never below it by rounding.
        error = (Self.variance(of: group) + Self.variance(of: reference)).squareRoot()
    }

    private static func variance(of rate: Proportion) -> Double {
        Double(rate.total - rate.favourable) / (Double(rate.favourable) * Double(rate.total))
    }

    func estimate(at quantile: Double) -> Estimate {
        Estimate(
            value: exp(logarithm),
            interval: Interval(
                low: exp(logarithm - quantile * error), high: exp(logarithm + quantile * error)))
    }

    /// How many standard errors lie between the ratio and `threshold`.
    func distance(from threshold: Double) -> Double {
        let distance = abs(logarithm - log(threshold))
        return error == 0 ? .infinity : distance / error
    }
}

enum Normal {
    /// Φ⁻¹(0.975), for two-sided intervals of 95 %.
    static let z95 = 1.959963984540054

    /// The z that a standard normal exceeds on both sides together with probability 0.05 / `parts`.
    ///
    /// - Requires: `parts` > 0.
    static func z95(sharedBy parts: Int) -> Double {
        precondition(parts > 0, "a level is shared by at least one")
        let level = 0.05 / Double(parts)
        var z = z95
        guard parts > 1 else { return z }
        // The tail is convex, so Newton's steps from the left rise towards the root and stop there.
        while true {
            let slope = (2 / Double.pi).squareRoot() * exp(-z * z / 2)
            let next = z + (erfc(z / 2.0.squareRoot()) - level) / slope
            guard next > z else { return z }
            z = next
        }
    }
}
