internal import Merkle
internal import Storage

/// What a restore may do to a log that is there already.
package enum RestorePolicy: Sendable {
    /// Only take the place of a log all of whose events the backup holds.
    case extendOnly
    /// Take the place of whatever is there; it is moved aside, not deleted.
    case replaceAnything
}

/// What a restore did.
package struct RestoreSummary: Equatable, Sendable {
    package let backup: BackupSummary
    /// Where the log is that was there before; nil where there was none.
    package let replaced: String?
    /// Where the signing key is whose checkpoints the backup does not hold; nil where it stays.
    package let movedKeys: String?
}

extension EventLog {
    /// Makes a log from a backup file, which is verified before anything is replaced.
    ///
    /// A missing or empty directory becomes the log whole or not at all. A log that is there keeps
    /// its directory with read models, definitions and cursors; its data and head file are moved
    /// into a directory of their own within it. Nobody else may have it open. A crash leaves the
    /// old log or the new one, or, where a shorter one replaces a longer, a log that is refused as
    /// behind its head file until the restore is run again. `verify` is given the path of the
    /// backup and throws where it is not sound.
    package static func restore(
        _ path: String, to directory: String, policy: RestorePolicy = .extendOnly,
        clock: LogClock = .system, verifying verify: (String) throws -> Void
    ) throws -> RestoreSummary {
        _ = try backupSummary(of: path)
        try verify(path)
        return try wrapping {
            let trailer = try BackupTrailer.read(try RawFile.open(path))
            let place = trimmed(directory)
            let isFree =
                FileSystem.kind(of: place) == .missing || FileSystem.isEmptyDirectory(place)
            let id = EventID.timeOrdered(at: clock.read().wall)
            if isFree {
                try makeLog(in: place, from: path, trailer, aside: "\(place).restoring-\(id)")
                return RestoreSummary(
                    backup: BackupSummary(trailer), replaced: nil, movedKeys: nil)
            }
            return try replaceLog(
                in: place, by: path, trailer, policy, aside: "\(place)/replaced-\(id)")
        }
    }

    private static func trimmed(_ directory: String) -> String {
        directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory
    }

    private static func makeLog(
        in directory: String, from path: String, _ trailer: BackupTrailer, aside: String
    ) throws {
        try FileSystem.createDirectory(aside)
        defer { FileSystem.remove(aside) }
        try copyData(of: path, trailer, to: aside + "/data.mdb")
        try createHeadFile(in: aside, trailer.slot)
        try FileSystem.sync(aside)
        try FileSystem.rename(from: aside, to: directory)
        try FileSystem.sync(FileSystem.parent(of: directory))
    }

    /// Copies the data and makes sure that they are the ones that were verified.
    private static func copyData(
        of path: String, _ trailer: BackupTrailer, to target: String
    ) throws {
        let copy = try RawFile.create(target)
        let sum = try hash(ofFirst: trailer.dataBytes, of: try RawFile.open(path)) {
            portion, offset in
            try copy.write(portion, at: offset)
        }
        guard sum == trailer.dataHash else {
            throw Corruption(at: nil, "the bytes of the backup \(path) are not those written")
        }
        try copy.sync()
    }

    private static func replaceLog(
        in directory: String, by path: String, _ trailer: BackupTrailer, _ policy: RestorePolicy,
        aside: String
    ) throws -> RestoreSummary {
        let data = directory + "/data.mdb"
        let head = directory + "/" + HeadFile.name
        // Keeps writers out until the end.
        let headFile =
            FileSystem.kind(of: head) == .file
            ? try SlotFile(path: head, slotBytes: HeadFile.slotBytes, access: .writing) : nil
        if policy == .extendOnly {
            try requireWithin(path, trailer, directory: directory, headFile)
        }
        let fresh = directory + "/data.mdb.restoring"
        FileSystem.remove(fresh)
        defer { FileSystem.remove(fresh) }
        try copyData(of: path, trailer, to: fresh)
        let alone = try ExclusiveUse(
            ofEnvironmentIn: directory, patience: LogLimits.exclusiveUsePatience)
        defer { withExtendedLifetime(alone) {} }
        let isReplaced = FileSystem.kind(of: data) == .file || headFile != nil
        if isReplaced { try keep(data, headFile, in: aside) }
        // One key signs one history. Where the backup lacks what was signed, the key goes with it.
        let signed = try headFile.flatMap { try signedNote(in: $0, heldBy: path, trailer) }
        var movedKeys: String?
        if signed == nil, try SigningKeys.move(from: directory, to: aside) {
            movedKeys = aside + "/" + SigningKeys.name
        }
        // The old log is also in a directory of its own, and the new data are synced. A crash
        // before the next line leaves the old log in place. One behind it leaves the new data
        // under the old head file: the same history where they extend it, refused otherwise.
        try FileSystem.rename(from: fresh, to: data)
        try FileSystem.sync(directory)
        var slot = trailer.slot
        slot.note = signed ?? []
        if let headFile {
            let old = try? HeadFile.newest(in: headFile)
            slot.sequence = (old?.sequence ?? 0) + 1
            // Written twice, so that no slot remembers what was there before.
            for _ in 0..<2 {
                try HeadFile.write(slot, to: headFile)
                slot.sequence += 1
            }
            try headFile.sync()
        } else {
            try createHeadFile(in: directory, slot)
        }
        try FileSystem.sync(directory)
        // Whoever waits to open it must find a lock file that knows the new data.
        _ = try Environment.open(
            in: directory, access: .reading, databases: Databases.all,
            readersMax: LogLimits.readersMax)
        return RestoreSummary(
            backup: BackupSummary(trailer), replaced: isReplaced ? aside : nil,
            movedKeys: movedKeys)
    }

    /// The newest checkpoint that was signed, empty where none was; nil where the backup does not
    /// hold all that it covers, or nobody can tell.
    private static func signedNote(
        in headFile: SlotFile, heldBy path: String, _ trailer: BackupTrailer
    ) throws -> [UInt8]? {
        guard let slot = try? HeadFile.newest(in: headFile) else { return nil }
        guard let signed = try? slot.signedCheckpoint() else { return slot.note.isEmpty ? [] : nil }
        let (size, root) = (signed.checkpoint.size, signed.checkpoint.root)
        guard size <= trailer.slot.size else { return nil }
        let copy = try Environment.openCopy(at: path, databases: Databases.all)
        let isHeld = try copy.read { transaction in
            var snapshot = try Snapshot(transaction)
            return try snapshot.root(atSize: size, in: transaction) == root
        }
        return isHeld ? slot.note : nil
    }

    /// Puts the log that is about to be replaced into a directory of its own, which can be opened.
    private static func keep(
        _ data: String, _ headFile: SlotFile?, in aside: String
    ) throws {
        try FileSystem.createDirectory(aside)
        if FileSystem.kind(of: data) == .file {
            try FileSystem.link(data, as: aside + "/data.mdb")
        }
        if let headFile {
            let slots = try RawFile.create(aside + "/" + HeadFile.name)
            for slot in 0..<2 {
                try slots.write(
                    try headFile.read(slot: slot), at: slot * HeadFile.slotBytes)
            }
            try slots.sync()
        }
        try FileSystem.sync(aside)
        try FileSystem.sync(FileSystem.parent(of: aside))
    }

    /// Refuses a backup that does not hold all that the log in `directory` holds or remembers.
    private static func requireWithin(
        _ path: String, _ trailer: BackupTrailer, directory: String, _ headFile: SlotFile?
    ) throws {
        let known: [(size: UInt64, root: Hash)]
        do {
            guard exists(at: directory), let headFile else {
                throw Corruption(at: nil, "it is not empty and holds no whole log")
            }
            let slot = try HeadFile.newest(in: headFile)
            let environment = try Environment.open(
                in: directory, access: .reading, databases: Databases.all,
                readersMax: LogLimits.readersMax)
            let head = try environment.read { try Snapshot($0).head }
            known = [(head.size, head.root), (slot.size, slot.root)]
        } catch {
            throw LogError.wouldLose(
                directory: directory, reason: "what is there cannot be compared (\(error))")
        }
        let copy = try Environment.openCopy(at: path, databases: Databases.all)
        try copy.read { transaction in
            var snapshot = try Snapshot(transaction)
            for (size, root) in known {
                guard size <= trailer.slot.size else {
                    throw LogError.wouldLose(
                        directory: directory,
                        reason: "the log there has \(size) events, the backup \(trailer.slot.size)")
                }
                guard try snapshot.root(atSize: size, in: transaction) == root else {
                    throw LogError.wouldLose(
                        directory: directory, reason: "the log there has another history")
                }
            }
        }
    }
}
