internal import CLinux
internal import GRDBSQLite

/// How much memory a process that runs for months keeps and takes.
package enum BoundMemory {
    /// Gives what is large back to the system as soon as nobody holds it.
    ///
    /// Left alone, glibc takes the first large piece that is given back as a sign that such pieces
    /// come often, and keeps all that are as large from then on, up to 32 MiB each.
    package static func giveBackWhatIsLarge() {
        // A block and what is read of it stays below: to fetch its memory from the system and to
        // give it back would take longer than to read it.
        _ = mallopt(M_MMAP_THRESHOLD, 4 << 20)
        _ = mallopt(M_TRIM_THRESHOLD, 8 << 20)
    }

    /// Lets no statement of SQLite's bring what all of them hold together above so many bytes.
    ///
    /// One that would fails with SQLITE_NOMEM. Limits on values do not do this: some functions
    /// gather them and look at the length of their result at the end.
    package static func limitSQLite(to bytesMax: Int) {
        _ = sqlite3_hard_heap_limit64(Int64(bytesMax))
    }
}
