import EventLog
import Foundation
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct RecoveryTests {
    private let directory: Scratch

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
    }

    private func append(_ count: Int, from first: UInt64) async throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let appends = try (0..<count).map { number in
            Append([try Self.event(first + UInt64(number))])
        }
        _ = try await log.append(each: appends)
        log.close()
    }

    private static func event(_ number: UInt64) throws -> NewEvent {
        NewEvent(
            id: EventID(high: 3, low: number), type: try EventType("t"), schema: 1,
            stream: try StreamName("s/\(number % 7)"), source: try Source("urn:test"), time: nil,
            data: .absent)
    }

    private func copy(_ file: String, to path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: directory.log + "/" + file, toPath: path)
    }

    private func openError() -> String {
        do {
            _ = try EventLog.open(at: directory.log, access: .reading)
            return "opened"
        } catch {
            return "\(error)"
        }
    }

    @Test func anOlderCopyOfTheDataIsRefused() async throws {
        try await append(100, from: 0)
        try copy("data.mdb", to: directory.path + "/old")
        try await append(100, from: 100)
        try FileManager.default.removeItem(atPath: directory.log + "/data.mdb")
        try FileManager.default.copyItem(
            atPath: directory.path + "/old", toPath: directory.log + "/data.mdb")
        #expect(openError().contains("holds 101 events, but its head file remembers 201"))
        let report = try EventLog.check(at: directory.log, depth: .full) { _ in }
        #expect(report.problems.contains { $0.what.contains("head file remembers 201") })
    }

    @Test func aLogAheadOfItsHeadFileIsNormal() async throws {
        try await append(10, from: 0)
        try copy("head", to: directory.path + "/head")
        try await append(5_000, from: 10)
        try FileManager.default.removeItem(atPath: directory.log + "/head")
        try FileManager.default.copyItem(
            atPath: directory.path + "/head", toPath: directory.log + "/head")
        #expect(openError() == "opened")
        #expect(try EventLog.check(at: directory.log, depth: .full) { _ in }.problems == [])
    }

    @Test func aHeadFileOfAnotherHistoryIsRefused() async throws {
        try await append(10, from: 0)
        let other = try RecoveryTests()
        try await other.append(10, from: 0)
        try FileManager.default.removeItem(atPath: directory.log + "/head")
        try FileManager.default.copyItem(
            atPath: other.directory.log + "/head", toPath: directory.log + "/head")
        #expect(openError().contains("not those that the head file remembers"))
    }

    @Test(arguments: [[0], [1], [0, 1]])
    func aTornSlotIsPassedOverAndTwoAreRefused(slots: [Int]) async throws {
        try await append(10, from: 0)
        let path = directory.log + "/head"
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        for slot in slots {
            try handle.seek(toOffset: UInt64(slot * 2_048 + 100))
            try handle.write(contentsOf: Data([0x55]))
        }
        try handle.close()
        let expected = slots.count == 2 ? "no readable slot" : "opened"
        #expect(openError().contains(expected))
    }

    /// Bytes of a head record that no writer writes, under a checksum that fits.
    struct WrongHead: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let offset: Int
        let bytes: [UInt8]
    }

    @Test(arguments: [
        WrongHead(
            testDescription: "all positions", offset: 1, bytes: Array(repeating: 0xFF, count: 8)),
        WrongHead(testDescription: "2^40 events", offset: 1, bytes: [0, 0, 0, 0, 0, 1, 0, 0]),
        WrongHead(testDescription: "no events", offset: 1, bytes: Array(repeating: 0, count: 8)),
        WrongHead(
            testDescription: "recorded before all time", offset: 49,
            bytes: [0, 0, 0, 0, 0, 0, 0, 0x80]),
        WrongHead(
            testDescription: "recorded in 1970", offset: 49, bytes: [7, 0, 0, 0, 0, 0, 0, 0]),
        WrongHead(
            testDescription: "wall clock", offset: 57, bytes: [0, 0, 0, 0, 0, 0, 0, 0x80]),
        WrongHead(testDescription: "boot clock", offset: 65, bytes: [0, 0, 0, 0, 0, 0, 0, 0x80]),
    ])
    func aWrongHeadRecordIsReported(wrong: WrongHead) async throws {
        try await append(300, from: 0)
        try write(wrong)
        for depth in [CheckDepth.quick, .full] {
            let report = try EventLog.check(at: directory.log, depth: depth) { _ in }
            #expect(!report.problems.isEmpty)
        }
        #expect(throws: (any Error).self) {
            try EventLog.open(at: directory.log, access: .writing).close()
        }
    }

    private func write(_ wrong: WrongHead) throws {
        let environment = try Environment.open(
            in: directory.log, access: .writing, databases: ["meta"], readersMax: 8)
        try environment.write { transaction in
            let key = Array("head".utf8)
            var record = try #require(
                try transaction.withValue(for: key, in: "meta") { value in
                    (0..<value.count).map { value[$0] }
                })
            record.replaceSubrange(wrong.offset..<wrong.offset + 8, with: wrong.bytes)
            record.removeLast(4)
            let sum = crc32(record.span)
            record += (0..<4).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) }
            try transaction.put(record, for: key, in: "meta")
        }
    }

    @Test func namesOfEqualHashAreTwoStreams() async throws {
        // Both have the FNV-1a hash 0x4EAC0C95540867E4.
        for name in ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ", "8yn0iYCKYHlIj4-BwPqk"] {
            try await appendOne(to: name)
        }
        #expect(try EventLog.check(at: directory.log, depth: .full) { _ in }.problems == [])
    }

    private func appendOne(to stream: String) async throws {
        var event = try Self.event(1)
        event.id = nil
        event.stream = try StreamName(stream)
        let log = try EventLog.open(at: directory.log, access: .writing)
        defer { log.close() }
        _ = try await log.append(Append([event]))
    }

    @Test func creatingIsWholeOrNothing() throws {
        #expect(throws: LogError.self) { try EventLog.create(at: directory.log, zone: "UTC") }
        let other = directory.path + "/other"
        // What a crash while creating leaves behind is in nobody's way.
        try FileManager.default.createDirectory(
            atPath: other + ".creating-1", withIntermediateDirectories: true)
        try Data("rest".utf8).write(to: URL(fileURLWithPath: other + ".creating-1/data.mdb"))
        #expect(!EventLog.exists(at: other))
        try EventLog.create(at: other, zone: "UTC")
        #expect(FileSystem.entries(of: other) == ["data.mdb", "head", "lock.mdb"])
        let asides = FileSystem.entries(of: directory.path)?.filter { $0.contains(".creating-") }
        #expect(asides == ["other.creating-1"])
        let full = directory.path + "/full"
        try FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: full + "/file"))
        #expect(throws: LogError.self) { try EventLog.create(at: full, zone: "UTC") }
    }

    @Test func aSecondWriterIsRefused() throws {
        let log = try EventLog.open(at: directory.log, access: .writing)
        let path = directory.log + "/head"
        #expect(throws: StorageError.locked(path: path)) {
            try SlotFile(path: path, slotBytes: 2_048, access: .writing)
        }
        log.close()
    }

    /// The wall clock, and what has really passed, as a test moves them.
    private final class Hands: Sendable {
        let wall = Mutex<Int64>(1_000_000_000)
        let boot = Mutex<Int64>(0)

        var clock: LogClock {
            LogClock(
                wall: { [self] in Instant(microseconds: wall.withLock { $0 }) },
                boot: { [self] in boot.withLock { $0 } },
                bootID: EventID(high: 1, low: 1))
        }
    }

    /// A process that is killed between its answer and the head file leaves that one commit behind.
    @Test func openingForWritingBringsTheHeadFileUpToDate() async throws {
        let (oldData, oldHead) = (directory.path + "/data", directory.path + "/head")
        try await append(10, from: 0)
        try copy("data.mdb", to: oldData)
        try copy("head", to: oldHead)
        try await append(1, from: 10)
        try FileManager.default.removeItem(atPath: directory.log + "/head")
        try FileManager.default.copyItem(atPath: oldHead, toPath: directory.log + "/head")
        try EventLog.open(at: directory.log, access: .writing).close()
        // So a file that is rolled back by that one commit is noticed, though nothing was appended.
        try FileManager.default.removeItem(atPath: directory.log + "/data.mdb")
        try FileManager.default.copyItem(atPath: oldData, toPath: directory.log + "/data.mdb")
        #expect(openError().contains("holds 11 events, but its head file remembers 12"))
    }

    @Test func aClockThatRunsAheadIsRefusedUntilItIsAccepted() async throws {
        let hands = Hands()
        let path = directory.path + "/clock"
        try EventLog.create(at: path, zone: "UTC", clock: hands.clock)
        try await appendOne(1, to: path, hands.clock, .refuseJumps)
        // Eleven minutes by the wall, one minute really, and another process.
        hands.wall.withLock { $0 += 12 * 60_000_000 }
        hands.boot.withLock { $0 += 60_000_000 }
        await #expect(throws: LogError.self) {
            try await appendOne(2, to: path, hands.clock, .refuseJumps)
        }
        try await appendOne(3, to: path, hands.clock, .acceptJump)
        try await appendOne(4, to: path, hands.clock, .refuseJumps)
        // A clock that is set back is no reason to refuse, and recording never goes back.
        hands.wall.withLock { $0 -= 3_600_000_000 }
        try await appendOne(5, to: path, hands.clock, .refuseJumps)
        let recorded = try EventLog.open(at: path, access: .reading).events().map(\.recorded)
        #expect(recorded.count == 5)
        #expect(zip(recorded, recorded.dropFirst()).allSatisfy { $0 <= $1 })
    }

    private func appendOne(
        _ number: UInt64, to path: String, _ clock: LogClock, _ policy: ClockPolicy
    ) async throws {
        let log = try EventLog.open(
            at: path, access: .writing, clock: clock, clockPolicy: policy)
        defer { log.close() }
        _ = try await log.append(Append([try Self.event(number)]))
    }
}
