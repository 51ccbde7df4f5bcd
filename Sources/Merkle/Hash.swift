internal import Crypto

/// A SHA-256 hash.
package struct Hash: Hashable, Sendable {
    /// The 32 bytes as four big-endian words, so that a hash is a plain value without storage
    /// on the heap.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    /// Bytes of a hash.
    package static let byteCount = 32

    /// The hash whose 32 bytes stand in `bytes`, or nil where there are not 32.
    package init?(bytes: Span<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        words = (
            Self.word(in: bytes, at: 0), Self.word(in: bytes, at: 8),
            Self.word(in: bytes, at: 16), Self.word(in: bytes, at: 24)
        )
    }

    /// The hash whose 32 bytes stand in `bytes`, or nil where there are not 32.
    package init?(bytes: [UInt8]) {
        self.init(bytes: bytes.span)
    }

    /// The hash whose 32 bytes stand in `bytes`, or nil where there are not 32.
    package init?(bytes: ArraySlice<UInt8>) {
        self.init(bytes: bytes.span)
    }

    /// The hash whose bytes are those of these words, each most significant first.
    package init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// The hash written as 64 lower-case hexadecimal digits, or nil for any other text.
    package init?(hex: String) {
        self.init(hexDigits: Array(hex.utf8).span)
    }

    /// The same, of digits as bytes.
    package init?(hexDigits digits: Span<UInt8>) {
        guard digits.count == 2 * Self.byteCount else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for index in digits.indices {
            guard let nibble = Self.nibble(digits[index]) else { return nil }
            switch index / 16 {
            case 0: words.0 = words.0 << 4 | UInt64(nibble)
            case 1: words.1 = words.1 << 4 | UInt64(nibble)
            case 2: words.2 = words.2 << 4 | UInt64(nibble)
            default: words.3 = words.3 << 4 | UInt64(nibble)
            }
        }
        self.words = words
    }

    /// SHA-256 of `bytes`.
    package init(of bytes: [UInt8]) {
        self.init(of: bytes[...])
    }

    /// SHA-256 of `bytes`.
    package init(of bytes: ArraySlice<UInt8>) {
        self.init(SHA256.hash(data: bytes))
    }

    init(_ digest: SHA256Digest) {
        var bytes = digest.makeIterator()
        words = (
            Self.word(from: &bytes), Self.word(from: &bytes),
            Self.word(from: &bytes), Self.word(from: &bytes)
        )
    }

    /// Appends the 32 bytes to `bytes`.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(addingCapacity: Self.byteCount) { output in
            append(to: &output)
        }
    }

    /// Appends the 32 bytes to `output`, which must have room for them.
    func append(to output: inout OutputSpan<UInt8>) {
        Self.append(words.0, to: &output)
        Self.append(words.1, to: &output)
        Self.append(words.2, to: &output)
        Self.append(words.3, to: &output)
    }

    /// The 32 bytes.
    package var bytes: [UInt8] {
        [UInt8](capacity: Self.byteCount) { append(to: &$0) }
    }

    /// Appends 64 lower-case hexadecimal digits to `text`.
    package func appendHex(to text: inout [UInt8]) {
        text.append(addingCapacity: 2 * Self.byteCount) { appendHex(to: &$0) }
    }

    /// The same, to output that must have room for 64 digits.
    package func appendHex(to output: inout OutputSpan<UInt8>) {
        Self.appendHex(words.0, to: &output)
        Self.appendHex(words.1, to: &output)
        Self.appendHex(words.2, to: &output)
        Self.appendHex(words.3, to: &output)
    }

    private static func appendHex(_ word: UInt64, to output: inout OutputSpan<UInt8>) {
        append(hexDigits(of: UInt32(truncatingIfNeeded: word >> 32)), to: &output)
        append(hexDigits(of: UInt32(truncatingIfNeeded: word)), to: &output)
    }

    /// 64 lower-case hexadecimal digits.
    package var hex: String {
        var text: [UInt8] = []
        appendHex(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    package static func == (left: Hash, right: Hash) -> Bool {
        left.words == right.words
    }

    package func hash(into hasher: inout Hasher) {
        // Every bit of a SHA-256 is as good as any other; half of them spread well enough.
        hasher.combine(words.0)
        hasher.combine(words.3)
    }

    private static func word(in bytes: Span<UInt8>, at start: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in start..<start + 8 {
            word = word << 8 | UInt64(bytes[index])
        }
        return word
    }

    private static func word(from bytes: inout IndexingIterator<[UInt8]>) -> UInt64 {
        var word: UInt64 = 0
        for _ in 0..<8 {
            word = word << 8 | UInt64(bytes.next() ?? 0)
        }
        return word
    }

    private static func append(_ word: UInt64, to output: inout OutputSpan<UInt8>) {
        var rest = word.byteSwapped
        for _ in 0..<8 {
            output.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

/// The eight lower-case hexadecimal digits of a word as the bytes of a word, the first on top.
package func hexDigits(of word: UInt32) -> UInt64 {
    var digits = UInt64(word)
    digits = (digits << 16 | digits) & 0x0000_FFFF_0000_FFFF
    digits = (digits << 8 | digits) & 0x00FF_00FF_00FF_00FF
    digits = (digits << 4 | digits) & 0x0F0F_0F0F_0F0F_0F0F
    // One in each byte that holds more than 9, which becomes a letter.
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return digits + 0x3030_3030_3030_3030 + letters * 39
}

extension Hash: CustomStringConvertible {
    package var description: String { hex }
}
