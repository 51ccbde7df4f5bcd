import EventLog
import Foundation
import OwnThread
import Storage
import TestSupport
import Testing

/// A full disk and a full map are refusals like any other: nothing is lost, and work goes on.
@Suite(.ownThread) struct FullDiskTests {
    private static func append(
        _ generator: inout SeededNumbers, to log: EventLog
    ) throws -> [Append] {
        try (0..<40).map { _ in Append([try .small(using: &generator, streams: 20)]) }
    }

    @Test(arguments: [1, 2] as [UInt64]) func aFullMapRefusesAndReadingGoesOn(
        seed: UInt64
    ) async throws {
        let directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var generator = SeededNumbers(seed: seed)
        do {
            let log = try EventLog.open(
                at: directory.log, access: .writing,
                map: MapSize(bytes: 256 << 10, bytesMax: 512 << 10))
            let accepted = try await fill(log, &generator)
            #expect(try log.events().count == accepted)
            log.close()
        }
        let log = try EventLog.open(at: directory.log, access: .writing)
        let outcomes = try await log.append(each: Self.append(&generator, to: log))
        #expect(outcomes.count == 40)
        log.close()
    }

    /// Many share commits, and each is told the truth when one of these is refused.
    @Test(arguments: [3, 4] as [UInt64]) func manyAppendersMeetAFullMap(seed: UInt64) async throws {
        let directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var generator = SeededNumbers(seed: seed)
        let lists = try (0..<64).map { _ in
            try (0..<400).map { _ in try NewEvent.small(using: &generator, streams: 20) }
        }
        let accepted = try await Self.appendUntilRefused(lists, at: directory.log)
        do {
            let log = try EventLog.open(at: directory.log, access: .writing)
            defer { log.close() }
            var known = 0
            for list in lists {
                for outcome in try await log.append(each: list.map { Append([$0]) }) {
                    switch outcome {
                    case .alreadyAppended: known += 1
                    case .appended: break
                    default: Issue.record("\(outcome)")
                    }
                }
            }
            #expect(known == accepted)
            #expect(try log.events().count == 64 * 400 + 1)
        }
        let report = try EventLog.check(at: directory.log, depth: .full) { _ in }
        #expect(report.problems == [])
    }

    /// One appender for each list, until it has been refused three times.
    ///
    /// Answers how many events were accepted.
    private static func appendUntilRefused(
        _ lists: [[NewEvent]], at path: String
    ) async throws -> Int {
        let log = try EventLog.open(
            at: path, access: .writing, map: MapSize(bytes: 256 << 10, bytesMax: 768 << 10))
        defer { log.close() }
        let results = await withTaskGroup(of: [Bool].self) { group in
            for list in lists {
                group.addTask {
                    var appended: [Bool] = []
                    var refusals = 0
                    for event in list where refusals < 3 {
                        let outcome = try? await log.append(Append([event]))
                        let isAppended = if case .appended = outcome { true } else { false }
                        appended.append(isAppended)
                        if !isAppended { refusals += 1 }
                    }
                    return appended
                }
            }
            return await group.reduce(into: [[Bool]]()) { $0.append($1) }
        }
        let accepted = results.joined().count { $0 }
        #expect(results.allSatisfy { $0.contains(false) }, "the map was full for everybody")
        #expect(accepted > 64)
        #expect(try log.events().count == accepted + 1)
        return accepted
    }

    /// Appends until it is refused, some times more, and answers how many events there must be.
    private func fill(_ log: EventLog, _ generator: inout SeededNumbers) async throws -> Int {
        var accepted = 1
        var refusals = 0
        while refusals < 5 {
            let appends = try Self.append(&generator, to: log)
            do {
                _ = try await log.append(each: appends)
                accepted += appends.count
            } catch {
                guard case LogError.storage(let cause) = error else { throw error }
                #expect([.mapFull, .diskFull].contains(cause))
                refusals += 1
            }
            #expect(try log.head().size == UInt64(accepted))
        }
        return accepted
    }

    /// Writes a file until the disk is full.
    private static func fill(_ path: String) throws {
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try #require(FileHandle(forWritingAtPath: path))
        while (try? file.write(contentsOf: Data(count: 4_096))) != nil {}
    }

    private static let canMount =
        geteuid() == 0 && (try? Program.run("mount", ["--version"]))?.end == .exit(0)

    @Test(.enabled(if: canMount, "needs root, to mount a small tmpfs"))
    func aFullDiskRefusesAndGoesOnWhenThereIsRoomAgain() async throws {
        let directory = try Scratch()
        let disk = directory.path + "/disk"
        try FileManager.default.createDirectory(
            atPath: disk, withIntermediateDirectories: true)
        let mount = try Program.run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk])
        try #require(mount.end == .exit(0), "\(mount.error)")
        defer { _ = try? Program.run("umount", ["-l", disk]) }
        let ballast = disk + "/ballast"
        try Data(repeating: 1, count: 300 << 10).write(to: URL(fileURLWithPath: ballast))
        let path = disk + "/log"
        try EventLog.create(at: path, zone: "Europe/Rome")
        var generator = SeededNumbers(seed: 4)
        do {
            let log = try EventLog.open(at: path, access: .writing)
            let accepted = try await fill(log, &generator)
            // A backup and a compaction find no room, and leave nothing behind.
            #expect(throws: LogError.self) {
                try log.backup(to: disk + "/backup") { _ in }
            }
            #expect(FileSystem.entries(of: disk) == ["ballast", "log"])
            try FileManager.default.removeItem(atPath: ballast)
            let appends = try Self.append(&generator, to: log)
            _ = try await log.append(each: appends)
            #expect(try log.events().count == accepted + appends.count)
            log.close()
        }
        try Self.fill(ballast)
        #expect(throws: LogError.self) { try EventLog.compact(at: path) { _ in } }
        #expect(FileSystem.entries(of: path) == ["data.mdb", "head", "lock.mdb"])
        let report = try EventLog.check(at: path, depth: .full) { _ in }
        #expect(report.problems == [])
    }
}
