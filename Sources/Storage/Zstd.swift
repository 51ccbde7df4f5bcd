internal import CZstd
internal import Synchronization

/// Compresses into zstd frames (RFC 8878); one encoder serves one thread.
@safe package struct ZstdEncoder: ~Copyable {
    private let context: OpaquePointer

    /// An encoder at a level from 1 (fast) to 19 (small).
    package init(level: Int) {
        guard let context = unsafe ZSTD_createCCtx() else {
            preconditionFailure("zstd has no memory for a context")
        }
        unsafe self.context = context
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level))
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// `bytes` as one frame that states its content size.
    ///
    /// With a prefix, matches may reach back into it, and decoding needs the same prefix.
    package mutating func encode(_ bytes: [UInt8], prefix: [UInt8]? = nil) -> [UInt8] {
        let capacity = ZSTD_compressBound(bytes.count)
        // Both buffers, and the prefix, outlive the one call that uses them.
        return unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            let written = unsafe (prefix ?? []).withUnsafeBytes { before in
                unsafe bytes.withUnsafeBytes { input in
                    if before.count > 0 {
                        unsafe ZSTD_CCtx_refPrefix(context, before.baseAddress, before.count)
                    }
                    return unsafe ZSTD_compress2(
                        context, output.baseAddress, capacity, input.baseAddress, input.count)
                }
            }
            precondition(ZSTD_isError(written) == 0, "zstd refused a buffer of its own bound")
            count = written
        }
    }
}

/// Decompresses zstd frames; one decoder serves one thread.
///
/// It takes a context with the first frame and leaves it to later decoders: to make one takes as
/// long as to read a stream.
@safe package struct ZstdDecoder: ~Copyable {
    private var context: DecodingContext?

    package init() {}

    deinit { context?.giveBack() }

    /// The content of exactly one frame, or nil where it is damaged or not `size` bytes long.
    package mutating func decode(
        _ frame: Span<UInt8>, size: Int, prefix: [UInt8]? = nil
    ) -> [UInt8]? {
        let context = self.context ?? .take()
        self.context = context
        var result = 0
        // All buffers outlive the one call that uses them; zstd stays within `size`.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { output, count in
            result = unsafe (prefix ?? []).withUnsafeBytes { before in
                unsafe frame.withUnsafeBytes { input in
                    if before.count > 0 {
                        unsafe ZSTD_DCtx_refPrefix(
                            context.pointer, before.baseAddress, before.count)
                    }
                    return unsafe ZSTD_decompressDCtx(
                        context.pointer, output.baseAddress, size, input.baseAddress, input.count)
                }
            }
            count = ZSTD_isError(result) == 0 ? result : 0
        }
        return ZSTD_isError(result) == 0 && result == size ? bytes : nil
    }
}

/// A context of zstd for decompression, with nothing set.
@safe private struct DecodingContext: @unchecked Sendable {
    // Sendable because it is in the pool or with one decoder, never with two.
    let pointer: OpaquePointer

    /// Those that no decoder uses now.
    private static let pool = Mutex<[DecodingContext]>([])
    /// Each takes about 160 kB.
    private static let pooledMax = 16

    init(pointer: OpaquePointer) { unsafe self.pointer = pointer }

    static func take() -> DecodingContext {
        if let context = pool.withLock({ $0.popLast() }) { return context }
        guard let pointer = unsafe ZSTD_createDCtx() else {
            preconditionFailure("zstd has no memory for a context")
        }
        return unsafe DecodingContext(pointer: pointer)
    }

    func giveBack() {
        unsafe ZSTD_DCtx_reset(pointer, ZSTD_reset_session_and_parameters)
        let isKept = Self.pool.withLock { pool in
            guard pool.count < Self.pooledMax else { return false }
            pool.append(self)
            return true
        }
        if !isKept { unsafe ZSTD_freeDCtx(pointer) }
    }
}

extension ZstdEncoder {
    /// The version of the zstd library in use.
    package static var libraryVersion: String {
        guard let text = unsafe ZSTD_versionString() else { return "unknown" }
        return unsafe String(cString: text)
    }
}
