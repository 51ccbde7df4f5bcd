internal import Glibc

/// Bytes end too early or hold a number that their format does not allow.
package struct MalformedBytes: Error, Equatable, Sendable {
    /// Bytes from the start to where reading failed.
    package let offset: Int

    package init(offset: Int) { self.offset = offset }
}

/// Reads numbers and byte ranges from disk or wire bytes; nothing else parses them.
///
/// Every access is checked against the bounds. Fixed-width numbers are little-endian, variable
/// ones are LEB128: seven bits a byte, lowest first, the top bit set on all but the last.
package struct ByteReader: ~Escapable {
    private let bytes: Span<UInt8>
    /// Bytes read so far.
    package private(set) var offset: Int

    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        offset = 0
    }

    package var remaining: Int { bytes.count - offset }
    package var isAtEnd: Bool { offset == bytes.count }

    @_lifetime(self: copy self)
    package mutating func u8() throws(MalformedBytes) -> UInt8 {
        guard offset < bytes.count else { throw MalformedBytes(offset: offset) }
        defer { offset += 1 }
        return bytes[offset]
    }

    @_lifetime(self: copy self)
    package mutating func u16() throws(MalformedBytes) -> UInt16 {
        UInt16(truncatingIfNeeded: try fixed(width: 2))
    }

    @_lifetime(self: copy self)
    package mutating func u32() throws(MalformedBytes) -> UInt32 {
        UInt32(truncatingIfNeeded: try fixed(width: 4))
    }

    @_lifetime(self: copy self)
    package mutating func u64() throws(MalformedBytes) -> UInt64 {
        try fixed(width: 8)
    }

    @_lifetime(self: copy self)
    package mutating func i64() throws(MalformedBytes) -> Int64 {
        Int64(bitPattern: try fixed(width: 8))
    }

    /// Eight bytes, most significant first, as in UUIDs and keys.
    @_lifetime(self: copy self)
    package mutating func bigEndian64() throws(MalformedBytes) -> UInt64 {
        try fixed(width: 8).byteSwapped
    }

    @_lifetime(self: copy self)
    private mutating func fixed(width: Int) throws(MalformedBytes) -> UInt64 {
        guard remaining >= width else { throw MalformedBytes(offset: offset) }
        defer { offset += width }
        if remaining >= 8 {
            // Eight bytes from `offset` on lie within the span.
            let word = unsafe UInt64(
                littleEndian: bytes.bytes.unsafeLoadUnaligned(
                    fromByteOffset: offset, as: UInt64.self))
            return width == 8 ? word : word & (1 << UInt64(8 * width) - 1)
        }
        var value: UInt64 = 0
        for index in 0..<width {
            value |= UInt64(bytes[offset + index]) << UInt64(8 * index)
        }
        return value
    }

    @_lifetime(self: copy self)
    package mutating func varint() throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        let start = offset
        while true {
            let byte = try u8()
            guard shift < 63 || (shift == 63 && byte <= 1) else {
                throw MalformedBytes(offset: start)
            }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// A variable number that counts things of which each takes at least `bytesEach` bytes, so
    /// that a damaged count cannot make the caller reserve memory without end.
    @_lifetime(self: copy self)
    package mutating func count(bytesEach: Int) throws(MalformedBytes) -> Int {
        let start = offset
        let value = try varint()
        guard value <= UInt64(remaining / max(1, bytesEach)) else {
            throw MalformedBytes(offset: start)
        }
        return Int(value)
    }

    /// A signed variable number: 0, -1, 1, -2… are written as 0, 1, 2, 3….
    @_lifetime(self: copy self)
    package mutating func signedVarint() throws(MalformedBytes) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// The next `count` bytes as an array of their own.
    @_lifetime(self: copy self)
    package mutating func array(_ count: Int) throws(MalformedBytes) -> [UInt8] {
        [UInt8](copying: bytes.extracting(try skip(count)))
    }

    /// The next `count` variable numbers, each of which must be less than `limit`, at most 256.
    ///
    /// Below 128 each takes one byte, and then they are copied and compared all at once.
    @_lifetime(self: copy self)
    package mutating func indexes(_ count: Int, below limit: Int) throws(MalformedBytes) -> [UInt8]
    {
        precondition(limit <= 256, "an index takes a byte once it is read")
        let start = offset
        guard limit > 128 else {
            let indexes = try array(count)
            // The greatest is found many at a time, which a search for a wrong one is not.
            guard Int(indexes.reduce(0) { max($0, $1) }) < limit else {
                throw MalformedBytes(offset: start)
            }
            return indexes
        }
        var failure: MalformedBytes?
        let indexes = [UInt8](capacity: count) { output in
            do throws(MalformedBytes) {
                for _ in 0..<count {
                    let index = try varint()
                    guard index < UInt64(limit) else { throw MalformedBytes(offset: start) }
                    output.append(UInt8(index))
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return indexes
    }

    /// The next `count` variable numbers.
    @_lifetime(self: copy self)
    package mutating func varints(_ count: Int) throws(MalformedBytes) -> [UInt64] {
        guard count <= remaining else { throw MalformedBytes(offset: offset) }
        var failure: MalformedBytes?
        let numbers = [UInt64](capacity: count) { output in
            do throws(MalformedBytes) {
                for _ in 0..<count {
                    // Most are below 128.
                    if offset < bytes.count, bytes[offset] < 0x80 {
                        output.append(UInt64(bytes[offset]))
                        offset += 1
                    } else {
                        output.append(try varint())
                    }
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return numbers
    }

    /// Steps over `count` bytes and returns where they stand.
    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int) throws(MalformedBytes) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw MalformedBytes(offset: offset) }
        defer { offset += count }
        return offset..<offset + count
    }

    /// A text preceded by its length as a variable number; invalid UTF-8 is malformed.
    @_lifetime(self: copy self)
    package mutating func text() throws(MalformedBytes) -> String {
        let start = offset
        let range = try textRange()
        guard let text = String(validating: Array(copying: bytes.extracting(range)), as: UTF8.self)
        else { throw MalformedBytes(offset: start) }
        return text
    }

    /// Steps over a text and returns where its bytes stand, which are not looked at.
    @_lifetime(self: copy self)
    package mutating func textRange() throws(MalformedBytes) -> Range<Int> {
        try skip(try count(bytesEach: 1))
    }
}

extension Span<UInt8> {
    /// Whether both hold the same bytes.
    package func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        // Both buffers are as long as the other, and live as long as the call.
        return unsafe withUnsafeBufferPointer { one in
            unsafe other.withUnsafeBufferPointer { two in
                guard let first = one.baseAddress, let second = two.baseAddress else { return true }
                return unsafe memcmp(first, second, one.count) == 0
            }
        }
    }

    /// Feeds the bytes to a hasher, and their number, so that neighbours stay apart.
    package func hash(into hasher: inout Hasher) {
        // The buffer lives as long as the call.
        unsafe withUnsafeBufferPointer { bytes in
            unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        hasher.combine(count)
    }

    /// A number of up to 56 bits that begins at the bit `start`, lowest first.
    ///
    /// Bits behind the end of the bytes are zero.
    package func bits(at start: Int, width: Int) -> UInt64 {
        let byte = start >> 3
        var word: UInt64 = 0
        if byte &+ 8 <= count {
            // Eight bytes from `byte` on lie within the span.
            word = unsafe UInt64(
                littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: byte, as: UInt64.self))
        } else {
            var index = byte
            while index < count {
                word |= UInt64(self[index]) << UInt64((index - byte) * 8)
                index += 1
            }
        }
        return (word >> UInt64(start & 7)) & (1 << UInt64(width) - 1)
    }
}

/// The inverse of ``ByteReader``.
extension [UInt8] {
    package mutating func appendU16(_ value: UInt16) { appendFixed(UInt64(value), width: 2) }
    package mutating func appendU32(_ value: UInt32) { appendFixed(UInt64(value), width: 4) }
    package mutating func appendU64(_ value: UInt64) { appendFixed(value, width: 8) }
    package mutating func appendI64(_ value: Int64) {
        appendFixed(UInt64(bitPattern: value), width: 8)
    }

    /// Puts a number in the place of the four bytes from `offset` on.
    package mutating func replaceU32(_ value: UInt32, at offset: Int) {
        for index in 0..<4 {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
        }
    }

    private mutating func appendFixed(_ value: UInt64, width: Int) {
        for index in 0..<width {
            append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
        }
    }

    package mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    package mutating func appendSignedVarint(_ value: Int64) {
        appendVarint(UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63))
    }

    package mutating func appendText(_ text: String) {
        appendVarint(UInt64(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}
