/// Writes a JSON string as RFC 8785 does: the shortest escapes, everything else as UTF-8.
package func appendJSONString(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
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
func decodeJSONString(_ content: ArraySlice<UInt8>) -> String {
    guard content.contains(UInt8(ascii: "\\")) else {
        return String(decoding: content, as: UTF8.self)
    }
    var units: [UInt8] = []
    units.reserveCapacity(content.count)
    var at = content.startIndex
    while at < content.endIndex {
        let byte = content[at]
        guard byte == UInt8(ascii: "\\"), at + 1 < content.endIndex else {
            units.append(byte)
            at += 1
            continue
        }
        if let plain = unescapedCharacter(content[at + 1]) {
            units.append(plain)
            at += 2
        } else {
            let high = codeUnit(content, at: at)
            at += 6
            var scalar = high
            if (0xD800..<0xDC00).contains(high) {
                scalar = 0x10000 + (high - 0xD800) << 10 + (codeUnit(content, at: at) - 0xDC00)
                at += 6
            }
            units.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
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

private func codeUnit(_ content: ArraySlice<UInt8>, at offset: Int) -> UInt32 {
    var unit: UInt32 = 0
    for index in offset + 2..<offset + 6 {
        unit = unit << 4 | UInt32(hexDigit(content[index]) ?? 0)
    }
    return unit
}
