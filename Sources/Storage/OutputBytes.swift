extension OutputSpan<UInt8> {
    /// Appends all these bytes at once; it must have room for them.
    @_lifetime(self: copy self)
    package mutating func append(copying bytes: Span<UInt8>) {
        precondition(bytes.count <= freeCapacity, "the output has room for the bytes")
        // Both buffers are used within the call only, and the output's has room for all of the
        // other.
        unsafe withUnsafeMutableBufferPointer { output, count in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                guard let source = bytes.baseAddress, let start = output.baseAddress else { return }
                unsafe (start + count).initialize(from: source, count: bytes.count)
                count += bytes.count
            }
        }
    }

    /// Appends the bytes of a number, most significant first; it must have room for them.
    @_lifetime(self: copy self)
    package mutating func append(bigEndian word: UInt64) {
        store(word.bigEndian)
    }

    /// Appends the bytes of a number, most significant first; it must have room for them.
    @_lifetime(self: copy self)
    package mutating func append(bigEndian word: UInt32) {
        store(word.bigEndian)
    }

    /// Appends a variable number; it must have room for up to ten bytes.
    @_lifetime(self: copy self)
    package mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Appends a signed variable number; it must have room for up to ten bytes.
    @_lifetime(self: copy self)
    package mutating func append(signedVarint value: Int64) {
        append(varint: UInt64(bitPattern: value << 1) ^ UInt64(bitPattern: value >> 63))
    }

    @_lifetime(self: copy self)
    private mutating func store(_ word: some FixedWidthInteger & BitwiseCopyable) {
        let width = word.bitWidth / 8
        precondition(width <= freeCapacity, "the output has room for the number")
        // The buffer is used within the call only and has room for the number.
        unsafe withUnsafeMutableBufferPointer { output, count in
            unsafe UnsafeMutableRawBufferPointer(output).storeBytes(
                of: word, toByteOffset: count, as: type(of: word))
            count += width
        }
    }
}

extension Span<UInt8> {
    /// The eight bytes from `offset` on as a word, most significant first.
    package func bigEndian64(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset <= count - 8, "the word lies within the bytes")
        // The eight bytes lie within the span.
        return unsafe UInt64(
            bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
