internal import Glibc

/// A small file of two fixed slots that are written in turn, so that one is always whole.
///
/// It also carries the lock that keeps a second writing process out.
package final class SlotFile: Sendable {
    package let slotBytes: Int
    private let path: String
    private let descriptor: Int32

    package enum Access: Sendable {
        case reading
        /// Takes the writer's lock, which lasts until the file is closed or the process ends.
        case writing
        /// Keeps writers out while the file is open; works where nothing can be written.
        case frozen
    }

    package init(path: String, slotBytes: Int, access: Access) throws(StorageError) {
        let flags = access == .writing ? O_RDWR : O_RDONLY
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC)
        guard descriptor >= 0 else { throw lastError("open", path: path) }
        self.path = path
        self.slotBytes = slotBytes
        self.descriptor = descriptor
        let lock: Int32? =
            switch access {
            case .reading: nil
            case .writing: LOCK_EX
            case .frozen: LOCK_SH
            }
        if let lock, flock(descriptor, lock | LOCK_NB) != 0 {
            throw errno == EWOULDBLOCK ? .locked(path: path) : lastError("flock", path: path)
        }
    }

    deinit {
        // Lifted expressly: a child process that was just forked may hold the descriptor too, and
        // would keep the lock until it runs its own program.
        flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    /// Creates the file with two empty slots and syncs it.
    package static func create(path: String, slotBytes: Int) throws(StorageError) {
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw lastError("create", path: path) }
        defer { Glibc.close(descriptor) }
        try writeAll([UInt8](repeating: 0, count: 2 * slotBytes), to: descriptor, at: 0, path)
        guard fsync(descriptor) == 0 else { throw lastError("fsync", path: path) }
    }

    /// The bytes of slot 0 or 1; fewer than a slot where the file is too short.
    package func read(slot: Int) throws(StorageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: slotBytes)
        // The buffer lives as long as the call.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, slotBytes, off_t(slot * slotBytes))
        }
        guard count >= 0 else { throw lastError("pread", path: path) }
        return Array(bytes.prefix(count))
    }

    /// Writes a whole slot; it survives a crash of the process, and a power cut after ``sync()``.
    package func write(_ bytes: [UInt8], slot: Int) throws(StorageError) {
        precondition(bytes.count == slotBytes, "a slot is written whole")
        try writeAll(bytes, to: descriptor, at: slot * slotBytes, path)
    }

    package func sync() throws(StorageError) {
        guard fdatasync(descriptor) == 0 else { throw lastError("fdatasync", path: path) }
    }
}
