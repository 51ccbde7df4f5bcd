internal import CLMDBBaseline
internal import Glibc

/// LMDB through its C interface alone, with the flags that the log uses: what its speed is told
/// against.
///
/// One thread at a time uses it, and nothing of the log's runs in it.
@safe package struct LMDBBaseline: ~Copyable {
    private let handle: OpaquePointer
    private let directory: String

    /// Address space for the file, which grows as it is filled.
    private static let mapBytes = 16 << 30

    /// Opens an environment with one database in an existing directory.
    package init(in directory: String) throws(StorageError) {
        var pointer: OpaquePointer?
        // The path and the place of the answer are used within the call.
        try unsafe check(
            lmdb_baseline_open(directory, Self.mapBytes, &pointer), "lmdb_baseline_open", directory)
        guard let opened = unsafe pointer else {
            throw .system(call: "lmdb_baseline_open", code: ENOMEM)
        }
        unsafe handle = opened
        self.directory = directory
    }

    deinit { unsafe lmdb_baseline_close(handle) }

    /// Puts values of equal length, one behind the other in `values`, so many in each commit.
    ///
    /// Returns what each commit took, in nanoseconds. All of them are on disk by then.
    package mutating func append(
        _ values: [UInt8], valueBytes: Int, perCommit: Int
    ) throws(StorageError) -> [Int64] {
        precondition(valueBytes > 0 && values.count % valueBytes == 0, "values of equal length")
        precondition(perCommit > 0, "a commit holds at least one value")
        let events = values.count / valueBytes
        var nanoseconds = [Int64](repeating: 0, count: (events + perCommit - 1) / perCommit)
        // The function reads `values` and writes one number a commit, for which there is room.
        let code = unsafe lmdb_baseline_append(
            handle, values, valueBytes, events, perCommit, &nanoseconds)
        try check(code, "lmdb_baseline_append", directory)
        return nanoseconds
    }

    /// Walks all values and returns how many bytes they have.
    package func scan() throws(StorageError) -> UInt64 {
        var (bytes, checksum): (UInt64, UInt64) = (0, 0)
        // The two numbers are written within the call.
        try unsafe check(
            lmdb_baseline_scan(handle, &bytes, &checksum), "lmdb_baseline_scan", directory)
        return bytes
    }

    /// Asks for the value at each position in a transaction of its own; returns how many there are.
    package func read(_ positions: [UInt64]) throws(StorageError) -> Int {
        var found = 0
        // The positions are read and the count is written within the call.
        try unsafe check(
            lmdb_baseline_read(handle, positions, positions.count, &found), "lmdb_baseline_read",
            directory)
        return found
    }
}
