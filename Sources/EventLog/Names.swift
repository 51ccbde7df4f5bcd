internal import JSON
internal import Merkle
internal import Storage

/// An event's place in the log's gapless total order, counted from 0.
package struct Position: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: Position, right: Position) -> Bool { left.value < right.value }
    package var description: String { String(value) }
    package var next: Position { Position(value + 1) }
}

/// An event's place in its stream, counted from 0.
package struct Revision: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package static func < (left: Revision, right: Revision) -> Bool { left.value < right.value }
    package var description: String { String(value) }
    package var next: Revision { Revision(value + 1) }
}

/// A UUID; the idempotency key of an event, unique in the whole log.
package struct EventID: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes, most significant first.
    package let high: UInt64
    /// The last eight bytes, most significant first.
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 64 bits that equal identifiers share in this process.
    var keyedHash: UInt64 { high.keyedHash(with: low) }

    /// The UUID written as 8-4-4-4-12 hexadecimal digits of either case, or nil.
    package init?(_ text: String) {
        self.init(utf8: Array(text.utf8)[...])
    }

    package init?(utf8 text: ArraySlice<UInt8>) {
        guard text.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in text.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = hexDigit(byte) else { return nil }
            if digits < 16 {
                words.0 = words.0 << 4 | UInt64(digit)
            } else {
                words.1 = words.1 << 4 | UInt64(digit)
            }
            digits += 1
        }
        self.init(high: words.0, low: words.1)
    }

    /// Lower-case hexadecimal digits in groups of 8-4-4-4-12.
    package var description: String {
        var text: [UInt8] = []
        appendText(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    func appendText(to text: inout [UInt8]) {
        text.append(addingCapacity: Self.textBytes) { appendText(to: &$0) }
    }

    /// Appends ``textBytes`` bytes to `output`, which must have room for them.
    func appendText(to output: inout OutputSpan<UInt8>) {
        output.append(bigEndian: hexDigits(of: UInt32(truncatingIfNeeded: high >> 32)))
        for word in [high, low >> 32] {
            let digits = hexDigits(of: UInt32(truncatingIfNeeded: word))
            output.append(UInt8(ascii: "-"))
            output.append(bigEndian: UInt32(truncatingIfNeeded: digits >> 32))
            output.append(UInt8(ascii: "-"))
            output.append(bigEndian: UInt32(truncatingIfNeeded: digits))
        }
        output.append(bigEndian: hexDigits(of: UInt32(truncatingIfNeeded: low)))
    }

    /// Bytes of a UUID as text.
    static let textBytes = 36
}

/// What happened, as the producer wrote it: 1 to 128 bytes without control characters.
package struct EventType: ByteExact, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(EventError) {
        guard isName(text, bytesMax: EventLimits.typeBytesMax) else { throw .badType(text) }
        self.text = text
    }

    /// For text that was checked when it was stored.
    init(stored text: String) { self.text = text }

    package var description: String { text }
}

/// The events of one contact, case, operator…: 1 to 256 bytes without control characters.
package struct StreamName: ByteExact, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(EventError) {
        guard isName(text, bytesMax: EventLimits.streamBytesMax) else { throw .badStream(text) }
        self.text = text
    }

    init(stored text: String) { self.text = text }

    package var description: String { text }
}

/// Which system said it: a URI reference (RFC 3986) of 1 to 256 bytes.
package struct Source: ByteExact, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(EventError) {
        guard (1...EventLimits.sourceBytesMax).contains(text.utf8.count),
            text.utf8.allSatisfy(\.isURICharacter)
        else { throw .badSource(text) }
        self.text = text
    }

    init(stored text: String) { self.text = text }

    package var description: String { text }
}

/// One `key:value` by which events are found; the first `:` separates.
package struct Tag: ByteExact, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(EventError) {
        guard (1...EventLimits.tagBytesMax).contains(text.utf8.count),
            let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            colon != text.utf8.startIndex, text.utf8.index(after: colon) != text.utf8.endIndex,
            text.utf8.allSatisfy(\.isVisibleASCII)
                || !text.unicodeScalars.contains(where: {
                    $0.properties.isWhitespace || $0.isControl
                })
        else { throw .badTag(text) }
        self.text = text
    }

    package var description: String { text }
}

/// The tags of one event: at most 32, sorted by their bytes, unique.
package struct Tags: ByteExact, Sendable {
    /// The tags separated by single spaces, as the line shows them; empty where there are none.
    package let joined: String

    package var text: String { joined }

    /// Stands between two tags.
    static let separator = UInt8(ascii: " ")

    package static let none = Tags(stored: "")

    init(stored joined: String) { self.joined = joined }

    package init(_ tags: [Tag]) throws(EventError) {
        guard tags.count <= EventLimits.tagsMax else { throw .tooManyTags(tags.count) }
        let sorted = tags.sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
        for (tag, next) in zip(sorted, sorted.dropFirst()) where tag == next {
            throw .duplicateTag(tag.text)
        }
        joined = sorted.map(\.text).joined(separator: " ")
    }

    /// Reads tags separated by single spaces, in any order.
    package init(joined text: String) throws(EventError) {
        var tags: [Tag] = []
        for part in text.utf8.split(separator: Self.separator, omittingEmptySubsequences: false) {
            tags.append(try Tag(String(Substring(part))))
        }
        try self.init(tags)
    }

    package func contains(_ tag: Tag) -> Bool {
        joined.utf8.split(separator: Self.separator).contains { $0.elementsEqual(tag.text.utf8) }
    }

    /// The single tags in the order of their bytes.
    package var texts: [Substring] {
        // A space and a combining mark are one character, so characters would not do.
        joined.utf8.split(separator: Self.separator).map { Substring($0) }
    }
}

/// A text that equals another only where all bytes agree.
///
/// Swift's strings are equal where they are canonically equivalent, and would unite what a
/// producer wrote as two; the test `canonicallyEquivalentTextsStayApart` shows the loss.
package protocol ByteExact: Hashable {
    var text: String { get }
}

extension ByteExact {
    /// 64 bits that equal texts share in this process.
    package var keyedHash: UInt64 { text.utf8Span.span.keyedHash }

    package static func == (left: Self, right: Self) -> Bool {
        left.text.utf8Span.span.isSame(as: right.text.utf8Span.span)
    }

    package func hash(into hasher: inout Hasher) {
        text.utf8Span.span.hash(into: &hasher)
    }
}

private func isName(_ text: String, bytesMax: Int) -> Bool {
    (1...bytesMax).contains(text.utf8.count) && !text.unicodeScalars.contains(where: \.isControl)
}

extension Unicode.Scalar {
    /// C0 and C1 control characters and U+007F.
    var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }
}

extension UInt8 {
    /// Spares nearly all tags the slow look-up of a scalar's properties.
    fileprivate var isVisibleASCII: Bool { 0x21...0x7E ~= self }

    /// The characters that RFC 3986 allows in a URI reference; all others are percent-encoded.
    fileprivate var isURICharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~:/?#[]@!$&'()*+,;=%".utf8.contains(self)
        }
    }
}
