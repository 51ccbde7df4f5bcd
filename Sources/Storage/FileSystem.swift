internal import CLMDB
internal import CLinux
internal import Glibc

/// The few file operations whose durability the log depends on.
package enum FileSystem {
    package enum Kind: Sendable {
        case file
        case directory
        case missing
    }

    package static func kind(of path: String) -> Kind {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return .missing }
        return info.st_mode & S_IFMT == S_IFDIR ? .directory : .file
    }

    /// Runs `body` while no other process does so for this directory; waits until that is so.
    ///
    /// The kernel lifts the lock when the process ends in any way.
    package static func withLock<Result>(
        on directory: String, _ body: () throws -> Result
    ) throws -> Result {
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw lastError("open", path: directory) }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw lastError("flock", path: directory) }
        }
        return try body()
    }

    /// Whether it is a file whose bytes stay, and no pipe or terminal.
    package static func isRegular(_ path: String) -> Bool {
        var info = stat()
        return unsafe stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
    }

    /// Bytes of a file, and the bytes that its blocks take on disk.
    package static func size(of path: String) throws(StorageError) -> (bytes: Int, onDisk: Int) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { throw lastError("stat", path: path) }
        return (Int(info.st_size), Int(info.st_blocks) * 512)
    }

    /// When the content of a file, or the names in a directory, last changed; nil where it is
    /// missing.
    ///
    /// In nanoseconds since 1970, as far as the file system tells.
    package static func changed(_ path: String) -> Int64? {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { return nil }
        return Int64(info.st_mtim.tv_sec) * 1_000_000_000 + Int64(info.st_mtim.tv_nsec)
    }

    /// Whether others than its owner may read or change a file.
    package static func isOpenToOthers(_ path: String) throws(StorageError) -> Bool {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { throw lastError("stat", path: path) }
        return info.st_mode & 0o077 != 0
    }

    package static func isEmptyDirectory(_ path: String) -> Bool {
        entries(of: path)?.isEmpty ?? false
    }

    /// The names in a directory, sorted, or nil where it cannot be read.
    package static func entries(of path: String) -> [String]? {
        guard let directory = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Creates a directory; its parent must exist.
    package static func createDirectory(
        _ path: String, for readers: RawFile.Readers = .asUsual
    ) throws(StorageError) {
        // Whoever may read a directory may also enter it.
        let mode: mode_t = readers == .ownerOnly ? 0o700 : 0o777
        guard unsafe mkdir(path, mode) == 0 else { throw lastError("mkdir", path: path) }
    }

    /// Removes a directory with all that is in it, or a file; what is missing is fine.
    ///
    /// A symbolic link is removed itself, never what it leads to.
    package static func remove(_ path: String) {
        var info = stat()
        guard unsafe lstat(path, &info) == 0 else { return }
        if info.st_mode & S_IFMT == S_IFDIR {
            for name in entries(of: path) ?? [] { remove(path + "/" + name) }
        }
        unsafe Glibc.remove(path)
    }

    package static func rename(from source: String, to target: String) throws(StorageError) {
        guard unsafe Glibc.rename(source, target) == 0 else {
            throw lastError("rename", path: target)
        }
    }

    /// Puts a file into the place of another, or where there is none: whole, or not at all.
    package static func replace(
        _ path: String, with bytes: [UInt8], for readers: RawFile.Readers
    ) throws(StorageError) {
        let aside = path + ".new"
        remove(aside)
        let file = try RawFile.create(aside, for: readers)
        do throws(StorageError) {
            try file.write(bytes, at: 0)
            try file.sync()
            try rename(from: aside, to: path)
        } catch {
            remove(aside)
            throw error
        }
        try sync(parent(of: path))
    }

    /// Like ``replace(_:with:for:)``, but for many files, which ``syncFileSystem(of:)`` makes
    /// durable together: after a power cut before that, any of them may be missing or empty.
    package static func place(_ bytes: [UInt8], at path: String) throws(StorageError) {
        let aside = path + ".new"
        remove(aside)
        let file = try RawFile.create(aside)
        do throws(StorageError) {
            try file.write(bytes, at: 0)
            try rename(from: aside, to: path)
        } catch {
            remove(aside)
            throw error
        }
    }

    /// Makes everything on the disk of `path` survive a power cut.
    package static func syncFileSystem(of path: String) throws(StorageError) {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw lastError("open", path: path) }
        defer { Glibc.close(descriptor) }
        guard syncfs(descriptor) == 0 else { throw lastError("syncfs", path: path) }
    }

    /// Creates a directory and those that it lies in, where they are missing.
    package static func createDirectories(_ path: String) throws(StorageError) {
        guard kind(of: path) != .directory else { return }
        let above = parent(of: path)
        if above != path { try createDirectories(above) }
        try createDirectory(path)
    }

    /// Gives a file a second name; what is then written under the first is seen under both.
    package static func link(_ source: String, as target: String) throws(StorageError) {
        guard unsafe Glibc.link(source, target) == 0 else {
            throw lastError("link", path: target)
        }
    }

    /// Makes the content of a file, or the names in a directory, survive a power cut.
    package static func sync(_ path: String) throws(StorageError) {
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw lastError("open", path: path) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw lastError("fsync", path: path) }
    }

    /// The directory that holds `path`.
    package static func parent(of path: String) -> String {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    /// Refuses file systems on which memory maps or locks cannot be trusted.
    static func requireLocal(_ path: String) throws(StorageError) {
        var info = statfs()
        guard unsafe statfs(path, &info) == 0 else { throw lastError("statfs", path: path) }
        if networkFileSystems.contains(UInt32(truncatingIfNeeded: info.f_type)) {
            throw .networkFileSystem(path: path)
        }
    }

    /// Whether a file's disk has hardly a page left for this process.
    static func isFull(at path: String) throws(StorageError) -> Bool {
        try freeBytes(at: path) < fullBelowBytes
    }

    /// What a file's disk has left for this process.
    static func freeBytes(at path: String) throws(StorageError) -> Int {
        var info = statvfs()
        guard unsafe statvfs(path, &info) == 0 else { throw lastError("statvfs", path: path) }
        let free = geteuid() == 0 ? info.f_bfree : info.f_bavail
        return Int(clamping: free * info.f_frsize)
    }

    /// What one failed write leaves free is less than LMDB writes at once (64 pages).
    private static let fullBelowBytes = 64 * Environment.pageBytes

    static func requireWritableMount(_ path: String) throws(StorageError) {
        var info = statvfs()
        guard unsafe statvfs(path, &info) == 0 else { throw lastError("statvfs", path: path) }
        if info.f_flag & UInt(ST_RDONLY) != 0 { throw .readOnlyMount(path: path) }
    }

    /// Magic numbers of NFS, SMB, SMB2, CIFS, AFS, Ceph, 9P and Coda (statfs(2)).
    private static let networkFileSystems: Set<UInt32> = [
        0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42, 0x5346_414F, 0x00C3_6400, 0x0102_1997,
        0x7375_7245,
    ]
}

/// The error that the last system call left, told apart by what the caller can do.
func lastError(_ call: String, path: String) -> StorageError {
    storageError(call, code: errno, path: path)
}

func storageError(_ call: String, code: Int32, path: String) -> StorageError {
    switch code {
    case ENOENT: .missing(path: path)
    case EACCES, EPERM: .notPermitted(path: path)
    case EROFS: .readOnlyMount(path: path)
    case ENOSPC, EDQUOT: .diskFull
    default: .system(call: "\(call) \(path)", code: code)
    }
}

/// The operating system's words for an error number.
func systemMessage(_ code: Int32) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
}
