internal import Foundation
internal import GRDB
internal import Storage

/// Keeps a second process from projecting in the same directory meanwhile.
///
/// The lock is on the directory itself, and the kernel lifts it when the process ends in any way.
/// - Throws: ``ReadModelError/locked(directory:)`` where another has it for longer than `patience`.
func withProjectorLock<Result>(
    on directory: String, within patience: Duration = .zero, _ body: () throws -> Result
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
    let deadline = ContinuousClock.now.advanced(by: patience)
    while flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) != 0 {
        guard ContinuousClock.now < deadline else {
            throw ReadModelError.locked(directory: directory)
        }
        Thread.sleep(forTimeInterval: ProjectionLimits.swapRetrySeconds)
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
            try switchJournal(of: live, to: .delete, within: ProjectionLimits.swapWait)
        } catch ReadModelError.damaged {
            isReadable = false
        }
    }
    guard !isReadable else { return }
    for file in ReadModelPath.sideFiles(of: live) {
        try? FileManager.default.removeItem(atPath: file)
    }
}

/// How a database keeps its last commits.
enum Journal: String {
    /// Beside the file, for as long as somebody uses it; readers and a writer do not wait for each
    /// other.
    case wal
    /// In one plain file, which can be read without permission to write.
    case delete
}

/// Changes how a read model keeps its last commits, which needs a moment without readers.
///
/// The moment is looked for again and again. To wait for it in SQLite would keep all who come
/// meanwhile waiting as well, for as long as one reader takes.
/// - Throws: ``ReadModelError/inUse(path:)`` where readers have it open for longer than `patience`.
func switchJournal(
    of path: String, to journal: Journal, within patience: Duration
) throws {
    let deadline = ContinuousClock.now.advanced(by: patience)
    while true {
        do {
            let mode = try withDatabase(at: path, for: .switching) { database in
                try String.fetchOne(database, sql: "PRAGMA journal_mode = \(journal.rawValue)")
            }
            if mode == journal.rawValue { return }
        } catch ReadModelError.busy {
            // As where the mode did not change.
        }
        guard ContinuousClock.now < deadline else { throw ReadModelError.inUse(path: path) }
        Thread.sleep(forTimeInterval: ProjectionLimits.swapRetrySeconds)
    }
}
