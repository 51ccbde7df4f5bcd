/// A person whose data are sealed under keys of their own: 128 random bits that tell nothing.
///
/// What identifies the person elsewhere leads to it only through the vault, until it is erased.
package struct SubjectRef: Hashable, Sendable, CustomStringConvertible {
    let words: RandomName

    static func random() -> SubjectRef { SubjectRef(words: .random()) }

    init(words: RandomName) { self.words = words }

    /// The reference in 32 hexadecimal digits, as ``description`` writes it, or nil.
    package init?(_ text: String) {
        guard let words = RandomName(hex: text) else { return nil }
        self.words = words
    }

    package var description: String { words.hex }
}

/// What leads to a person outside, such as a tax code or a phone number.
///
/// It is taken as it is written, so who calls writes it in one way only.
package struct Identifier: Hashable, Sendable {
    /// 1 to 512 bytes without control characters and line ends, and white space at neither end.
    let text: String

    /// Throws ``VaultError/badIdentifier``.
    package init(_ text: String) throws(VaultError) {
        let scalars = text.unicodeScalars
        let breaks = scalars.contains { scalar in
            scalar.properties.generalCategory == .control
                || ["\u{2028}", "\u{2029}"].contains(scalar)
        }
        guard (1...512).contains(text.utf8.count), !breaks,
            scalars.first?.properties.isWhitespace == false,
            scalars.last?.properties.isWhitespace == false
        else { throw .badIdentifier }
        self.text = text
    }
}

/// The name of one key: 128 random bits.
package struct KeyID: Hashable, Sendable, CustomStringConvertible {
    let words: RandomName

    static func random() -> KeyID { KeyID(words: .random()) }

    init(words: RandomName) { self.words = words }

    package var description: String { words.hex }
}

/// 128 random bits, most significant first.
struct RandomName: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    static let byteCount = 16

    static func random() -> RandomName {
        var random = SystemRandomNumberGenerator()
        return RandomName(high: random.next(), low: random.next())
    }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    init?(hex text: String) {
        guard let bytes = Hex.decode(text), let name = RandomName(bytes: bytes[...]) else {
            return nil
        }
        self = name
    }

    var bytes: [UInt8] {
        [high, low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }

    var hex: String { Hex.encode(bytes) }
}

/// Bytes as lower-case hexadecimal digits: one way to write them, and no other is read.
package enum Hex {
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0xF)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[start]), let low = value(digits[start + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
