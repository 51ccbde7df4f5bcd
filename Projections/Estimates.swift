/// SQL for the ends of the 95 % Wilson interval of a rate: null where the total is not positive.
///
/// Centre (p + z²/2n) / (1 + z²/n), half-width z √(p(1−p)/n + z²/4n²) / (1 + z²/n), with p the
/// rate, n the total and z = Φ⁻¹(0.975) (E. B. Wilson, 1927).
struct WilsonInterval {
    let low: String
    let high: String

    /// The expressions must be whole numbers, 0 ≤ `favourable` ≤ `total`.
    init(favourable: String, total: String) {
        let z = "1.959963984540054"
        let (y, n) = ("(\(favourable))", "(\(total))")
        let rate = "(\(y) * 1.0 / \(n))"
        let scale = "(1.0 + \(z) * \(z) / \(n))"
        let centre = "(\(rate) + \(z) * \(z) / (2.0 * \(n)))"
        let spread = "(\(rate) * (1.0 - \(rate)) / \(n) + \(z) * \(z) / (4.0 * \(n) * \(n)))"
        // At the ends the terms cancel, and rounding must not leave the unit interval.
        low =
            "CASE WHEN \(n) > 0 THEN CASE WHEN \(y) = 0 THEN 0.0 "
            + "ELSE (\(centre) - \(z) * sqrt(\(spread))) / \(scale) END END"
        high =
            "CASE WHEN \(n) > 0 THEN CASE WHEN \(y) = \(n) THEN 1.0 "
            + "ELSE (\(centre) + \(z) * sqrt(\(spread))) / \(scale) END END"
    }
}
