package import JSON
package import Merkle
package import Storage

/// Sizes and versions of a log.
package struct LogStatistics: Sendable {
    package let events: UInt64
    package let root: Hash
    package let blocks: Int
    /// Events that are not yet in a block.
    package let tailEvents: UInt64
    package let firstRecorded: Instant
    package let lastRecorded: Instant
    /// Bytes that the files take on disk, the read models not included.
    package let fileBytes: Int
    /// Bytes of the pages that each database takes in `data.mdb`.
    package let databaseBytes: [(database: String, bytes: Int)]
    /// Bytes of pages that later commits will use again.
    package let freeBytes: Int
    /// Bytes of the pages that LMDB keeps its own books in.
    package let lmdbBytes: Int
    /// Length of `data.mdb`: databases, free pages and LMDB's own, and what commits that failed
    /// have left behind its last page.
    package let dataFileBytes: Int
    package let headFileBytes: Int
    /// Address space reserved for `data.mdb` by this process; it grows with the file.
    package let mapBytes: Int
    /// Who holds a snapshot, over all processes, the furthest behind first.
    package let readers: [ActiveReader]
    package let lmdbVersion: String
    package let zstdVersion: String
}

extension EventLog {
    /// Sizes and versions.
    ///
    /// Reads the first event and the page counts, not the log.
    package func statistics() throws -> LogStatistics {
        let first = try event(at: Position(0))
        return try wrapping {
            let readers = try environment.activeReaders()
            let mapBytes = try environment.mapBytes()
            let pages = try environment.pageUse()
            return try environment.read { transaction in
                let head = try Snapshot(transaction).head
                var files = 0
                for name in ["data.mdb", HeadFile.name] {
                    files += try FileSystem.size(of: directory + "/" + name).onDisk
                }
                return LogStatistics(
                    events: head.size, root: head.root,
                    blocks: try Self.blocks(transaction),
                    tailEvents: head.size - head.sealedSize,
                    firstRecorded: first?.recorded ?? head.lastRecorded,
                    lastRecorded: head.lastRecorded, fileBytes: files,
                    databaseBytes: Databases.all.map { database in
                        (database, (pages.byDatabase[database] ?? 0) * Environment.pageBytes)
                    },
                    freeBytes: pages.free * Environment.pageBytes,
                    lmdbBytes: pages.own * Environment.pageBytes,
                    dataFileBytes: try FileSystem.size(of: directory + "/data.mdb").bytes,
                    headFileBytes: try FileSystem.size(of: directory + "/" + HeadFile.name).bytes,
                    mapBytes: mapBytes, readers: readers,
                    lmdbVersion: Environment.libraryVersion, zstdVersion: ZstdEncoder.libraryVersion
                )
            }
        }
    }

    /// Counts keys, since LMDB's own count of entries has no checksum.
    private static func blocks(_ transaction: borrowing ReadTransaction) throws -> Int {
        try transaction.withCursor(in: Databases.blocks) { cursor in
            var count = 0
            var isEntry = try cursor.first()
            while isEntry {
                count += 1
                isEntry = try cursor.next()
            }
            return count
        }
    }
}
