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

    /// The streams whose names begin with `prefix`, in the order of their first event.
    ///
    /// Reads the envelopes of the whole prefix of the log; memory grows with the streams found.
    package func streams(prefix: String, asOf: AsOf? = nil) throws -> [StreamSummary] {
        var summaries: [StreamSummary] = []
        var places: [StreamName: Int] = [:]
        var selection = Selection()
        selection.asOf = asOf
        try read(selection) { event in
            guard event.stream.text.utf8.starts(with: prefix.utf8) else { return .next }
            if let place = places[event.stream] {
                summaries[place].events += 1
                summaries[place].last = event.position
            } else {
                places[event.stream] = summaries.count
                summaries.append(
                    StreamSummary(
                        stream: event.stream, events: 1, first: event.position,
                        last: event.position))
            }
            return .next
        }
        return summaries
    }
}

/// One stream and where it begins and ends.
package struct StreamSummary: Equatable, Sendable {
    package let stream: StreamName
    package var events: UInt64
    package let first: Position
    package var last: Position
}
