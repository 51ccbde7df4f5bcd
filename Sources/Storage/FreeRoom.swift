internal import CLMDB
internal import Glibc

extension Environment {
    /// Whether so many bytes more can be written, on the disk or into pages that are free.
    ///
    /// Looks through the list of free pages where the disk has no room. Not to be called inside a
    /// transaction.
    package func hasRoom(for bytes: Int) throws -> Bool {
        if try FileSystem.freeBytes(at: dataFile) >= bytes { return true }
        let unusedEnd = try unusedEndBytes()
        return try unusedEnd + pageUse().free * Self.pageBytes >= bytes
    }

    /// Gives back to the disk what the file has grown by for commits that were not to be.
    ///
    /// Not to be called while anybody writes.
    package func giveBackUnusedEnd() throws {
        let bytes = try unusedEndBytes()
        guard bytes > 0 else { return }
        let descriptor = try descriptor()
        let size = try FileSystem.size(of: dataFile).bytes
        // No snapshot knows of pages behind the last one of the newest commit.
        guard ftruncate(descriptor, off_t(size - bytes)) == 0 else {
            throw lastError("ftruncate", path: dataFile)
        }
    }

    /// Bytes of the file behind the last page of the newest commit.
    private func unusedEndBytes() throws -> Int {
        let lastPage = try gate.using { try unsafe information(handle).me_last_pgno }
        return max(0, try FileSystem.size(of: dataFile).bytes - (lastPage + 1) * Self.pageBytes)
    }
}
