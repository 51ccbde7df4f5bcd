internal import Storage

/// Bytes of `data.mdb`.
package struct CompactSummary: Equatable, Sendable {
    package let bytesBefore: Int
    package let bytesAfter: Int
}

extension EventLog {
    /// Takes the free pages out of `data.mdb` by putting a compacted copy in its place.
    ///
    /// Nobody may write meanwhile, and at its end nobody may have the log open. A crash, or a full
    /// disk, leaves the old file or the new one. Where nothing is to be gained the old one stays.
    /// `verify` is given the path of the copy and throws where it is not sound;
    /// ``checkCopy(at:of:progress:)`` tells, best in a process of its own. While another process
    /// writes this throws `StorageError.locked`, while others read `StorageError.inUse`.
    package static func compact(
        at directory: String, verifying verify: (String) throws -> Void
    ) throws -> CompactSummary {
        guard exists(at: directory) else { throw LogError.noLog(directory: directory) }
        let data = directory + "/data.mdb"
        let aside = data + ".compacting"
        // Keeps writers out until the end, so that the copy stays complete.
        let headFile = try wrapping { try HeadFile.open(in: directory, access: .writing) }
        defer { withExtendedLifetime(headFile) {} }
        FileSystem.remove(aside)
        defer { FileSystem.remove(aside) }
        let before = try wrapping { try copyCompacted(directory, to: aside) }
        try verify(aside)
        return try wrapping {
            let after = try FileSystem.size(of: aside).bytes
            guard after < before else {
                return CompactSummary(bytesBefore: before, bytesAfter: before)
            }
            let alone = try ExclusiveUse(
                ofEnvironmentIn: directory, patience: LogLimits.exclusiveUsePatience)
            defer { withExtendedLifetime(alone) {} }
            // The copy is synced and checked, and nobody can come in. A crash before the next
            // line leaves the old file, and a copy that the next compaction removes; one behind
            // it leaves the new file.
            try FileSystem.rename(from: aside, to: data)
            try FileSystem.sync(directory)
            // Whoever waits to open it must find a lock file that knows the new data.
            _ = try Environment.open(
                in: directory, access: .reading, databases: Databases.all,
                readersMax: LogLimits.readersMax)
            return CompactSummary(bytesBefore: before, bytesAfter: after)
        }
    }

    /// Writes and syncs the copy; answers the bytes of the original.
    private static func copyCompacted(_ directory: String, to path: String) throws -> Int {
        let environment = try Environment.open(
            in: directory, access: .reading, databases: Databases.all,
            readersMax: LogLimits.readersMax)
        let copy = try RawFile.create(path)
        try environment.copyCompacted(to: copy)
        try copy.sync()
        return try FileSystem.size(of: directory + "/data.mdb").bytes
    }

    /// Verifies a copy of the data of a log against the log's head file.
    package static func checkCopy(
        at path: String, of directory: String, progress: (UInt64) -> Void
    ) throws(LogError) -> CheckReport {
        try reporting {
            let headFile = try HeadFile.open(in: directory, access: .reading)
            let slot = Result { try HeadFile.newest(in: headFile) }
            let environment = try Environment.openCopy(at: path, databases: Databases.all)
            return try check(environment, slot: slot, depth: .full, progress: progress)
        }
    }
}
