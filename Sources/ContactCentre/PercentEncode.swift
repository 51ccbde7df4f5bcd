/// How a value is written into a name.
package enum NameEncoding: Sendable {
    case plain
    /// White space, control characters and `%` become `%` and hexadecimal digits.
    case tag
    /// As in a tag, and `/` too, since it separates the parts of a stream's name.
    case stream
}

/// Writes the bytes of what `encoding` does not allow as `%` and two hexadecimal digits.
package func percentEncoded(_ text: String, _ encoding: NameEncoding) -> String {
    func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "%": false
        case "/": encoding != .stream
        default:
            !scalar.properties.isWhitespace && scalar.value >= 0x20
                && !(0x7F...0x9F).contains(scalar.value)
        }
    }
    let isPlain = text.utf8.allSatisfy {
        (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "%") && $0 != UInt8(ascii: "/")
    }
    if encoding == .plain || isPlain { return text }
    var encoded = ""
    for scalar in text.unicodeScalars {
        if isAllowed(scalar) {
            encoded.unicodeScalars.append(scalar)
        } else {
            for byte in String(scalar).utf8 {
                encoded += byte < 16 ? "%0" : "%"
                encoded += String(byte, radix: 16, uppercase: true)
            }
        }
    }
    return encoded
}
