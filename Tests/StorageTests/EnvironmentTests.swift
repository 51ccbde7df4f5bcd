import Foundation
import Storage
import TestSupport
import Testing

extension Scratch {
    fileprivate func environment(_ access: Environment.Access = .writing) throws -> Environment {
        if FileSystem.kind(of: path + "/data.mdb") == .missing {
            try Environment.create(in: path, databases: ["one", "two"])
        }
        return try Environment.open(
            in: path, access: access, databases: ["one", "two"], readersMax: 8)
    }
}

private struct Stop: Error {}

@Suite struct EnvironmentTests {
    private let directory: Scratch

    init() throws { directory = try Scratch() }

    /// A file system gives the identity of a deleted file to the next new one at once.
    @Test func environmentsThatComeAndGoAreNotTakenForOneAnother() async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<150 {
                        let place = try Scratch()
                        var environment: Environment? = try place.environment()
                        // Gone before it is closed, as when a directory is thrown away.
                        FileSystem.remove(place.path)
                        _ = environment
                        environment = nil
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func value(_ key: String, in environment: Environment) throws -> [UInt8]? {
        try environment.read { transaction in
            try transaction.withValue(for: Array(key.utf8), in: "one") { bytes in
                var reader = ByteReader(bytes)
                return try reader.array(bytes.count)
            }
        }
    }

    @Test func whatIsCommittedIsReadAgainAfterReopening() throws {
        for round in 0..<3 {
            let environment = try directory.environment()
            try environment.write { transaction in
                try transaction.put([UInt8(round)], for: Array("k\(round)".utf8), in: "one")
            }
            #expect(try value("k0", in: environment) == [0])
        }
        let environment = try directory.environment(.reading)
        for round in 0..<3 {
            #expect(try value("k\(round)", in: environment) == [UInt8(round)])
        }
    }

    @Test func aTransactionThatThrowsLeavesNothing() throws {
        let environment = try directory.environment()
        #expect(throws: Stop.self) {
            try environment.write { transaction in
                try transaction.put([1], for: Array("k".utf8), in: "one")
                throw Stop()
            }
        }
        #expect(try value("k", in: environment) == nil)
    }

    @Test func aSnapshotDoesNotSeeLaterCommits() throws {
        let environment = try directory.environment()
        try environment.read { snapshot in
            // The writer works on while a reader on the same thread holds its snapshot (MDB_NOTLS).
            try environment.write { try $0.put([1], for: [7], in: "one") }
            #expect(try snapshot.withValue(for: [7], in: "one") { $0.count } == nil)
        }
        #expect(try environment.read { try $0.withValue(for: [7], in: "one") { $0.count } } == 1)
    }

    @Test func severalReadersOnOneThreadAreFine() throws {
        let environment = try directory.environment()
        try environment.read { _ in
            try environment.read { _ in
                try environment.read { _ in }
            }
        }
    }

    @Test func cursorsSeekOnBothSides() throws {
        let environment = try directory.environment()
        try environment.write { transaction in
            for key in stride(from: UInt8(10), to: 100, by: 10) {
                try transaction.put([key], for: [key], in: "two")
            }
        }
        try environment.read { transaction in
            try transaction.withCursor(in: "two") { cursor in
                for target in UInt8(0)...110 {
                    let atOrAfter =
                        try cursor.seek(atOrAfter: [target])
                        ? cursor.withEntry { key, _ in key[0] } : nil
                    let expectedAfter = target > 90 ? nil : max(10, (target + 9) / 10 * 10)
                    #expect(atOrAfter == expectedAfter, "at or after \(target)")
                    let atOrBefore =
                        try cursor.seek(atOrBefore: [target])
                        ? cursor.withEntry { key, _ in key[0] } : nil
                    let expectedBefore = target < 10 ? nil : min(90, target / 10 * 10)
                    #expect(atOrBefore == expectedBefore, "at or before \(target)")
                }
            }
        }
    }

    @Test func aFileShorterThanItsPagesIsRefusedBeforeItIsMapped() throws {
        do {
            let environment = try directory.environment()
            try environment.write { transaction in
                for key in UInt8(0)..<200 {
                    try transaction.put(
                        [UInt8](repeating: key, count: 3_000), for: [key], in: "one")
                }
            }
        }
        let handle = try #require(FileHandle(forUpdatingAtPath: directory.path + "/data.mdb"))
        try handle.truncate(atOffset: 40_960)
        try handle.close()
        #expect {
            try directory.environment()
        } throws: { error in
            guard case StorageError.corrupted = error else { return false }
            return true
        }
    }

    @Test func aMissingDatabaseIsCorruption() throws {
        _ = try directory.environment()
        #expect {
            _ = try Environment.open(
                in: directory.path, access: .reading, databases: ["three"], readersMax: 8)
        } throws: { error in
            guard case StorageError.corrupted = error else { return false }
            return true
        }
    }

    @Test func pagesAddUp() throws {
        let environment = try directory.environment()
        for round in UInt8(0)..<20 {
            try environment.write { transaction in
                try transaction.put(
                    [UInt8](repeating: round, count: 20_000), for: [round % 5], in: "one")
            }
        }
        let use = try environment.pageUse()
        #expect(use.byDatabase["two"] == 0)
        // Five values of five overflow pages and a leaf; what was replaced is free.
        #expect(use.byDatabase["one"] == 26)
        #expect(use.free > 0)
        try environment.read { snapshot in
            try environment.write { try $0.put([1], for: [9], in: "one") }
            #expect(try snapshot.pageUse() == nil)
        }
    }

    @Test func openingTwiceTraps() async throws {
        let path = directory.path
        _ = try directory.environment()
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [path = path as String] in
            let one = try Environment.open(
                in: path, access: .reading, databases: ["one"], readersMax: 8)
            let two = try Environment.open(
                in: path + "/.", access: .reading, databases: ["one"], readersMax: 8)
            withExtendedLifetime((one, two)) {}
        }
    }

    @Test func aWriteTransactionInsideAnotherTraps() async throws {
        let path = directory.path
        _ = try directory.environment()
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            [path = path as String] in
            let environment = try Environment.open(
                in: path, access: .writing, databases: ["one"], readersMax: 8)
            try environment.write { _ in
                try environment.write { _ in }
            }
        }
    }
}
