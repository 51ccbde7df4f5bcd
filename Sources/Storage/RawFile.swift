internal import Glibc

/// A file whose bytes are read and written as they are, for copies that have to survive.
package struct RawFile: ~Copyable {
    package let path: String
    let descriptor: Int32

    /// Who else may read a file that is created.
    package enum Readers: UInt32, Sendable {
        case asUsual = 0o666
        /// Nobody, since it holds what is to stay secret.
        case ownerOnly = 0o600
    }

    /// Creates a file that must not be there yet.
    package static func create(
        _ path: String, for readers: Readers = .asUsual
    ) throws(StorageError) -> RawFile {
        try RawFile(path: path, flags: O_RDWR | O_CREAT | O_EXCL, readers)
    }

    package static func open(_ path: String) throws(StorageError) -> RawFile {
        try RawFile(path: path, flags: O_RDONLY, .asUsual)
    }

    /// Overwrites the beginning of a file where it lies, and makes that durable.
    package static func overwrite(
        _ path: String, with bytes: [UInt8]
    ) throws(StorageError) {
        let file = try RawFile(path: path, flags: O_WRONLY, .asUsual)
        try file.write(bytes, at: 0)
        try file.sync()
    }

    private init(path: String, flags: Int32, _ readers: Readers) throws(StorageError) {
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, readers.rawValue)
        guard descriptor >= 0 else { throw lastError("open", path: path) }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { Glibc.close(descriptor) }

    package func byteCount() throws(StorageError) -> Int {
        var info = stat()
        // The pointer does not outlive the call.
        guard unsafe fstat(descriptor, &info) == 0 else { throw lastError("fstat", path: path) }
        return Int(info.st_size)
    }

    /// Up to `count` bytes from `offset` on; fewer only where the file ends.
    package func read(_ count: Int, at offset: Int) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            // The buffer lives as long as the call.
            let read = unsafe bytes.withUnsafeMutableBytes {
                unsafe pread(
                    descriptor, $0.baseAddress?.advanced(by: done), count - done,
                    off_t(offset + done))
            }
            if read < 0 && errno == EINTR { continue }
            guard read >= 0 else { throw lastError("pread", path: path) }
            if read == 0 { break }
            done += read
        }
        bytes.removeLast(count - done)
        return bytes
    }

    /// All of the file, which may have so many bytes.
    package func whole(upTo most: Int) throws(StorageError) -> [UInt8] {
        let count = try byteCount()
        guard count <= most else { throw .tooLarge(path: path, bytes: count, most: most) }
        // A pipe says that it has none.
        return try read(count > 0 ? count : most, at: 0)
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
        try writeAll(bytes, to: descriptor, at: offset, path)
    }

    /// Makes content and size survive a power cut.
    package func sync() throws(StorageError) {
        guard fsync(descriptor) == 0 else { throw lastError("fsync", path: path) }
    }
}

func writeAll(
    _ bytes: [UInt8], to descriptor: Int32, at offset: Int, _ path: String
) throws(StorageError) {
    var done = 0
    while done < bytes.count {
        // The buffer lives as long as the call.
        let count = unsafe bytes.withUnsafeBytes {
            unsafe pwrite(
                descriptor, $0.baseAddress?.advanced(by: done), bytes.count - done,
                off_t(offset + done))
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw lastError("pwrite", path: path) }
        done += count
    }
}
