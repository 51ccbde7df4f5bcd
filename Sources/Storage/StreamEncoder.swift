internal import CZlib
internal import CZstd

/// Compresses what is written bit by bit, as one gzip member (RFC 1952) or zstd frame (RFC 8878).
package final class StreamEncoder {
    package enum Format: Sendable {
        case gzip
        case zstd
    }

    /// What follows a piece.
    package enum Continuation: Sendable {
        case more
        /// Nothing; the stream is ended.
        case end
    }

    private let engine: any StreamEngine

    package init(_ format: Format) {
        engine =
            switch format {
            case .gzip: GzipEngine()
            case .zstd: ZstdEngine()
            }
    }

    /// Takes a piece in, and returns what can be written by now; nothing comes behind the end.
    package func encode(_ piece: [UInt8], _ next: Continuation) -> [UInt8] {
        var output: [UInt8] = []
        var rest = piece[...]
        while true {
            let isDone = engine.step(&rest, next, appendingTo: &output)
            if isDone { return output }
        }
    }
}

private protocol StreamEngine: AnyObject {
    /// Compresses some of `rest`; true once all of it has been taken, and at the end written.
    func step(
        _ rest: inout ArraySlice<UInt8>, _ next: StreamEncoder.Continuation,
        appendingTo output: inout [UInt8]
    ) -> Bool
}

private let roomBytes = 64 << 10

/// zlib keeps the address of its state, so the state lives on the heap.
@safe private final class GzipEngine: StreamEngine {
    private let stream: UnsafeMutablePointer<z_stream>

    init() {
        // Owned by this object alone, freed in deinit; all zeros ask zlib for its own allocator.
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // The stream was just initialised. Level 4 is the fastest that looks for longer matches.
        let status = unsafe ascolto_gzip_init(stream, 4)
        precondition(status == Z_OK, "zlib needs memory for its window")
    }

    deinit {
        // Initialised in init, used nowhere else.
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    func step(
        _ rest: inout ArraySlice<UInt8>, _ next: StreamEncoder.Continuation,
        appendingTo output: inout [UInt8]
    ) -> Bool {
        var room = [UInt8](repeating: 0, count: roomBytes)
        // Both buffers stay put during the call, and zlib is told their sizes.
        let (status, consumed, produced) = unsafe rest.withUnsafeBufferPointer { source in
            unsafe room.withUnsafeMutableBufferPointer { target in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(source.count)
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(target.count)
                let status = unsafe deflate(stream, next == .end ? Z_FINISH : Z_NO_FLUSH)
                return unsafe (
                    status, source.count - Int(stream.pointee.avail_in),
                    target.count - Int(stream.pointee.avail_out)
                )
            }
        }
        rest = rest.dropFirst(consumed)
        output += room[..<produced]
        // Room that is left says that nothing more can come now.
        return next == .end ? status == Z_STREAM_END : rest.isEmpty && produced < roomBytes
    }
}

@safe private final class ZstdEngine: StreamEngine {
    private let stream: OpaquePointer

    init() {
        // Owned by this object alone, freed in deinit.
        guard let stream = unsafe ZSTD_createCStream() else {
            preconditionFailure("zstd needs memory for its window")
        }
        unsafe self.stream = stream
        unsafe ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, 3)
    }

    deinit {
        // Created in init, used nowhere else.
        unsafe ZSTD_freeCStream(stream)
    }

    func step(
        _ rest: inout ArraySlice<UInt8>, _ next: StreamEncoder.Continuation,
        appendingTo output: inout [UInt8]
    ) -> Bool {
        var room = [UInt8](repeating: 0, count: roomBytes)
        // Both buffers stay put during the call, and zstd is told their sizes.
        let (left, consumed, produced) = unsafe rest.withUnsafeBufferPointer { source in
            unsafe room.withUnsafeMutableBufferPointer { target in
                var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                let left = unsafe ZSTD_compressStream2(
                    stream, &to, &from, next == .end ? ZSTD_e_end : ZSTD_e_continue)
                return unsafe (left, from.pos, to.pos)
            }
        }
        precondition(ZSTD_isError(left) == 0, "zstd refused a buffer")
        rest = rest.dropFirst(consumed)
        output += room[..<produced]
        return next == .end ? left == 0 : rest.isEmpty && produced < roomBytes
    }
}
