internal import CLMDB
internal import Glibc

extension Environment {
    /// Writes a compacted copy of the newest commit, without free pages, to the start of `file`.
    ///
    /// Others may go on writing; what is copied is one snapshot. It is a reader like any other,
    /// so the pages freed meanwhile are not reused before it ends.
    package func copyCompacted(to file: borrowing RawFile) throws {
        try requireOwnProcess()
        let descriptor = file.descriptor
        for _ in 0..<Self.resizeAttempts {
            guard lseek(descriptor, 0, SEEK_SET) == 0, ftruncate(descriptor, 0) == 0 else {
                throw lastError("ftruncate", path: file.path)
            }
            let code = gate.using {
                // The descriptor is open as long as the file's value lives.
                unsafe mdb_env_copyfd2(handle.pointer, descriptor, UInt32(MDB_CP_COMPACT))
            }
            if code == MDB_MAP_RESIZED {
                try adoptMapSize()
                continue
            }
            return try check(code, "mdb_env_copyfd2", file.path)
        }
        throw StorageError.system(call: "mdb_env_copyfd2", code: EAGAIN)
    }
}
