/// A JSON object that has been checked, read member by member without building a tree.
///
/// It shares the bytes that it is made from. The bytes must have passed ``checkJSON(_:)``:
/// on other bytes the answers are unspecified, but every access stays within bounds.
package struct JSONPayload: Sendable {
    package let bytes: ArraySlice<UInt8>

    /// The object in `bytes`, or nil where they hold another kind of JSON value.
    package init?(checked bytes: ArraySlice<UInt8>) {
        guard let start = bytes.firstIndex(where: { !$0.isJSONWhitespace }),
            bytes[start] == UInt8(ascii: "{")
        else { return nil }
        self.bytes = bytes[start...]
    }

    /// The object as a value.
    package var value: JSONValue { JSONValue(bytes: bytes) }

    /// The value of the member `key`, or nil where there is none.
    ///
    /// Linear in the object's length.
    package func member(_ key: String) -> JSONValue? {
        var found: JSONValue?
        forEachRawMember { name, value in
            let isPlain = !name.contains(UInt8(ascii: "\\"))
            // Compared as bytes: String equality would unite canonically equivalent spellings.
            let isEqual =
                isPlain
                ? name.count == key.utf8.count && name.elementsEqual(key.utf8)
                : decodeJSONString(name).utf8.elementsEqual(key.utf8)
            guard isEqual else { return .next }
            found = value
            return .stop
        }
        return found
    }

    /// Visits all members in their order; keys arrive with their escapes resolved.
    package func forEachMember<Failure: Error>(
        _ visit: (_ key: String, _ value: JSONValue) throws(Failure) -> Void
    ) throws(Failure) {
        var failure: Failure?
        forEachRawMember { name, value in
            do throws(Failure) {
                try visit(decodeJSONString(name), value)
                return .next
            } catch {
                failure = error
                return .stop
            }
        }
        if let failure { throw failure }
    }

    /// Visits all members in their order; keys arrive as their bytes, escapes resolved.
    ///
    /// No text is made of a key that has no escapes, as hardly any has.
    package func forEachMember(
        bytes visit: (_ key: ArraySlice<UInt8>, _ value: JSONValue) -> Void
    ) {
        forEachRawMember { name, value in
            let isPlain = !name.contains(UInt8(ascii: "\\"))
            visit(isPlain ? name : Array(decodeJSONString(name).utf8)[...], value)
            return .next
        }
    }

    /// The text of a string member, or nil where it is missing or of another kind.
    package func string(_ key: String) -> String? {
        member(key)?.string
    }

    /// The whole number of a member, or nil where it is missing, of another kind or too large.
    package func integer(_ key: String) -> Int64? {
        member(key)?.integer
    }

    package func boolean(_ key: String) -> Bool? {
        member(key)?.boolean
    }

    private enum Step {
        case next
        case stop
    }

    private func forEachRawMember(_ visit: (ArraySlice<UInt8>, JSONValue) -> Step) {
        var at = skipWhitespace(bytes, from: bytes.startIndex + 1)
        while at < bytes.endIndex, bytes[at] == UInt8(ascii: "\"") {
            let nameEnd = skipJSONValue(bytes, from: at)
            guard nameEnd - 1 > at else { return }
            let name = bytes[at + 1..<nameEnd - 1]
            at = skipWhitespace(bytes, from: nameEnd)
            guard at < bytes.endIndex, bytes[at] == UInt8(ascii: ":") else { return }
            at = skipWhitespace(bytes, from: at + 1)
            let valueEnd = skipJSONValue(bytes, from: at)
            guard valueEnd > at else { return }
            if visit(name, JSONValue(bytes: bytes[at..<valueEnd])) == .stop { return }
            at = skipWhitespace(bytes, from: valueEnd)
            guard at < bytes.endIndex, bytes[at] == UInt8(ascii: ",") else { return }
            at = skipWhitespace(bytes, from: at + 1)
        }
    }
}

/// One value inside checked JSON, as its bytes.
package struct JSONValue: Sendable {
    /// The value exactly as written, without white space around it.
    package let bytes: ArraySlice<UInt8>

    init(bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// The value in text that has passed ``checkJSON(_:)``; nil where there is none.
    package init?(checked text: ArraySlice<UInt8>) {
        guard let start = text.firstIndex(where: { !$0.isJSONWhitespace }) else { return nil }
        bytes = text[start...]
    }

    package enum Kind: Sendable {
        case string
        case number
        case boolean
        case null
        case object
        case array
    }

    package var kind: Kind {
        switch bytes.first {
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .boolean
        case UInt8(ascii: "n"): .null
        default: .number
        }
    }

    package var string: String? {
        kind == .string ? decodeJSONString(bytes.dropFirst().dropLast()) : nil
    }

    /// The bytes between the quotes of a string without escapes; nil for every other value.
    package var plainString: ArraySlice<UInt8>? {
        guard kind == .string else { return nil }
        let content = bytes.dropFirst().dropLast()
        return content.contains(UInt8(ascii: "\\")) ? nil : content
    }

    package var boolean: Bool? {
        kind == .boolean ? bytes.first == UInt8(ascii: "t") : nil
    }

    /// The value of a number written without fraction and exponent that fits 64 bits.
    package var integer: Int64? {
        kind == .number ? Int64(String(decoding: bytes, as: UTF8.self)) : nil
    }

    package var object: JSONPayload? {
        JSONPayload(checked: bytes)
    }

    /// The elements of an array in their order, or nil where this is no array.
    package var elements: [JSONValue]? { elements(atMost: .max) }

    /// The same, up to so many of them.
    package func elements(atMost count: Int) -> [JSONValue]? {
        guard kind == .array else { return nil }
        var values: [JSONValue] = []
        var at = skipWhitespace(bytes, from: bytes.startIndex + 1)
        while values.count < count, at < bytes.endIndex, bytes[at] != UInt8(ascii: "]") {
            let end = skipJSONValue(bytes, from: at)
            guard end > at else { return values }
            values.append(JSONValue(bytes: bytes[at..<end]))
            at = skipWhitespace(bytes, from: end)
            guard at < bytes.endIndex, bytes[at] == UInt8(ascii: ",") else { return values }
            at = skipWhitespace(bytes, from: at + 1)
        }
        return values
    }
}

private func skipWhitespace(_ bytes: ArraySlice<UInt8>, from start: Int) -> Int {
    var at = start
    while at < bytes.endIndex, bytes[at].isJSONWhitespace { at += 1 }
    return at
}

/// The index after the value that starts at `start`; the text is known to be JSON.
private func skipJSONValue(_ bytes: ArraySlice<UInt8>, from start: Int) -> Int {
    guard start < bytes.endIndex else { return start }
    switch bytes[start] {
    case UInt8(ascii: "\""): return skipString(bytes, from: start)
    case UInt8(ascii: "{"), UInt8(ascii: "["): return skipContainer(bytes, from: start)
    default:
        var at = start
        while at < bytes.endIndex, !bytes[at].endsJSONScalar { at += 1 }
        return at
    }
}

private func skipString(_ bytes: ArraySlice<UInt8>, from start: Int) -> Int {
    var at = start + 1
    while at < bytes.endIndex {
        switch bytes[at] {
        case UInt8(ascii: "\""): return at + 1
        case UInt8(ascii: "\\"): at += 2
        default: at += 1
        }
    }
    return bytes.endIndex
}

private func skipContainer(_ bytes: ArraySlice<UInt8>, from start: Int) -> Int {
    var depth = 0
    var at = start
    while at < bytes.endIndex {
        switch bytes[at] {
        case UInt8(ascii: "\""):
            at = skipString(bytes, from: at)
            continue
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth == 0 { return at + 1 }
        default: break
        }
        at += 1
    }
    return bytes.endIndex
}

extension UInt8 {
    fileprivate var endsJSONScalar: Bool {
        isJSONWhitespace || self == UInt8(ascii: ",") || self == UInt8(ascii: "}")
            || self == UInt8(ascii: "]")
    }
}
