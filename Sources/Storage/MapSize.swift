internal import CLMDB
internal import Glibc
internal import Synchronization

/// How much address space the map of a file takes: at first, and at most.
///
/// A map is sparse and the file grows only as it is filled, so a large one costs address space and
/// nothing else. It is doubled when more than half of it is in use, so that any commit up to that
/// size fits; when a commit did not fit all the same; and never beyond `bytesMax`, where commits
/// are refused with `mapFull`.
package struct MapSize: Equatable, Sendable {
    package let bytes: Int
    package let bytesMax: Int

    /// 64 GiB hold some two thousand million events and leave room for two thousand logs in one
    /// process, 16 TiB are an eighth of what a process can address.
    package static let standard = MapSize(bytes: 64 << 30, bytesMax: 16 << 40)

    /// - Parameters:
    ///   - bytes: At opening; LMDB takes more where the file is longer.
    ///   - bytesMax: The limit of growth.
    package init(bytes: Int, bytesMax: Int) {
        precondition(
            bytes % Environment.pageBytes == 0 && bytesMax % Environment.pageBytes == 0
                && bytes <= bytesMax, "a map consists of whole pages")
        self.bytes = bytes
        self.bytesMax = bytesMax
    }
}

/// What is known about the growth of one map.
final class MapGrowth: Sendable {
    /// A commit did not fit.
    let isOverdue = Atomic<Bool>(false)
    /// The map went and did not come back; nothing can be read or written any more.
    let isLost = Atomic<Bool>(false)
    /// When growing was last tried in vain, in microseconds since the machine started.
    let triedAt = Atomic<Int64>(0)

    /// While there is room, readers are asked to stand back for a moment only, and not often.
    static let patience: Duration = .milliseconds(20)
    static let retryMicroseconds: Int64 = 1_000_000
    /// When there is none.
    static let patienceWhenOverdue: Duration = .milliseconds(1_000)
}

extension Environment {
    /// Bytes of address space that the map takes now.
    package func mapBytes() throws -> Int {
        try requireOwnProcess()
        return try gate.using { try unsafe information(handle).me_mapsize }
    }

    /// The number of the newest commit, whoever made it: cheap, without a snapshot.
    ///
    /// It is seen some milliseconds before snapshots show the commit, while that is being synced;
    /// so it is to be compared with ``ReadTransaction/commit``, not with an earlier answer.
    package func newestCommit() throws -> UInt64 {
        try requireOwnProcess()
        return try gate.using { UInt64(try unsafe information(handle).me_last_txnid) }
    }

    /// Doubles the map where it is time, and where no transaction is alive in this process.
    ///
    /// Where that is not so now, the next commit tries again.
    func growMapInTime() {
        let isOverdue = growth.isOverdue.load(ordering: .relaxed)
        guard let wanted = gate.using({ wantedMapBytes(doubling: isOverdue) }) else { return }
        let now = SystemClock.bootMicroseconds()
        let isRetry = now - growth.triedAt.load(ordering: .relaxed) < MapGrowth.retryMicroseconds
        guard isOverdue || !isRetry else { return }
        growth.triedAt.store(now, ordering: .relaxed)
        let patience = isOverdue ? MapGrowth.patienceWhenOverdue : MapGrowth.patience
        gate.withoutUsers(within: patience) {
            guard Self.hasAddressSpace(wanted) else { return }
            guard resizeMap(to: wanted) else { return }
            growth.isOverdue.store(false, ordering: .relaxed)
            growth.triedAt.store(0, ordering: .relaxed)
        }
    }

    private func wantedMapBytes(doubling isOverdue: Bool) -> Int? {
        guard let info = try? unsafe information(handle) else { return nil }
        let size = unsafe info.me_mapsize
        let lastPage = unsafe info.me_last_pgno
        guard isOverdue || lastPage >= size / Self.pageBytes / 2, size < mapSize.bytesMax else {
            return nil
        }
        return min(size * 2, mapSize.bytesMax)
    }

    /// Takes over the size of a map that another process has made to grow.
    func adoptMapSize() throws(StorageError) {
        let isAdopted = gate.withoutUsers(within: MapGrowth.patienceWhenOverdue) {
            resizeMap(to: 0)
        }
        guard isAdopted == true else {
            throw .system(
                call: "mdb_env_set_mapsize", code: isAdopted == nil ? EBUSY : ENOMEM)
        }
    }

    /// Moves the map, which nobody may use meanwhile.
    ///
    /// 0 means the size that the file's newest commit states.
    private func resizeMap(to bytes: Int) -> Bool {
        let code = unsafe mdb_env_set_mapsize(handle.pointer, bytes)
        // EINVAL comes before the old map goes: a write transaction is alive.
        if code != 0 && code != EINVAL { growth.isLost.store(true, ordering: .relaxed) }
        return code == 0
    }

    /// LMDB gives the old map up before it asks for the new one, so this asks before.
    private static func hasAddressSpace(_ bytes: Int) -> Bool {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        // Nothing is read or written there, and what was mapped is given back at once.
        guard let place = unsafe mmap(nil, bytes, PROT_NONE, flags, -1, 0),
            unsafe place != MAP_FAILED
        else { return false }
        unsafe munmap(place, bytes)
        return true
    }
}

/// What LMDB tells of an environment; only while its map stays where it is.
func information(_ handle: Handle) throws(StorageError) -> MDB_envinfo {
    var info = unsafe MDB_envinfo()
    // The pointer is used within the call.
    try unsafe check(mdb_env_info(handle.pointer, &info), "mdb_env_info", "")
    return unsafe info
}
