import EventLog
import Foundation
import Storage
import Testing

/// A full disk and a full map are refusals like any other: nothing is lost, and work goes on.
@Suite struct FullDiskTests {
    private static func append(
        _ generator: inout SeededGenerator, to log: EventLog
    ) throws -> [Append] {
        try (0..<40).map { _ in Append([try .small(using: &generator, streams: 20)]) }
    }

    @Test(arguments: [1, 2] as [UInt64]) func aFullMapRefusesAndReadingGoesOn(
        seed: UInt64
    ) async throws {
        let directory = try TemporaryDirectory()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        var generator = SeededGenerator(seed: seed)
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

    /// Appends until it is refused, some times more, and answers how many events there must be.
    private func fill(_ log: EventLog, _ generator: inout SeededGenerator) async throws -> Int {
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
    private static func fill(_ path: String) {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        guard let file = FileHandle(forWritingAtPath: path) else { return }
        while (try? file.write(contentsOf: Data(count: 4_096))) != nil {}
    }

    private static let canMount = geteuid() == 0 && run("mount", ["--version"]) == 0

    private static func run(_ program: String, _ arguments: [String]) -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return -1 }
        process.waitUntilExit()
        return process.terminationStatus
    }

    @Test(.enabled(if: canMount, "needs root, to mount a small tmpfs"))
    func aFullDiskRefusesAndGoesOnWhenThereIsRoomAgain() async throws {
        let directory = try TemporaryDirectory()
        let disk = directory.path + "/disk"
        try FileManager.default.createDirectory(
            atPath: disk, withIntermediateDirectories: true)
        try #require(Self.run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]) == 0)
        defer { _ = Self.run("umount", ["-l", disk]) }
        let ballast = disk + "/ballast"
        try Data(repeating: 1, count: 300 << 10).write(to: URL(fileURLWithPath: ballast))
        let path = disk + "/log"
        try EventLog.create(at: path, zone: "Europe/Rome")
        var generator = SeededGenerator(seed: 4)
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
        Self.fill(ballast)
        #expect(throws: LogError.self) { try EventLog.compact(at: path) { _ in } }
        #expect(FileSystem.entries(of: path) == ["data.mdb", "head", "lock.mdb"])
        let report = try EventLog.check(at: path, depth: .full) { _ in }
        #expect(report.problems == [])
    }
}
