internal import CLMDB
internal import Glibc
internal import Synchronization

/// An LMDB environment: `data.mdb` and `lock.mdb` in one directory.
///
/// Transactions exist only as arguments of synchronous closures, so that none is committed on
/// another thread than began it (LMDB would answer success and hang at the next begin).
@safe package final class Environment: Sendable {
    package enum Access: Sendable {
        case reading
        case writing
        /// Reading where nobody writes: no lock file is needed, and none is looked at.
        ///
        /// A writer that comes all the same overwrites the pages that are being read.
        case frozen
    }

    let handle: Handle
    let gate = MapGate()
    let mapSize: MapSize
    let growth = MapGrowth()
    private let process: pid_t
    let dataFile: String
    private let databases: [String: MDB_dbi]
    /// Thread that is inside ``write(_:)``, or 0.
    ///
    /// LMDB would wait for itself if the thread came again.
    private let writer = Atomic<UInt>(0)

    /// When the slots of dead readers were looked for, in microseconds since the machine started.
    private let readersCheckedAt = Atomic<Int64>(0)
    private static let readersCheckMicroseconds: Int64 = 5_000_000

    private static let openAttempts = 10
    static let resizeAttempts = 10
    private static let pageUseAttempts = 1_000
    /// LMDB's default page size, which is the machine's.
    package static let pageBytes = 4_096

    /// The version of the LMDB library in use.
    package static var libraryVersion: String {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        // The three pointers are used within the call.
        unsafe mdb_version(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }

    /// Creates an empty environment with these databases in an existing directory.
    package static func create(
        in directory: String, databases: [String]
    ) throws(StorageError) {
        _ = try Environment(
            place: .directory(directory), access: .writing, databases: databases, mode: .create,
            readersMax: 1, map: .standard)
    }

    /// Opens an environment that exists.
    ///
    /// One process has it open at most once at a time.
    package static func open(
        in directory: String, access: Access, databases: [String], readersMax: Int,
        map: MapSize = .standard
    ) throws(StorageError) -> Environment {
        let path = directory + "/data.mdb"
        for _ in 0..<openAttempts {
            try requireWhole(path)
            let environment = try Environment(
                place: .directory(directory), access: access, databases: databases, mode: .open,
                readersMax: readersMax, map: map)
            // A reader opens the file first and then waits for its lock; meanwhile a compacted
            // one may have taken its place.
            if try environment.openFile() == FileIdentity(path: path) { return environment }
        }
        throw .system(call: "mdb_env_open", code: EAGAIN)
    }

    /// Opens a file that is a copy of an environment and that nobody writes.
    package static func openCopy(
        at path: String, databases: [String]
    ) throws(StorageError) -> Environment {
        try requireWhole(path)
        return try Environment(
            place: .file(path), access: .frozen, databases: databases, mode: .open, readersMax: 1,
            map: .standard)
    }

    private enum Mode {
        case create
        case open
    }

    private enum Place {
        case directory(String)
        case file(String)

        /// What LMDB is told to open.
        var path: String {
            switch self {
            case .directory(let path), .file(let path): path
            }
        }

        var dataFile: String {
            switch self {
            case .directory(let path): path + "/data.mdb"
            case .file(let path): path
            }
        }
    }

    private init(
        place: Place, access: Access, databases names: [String], mode: Mode, readersMax: Int,
        map: MapSize
    ) throws(StorageError) {
        let directory = place.path
        try FileSystem.requireLocal(directory)
        if access != .frozen { try FileSystem.requireWritableMount(directory) }
        var pointer: OpaquePointer?
        try unsafe check(mdb_env_create(&pointer), "mdb_env_create", directory)
        guard let created = unsafe pointer else {
            throw .system(call: "mdb_env_create", code: ENOMEM)
        }
        let handle = unsafe Handle(pointer: created)
        try unsafe check(
            mdb_env_set_mapsize(handle.pointer, map.bytes), "mdb_env_set_mapsize", directory)
        try unsafe check(
            mdb_env_set_maxreaders(handle.pointer, UInt32(readersMax)), "mdb_env_set_maxreaders",
            directory)
        try unsafe check(
            mdb_env_set_maxdbs(handle.pointer, UInt32(names.count)), "mdb_env_set_maxdbs",
            directory)
        // Read transactions are bound to no thread. No flag that weakens durability is ever set.
        var flags = UInt32(MDB_NOTLS)
        if access != .writing { flags |= UInt32(MDB_RDONLY) }
        if access == .frozen { flags |= UInt32(MDB_NOLOCK) }
        if case .file = place { flags |= UInt32(MDB_NOSUBDIR) }
        try unsafe check(
            mdb_env_open(handle.pointer, directory, flags, 0o666), "mdb_env_open", directory)
        try Self.requirePageSize(of: handle, directory)
        handle.enterRegistry(try FileIdentity(path: place.dataFile))
        self.databases = try Self.openDatabases(names, in: handle, mode: mode, directory)
        self.handle = handle
        mapSize = map
        dataFile = place.dataFile
        process = getpid()
        clearStaleReaders()
    }

    /// The format has pages of 4,096 bytes; LMDB takes those of the machine that creates the file.
    private static func requirePageSize(
        of handle: Handle, _ directory: String
    ) throws(StorageError) {
        var statistics = MDB_stat()
        try unsafe check(mdb_env_stat(handle.pointer, &statistics), "mdb_env_stat", directory)
        if statistics.ms_psize != pageBytes {
            throw .corrupted(
                "the pages of \(directory) have \(statistics.ms_psize) bytes, not 4096")
        }
    }

    private static func openDatabases(
        _ names: [String], in handle: Handle, mode: Mode, _ directory: String
    ) throws(StorageError) -> [String: MDB_dbi] {
        var transaction: OpaquePointer?
        let flags = mode == .create ? 0 : UInt32(MDB_RDONLY)
        try unsafe check(
            mdb_txn_begin(handle.pointer, nil, flags, &transaction), "mdb_txn_begin", directory)
        var databases: [String: MDB_dbi] = [:]
        for name in names {
            var database: MDB_dbi = 0
            let code = unsafe mdb_dbi_open(
                transaction, name, mode == .create ? UInt32(MDB_CREATE) : 0, &database)
            if code != 0 {
                unsafe mdb_txn_abort(transaction)
                throw code == MDB_NOTFOUND
                    ? .corrupted("the database \"\(name)\" is missing in \(directory)")
                    : lmdbError(code, "mdb_dbi_open", directory)
            }
            databases[name] = database
        }
        try unsafe check(mdb_txn_commit(transaction), "mdb_txn_commit", directory)
        return databases
    }

    /// Runs `body` on a snapshot of the newest commit, on the calling thread.
    ///
    /// An open snapshot keeps the pages of all later commits from being reused, so it is to be
    /// short: finish, or leave and come back for the next part.
    package func read<Result>(
        _ body: (borrowing ReadTransaction) throws -> Result
    ) throws -> Result {
        try requireOwnProcess()
        for _ in 0..<Self.resizeAttempts {
            if let result = try gate.using({ try readSnapshot(body) }) { return result }
            try adoptMapSize()
        }
        throw StorageError.system(call: "mdb_txn_begin", code: EAGAIN)
    }

    /// As ``read(_:)``, or nil where another process has made the file outgrow the map.
    private func readSnapshot<Result>(
        _ body: (borrowing ReadTransaction) throws -> Result
    ) throws -> Result? {
        guard let pointer = unsafe try begin(flags: UInt32(MDB_RDONLY)) else { return nil }
        let transaction = unsafe ReadTransaction(pointer: pointer, databases: databases)
        return try body(transaction)
    }

    /// A new transaction, or nil where another process has made the file outgrow the map.
    private func begin(flags: UInt32) throws -> OpaquePointer? {
        var pointer: OpaquePointer?
        let code = unsafe mdb_txn_begin(handle.pointer, nil, flags, &pointer)
        if code == MDB_MAP_RESIZED { return nil }
        try check(code, "mdb_txn_begin", "")
        guard let pointer = unsafe pointer else {
            throw StorageError.system(call: "mdb_txn_begin", code: ENOMEM)
        }
        return unsafe pointer
    }

    /// How the file's pages are shared out as of the newest commit.
    /// - Throws: `StorageError.corrupted` where they do not add up.
    package func pageUse() throws -> PageUse {
        // A commit that comes between the snapshot and its first look is rare; the next may do.
        for _ in 0..<Self.pageUseAttempts {
            if let use = try read({ try $0.pageUse() }) { return use }
            usleep(1_000)
        }
        throw StorageError.system(call: "mdb_env_info", code: EAGAIN)
    }

    /// Runs `body` in the write transaction and commits it, all on the calling thread.
    ///
    /// When this returns, everything that `body` wrote is on disk. When it throws, nothing is, but
    /// for an I/O error from the commit itself, after which the environment has to be opened anew.
    /// After `mapFull` and `diskFull` it can go on; the map has grown by the next call, as far as
    /// its limit allows.
    package func write<Result>(
        _ body: (inout WriteTransaction) throws -> Result
    ) throws -> Result {
        try requireOwnProcess()
        precondition(
            writer.load(ordering: .relaxed) != UInt(pthread_self()),
            "a write transaction cannot begin inside another on the same thread")
        clearStaleReadersNowAndThen()
        growMapInTime()
        for _ in 0..<Self.resizeAttempts {
            if let result = try gate.using({ try writeAndCommit(body) }) { return result }
            try adoptMapSize()
        }
        throw StorageError.system(call: "mdb_txn_begin", code: EAGAIN)
    }

    /// As ``write(_:)``, or nil where another process has made the file outgrow the map.
    private func writeAndCommit<Result>(
        _ body: (inout WriteTransaction) throws -> Result
    ) throws -> Result? {
        guard let pointer = unsafe try begin(flags: 0) else { return nil }
        writer.store(UInt(pthread_self()), ordering: .relaxed)
        var isMarked = true
        defer { if isMarked { writer.store(0, ordering: .relaxed) } }
        var transaction = unsafe WriteTransaction(pointer: pointer, databases: databases)
        do {
            let result = try body(&transaction)
            // The commit lets the next writer in, who then sets the mark for itself.
            isMarked = false
            writer.store(0, ordering: .relaxed)
            do throws(StorageError) { try transaction.commit() } catch {
                throw isShortWrite(error) ? .diskFull : error
            }
            return result
        } catch StorageError.mapFull {
            growth.isOverdue.store(true, ordering: .relaxed)
            throw StorageError.mapFull
        }
    }

    /// LMDB calls it an I/O error when the disk had room for a part of what it wrote.
    ///
    /// That happens before anything refers to the new pages, so nothing has changed. Where an
    /// error of the disk falls together with a full disk, LMDB refuses all that follows by itself
    /// once the meta page may be damaged, and pages of earlier commits were synced by those.
    private func isShortWrite(_ error: StorageError) -> Bool {
        guard case .system("mdb_txn_commit ", EIO) = error else { return false }
        return (try? FileSystem.isFull(at: dataFile)) ?? false
    }

    /// Frees the reader slots of processes that died; returns how many.
    @discardableResult
    package func clearStaleReaders() -> Int {
        var dead: Int32 = 0
        // The pointer is used within the call.
        unsafe mdb_reader_check(handle.pointer, &dead)
        return Int(dead)
    }

    /// Snapshots of processes that died would keep pages from being reused for ever.
    private func clearStaleReadersNowAndThen() {
        let now = SystemClock.bootMicroseconds()
        guard now - readersCheckedAt.load(ordering: .relaxed) >= Self.readersCheckMicroseconds
        else { return }
        readersCheckedAt.store(now, ordering: .relaxed)
        clearStaleReaders()
    }

    func requireOwnProcess() throws(StorageError) {
        if getpid() != process { throw .openedInParentProcess }
        if growth.isLost.load(ordering: .relaxed) {
            throw .system(call: "mdb_env_set_mapsize", code: ENOMEM)
        }
    }

    /// The file that is open, which another may have replaced in its directory.
    private func openFile() throws(StorageError) -> FileIdentity {
        try FileIdentity(descriptor: descriptor())
    }

    /// LMDB's own, which it closes.
    func descriptor() throws(StorageError) -> Int32 {
        var descriptor: Int32 = -1
        // The pointer is used within the call.
        try unsafe check(
            mdb_env_get_fd(handle.pointer, &descriptor), "mdb_env_get_fd", "data.mdb")
        return descriptor
    }

    /// Refuses a file that is shorter than its newest meta page says: reading past its end through
    /// the map would kill the process.
    private static func requireWhole(_ path: String) throws(StorageError) {
        // In this order: a writer beside us writes pages before the meta page that needs them, so
        // a size of before could be too small for a meta page of behind.
        let meta = try MetaPage.newest(of: path)
        let bytes = try FileSystem.size(of: path).bytes
        let needed = (Int(truncatingIfNeeded: meta.lastPage) + 1) * pageBytes
        guard bytes >= needed else {
            throw .corrupted("\(path) has \(bytes) bytes, but its pages need \(needed)")
        }
    }
}

/// Owns the C environment and closes it with the last reference.
@safe final class Handle: @unchecked Sendable {
    // Sendable because LMDB allows an environment to be used by all threads, and the pointer
    // never changes.
    let pointer: OpaquePointer
    private let registered = Mutex<FileIdentity?>(nil)

    init(pointer: OpaquePointer) { unsafe self.pointer = pointer }

    func enterRegistry(_ file: FileIdentity) {
        Registry.shared.enter(file)
        registered.withLock { $0 = file }
    }

    deinit {
        guard let file = registered.withLock({ $0 }) else { return unsafe mdb_env_close(pointer) }
        Registry.shared.leave(file) { unsafe mdb_env_close(pointer) }
    }
}

/// Which file it is, whatever path leads to it.
struct FileIdentity: Hashable {
    let device: UInt64
    let inode: UInt64

    init(path: String) throws(StorageError) {
        var info = stat()
        guard unsafe stat(path, &info) == 0 else { throw lastError("stat", path: path) }
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
    }

    init(descriptor: Int32) throws(StorageError) {
        var info = stat()
        // The pointer does not outlive the call.
        guard unsafe fstat(descriptor, &info) == 0 else { throw lastError("fstat", path: "") }
        device = UInt64(info.st_dev)
        inode = UInt64(info.st_ino)
    }
}

/// The environments that are open in this process.
///
/// Opening one twice makes LMDB drop its POSIX locks, after which two writers corrupt the file;
/// the test `openingTwiceTraps` shows that it cannot happen.
final class Registry: Sendable {
    static let shared = Registry()
    private let open = Mutex<Set<FileIdentity>>([])

    func enter(_ file: FileIdentity) {
        let isNew = open.withLock { $0.insert(file).inserted }
        precondition(isNew, "the same environment is already open in this process")
    }

    /// For those who replace a file that LMDB must not have open.
    func requireClosed(_ file: FileIdentity) {
        let isOpen = open.withLock { $0.contains(file) }
        precondition(!isOpen, "the environment is open in this process")
    }

    /// Closes the environment of a file, and lets the file be opened again.
    ///
    /// Both are one step: from the closing on, a new file may have the identity of a deleted one.
    func leave(_ file: FileIdentity, closing: () -> Void) {
        open.withLock { open in
            closing()
            open.remove(file)
        }
    }
}

/// What a call of LMDB means to the caller.
func lmdbError(_ code: Int32, _ call: String, _ path: String) -> StorageError {
    switch code {
    case MDB_MAP_FULL: .mapFull
    case MDB_READERS_FULL: .tooManyReaders
    case MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_PANIC, MDB_INVALID, MDB_VERSION_MISMATCH,
        MDB_PAGE_FULL, MDB_CURSOR_FULL, MDB_BAD_TXN, MDB_BAD_VALSIZE, MDB_INCOMPATIBLE,
        MDB_BAD_DBI, MDB_TXN_FULL:
        unsafe .corrupted("LMDB says \(String(cString: mdb_strerror(code)))")
    case ..<0: .system(call: call, code: code)
    default: storageError(call, code: code, path: path)
    }
}

func check(_ code: Int32, _ call: String, _ path: String) throws(StorageError) {
    if code != 0 { throw lmdbError(code, call, path) }
}
