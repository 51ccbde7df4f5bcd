internal import CLMDB
internal import Glibc

/// A snapshot of the newest commit at its beginning; bound to one closure.
@safe package struct ReadTransaction: ~Copyable {
    fileprivate let pointer: OpaquePointer
    fileprivate let databases: [String: MDB_dbi]

    init(pointer: OpaquePointer, databases: [String: MDB_dbi]) {
        unsafe self.pointer = pointer
        self.databases = databases
    }

    deinit { unsafe mdb_txn_abort(pointer) }

    /// The number of the commit that the snapshot shows.
    package var commit: UInt64 { UInt64(unsafe mdb_txn_id(pointer)) }
}

/// The one write transaction; bound to one closure, at whose end it is committed.
@safe package struct WriteTransaction: ~Copyable {
    fileprivate let pointer: OpaquePointer
    fileprivate let databases: [String: MDB_dbi]
    private var isOpen = true

    init(pointer: OpaquePointer, databases: [String: MDB_dbi]) {
        unsafe self.pointer = pointer
        self.databases = databases
    }

    deinit { if isOpen { unsafe mdb_txn_abort(pointer) } }

    mutating func commit() throws(StorageError) {
        isOpen = false
        try unsafe check(mdb_txn_commit(pointer), "mdb_txn_commit", "")
    }

    /// Writes `value` under `key`, replacing what stood there.
    package mutating func put(
        _ value: [UInt8], for key: [UInt8], in database: String
    ) throws(StorageError) {
        var code: Int32 = 0
        // LMDB copies both before the call returns.
        unsafe key.withUnsafeBytes { keyBytes in
            unsafe value.withUnsafeBytes { valueBytes in
                var keyValue = unsafe MDB_val(keyBytes)
                var dataValue = unsafe MDB_val(valueBytes)
                code = unsafe mdb_put(
                    pointer, handle(database), &keyValue, &dataValue, 0)
            }
        }
        try check(code, "mdb_put", database)
    }

    /// Removes `key`; a missing one is an error of the caller's books, so it is corruption.
    package mutating func delete(_ key: [UInt8], in database: String) throws(StorageError) {
        var code: Int32 = 0
        // LMDB reads the key during the call only.
        unsafe key.withUnsafeBytes { keyBytes in
            var keyValue = unsafe MDB_val(keyBytes)
            code = unsafe mdb_del(pointer, handle(database), &keyValue, nil)
        }
        if code == MDB_NOTFOUND {
            throw .corrupted("a key to delete is missing in \"\(database)\"")
        }
        try check(code, "mdb_del", database)
    }
}

/// What can be looked up in a snapshot and, with its own writes, in the write transaction.
package protocol Transaction: ~Copyable {
    /// Runs `body` on the value under `key`, which cannot leave it; nil where there is none.
    func withValue<Result>(
        for key: [UInt8], in database: String, _ body: (Span<UInt8>) throws -> Result
    ) throws -> Result?

    /// Runs `body` with a cursor over one database, which is closed at its end.
    func withCursor<Result>(
        in database: String, _ body: (inout Cursor) throws -> Result
    ) throws -> Result

    func statistics(of database: String) throws(StorageError) -> DatabaseStatistics
}

/// Pages and entries of one database.
package struct DatabaseStatistics: Sendable {
    package let entries: Int
    package let branchPages: Int
    package let leafPages: Int
    package let overflowPages: Int
}

extension ReadTransaction: Transaction {
    package func withValue<Result>(
        for key: [UInt8], in database: String, _ body: (Span<UInt8>) throws -> Result
    ) throws -> Result? {
        try unsafe lookUp(key, pointer, handle(database), body)
    }

    package func withCursor<Result>(
        in database: String, _ body: (inout Cursor) throws -> Result
    ) throws -> Result {
        var cursor = try unsafe Cursor(transaction: pointer, database: handle(database))
        return try body(&cursor)
    }

    package func statistics(of database: String) throws(StorageError) -> DatabaseStatistics {
        try unsafe readStatistics(pointer, handle(database))
    }

    /// How the file's pages are shared out, or nil where a commit has come behind this snapshot.
    ///
    /// Every page must be used once: by a database, by LMDB itself, or as a free page.
    /// - Throws: `StorageError.corrupted` where they do not add up.
    package func pageUse() throws -> PageUse? {
        var info = unsafe MDB_envinfo()
        // LMDB tells the size of the newest commit's file, not of this snapshot's.
        unsafe mdb_env_info(mdb_txn_env(pointer), &info)
        guard unsafe info.me_last_txnid == mdb_txn_id(pointer) else { return nil }
        let lastPage = unsafe info.me_last_pgno
        guard unsafe (1..<info.me_mapsize / Environment.pageBytes).contains(lastPage) else {
            throw StorageError.corrupted("the number of the file's last page is damaged")
        }
        var used = 2
        func count(_ statistics: DatabaseStatistics) throws -> Int {
            let counts = [
                statistics.branchPages, statistics.leafPages, statistics.overflowPages,
            ]
            guard counts.allSatisfy({ (0...lastPage).contains($0) }) else {
                throw StorageError.corrupted("the number of a database's pages is damaged")
            }
            used += counts.reduce(0, +)
            return counts.reduce(0, +)
        }
        _ = try unsafe count(readStatistics(pointer, 0))
        _ = try unsafe count(readStatistics(pointer, 1))
        let own = used
        let byDatabase = try databases.mapValues { try unsafe count(readStatistics(pointer, $0)) }
        let free = try freePages()
        guard Set(free).count == free.count,
            free.allSatisfy({ (2...UInt64(lastPage)).contains($0) })
        else { throw StorageError.corrupted("the list of free pages is damaged") }
        guard used + free.count == lastPage + 1 else {
            throw StorageError.corrupted(
                "\(used) used and \(free.count) free pages are not the file's \(lastPage + 1)")
        }
        return PageUse(byDatabase: byDatabase, own: own, free: free.count)
    }

    /// LMDB keeps free pages in a database of its own, whose values are lists of page numbers.
    private func freePages() throws -> [UInt64] {
        var pages: [UInt64] = []
        var cursor = try unsafe Cursor(transaction: pointer, database: 0)
        var found = try cursor.first()
        while found {
            try cursor.withEntry { _, value in
                var reader = ByteReader(value)
                do {
                    let count = try reader.u64()
                    guard UInt64(reader.remaining / 8) >= count else {
                        throw StorageError.corrupted("a list of free pages is cut short")
                    }
                    for _ in 0..<count { pages.append(try reader.u64()) }
                } catch is MalformedBytes {
                    throw StorageError.corrupted("a list of free pages is cut short")
                }
            }
            found = try cursor.next()
        }
        return pages
    }

    private func handle(_ database: String) -> MDB_dbi { find(database, in: databases) }
}

/// How many pages of the file each database has, and how many nobody has.
package struct PageUse: Sendable {
    package let byDatabase: [String: Int]
    /// LMDB's own: the two meta pages, the list of databases and the list of free pages.
    package let own: Int
    package let free: Int
}

extension WriteTransaction: Transaction {
    package func withValue<Result>(
        for key: [UInt8], in database: String, _ body: (Span<UInt8>) throws -> Result
    ) throws -> Result? {
        try unsafe lookUp(key, pointer, handle(database), body)
    }

    package func withCursor<Result>(
        in database: String, _ body: (inout Cursor) throws -> Result
    ) throws -> Result {
        var cursor = try unsafe Cursor(transaction: pointer, database: handle(database))
        return try body(&cursor)
    }

    package func statistics(of database: String) throws(StorageError) -> DatabaseStatistics {
        try unsafe readStatistics(pointer, handle(database))
    }

    private func handle(_ database: String) -> MDB_dbi { find(database, in: databases) }
}

/// A place in the order of a database's keys; bound to one closure.
@safe package struct Cursor: ~Copyable {
    private let pointer: OpaquePointer
    private var key = unsafe MDB_val()
    private var value = unsafe MDB_val()

    fileprivate init(transaction: OpaquePointer, database: MDB_dbi) throws(StorageError) {
        var pointer: OpaquePointer?
        try unsafe check(
            mdb_cursor_open(transaction, database, &pointer), "mdb_cursor_open", "")
        guard let pointer = unsafe pointer else {
            throw .system(call: "mdb_cursor_open", code: ENOMEM)
        }
        unsafe self.pointer = pointer
    }

    deinit { unsafe mdb_cursor_close(pointer) }

    /// Goes to the smallest key; false where there is none.
    package mutating func first() throws(StorageError) -> Bool { try move(MDB_FIRST) }
    /// Goes to the greatest key; false where there is none.
    package mutating func last() throws(StorageError) -> Bool { try move(MDB_LAST) }
    package mutating func next() throws(StorageError) -> Bool { try move(MDB_NEXT) }
    package mutating func previous() throws(StorageError) -> Bool { try move(MDB_PREV) }

    /// Goes to the smallest key that is not before `target`; false where there is none.
    package mutating func seek(atOrAfter target: [UInt8]) throws(StorageError) -> Bool {
        var code: Int32 = 0
        // LMDB reads the target during the call and then points `key` into its own pages.
        unsafe target.withUnsafeBytes { bytes in
            unsafe key = unsafe MDB_val(bytes)
            code = unsafe mdb_cursor_get(pointer, &key, &value, MDB_SET_RANGE)
        }
        return try found(code)
    }

    /// Goes to the greatest key that is not after `target`; false where there is none.
    package mutating func seek(atOrBefore target: [UInt8]) throws -> Bool {
        guard try seek(atOrAfter: target) else { return try last() }
        let isExact = withEntry { key, _ in key.elementsEqual(target) }
        return isExact ? true : try previous()
    }

    /// Runs `body` on the entry that the cursor stands on; only after a move that answered true.
    package func withEntry<Result, Failure: Error>(
        _ body: (_ key: Span<UInt8>, _ value: Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The entry lies in the map, which outlives the transaction that the cursor belongs to.
        try unsafe body(key.span, value.span)
    }

    private mutating func move(_ operation: MDB_cursor_op) throws(StorageError) -> Bool {
        try found(unsafe mdb_cursor_get(pointer, &key, &value, operation))
    }

    private func found(_ code: Int32) throws(StorageError) -> Bool {
        if code == MDB_NOTFOUND { return false }
        try check(code, "mdb_cursor_get", "")
        return true
    }
}

extension Span<UInt8> {
    /// Whether both hold the same bytes.
    package func elementsEqual(_ other: [UInt8]) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where self[index] != other[index] { return false }
        return true
    }
}

extension MDB_val {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.init(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
    }

    /// The bytes that LMDB points to; valid while the transaction lives.
    fileprivate var span: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let bytes = unsafe UnsafeBufferPointer(
                start: mv_data?.assumingMemoryBound(to: UInt8.self), count: mv_size)
            return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
        }
    }
}

private func lookUp<Result>(
    _ key: [UInt8], _ transaction: OpaquePointer, _ database: MDB_dbi,
    _ body: (Span<UInt8>) throws -> Result
) throws -> Result? {
    var found = unsafe MDB_val()
    var code: Int32 = 0
    // LMDB reads the key during the call only.
    unsafe key.withUnsafeBytes { bytes in
        var keyValue = unsafe MDB_val(bytes)
        code = unsafe mdb_get(transaction, database, &keyValue, &found)
    }
    if code == MDB_NOTFOUND { return nil }
    try check(code, "mdb_get", "")
    // The value lies in the map, which outlives the transaction.
    return try unsafe body(found.span)
}

private func readStatistics(
    _ transaction: OpaquePointer, _ database: MDB_dbi
) throws(StorageError) -> DatabaseStatistics {
    var statistics = MDB_stat()
    // The pointer is used within the call.
    try unsafe check(mdb_stat(transaction, database, &statistics), "mdb_stat", "")
    return DatabaseStatistics(
        entries: statistics.ms_entries, branchPages: statistics.ms_branch_pages,
        leafPages: statistics.ms_leaf_pages, overflowPages: statistics.ms_overflow_pages)
}

private func find(_ name: String, in databases: [String: MDB_dbi]) -> MDB_dbi {
    guard let database = databases[name] else {
        preconditionFailure("the database \"\(name)\" was not opened with the environment")
    }
    return database
}
