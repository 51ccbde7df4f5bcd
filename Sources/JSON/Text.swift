/// Writes a JSON string as RFC 8785 does: the shortest escapes, everything else as UTF-8.
package func appendJSONString(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    if !text.utf8Span.span.hasEscapes {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\""))
        return
    }
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x08: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "b")])
        case 0x09: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
        case 0x0A: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
        case 0x0C: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "f")])
        case 0x0D: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
        case ..<0x20:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(lowercaseHexDigit(byte >> 4))
            bytes.append(lowercaseHexDigit(byte & 15))
        default: bytes.append(byte)
        }
    }
    bytes.append(UInt8(ascii: "\""))
}

extension Span<UInt8> {
    /// Whether a byte among them stands in a JSON string only behind a backslash.
    ///
    /// Looks at all of them without a branch, since hardly ever one does.
    package var hasEscapes: Bool {
        var found: UInt8 = 0
        for index in indices {
            let byte = self[index]
            found |= byte < 0x20 ? 1 : 0
            found |= byte == UInt8(ascii: "\"") ? 1 : 0
            found |= byte == UInt8(ascii: "\\") ? 1 : 0
        }
        return found != 0
    }
}

/// `text` as a JSON string, quotes included.
package func jsonString(_ text: String) -> String {
    var bytes: [UInt8] = []
    appendJSONString(text, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
}

package func lowercaseHexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

/// The text between the quotes of a checked JSON string, its escapes resolved.
///
/// An escape that no checked text holds becomes U+FFFD.
func decodeJSONString(_ content: ArraySlice<UInt8>) -> String {
    guard content.contains(UInt8(ascii: "\\")) else {
        return String(decoding: content, as: UTF8.self)
    }
    var units: [UInt8] = []
    units.reserveCapacity(content.count)
    var rest = content
    while let byte = rest.popFirst() {
        if byte != UInt8(ascii: "\\") {
            units.append(byte)
        } else if let plain = rest.first.flatMap(unescapedCharacter) {
            units.append(plain)
            rest.removeFirst()
        } else {
            units.append(contentsOf: String(escapedScalar(&rest)).utf8)
        }
    }
    return String(decoding: units, as: UTF8.self)
}

/// The character that a one-letter escape stands for, or nil for `u` and anything unknown.
func unescapedCharacter(_ letter: UInt8) -> UInt8? {
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
}

/// Steps over `u` and its digits, and over the second half of a pair.
private func escapedScalar(_ rest: inout ArraySlice<UInt8>) -> Unicode.Scalar {
    guard let unit = codeUnit(&rest) else { return "\u{FFFD}" }
    if let scalar = Unicode.Scalar(unit) { return scalar }
    guard unit < 0xDC00, rest.popFirst() == UInt8(ascii: "\\"), let low = codeUnit(&rest),
        (0xDC00..<0xE000).contains(low)
    else { return "\u{FFFD}" }
    return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
}

private func codeUnit(_ rest: inout ArraySlice<UInt8>) -> UInt32? {
    guard rest.popFirst() == UInt8(ascii: "u") else { return nil }
    var unit: UInt32 = 0
    for _ in 0..<4 {
        guard let digit = rest.popFirst().flatMap(hexDigit) else { return nil }
        unit = unit << 4 | UInt32(digit)
    }
    return unit
}
