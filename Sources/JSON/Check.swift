/// Why a text is not JSON that the log accepts, and where.
package struct JSONError: Error, Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case unexpectedEnd
        case unexpectedByte(UInt8)
        case invalidUTF8
        case invalidEscape
        case loneSurrogate
        case controlCharacter
        case invalidNumber
        case duplicateKey(String)
        case tooDeep
        case trailingBytes
        case notAnObject
    }

    /// Bytes from the start of the text to where it went wrong.
    package let offset: Int
    package let reason: Reason

    package init(offset: Int, reason: Reason) {
        self.offset = offset
        self.reason = reason
    }
}

extension JSONError: CustomStringConvertible {
    package var description: String {
        "\(reason.description) at byte \(offset)"
    }
}

extension JSONError.Reason: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unexpectedEnd: "the JSON text ends too early"
        case .unexpectedByte(let byte): "unexpected \(Self.shown(byte)) in the JSON text"
        case .invalidUTF8: "invalid UTF-8"
        case .invalidEscape: "invalid escape in a string"
        case .loneSurrogate: "a lone surrogate (half of a \\u pair)"
        case .controlCharacter: "an unescaped control character in a string"
        case .invalidNumber: "a number that JSON does not allow"
        case .duplicateKey(let key): "the key \"\(key)\" appears twice in one object"
        case .tooDeep: "nesting deeper than \(JSONLimits.depthMax) levels"
        case .trailingBytes: "something follows the end of the JSON value"
        case .notAnObject: "not a JSON object"
        }
    }

    private static func shown(_ byte: UInt8) -> String {
        (0x21...0x7E).contains(byte)
            ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
    }
}

package enum JSONLimits {
    /// Arrays and objects within one another; deeper text is refused, so recursion is bounded.
    package static let depthMax = 64
    /// Keys of one object up to which duplicates are looked for pair by pair.
    static let pairwiseKeysMax = 8
}

/// Checks that `bytes` are one JSON value by RFC 8259, stricter where two parsers could differ.
///
/// Refused beyond the grammar: invalid UTF-8, lone surrogates, duplicate keys (compared after
/// unescaping) and nesting deeper than 64. Linear in the length, but for objects with many keys.
/// `depthMax` is the nesting that is still accepted: an envelope adds a level to its data.
package func checkJSON(
    _ bytes: ArraySlice<UInt8>, depthMax: Int = JSONLimits.depthMax
) throws(JSONError) {
    var checker = JSONChecker(bytes: bytes, depthMax: depthMax)
    checker.skipWhitespace()
    try checker.value(depth: 0)
    checker.skipWhitespace()
    if checker.at != bytes.endIndex { throw checker.error(.trailingBytes) }
}

private struct JSONChecker {
    let bytes: ArraySlice<UInt8>
    let depthMax: Int
    var at: Int

    init(bytes: ArraySlice<UInt8>, depthMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
        at = bytes.startIndex
    }

    func error(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
        JSONError(offset: (offset ?? at) - bytes.startIndex, reason: reason)
    }

    func peek() throws(JSONError) -> UInt8 {
        guard at < bytes.endIndex else { throw error(.unexpectedEnd) }
        return bytes[at]
    }

    mutating func skipWhitespace() {
        while at < bytes.endIndex, bytes[at].isJSONWhitespace { at += 1 }
    }

    mutating func value(depth: Int) throws(JSONError) {
        switch try peek() {
        case UInt8(ascii: "{"): try object(depth: depth + 1)
        case UInt8(ascii: "["): try array(depth: depth + 1)
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        case let other: throw error(.unexpectedByte(other))
        }
    }

    mutating func literal(_ word: String) throws(JSONError) {
        for byte in word.utf8 {
            let found = try peek()
            guard found == byte else { throw error(.unexpectedByte(found)) }
            at += 1
        }
    }

    mutating func object(depth: Int) throws(JSONError) {
        guard depth <= depthMax else { throw error(.tooDeep) }
        at += 1
        skipWhitespace()
        if try peek() == UInt8(ascii: "}") {
            at += 1
            return
        }
        var keys = ObjectKeys()
        while true {
            let start = at
            guard try peek() == UInt8(ascii: "\"") else {
                throw error(.unexpectedByte(bytes[at]))
            }
            let spelling = try string()
            keys.add(start + 1..<at - 1, spelling)
            skipWhitespace()
            guard try peek() == UInt8(ascii: ":") else { throw error(.unexpectedByte(bytes[at])) }
            at += 1
            skipWhitespace()
            try value(depth: depth)
            skipWhitespace()
            let next = try peek()
            at += 1
            if next == UInt8(ascii: "}") { break }
            guard next == UInt8(ascii: ",") else {
                throw error(.unexpectedByte(next), at: at - 1)
            }
            skipWhitespace()
        }
        if let duplicate = keys.firstDuplicate(in: bytes) {
            let key = decodeJSONString(bytes[duplicate])
            throw error(.duplicateKey(key), at: duplicate.lowerBound)
        }
    }

    mutating func array(depth: Int) throws(JSONError) {
        guard depth <= depthMax else { throw error(.tooDeep) }
        at += 1
        skipWhitespace()
        if try peek() == UInt8(ascii: "]") {
            at += 1
            return
        }
        while true {
            try value(depth: depth)
            skipWhitespace()
            let next = try peek()
            at += 1
            if next == UInt8(ascii: "]") { return }
            guard next == UInt8(ascii: ",") else {
                throw error(.unexpectedByte(next), at: at - 1)
            }
            skipWhitespace()
        }
    }

    mutating func number() throws(JSONError) {
        let start = at
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        if at < bytes.endIndex, bytes[at] == UInt8(ascii: "0") {
            at += 1
        } else if digits() == 0 {
            throw error(.invalidNumber, at: start)
        }
        if at < bytes.endIndex, bytes[at] == UInt8(ascii: ".") {
            at += 1
            if digits() == 0 { throw error(.invalidNumber, at: start) }
        }
        if at < bytes.endIndex, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < bytes.endIndex,
                bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-")
            {
                at += 1
            }
            if digits() == 0 { throw error(.invalidNumber, at: start) }
        }
    }

    mutating func digits() -> Int {
        let start = at
        while at < bytes.endIndex, bytes[at].isASCIIDigit { at += 1 }
        return at - start
    }

    /// Steps over a string and says whether any character of it is written as an escape.
    mutating func string() throws(JSONError) -> StringSpelling {
        at += 1
        var spelling = StringSpelling.plain
        while true {
            let byte = try peek()
            if byte == UInt8(ascii: "\"") {
                at += 1
                return spelling
            } else if byte == UInt8(ascii: "\\") {
                spelling = .escaped
                try escape()
            } else if byte < 0x20 {
                throw error(.controlCharacter)
            } else if byte < 0x80 {
                at += 1
            } else {
                try multibyteCharacter()
            }
        }
    }

    mutating func escape() throws(JSONError) {
        let start = at
        at += 1
        let kind = try peek()
        at += 1
        guard kind == UInt8(ascii: "u") else {
            guard unescapedCharacter(kind) != nil else { throw error(.invalidEscape, at: start) }
            return
        }
        let unit = try fourHexDigits(start)
        switch unit {
        case 0xD800..<0xDC00:
            guard at + 1 < bytes.endIndex, bytes[at] == UInt8(ascii: "\\"),
                bytes[at + 1] == UInt8(ascii: "u")
            else { throw error(.loneSurrogate, at: start) }
            at += 2
            guard (0xDC00..<0xE000).contains(try fourHexDigits(start)) else {
                throw error(.loneSurrogate, at: start)
            }
        case 0xDC00..<0xE000: throw error(.loneSurrogate, at: start)
        default: break
        }
    }

    mutating func fourHexDigits(_ start: Int) throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = hexDigit(try peek()) else { throw error(.invalidEscape, at: start) }
            unit = unit << 4 | UInt32(digit)
            at += 1
        }
        return unit
    }

    /// Steps over one character of two to four bytes; the table is Unicode 15, table 3-7.
    mutating func multibyteCharacter() throws(JSONError) {
        let start = at
        let lead = bytes[at]
        let second: ClosedRange<UInt8>
        let length: Int
        switch lead {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw error(.invalidUTF8)
        }
        guard start + length <= bytes.endIndex, second.contains(bytes[start + 1]) else {
            throw error(.invalidUTF8)
        }
        for next in start + 2..<max(start + 2, start + length)
        where !(0x80...0xBF).contains(bytes[next]) {
            throw error(.invalidUTF8)
        }
        at += length
    }
}

private enum StringSpelling {
    case plain
    case escaped
}

/// The keys of one object, as ranges of the text.
private struct ObjectKeys {
    private var ranges: [Range<Int>] = []
    private var spelling = StringSpelling.plain

    mutating func add(_ range: Range<Int>, _ spelling: StringSpelling) {
        ranges.append(range)
        if spelling == .escaped { self.spelling = .escaped }
    }

    func firstDuplicate(in bytes: ArraySlice<UInt8>) -> Range<Int>? {
        guard ranges.count > 1 else { return nil }
        if spelling == .plain && ranges.count <= JSONLimits.pairwiseKeysMax {
            for (index, range) in ranges.enumerated().dropFirst() {
                for earlier in ranges[..<index]
                where earlier.count == range.count
                    && bytes[earlier].elementsEqual(bytes[range])
                {
                    return range
                }
            }
            return nil
        }
        // Compared as bytes: String equality would also unite canonically equivalent spellings.
        var seen = Set<[UInt8]>()
        return ranges.first { !seen.insert(Array(decodeJSONString(bytes[$0]).utf8)).inserted }
    }
}

extension UInt8 {
    var isASCIIDigit: Bool { self &- UInt8(ascii: "0") < 10 }
    var isJSONWhitespace: Bool {
        self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09
    }
}

/// The value of one hexadecimal digit, or nil.
package func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
