import EventLog
import Foundation
import Storage
import TestSupport
import Testing

/// Backup, restore and compaction within one process; the command line's tests use several.
@Suite struct BackupTests {
    private let directory: Scratch
    private var backup: String { directory.path + "/backup" }

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
    }

    private func append(
        _ count: Int, seed: UInt64, to path: String? = nil
    ) async throws {
        var generator = SeededNumbers(seed: seed)
        let log = try EventLog.open(at: path ?? directory.log, access: .writing)
        defer { log.close() }
        for _ in 0..<(count + 99) / 100 {
            let appends = try (0..<min(count, 100)).map { _ in
                Append([try .small(using: &generator, streams: 40)])
            }
            _ = try await log.append(each: appends)
        }
    }

    private func take() throws -> BackupSummary {
        try EventLog.open(at: directory.log, access: .reading).backup(
            to: backup, verifying: Self.requireSound)
    }

    private static func requireSound(_ path: String) throws {
        let report = try EventLog.checkBackup(at: path) { _ in }
        if let problem = report.problems.first { throw problem }
    }

    private func restore(
        to path: String, _ policy: RestorePolicy = .extendOnly
    ) throws -> RestoreSummary {
        try EventLog.restore(
            backup, to: path, policy: policy, verifying: Self.requireSound)
    }

    private func head(of path: String) throws -> Head {
        try EventLog.open(at: path, access: .reading).head()
    }

    private func problems(of path: String) throws -> [Corruption] {
        try EventLog.check(at: path, depth: .full) { _ in }.problems
    }

    private func flip(_ offset: Int, in file: String) throws {
        let handle = try #require(FileHandle(forUpdatingAtPath: file))
        try handle.seek(toOffset: UInt64(offset))
        let byte = try #require(try handle.read(upToCount: 1)?.first)
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: Data([byte ^ 0x10]))
        try handle.close()
    }

    @Test func aRestoredLogIsTheOneThatWasSavedAndGoesOn() async throws {
        try await append(4_500, seed: 1)
        let summary = try take()
        let before = try head(of: directory.log)
        #expect(summary.events == 4_501)
        #expect(summary.root == before.root)
        let copy = directory.path + "/copy"
        #expect(try restore(to: copy).replaced == nil)
        #expect(FileSystem.entries(of: directory.path) == ["backup", "copy", "log"])
        #expect(try head(of: copy) == before)
        #expect(try problems(of: copy) == [])
        let events = try EventLog.open(at: copy, access: .reading).events()
        #expect(try events == EventLog.open(at: directory.log, access: .reading).events())
        try await append(500, seed: 2, to: copy)
        #expect(try problems(of: copy) == [])
        // Its head file remembers what was restored, so an older copy is noticed.
        #expect(try head(of: copy).size == 5_001)
    }

    @Test func theHeadFileOfARestoredLogRemembersItsSize() async throws {
        try await append(300, seed: 1)
        let old = directory.path + "/old"
        try FileManager.default.copyItem(atPath: directory.log + "/data.mdb", toPath: old)
        try await append(300, seed: 2)
        _ = try take()
        let copy = directory.path + "/copy"
        _ = try restore(to: copy)
        try FileManager.default.removeItem(atPath: copy + "/data.mdb")
        try FileManager.default.copyItem(atPath: old, toPath: copy + "/data.mdb")
        #expect {
            _ = try EventLog.open(at: copy, access: .reading)
        } throws: { error in
            guard case LogError.behindHeadFile(301, 601) = error else { return false }
            return true
        }
        // The backup has what was lost, so it may take the place of this log.
        #expect(try restore(to: copy).replaced != nil)
        #expect(try head(of: copy).size == 601)
    }

    @Test func everyDamagedByteIsNoticedBeforeAnythingIsReplaced() async throws {
        try await append(500, seed: 1)
        let bytes = try take().fileBytes
        var generator = SeededNumbers(seed: 3)
        let copy = directory.path + "/copy"
        for round in 0..<24 {
            let offset =
                round < 12
                ? bytes - Int.random(in: 1...4_096, using: &generator)
                : Int.random(in: 0..<bytes, using: &generator)
            try flip(offset, in: backup)
            #expect(throws: (any Error).self, "byte \(offset)") { try restore(to: copy) }
            #expect(FileSystem.kind(of: copy) == .missing)
            try flip(offset, in: backup)
        }
        for bytes in [bytes - 1, bytes - 4_096, 4_096, 1, 0] {
            let handle = try #require(FileHandle(forUpdatingAtPath: backup))
            try handle.truncate(atOffset: UInt64(bytes))
            try handle.close()
            #expect(throws: (any Error).self, "\(bytes) bytes") { try restore(to: copy) }
            #expect(FileSystem.kind(of: copy) == .missing)
        }
    }

    @Test func aLogIsReplacedByAnExtensionOnly() async throws {
        try await append(300, seed: 1)
        let part = directory.path + "/part"
        try FileManager.default.copyItem(atPath: directory.log, toPath: part)
        try await append(300, seed: 2)
        _ = try take()
        // A prefix of the backup, and what is beside it stays.
        try FileManager.default.createDirectory(
            atPath: part + "/projections", withIntermediateDirectories: true)
        let replaced = try #require(try restore(to: part).replaced)
        #expect(try head(of: part).size == 601)
        #expect(try head(of: replaced).size == 301)
        #expect(FileSystem.kind(of: part + "/projections") == .directory)
        // The same again.
        #expect(try restore(to: part).replaced != nil)
        // Longer, another history, and no log at all.
        try await append(1, seed: 3, to: part)
        let other = directory.path + "/other"
        try EventLog.create(at: other, zone: "UTC")
        let mixed = directory.path + "/mixed"
        try FileManager.default.createDirectory(
            atPath: mixed, withIntermediateDirectories: true)
        try Data("x".utf8).write(to: URL(fileURLWithPath: mixed + "/file"))
        for place in [part, other, mixed] {
            let before = FileSystem.entries(of: place)
            #expect {
                try restore(to: place)
            } throws: { error in
                guard case LogError.wouldLose = error else { return false }
                return true
            }
            #expect(
                FileSystem.entries(of: place)?.filter { $0 != "lock.mdb" }
                    == before?.filter { $0 != "lock.mdb" })
        }
        #expect(try head(of: part).size == 602)
        for place in [part, other, mixed] {
            let replaced = try restore(to: place, .replaceAnything).replaced
            #expect((replaced == nil) == (place == mixed))
            #expect(try head(of: place).size == 601)
            #expect(try problems(of: place) == [])
        }
    }

    @Test func aDamagedLogIsMovedAsideOnRequest() async throws {
        try await append(300, seed: 1)
        _ = try take()
        try FileManager.default.removeItem(atPath: directory.log + "/head")
        #expect(throws: LogError.self) { try restore(to: directory.log) }
        let replaced = try #require(try restore(to: directory.log, .replaceAnything).replaced)
        #expect(FileSystem.entries(of: replaced) == ["data.mdb"])
        #expect(try problems(of: directory.log) == [])
        try FileManager.default.removeItem(atPath: directory.log + "/data.mdb")
        #expect(throws: LogError.self) { try restore(to: directory.log) }
        _ = try restore(to: directory.log, .replaceAnything)
        #expect(try problems(of: directory.log) == [])
    }

    @Test func whatIsNoOlderBackupOfTheLogIsKept() async throws {
        try await append(300, seed: 1)
        #expect(try take().events == 301)
        try await append(100, seed: 2)
        #expect(try take().events == 401)
        // A log that lost events would overwrite the better backup.
        let copy = directory.path + "/copy"
        _ = try restore(to: copy)
        try await append(100, seed: 3, to: copy)
        _ = try EventLog.open(at: copy, access: .reading).backup(
            to: backup, verifying: Self.requireSound)
        #expect(throws: LogError.self) { try take() }
        #expect(try EventLog.backupSummary(of: backup).events == 501)
        let other = directory.path + "/other"
        try EventLog.create(at: other, zone: "UTC")
        #expect(throws: LogError.self) {
            try EventLog.open(at: other, access: .reading).backup(to: backup) { _ in }
        }
        let data = directory.log + "/data.mdb"
        #expect(throws: LogError.self) {
            try EventLog.open(at: directory.log, access: .reading).backup(to: data) { _ in }
        }
        #expect(FileSystem.entries(of: directory.path) == ["backup", "copy", "log", "other"])
    }

    @Test func aCopyThatIsNotSoundTakesNoPlace() async throws {
        try await append(300, seed: 1)
        struct Unsound: Error {}
        #expect(throws: Unsound.self) {
            try EventLog.open(at: directory.log, access: .reading).backup(to: backup) { _ in
                throw Unsound()
            }
        }
        let before = FileManager.default.contents(atPath: directory.log + "/data.mdb")
        #expect(throws: Unsound.self) {
            try EventLog.compact(at: directory.log) { _ in throw Unsound() }
        }
        #expect(FileManager.default.contents(atPath: directory.log + "/data.mdb") == before)
        #expect(FileSystem.entries(of: directory.path) == ["log"])
        #expect(FileSystem.entries(of: directory.log) == ["data.mdb", "head", "lock.mdb"])
    }

    @Test func aBackupTakenWhileOthersAppendIsAPrefix() async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let writing = Task {
            var generator = SeededNumbers(seed: 9)
            for _ in 0..<150 {
                let appends = try (0..<60).map { _ in
                    Append([try .small(using: &generator, streams: 40)])
                }
                _ = try await log.append(each: appends)
            }
        }
        var taken: [BackupSummary] = []
        while taken.count < 5 {
            taken.append(try log.backup(to: backup, verifying: Self.requireSound))
        }
        try await writing.value
        log.close()
        let all = try log.events()
        #expect(zip(taken, taken.dropFirst()).allSatisfy { $0.events <= $1.events })
        let copy = directory.path + "/copy"
        _ = try restore(to: copy)
        let restored = try EventLog.open(at: copy, access: .reading).events()
        #expect(restored == Array(all.prefix(Int(try #require(taken.last).events))))
    }

    @Test func compactingLeavesTheSameLogInFewerBytes() async throws {
        try await append(4_500, seed: 1)
        let before = try head(of: directory.log)
        // What a crash while compacting leaves behind is in nobody's way.
        try Data("rest".utf8).write(
            to: URL(fileURLWithPath: directory.log + "/data.mdb.compacting"))
        let log = directory.log
        let summary = try EventLog.compact(at: log) { copy in
            let report = try EventLog.checkCopy(at: copy, of: log) { _ in }
            #expect(report.problems == [])
            #expect(report.root == before.root)
        }
        #expect(summary.bytesAfter < summary.bytesBefore)
        #expect(try FileSystem.size(of: log + "/data.mdb").bytes == summary.bytesAfter)
        #expect(FileSystem.entries(of: log) == ["data.mdb", "head", "lock.mdb"])
        #expect(try head(of: log) == before)
        try await append(200, seed: 2)
        #expect(try problems(of: log) == [])
        let again = try EventLog.compact(at: log) { _ in }
        #expect(again.bytesAfter <= again.bytesBefore)
    }

    @Test func compactingNeedsTheLogAlone() async throws {
        try await append(4_500, seed: 1)
        let writer = try SlotFile(
            path: directory.log + "/head", slotBytes: 2_048, access: .writing)
        #expect(throws: LogError.self) { try EventLog.compact(at: directory.log) { _ in } }
        withExtendedLifetime(writer) {}
    }

    @Test func everyByteOfTheFilesIsAccountedFor() async throws {
        try await append(4_500, seed: 1)
        let log = try EventLog.open(at: directory.log, access: .reading)
        let statistics = try log.statistics()
        let databases = statistics.databaseBytes.reduce(0) { $0 + $1.bytes }
        #expect(
            databases + statistics.freeBytes + statistics.lmdbBytes == statistics.dataFileBytes)
        #expect(statistics.headFileBytes == 4_096)
        #expect(statistics.readers == [])
        #expect(statistics.mapBytes == 64 << 30)
    }

    @Test func aFrozenLogIsReadWithoutALockFileAndKeepsWritersOut() async throws {
        try await append(500, seed: 1)
        try FileManager.default.removeItem(atPath: directory.log + "/lock.mdb")
        do {
            let log = try EventLog.open(at: directory.log, access: .frozen)
            #expect(try log.events().count == 501)
            #expect(FileSystem.entries(of: directory.log) == ["data.mdb", "head"])
            let head = directory.log + "/head"
            #expect(throws: StorageError.locked(path: head)) {
                try SlotFile(path: head, slotBytes: 2_048, access: .writing)
            }
        }
        #expect(
            try EventLog.check(at: directory.log, depth: .full, access: .frozen) { _ in }.problems
                == [])
        let writer = try SlotFile(
            path: directory.log + "/head", slotBytes: 2_048, access: .writing)
        #expect(throws: LogError.self) {
            try EventLog.open(at: directory.log, access: .frozen)
        }
        withExtendedLifetime(writer) {}
    }
}
