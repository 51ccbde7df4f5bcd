internal import CDeflate

/// CRC-32 (ISO 3309, as in gzip and zlib), which every stored value carries.
///
/// It finds every flip of up to three bits in a value of our sizes; what an attacker changes is
/// found by the tree.
package func crc32(_ bytes: Span<UInt8>) -> UInt32 {
    // The buffer is used within the call only.
    unsafe bytes.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { return 0 }
        return unsafe libdeflate_crc32(0, start, buffer.count)
    }
}
