internal import CLinux

extension Span<UInt8> {
    /// Where `pattern` begins first, at `start` or behind it; nil where it does not.
    ///
    /// A gigabyte takes a fraction of a second.
    package func firstIndex(of pattern: [UInt8], from start: Int = 0) -> Int? {
        precondition((0...count).contains(start), "a search begins within the bytes")
        return unsafe withUnsafeBytes { bytes in
            unsafe pattern.withUnsafeBytes { pattern -> Int? in
                guard let base = bytes.baseAddress,
                    let found = unsafe memmem(
                        base + start, bytes.count - start, pattern.baseAddress, pattern.count)
                else { return nil }
                return unsafe UnsafeRawPointer(found) - base
            }
        }
    }
}
