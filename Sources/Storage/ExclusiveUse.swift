internal import Glibc

/// Keeps every other process from having an environment open, for as long as this value lives.
///
/// Each process that has an environment open holds a shared POSIX lock on the first byte of its
/// `lock.mdb`; this takes the exclusive one, as LMDB itself does at the first opening. Whoever
/// opens meanwhile waits in LMDB. Such a lock is the process's, and closing any descriptor of the
/// file drops it, so this process must not have the environment open itself.
package struct ExclusiveUse: ~Copyable {
    private let descriptor: Int32

    /// Waits up to `patience` for other processes to close the environment.
    /// - Throws: `StorageError.inUse`, with the number of a process that still has it open.
    package init(ofEnvironmentIn directory: String, patience: Duration) throws(StorageError) {
        if let file = try? FileIdentity(path: directory + "/data.mdb") {
            Registry.shared.requireClosed(file)
        }
        let path = directory + "/lock.mdb"
        // LMDB creates the file in the same way where it is missing.
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw lastError("open", path: path) }
        let end = ContinuousClock.now + patience
        while true {
            var lock = Self.wholeLock(F_WRLCK)
            // The pointer does not outlive the call.
            if unsafe fcntl(descriptor, F_SETLK, &lock) == 0 { break }
            let code = errno
            let isTaken = code == EACCES || code == EAGAIN
            if isTaken && ContinuousClock.now < end {
                usleep(20_000)
                continue
            }
            let error: StorageError =
                isTaken
                ? .inUse(path: directory, process: Self.holder(descriptor))
                : storageError("fcntl", code: code, path: path)
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    /// Some process that holds the lock; 0 where it has just let go.
    private static func holder(_ descriptor: Int32) -> Int {
        var lock = wholeLock(F_WRLCK)
        // The pointer does not outlive the call.
        guard unsafe fcntl(descriptor, F_GETLK, &lock) == 0, lock.l_type != F_UNLCK else {
            return 0
        }
        return Int(lock.l_pid)
    }

    private static func wholeLock(_ type: Int32) -> flock {
        var lock = flock()
        lock.l_type = Int16(type)
        lock.l_whence = Int16(SEEK_SET)
        lock.l_start = 0
        lock.l_len = 1
        return lock
    }

    deinit { Glibc.close(descriptor) }
}
