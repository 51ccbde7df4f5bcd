/// What can go wrong below the log; each case says what the caller can do.
package enum StorageError: Error, Equatable, Sendable {
    /// There is no file at this path.
    case missing(path: String)
    /// The directory exists and is not empty, so nothing is created in it.
    case notEmpty(path: String)
    /// Another process has the log open for writing; try again when it has ended.
    case locked(path: String)
    /// Other processes have the log open, and this needs it alone; end them and try again.
    case inUse(path: String, process: Int)
    /// A permission is missing; readers, too, must be able to write the lock file.
    case notPermitted(path: String)
    /// Memory maps and locks are not reliable on network file systems.
    case networkFileSystem(path: String)
    /// Readers on a read-only mount have no slot, so pages could be reused under them.
    case readOnlyMount(path: String)
    /// The process was forked after opening; open the log again in the child.
    case openedInParentProcess
    /// Close some readers.
    case tooManyReaders
    /// The map is full and may not grow; nothing was written.
    case mapFull
    /// The disk is full; nothing was written.
    case diskFull
    /// The file is larger than what it is to hold can be.
    case tooLarge(path: String, bytes: Int, most: Int)
    /// Bytes on disk are not what was written; run `ascolto check`.
    case corrupted(String)
    /// An operating system call failed; nothing was acknowledged.
    case system(call: String, code: Int32)
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing(let path): "there is nothing at \(path)"
        case .notEmpty(let path): "\(path) is not empty; give a new directory"
        case .locked(let path):
            "\(path) is held by another process, which writes, or reads with --frozen"
        case .inUse(let path, let process):
            "\(path) is open in other processes\(process > 0 ? ", such as \(process)" : ""); "
                + "end those that read it, and try again"
        case .notPermitted(let path):
            "no permission for \(path); reading, too, needs write permission on its lock file"
        case .networkFileSystem(let path):
            "\(path) is on a network file system, where locks and memory maps are not reliable; "
                + "use a local disk"
        case .readOnlyMount(let path):
            "\(path) is on a read-only mount, where readers cannot announce themselves; read it "
                + "with --frozen if nobody writes it"
        case .openedInParentProcess:
            "the log was opened before this process was forked; open it again"
        case .tooManyReaders: "too many readers at once"
        case .mapFull: "the memory map of the log is full; nothing was written"
        case .diskFull: "the disk is full; nothing was written"
        case .tooLarge(let path, let bytes, let most):
            "\(path) has \(bytes) bytes, and may have \(most)"
        case .corrupted(let what): "corruption: \(what)"
        case .system(let call, let code): "\(call) failed: \(systemMessage(code))"
        }
    }
}
