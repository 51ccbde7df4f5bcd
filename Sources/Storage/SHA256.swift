internal import CNettle

/// The 32 bytes of a SHA-256, each word most significant first.
package typealias SHA256Words = (UInt64, UInt64, UInt64, UInt64)

/// SHA-256 (FIPS 180-4) of a prefix and the bytes behind it.
package func sha256(_ bytes: Span<UInt8>, after prefix: UInt8? = nil) -> SHA256Words {
    // The buffer is used within the call only.
    unsafe bytes.withUnsafeBytes { unsafe sha256($0, prefix) }
}

/// SHA-256 of a prefix and two of its own kind behind it.
package func sha256(
    left: SHA256Words, right: SHA256Words, after prefix: UInt8
) -> SHA256Words {
    let both = (
        left.0.bigEndian, left.1.bigEndian, left.2.bigEndian, left.3.bigEndian,
        right.0.bigEndian, right.1.bigEndian, right.2.bigEndian, right.3.bigEndian
    )
    // The tuple is used within the call only.
    return unsafe withUnsafeBytes(of: both) { unsafe sha256($0, prefix) }
}

private func sha256(_ bytes: UnsafeRawBufferPointer, _ prefix: UInt8?) -> SHA256Words {
    var words: SHA256Words = (0, 0, 0, 0)
    // All buffers are used within the call only, and a digest has 32 bytes.
    unsafe withUnsafeMutableBytes(of: &words) { output in
        let digest = unsafe output.assumingMemoryBound(to: UInt64.self).baseAddress
        if var prefix {
            unsafe ascolto_sha256(&prefix, bytes.count, bytes.baseAddress, digest)
        } else {
            unsafe ascolto_sha256(nil, bytes.count, bytes.baseAddress, digest)
        }
    }
    return (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian)
}
