internal import CZlib
internal import CZstd
internal import Glibc

/// Why a file cannot be read, and how far reading got.
package enum InputFileError: Error, Equatable, Sendable {
    case cannotOpen(path: String, reason: String)
    case cannotRead(path: String, reason: String, at: Int)
    /// The compressed file ends in the middle; `at` counts the bytes that came out of it.
    case truncated(path: String, Compression, at: Int)
    case corrupt(path: String, Compression, reason: String, at: Int)
}

extension InputFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "\(path): cannot be opened: \(reason)"
        case .cannotRead(let path, let reason, let offset):
            "\(path): cannot be read after byte \(offset): \(reason)"
        case .truncated(let path, let compression, let offset):
            "\(path): the \(compression) data end too early, after byte \(offset) of their "
                + "content; fetch the file again"
        case .corrupt(let path, let compression, let reason, let offset):
            "\(path): the \(compression) data are damaged after byte \(offset) of their content "
                + "(\(reason)); fetch the file again"
        }
    }
}

package enum Compression: String, Sendable, CustomStringConvertible {
    case gzip
    case zstd

    package var description: String { rawValue }
}

/// A file read once from its start: plain, gzip or zstd, told apart by its first bytes.
///
/// A file of several gzip members or zstd frames is their contents one after the other. The path
/// `-` is standard input.
package struct InputFile: ~Copyable {
    package let path: String
    /// Bytes taken from the file so far, as they lie on disk.
    package private(set) var bytesTaken = 0
    /// Size of the file on disk; nil for a pipe.
    package let bytesTotal: Int?
    private let descriptor: Int32
    private var input = [UInt8](repeating: 0, count: 1 << 16)
    private var inputRange = 0..<0
    private var decoder = Decoder.unknown
    private var bytesProduced = 0

    private enum Decoder {
        /// Nothing has been read yet.
        case unknown
        case plain
        case gzip(GzipStreamDecoder)
        case zstd(ZstdStreamDecoder)
    }

    package init(at path: String) throws(InputFileError) {
        let descriptor = try Self.descriptor(of: path)
        self.path = path
        self.descriptor = descriptor
        var status = stat()
        // The pointer does not outlive the call.
        let isRegular = unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        bytesTotal = isRegular ? Int(status.st_size) : nil
    }

    private static func descriptor(of path: String) throws(InputFileError) -> Int32 {
        if path == "-" { return 0 }
        // The path is a C string only during the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: systemReason()) }
        return descriptor
    }

    private mutating func recogniseDecoder() throws(InputFileError) {
        while inputRange.count < 4, try fill() {}
        let magic = input[inputRange].prefix(4)
        if magic.starts(with: [0x1F, 0x8B]) {
            decoder = .gzip(GzipStreamDecoder())
        } else if magic == [0x28, 0xB5, 0x2F, 0xFD]
            || (magic.dropFirst() == [0x2A, 0x4D, 0x18] && magic.first.map { $0 & 0xF0 } == 0x50)
        {
            decoder = .zstd(ZstdStreamDecoder())
        } else {
            decoder = .plain
        }
    }

    deinit {
        if descriptor > 0 { close(descriptor) }
    }

    /// The next bytes of the content, at most `count`; empty only at the end.
    package mutating func read(upTo count: Int) throws(InputFileError) -> [UInt8] {
        while true {
            if inputRange.isEmpty { _ = try fill() }
            let hasInput = !inputRange.isEmpty
            let bytes: [UInt8]
            switch decoder {
            case .unknown:
                try recogniseDecoder()
                continue
            case .plain:
                bytes = Array(input[inputRange].prefix(count))
                consume(bytes.count)
            case .gzip(let decoder): bytes = try decode(with: decoder, .gzip, upTo: count)
            case .zstd(let decoder): bytes = try decode(with: decoder, .zstd, upTo: count)
            }
            bytesProduced += bytes.count
            if !bytes.isEmpty || !hasInput { return bytes }
        }
    }

    /// Whether ``read(upTo:)`` can answer without waiting for whoever writes into a pipe.
    package func isReadReady() -> Bool {
        guard inputRange.isEmpty else { return true }
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, which outlives the call; 0 ms asks and does not wait.
        return unsafe poll(&wanted, 1, 0) != 0
    }

    private mutating func decode(
        with decoder: some StreamDecoder, _ compression: Compression, upTo count: Int
    ) throws(InputFileError) -> [UInt8] {
        let isAtEnd = inputRange.isEmpty
        if isAtEnd && decoder.isBetweenFrames { return [] }
        var output = [UInt8](repeating: 0, count: count)
        let step: DecodingStep
        do throws(DamagedStream) {
            step = try decoder.decode(input[inputRange], into: &output)
        } catch {
            throw .corrupt(
                path: path, compression, reason: error.reason, at: bytesProduced)
        }
        consume(step.consumed)
        if isAtEnd && step.produced == 0 {
            throw .truncated(path: path, compression, at: bytesProduced)
        }
        output.removeLast(count - step.produced)
        return output
    }

    private mutating func consume(_ count: Int) {
        inputRange = inputRange.lowerBound + count..<inputRange.upperBound
    }

    /// Takes more bytes from the file behind those that wait; false at its end.
    private mutating func fill() throws(InputFileError) -> Bool {
        if inputRange.isEmpty { inputRange = 0..<0 }
        let end = inputRange.upperBound
        let descriptor = descriptor
        var count = 0
        repeat {
            // The kernel writes within the rest of the array only.
            count = unsafe input.withUnsafeMutableBytes { buffer in
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
                return unsafe Glibc.read(descriptor, rest.baseAddress, rest.count)
            }
        } while count < 0 && errno == EINTR
        guard count >= 0 else {
            throw .cannotRead(path: path, reason: systemReason(), at: bytesProduced)
        }
        bytesTaken += count
        inputRange = inputRange.lowerBound..<end + count
        return count > 0
    }
}

/// What the system says about the last call that failed.
private func systemReason() -> String {
    // The text is copied before another call can replace it.
    unsafe String(cString: strerror(errno))
}

private struct DecodingStep {
    let consumed: Int
    let produced: Int
}

private struct DamagedStream: Error {
    let reason: String
}

private protocol StreamDecoder: AnyObject {
    /// Whether the content may end here.
    var isBetweenFrames: Bool { get }
    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(DamagedStream) -> DecodingStep
}

/// zlib keeps the address of its state, so the state lives on the heap.
@safe private final class GzipStreamDecoder: StreamDecoder {
    private let stream: UnsafeMutablePointer<z_stream>
    private(set) var isBetweenFrames = false

    init() {
        // Owned by this object alone, freed in deinit.
        unsafe stream = .allocate(capacity: 1)
        // All zeros ask zlib for its own allocator.
        unsafe stream.initialize(to: z_stream())
        // The stream was just initialised.
        let status = unsafe ascolto_inflate_init(stream)
        precondition(status == Z_OK, "zlib needs memory for its window")
    }

    deinit {
        // Initialised in init, used nowhere else.
        unsafe inflateEnd(stream)
        // Allocated in init.
        unsafe stream.deallocate()
    }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(DamagedStream) -> DecodingStep {
        if isBetweenFrames {
            guard input.first == 0x1F else {
                throw DamagedStream(reason: "something that is not gzip follows the last member")
            }
            // The stream is initialised.
            unsafe inflateReset(stream)
            isBetweenFrames = false
        }
        // Both buffers stay put during the call, and zlib is told their sizes.
        let (status, step) = unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(source.count)
                unsafe stream.pointee.next_out = target.baseAddress
                unsafe stream.pointee.avail_out = UInt32(target.count)
                let status = unsafe inflate(stream, Z_NO_FLUSH)
                let step = unsafe DecodingStep(
                    consumed: source.count - Int(stream.pointee.avail_in),
                    produced: target.count - Int(stream.pointee.avail_out))
                return (status, step)
            }
        }
        switch status {
        case Z_STREAM_END: isBetweenFrames = true
        case Z_OK, Z_BUF_ERROR: break
        default:
            // zlib's messages are constants.
            let reason = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
            throw DamagedStream(reason: reason ?? "zlib error \(status)")
        }
        return step
    }
}

@safe private final class ZstdStreamDecoder: StreamDecoder {
    private let stream: OpaquePointer
    private(set) var isBetweenFrames = false

    init() {
        // Owned by this object alone, freed in deinit.
        guard let stream = unsafe ZSTD_createDStream() else {
            preconditionFailure("zstd needs memory for its window")
        }
        unsafe self.stream = stream
    }

    deinit {
        // Created in init, used nowhere else.
        unsafe ZSTD_freeDStream(stream)
    }

    func decode(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(DamagedStream) -> DecodingStep {
        // Both buffers stay put during the call, and zstd is told their sizes.
        let (status, step) = unsafe input.withUnsafeBufferPointer { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var to = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                let status = unsafe ZSTD_decompressStream(stream, &to, &from)
                return unsafe (status, DecodingStep(consumed: from.pos, produced: to.pos))
            }
        }
        guard ZSTD_isError(status) == 0 else {
            // zstd's messages are constants.
            throw DamagedStream(reason: unsafe String(cString: ZSTD_getErrorName(status)))
        }
        isBetweenFrames = status == 0
        return step
    }
}
