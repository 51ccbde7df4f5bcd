// The functions of the C library differ in their last bit between systems. These use nothing but
// the operations that IEEE 754 defines exactly, so that one seed gives the same bytes everywhere.

/// The natural logarithm of a positive finite number.
///
/// Source: ln m = 2 artanh((m − 1)/(m + 1)) for m between √½ and √2, as its power series.
package func logarithm(_ number: Double) -> Double {
    var significand = number.significand
    var exponent = Double(number.exponent)
    if significand > 1.414_213_562_373_095_1 {
        significand /= 2
        exponent += 1
    }
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    let sum = polynomial(oddReciprocals, square)
    return exponent * ln2High + (exponent * ln2Low + 2 * ratio * sum)
}

/// e to the power of `exponent`, which lies between −700 and 700.
///
/// Source: Taylor's series of e^r for |r| ≤ ½ ln 2, scaled by a power of two.
package func powerOfE(_ exponent: Double) -> Double {
    let twos = (exponent / (ln2High + ln2Low)).rounded()
    let rest = (exponent - twos * ln2High) - twos * ln2Low
    var sum = 1.0
    for term in (1...16).reversed() { sum = 1 + sum * rest / Double(term) }
    return Double(sign: .plus, exponent: Int(twos), significand: sum)
}

/// ln 2 in two parts; the first has trailing zeros, so that its multiples are exact.
private let ln2High = 0x1.62E42FEFA38p-1
private let ln2Low = 0x1.EF35793C7673p-45

/// The point that a standard normal variable stays below with this probability, in 0..<1 without 0.
///
/// Source: M. J. Wichura, algorithm AS 241 (PPND16), Applied Statistics 37 (1988).
package func normalQuantile(_ probability: Double) -> Double {
    let fromMiddle = probability - 0.5
    if abs(fromMiddle) <= 0.425 {
        let x = 0.180625 - fromMiddle * fromMiddle
        return fromMiddle * polynomial(middleNumerator, x) / polynomial(middleDenominator, x)
    }
    let tail = fromMiddle < 0 ? probability : 1 - probability
    let root = (-logarithm(tail)).squareRoot()
    let distance =
        root <= 5
        ? polynomial(tailNumerator, root - 1.6) / polynomial(tailDenominator, root - 1.6)
        : polynomial(farNumerator, root - 5) / polynomial(farDenominator, root - 5)
    return fromMiddle < 0 ? -distance : distance
}

/// The numbers 1/23, 1/21, 1/19 and so on to 1.
private let oddReciprocals = (0...11).map { 1 / Double(23 - 2 * $0) }

/// The polynomial's value at `x`; coefficients stand from the highest power down.
private func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
    coefficients.reduce(0) { $0 * x + $1 }
}

private let middleNumerator = [
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.3871328727963666080,
]
private let middleDenominator = [
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
    4.2313330701600911252e1, 1,
]
private let tailNumerator = [
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
    4.63033784615654529590, 1.42343711074968357734,
]
private let tailDenominator = [
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
    2.05319162663775882187, 1,
]
private let farNumerator = [
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
    5.46378491116411436990, 6.65790464350110377720,
]
private let farDenominator = [
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1,
]
