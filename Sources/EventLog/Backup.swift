internal import JSON
internal import Storage

extension EventLog {
    /// Writes a verified copy of the newest state into one file, while others go on writing.
    ///
    /// The file appears whole and checked, or not at all. It holds what the log held at one
    /// moment, so it equals a prefix of what the log becomes. A backup that is there already is
    /// replaced if it is one of this log and holds no more events; any other file is refused.
    /// `verify` is given the path of the copy before it takes its name, and throws where it is not
    /// sound; ``checkBackup(at:progress:)`` tells, best in a process of its own.
    package func backup(
        to path: String, verifying verify: (String) throws -> Void
    ) throws -> BackupSummary {
        let taken = clock.read().wall
        let aside = "\(path).partial-\(EventID.timeOrdered(at: taken))"
        try wrapping { try requireReplaceable(path, events: try head().size) }
        defer { FileSystem.remove(aside) }
        let trailer = try wrapping { try writeCopy(to: aside, takenAt: taken) }
        try verify(aside)
        try wrapping {
            try requireReplaceable(path, events: trailer.slot.size)
            // The copy is synced and checked. A crash before the next line leaves what was at
            // `path`, and a partial file that nobody reads; one behind it leaves the new backup.
            try FileSystem.rename(from: aside, to: path)
            try FileSystem.sync(FileSystem.parent(of: path))
        }
        return BackupSummary(trailer)
    }

    /// Copies the environment, puts the trailer behind it and syncs.
    private func writeCopy(to path: String, takenAt: Instant) throws -> BackupTrailer {
        let copy = try RawFile.create(path)
        try environment.copyCompacted(to: copy)
        let head = try Self.head(ofCopy: path)
        let bytes = try copy.byteCount()
        let trailer = BackupTrailer(
            dataBytes: bytes, dataHash: try hash(ofFirst: bytes, of: copy), logID: identity.id,
            takenAt: takenAt,
            slot: HeadFile.Slot(sequence: 1, size: head.size, root: head.root))
        try copy.write(trailer.encode(), at: bytes)
        try copy.sync()
        return trailer
    }

    static func head(ofCopy path: String) throws -> HeadRecord {
        let environment = try Environment.openCopy(at: path, databases: Databases.all)
        return try environment.read { try Snapshot($0).head }
    }

    private func requireReplaceable(_ path: String, events: UInt64) throws {
        switch FileSystem.kind(of: path) {
        case .missing: return
        case .directory: throw LogError.noBackup(path: path)
        case .file: break
        }
        let old = try BackupTrailer.read(try RawFile.open(path))
        guard old.logID == identity.id else { throw LogError.backupOfOtherLog(path: path) }
        guard old.slot.size <= events else {
            throw LogError.backupHoldsMore(path: path, events: old.slot.size, than: events)
        }
    }

    /// Verifies a backup file: all its bytes, and what ``check(at:depth:access:progress:)``
    /// verifies of a log.
    package static func checkBackup(
        at path: String, progress: (UInt64) -> Void
    ) throws(LogError) -> CheckReport {
        try reporting {
            let trailer = try soundTrailer(of: path)
            let environment = try Environment.openCopy(at: path, databases: Databases.all)
            var report = try check(
                environment, slot: .success(trailer.slot), depth: .full, progress: progress)
            if report.problems.isEmpty {
                let isSame = report.events == trailer.slot.size && report.root == trailer.slot.root
                if !isSame {
                    report.problems.append(
                        Corruption(at: nil, "the backup does not hold what its trailer says"))
                }
            }
            return report
        }
    }

    /// The trailer of a backup all of whose bytes are as they were written.
    static func soundTrailer(of path: String) throws -> BackupTrailer {
        let file = try RawFile.open(path)
        let trailer = try BackupTrailer.read(file)
        guard try hash(ofFirst: trailer.dataBytes, of: file) == trailer.dataHash else {
            throw Corruption(at: nil, "the bytes of the backup \(path) are not those written")
        }
        return trailer
    }

    /// What a backup file says that it holds; nothing but its end is verified.
    package static func backupSummary(of path: String) throws(LogError) -> BackupSummary {
        try wrapping { BackupSummary(try BackupTrailer.read(try RawFile.open(path))) }
    }
}
