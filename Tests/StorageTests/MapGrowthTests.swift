import Foundation
import Storage
import TestSupport
import Testing

/// A file that outgrows its map, within one process and between two.
@Suite struct MapGrowthTests {
    private let scratch: Scratch
    private var path: String { scratch.path }
    private static let page = 4_096

    init() throws {
        scratch = try Scratch()
        try Environment.create(in: scratch.path, databases: ["one"])
    }

    private func open(
        _ access: Environment.Access, pages: Int, pagesMax: Int
    ) throws -> Environment {
        try Environment.open(
            in: path, access: access, databases: ["one"], readersMax: 8,
            map: MapSize(bytes: pages * Self.page, bytesMax: pagesMax * Self.page))
    }

    private static func put(_ number: Int, bytes: Int, in environment: Environment) throws {
        try environment.write { transaction in
            let key = (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
            try transaction.put(
                [UInt8](repeating: UInt8(number & 255), count: bytes), for: key, in: "one")
        }
    }

    private static func count(in environment: Environment) throws -> Int {
        try environment.read { try $0.statistics(of: "one").entries }
    }

    @Test func theMapGrowsBeforeACommitNeedsIt() throws {
        let environment = try open(.writing, pages: 64, pagesMax: 4_096)
        for number in 0..<2_000 { try Self.put(number, bytes: 3_000, in: environment) }
        #expect(try environment.mapBytes() >= 2_000 * Self.page)
        #expect(try Self.count(in: environment) == 2_000)
    }

    @Test func aCommitThatDoesNotFitIsRefusedOnceAndFitsThen() throws {
        let environment = try open(.writing, pages: 64, pagesMax: 1_024)
        try Self.put(1, bytes: 4_000, in: environment)
        // More than the whole map, so that it grows in two steps.
        for _ in 0..<2 {
            #expect(throws: StorageError.mapFull) {
                try Self.put(2, bytes: 150 * Self.page, in: environment)
            }
            #expect(try Self.count(in: environment) == 1)
        }
        try Self.put(2, bytes: 150 * Self.page, in: environment)
        #expect(try Self.count(in: environment) == 2)
    }

    @Test func aFullMapRefusesUntilThereIsRoomAgain() throws {
        let environment = try open(.writing, pages: 64, pagesMax: 128)
        var written = 0
        while true {
            do { try Self.put(written, bytes: 3_000, in: environment) } catch {
                #expect(error as? StorageError == .mapFull)
                break
            }
            written += 1
        }
        #expect((64..<128).contains(written))
        #expect(try environment.mapBytes() == 128 * Self.page)
        #expect(throws: StorageError.mapFull) {
            try Self.put(written, bytes: 20_000, in: environment)
        }
        #expect(try Self.count(in: environment) == written)
        try environment.write { try $0.delete([0, 0, 0, 0], in: "one") }
        try environment.write { try $0.delete([0, 0, 0, 1], in: "one") }
        try Self.put(0, bytes: 3_000, in: environment)
        #expect(try Self.count(in: environment) == written - 1)
    }

    /// The reader's thread also writes, so nobody may wait for the other for ever.
    @Test(.timeLimit(.minutes(1))) func aMapIsNotMovedUnderAReader() throws {
        let environment = try open(.writing, pages: 64, pagesMax: 256)
        try Self.put(0, bytes: 4_000, in: environment)
        try environment.read { snapshot in
            #expect(throws: StorageError.mapFull) {
                for number in 1..<200 { try Self.put(number, bytes: 3_000, in: environment) }
            }
            #expect(try environment.mapBytes() == 64 * Self.page)
            let first = try snapshot.withValue(for: [0, 0, 0, 0], in: "one") { $0[3_999] }
            #expect(first == 0)
        }
        try Self.put(500, bytes: 3_000, in: environment)
        #expect(try environment.mapBytes() > 64 * Self.page)
    }

    @Test(.timeLimit(.minutes(1))) func readersOnOtherThreadsStandBackForAMove() async throws {
        let environment = try open(.writing, pages: 64, pagesMax: 8_192)
        try await withThrowingTaskGroup { group in
            group.addTask {
                for number in 0..<3_000 { try Self.put(number, bytes: 3_000, in: environment) }
            }
            for _ in 0..<3 {
                group.addTask {
                    var seen = 0
                    while seen < 3_000 {
                        let count = try environment.read { snapshot in
                            let count = try snapshot.statistics(of: "one").entries
                            for number in max(0, count - 50)..<count {
                                let key = [0, 0, UInt8(number >> 8), UInt8(number & 255)]
                                let byte = try snapshot.withValue(for: key, in: "one") { $0[9] }
                                #expect(byte == UInt8(number & 255))
                            }
                            return count
                        }
                        #expect(count >= seen)
                        seen = count
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try environment.mapBytes() >= 3_000 * Self.page)
    }

    @Test func aReaderTakesOverTheGrowthOfAnotherProcess() async throws {
        let environment = try open(.reading, pages: 64, pagesMax: 64)
        #expect(try Self.count(in: environment) == 0)
        await #expect(processExitsWith: .success) { [path = path as String] in
            let environment = try Environment.open(
                in: path, access: .writing, databases: ["one"], readersMax: 8,
                map: MapSize(bytes: 64 * 4_096, bytesMax: 4_096 * 4_096))
            for number in 0..<1_000 {
                try MapGrowthTests.put(number, bytes: 3_000, in: environment)
            }
        }
        #expect(try Self.count(in: environment) == 1_000)
        #expect(try environment.mapBytes() >= 1_000 * Self.page)
    }

    @Test func readersAreListedWithWhatTheyHoldUp() throws {
        let environment = try open(.writing, pages: 1_024, pagesMax: 1_024)
        #expect(try environment.activeReaders() == [])
        try environment.read { _ in
            for number in 0..<3 { try Self.put(number, bytes: 10, in: environment) }
            try environment.read { _ in
                let process = Int(ProcessInfo.processInfo.processIdentifier)
                let readers = try environment.activeReaders()
                #expect(
                    readers == [
                        ActiveReader(process: process, commitsBehind: 3),
                        ActiveReader(process: process, commitsBehind: 0),
                    ])
            }
        }
        #expect(try environment.activeReaders() == [])
    }

    @Test func aReaderThatWasKilledHoldsUpNobody() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let environment = try Environment.open(
                in: path, access: .reading, databases: ["one"], readersMax: 8)
            try environment.read { _ in _ = kill(getpid(), SIGKILL) }
        }
        let environment = try open(.writing, pages: 1_024, pagesMax: 1_024)
        #expect(try environment.activeReaders() == [])
    }

    /// Opening refuses a file that is shorter than its pages; this must not hit a sound one.
    @Test(arguments: [31, 32, 33] as [UInt64]) func aFileHoldsAllItsPages(seed: UInt64) throws {
        let environment = try open(.writing, pages: 16_384, pagesMax: 16_384)
        var state = seed
        func random(_ bound: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % bound)
        }
        var keys: [Int: Int] = [:]
        for round in 0..<400 {
            try environment.write { transaction in
                for _ in 0..<1 + random(60) {
                    let number = random(300)
                    let key = [UInt8(number >> 8), UInt8(number & 255)]
                    if keys[number] != nil && random(5) < (round / 40 % 2 == 0 ? 2 : 4) {
                        try transaction.delete(key, in: "one")
                        keys[number] = nil
                    } else {
                        keys[number] = [20, 900, 1_900, 5_000, 30_000][random(5)]
                        try transaction.put(
                            [UInt8](repeating: 1, count: keys[number] ?? 0), for: key, in: "one")
                    }
                }
            }
            let use = try environment.pageUse()
            let pages = use.own + use.free + use.byDatabase.values.reduce(0, +)
            let bytes = try FileSystem.size(of: path + "/data.mdb").bytes
            #expect(bytes >= pages * Self.page, "seed \(seed), round \(round)")
        }
    }

    @Test func aCompactedCopyHoldsTheSameInFewerBytes() throws {
        let environment = try open(.writing, pages: 1_024, pagesMax: 1_024)
        for number in 0..<200 { try Self.put(number, bytes: 3_000, in: environment) }
        for number in 10..<200 {
            try environment.write { try $0.delete([0, 0, 0, UInt8(number)], in: "one") }
        }
        let file = try RawFile.create(path + "/copy")
        try file.write([UInt8](repeating: 7, count: 9_000_000), at: 0)
        try environment.copyCompacted(to: file)
        #expect(try file.byteCount() < 20 * Self.page)
        let copy = try Environment.openCopy(at: path + "/copy", databases: ["one"])
        #expect(try Self.count(in: copy) == 10)
        #expect(try copy.pageUse().free == 0)
    }

    @Test func exclusiveUseIsRefusedWhileAnotherProcessReads() async throws {
        let environment = try open(.reading, pages: 64, pagesMax: 64)
        let process = Int(ProcessInfo.processInfo.processIdentifier)
        await #expect(processExitsWith: .success) {
            [path = path as String, process = process as Int] in
            do {
                _ = try ExclusiveUse(ofEnvironmentIn: path, patience: .milliseconds(50))
            } catch StorageError.inUse(_, let holder) {
                if holder == process { return }
            }
            exit(1)
        }
        withExtendedLifetime(environment) {}
    }

    @Test func exclusiveUseTrapsWhereTheProcessHasItOpenItself() async throws {
        await #expect(processExitsWith: .failure) { [path = path as String] in
            let environment = try Environment.open(
                in: path, access: .reading, databases: ["one"], readersMax: 8)
            _ = try ExclusiveUse(ofEnvironmentIn: path, patience: .zero)
            withExtendedLifetime(environment) {}
        }
    }
}
