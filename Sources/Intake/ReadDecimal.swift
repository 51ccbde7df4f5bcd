/// The sign between the whole part of a number and its fraction.
enum DecimalSeparator: String, CaseIterable, Sendable {
    case point
    case comma

    fileprivate var byte: UInt8 {
        switch self {
        case .point: UInt8(ascii: ".")
        case .comma: UInt8(ascii: ",")
        }
    }

    /// A number that is written so, for an error.
    var example: String {
        switch self {
        case .point: "12.5"
        case .comma: "12,5"
        }
    }
}

/// A number as it is written, without rounding.
struct ExactDecimal: Equatable, Sendable {
    /// The digits as one whole number, below 10^18 either side of zero.
    private let digits: Int64
    /// How many of the digits stand behind the separator.
    let places: Int

    private static let digitsMax = 18

    /// Reads a sign that may be missing, digits, and a fraction that may be missing; nil for
    /// anything else, such as a separator of thousands, and for more than 18 digits.
    init?(_ text: ArraySlice<UInt8>, separator: DecimalSeparator) {
        var rest = text
        let sign = rest.first.flatMap { "+-".utf8.contains($0) ? $0 : nil }
        if sign != nil { rest.removeFirst() }
        let parts = rest.split(
            separator: separator.byte, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty }),
            parts.reduce(0, { $0 + $1.count }) <= Self.digitsMax
        else { return nil }
        var digits: Int64 = 0
        for byte in parts.joined() {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            digits = digits * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        self.digits = sign == UInt8(ascii: "-") ? -digits : digits
        places = parts.count == 2 ? parts[1].count : 0
    }

    /// How many digits of the text, which has no sign, stand before the separator.
    func wholeDigits(of text: ArraySlice<UInt8>) -> Int {
        places == 0 ? text.count : text.count - places - 1
    }

    /// The number in JSON, with as many places as it was written with.
    var text: String {
        var written = String(digits.magnitude)
        if places > 0 {
            written = String(repeating: "0", count: max(0, places + 1 - written.count)) + written
            written.insert(".", at: written.index(written.endIndex, offsetBy: -places))
        }
        return digits < 0 ? "-" + written : written
    }

    /// The product, its fraction cut off.
    func times(_ factor: Int64) -> Int128 { Int128(digits) * Int128(factor) / divisor }

    /// The product; nil where it has a fraction or is too large.
    func wholeProduct(by factor: Int64) -> Int64? {
        guard Int128(digits) * Int128(factor) % divisor == 0 else { return nil }
        return Int64(exactly: times(factor))
    }

    private var divisor: Int128 { (0..<places).reduce(1) { power, _ in power * 10 } }
}
