/// How many of a group had the favourable outcome; never rounded, so that sums stay exact.
package struct Proportion: Equatable, Sendable {
    package let favourable: Int
    package let total: Int

    /// - Requires: 0 ≤ `favourable` ≤ `total`.
    package init(favourable: Int, total: Int) {
        precondition(
            favourable >= 0 && favourable <= total,
            "the favourable units are some of all units")
        self.favourable = favourable
        self.total = total
    }

    /// Nil where there is no unit.
    package var rate: Double? {
        total == 0 ? nil : Double(favourable) / Double(total)
    }
}

/// Two limits that a value is said to lie between.
package struct Interval: Equatable, Sendable {
    package let low: Double
    package let high: Double
}

/// A value with the interval that belongs to it.
package struct Estimate: Equatable, Sendable {
    package let value: Double
    package let interval: Interval
}
