internal import Foundation
internal import GRDB
internal import Storage

/// Keeps a second process from projecting in the same directory meanwhile.
///
/// The lock is on the directory itself, and the kernel lifts it when the process ends in any way.
func withProjectorLock<Result>(
    on directory: String, _ body: () throws -> Result
) throws -> Result {
    do {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
    } catch {
        throw ReadModelError.storage(path: directory, reason: error.localizedDescription)
    }
    guard let handle = FileHandle(forReadingAtPath: directory) else {
        throw ReadModelError.storage(path: directory, reason: "cannot be opened")
    }
    // A child process must not keep the lock beyond the end of this one.
    _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
    guard flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) == 0 else {
        throw ReadModelError.locked(directory: directory)
    }
    // Lifted expressly: a child process that was just forked may hold the descriptor too.
    defer {
        flock(handle.fileDescriptor, LOCK_UN)
        try? handle.close()
    }
    return try body()
}

/// Puts a finished database in the place of the read model that is asked.
///
/// Readers see the old file or the new one, whole. A reader that has the old one open finishes on
/// it.
func publish(_ building: String, as live: String) throws {
    do throws(StorageError) {
        try FileSystem.sync(building)
    } catch {
        throw ReadModelError.storage(path: building, reason: "\(error)")
    }
    try retire(live)
    do throws(StorageError) {
        // From here on the new read model is the one that is asked; before, it was the old one.
        try FileSystem.rename(from: building, to: live)
        try FileSystem.sync(FileSystem.parent(of: live))
    } catch {
        throw ReadModelError.storage(path: live, reason: "\(error)")
    }
}

/// Makes the old file stand alone, so that nothing beside it is taken for a part of its successor.
///
/// SQLite finds a write-ahead log by its name and would replay the old one into the new file.
private func retire(_ live: String) throws {
    var isReadable = FileManager.default.fileExists(atPath: live)
    if isReadable {
        do {
            try leaveWriteAheadLogging(live, within: ProjectionLimits.swapWait)
        } catch ReadModelError.damaged {
            isReadable = false
        }
    }
    guard !isReadable else { return }
    for file in ReadModelPath.sideFiles(of: live) {
        try? FileManager.default.removeItem(atPath: file)
    }
}

/// Makes one plain file of a read model, which can be read without permission to write.
///
/// - Throws: ``ReadModelError/inUse(path:)`` where readers have it open for longer than `patience`.
func leaveWriteAheadLogging(_ live: String, within patience: Duration) throws {
    let deadline = ContinuousClock.now.advanced(by: patience)
    while true {
        do {
            let mode = try withDatabase(at: live, for: .inspecting) { database in
                try String.fetchOne(database, sql: "PRAGMA journal_mode = DELETE")
            }
            if mode == "delete" { return }
        } catch ReadModelError.busy {
            // SQLite does not wait for the readers by itself here.
        }
        guard ContinuousClock.now < deadline else { throw ReadModelError.inUse(path: live) }
        Thread.sleep(forTimeInterval: ProjectionLimits.swapRetrySeconds)
    }
}
