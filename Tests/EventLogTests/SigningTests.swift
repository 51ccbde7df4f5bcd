import EventLog
import Foundation
import Merkle
import Storage
import TestSupport
import Testing

/// Checkpoints, receipts and tiles of a log that grows, within one process.
@Suite struct SigningTests {
    private let directory: Scratch
    private var backup: String { directory.path + "/backup" }

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, origin: "example.org/log", zone: "Europe/Rome")
    }

    private func open(_ access: EventLog.Access = .writing) throws -> EventLog {
        try EventLog.open(at: directory.log, access: access)
    }

    /// A process has a log open once, so each use of it ends before the next.
    private func writing<Result>(
        _ body: (EventLog) async throws -> Result
    ) async throws -> Result {
        let log = try open()
        defer { log.close() }
        return try await body(log)
    }

    private func signedCheckpoint() throws -> SignedNote? {
        try open(.reading).signedCheckpoint()
    }

    private func generateKey() async throws -> VerifierKey {
        try await writing { try await $0.generateKey() }
    }

    private func append(
        _ count: Int, to log: EventLog, _ generator: inout SeededNumbers
    ) async throws {
        let appends = try (0..<count).map { _ in
            Append([try .small(using: &generator, streams: 40)])
        }
        _ = try await log.append(each: appends)
    }

    private func checkpoint(_ note: SignedNote?) throws -> Checkpoint {
        try Checkpoint(text: try #require(note).text)
    }

    @Test func aHeadIsSignedWhenAskedFor() async throws {
        let key = try await generateKey()
        let policy = try TrustPolicy(logKeys: [key])
        let log = try open()
        let first = try await log.sign()
        #expect(try policy.open(first).checkpoint.size == 1)
        #expect(try await log.sign() == first)
        var generator = SeededNumbers(seed: 1)
        try await append(10, to: log, &generator)
        let second = try await log.sign()
        let checkpoint = try policy.open(second).checkpoint
        let head = try log.head()
        #expect(checkpoint.size == 11 && checkpoint.root == head.root)
        #expect(checkpoint.origin == "example.org/log")
        #expect(try log.signedCheckpoint() == second)
    }

    @Test func withoutAKeyNothingIsSigned() async throws {
        let log = try open()
        await #expect(throws: LogError.self) { try await log.sign() }
        var generator = SeededNumbers(seed: 1)
        try await append(3, to: log, &generator)
        log.close()
        #expect(try log.signedCheckpoint() == nil)
    }

    @Test(.timeLimit(.minutes(2))) func theLastEventsBeforeAPauseAreSignedToo() async throws {
        _ = try await generateKey()
        let log = try open()
        var generator = SeededNumbers(seed: 2)
        // The first commit after opening is signed at once, those soon after it are not.
        for _ in 0..<20 { try await append(1, to: log, &generator) }
        while try checkpoint(log.signedCheckpoint()).size < 21 {
            try await Task.sleep(for: .milliseconds(20))
        }
        log.close()
    }

    @Test func closingSigns() async throws {
        let key = try await generateKey()
        try await writing { log in
            var generator = SeededNumbers(seed: 3)
            for _ in 0..<20 { try await append(1, to: log, &generator) }
        }
        let note = try #require(try signedCheckpoint())
        #expect(try TrustPolicy(logKeys: [key]).open(note).checkpoint.size == 21)
    }

    /// Receipts and proofs of growth, wherever the events stand: full blocks, short ones, the tail.
    @Test(arguments: [1, 2, 3] as [UInt64]) func allThatIsProvenConvinces(seed: UInt64) async throws
    {
        let key = try await generateKey()
        let policy = try TrustPolicy(logKeys: [key])
        let log = try open()
        var generator = SeededNumbers(seed: seed)
        var notes: [SignedNote] = [try await log.sign()]
        for _ in 0..<14 {
            try await append(Int.random(in: 1...900, using: &generator), to: log, &generator)
            notes.append(try await log.sign())
        }
        let checkpoints = try notes.map { try policy.open($0).checkpoint }
        let events = try log.events()
        for (note, checkpoint) in zip(notes, checkpoints) {
            #expect(try log.root(atSize: checkpoint.size) == checkpoint.root)
            for _ in 0..<40 {
                let position = UInt64.random(in: 0..<checkpoint.size, using: &generator)
                let receipt = try log.receipt(of: Position(position), under: note)
                #expect(receipt.leaf == events[Int(position)].leaf, "seed \(seed)")
                _ = try Receipt(bytes: receipt.bytes).verify(by: policy)
            }
        }
        for (old, new) in zip(checkpoints, checkpoints.dropFirst()) {
            let proof = try log.consistencyProof(from: old.size, to: new.size)
            try proof.verify(oldRoot: old.root, newRoot: new.root)
        }
        #expect(throws: LogError.self) {
            try log.receipt(of: Position(checkpoints[3].size), under: notes[3])
        }
        #expect(throws: LogError.self) { try log.root(atSize: UInt64(events.count) + 1) }
        log.close()
    }

    @Test func tilesAreAddedAsTheLogGrows() async throws {
        let key = try await generateKey()
        let audit = Audit(policy: try TrustPolicy(logKeys: [key]), checkpoint: nil)
        let log = try open()
        var generator = SeededNumbers(seed: 5)
        let tiles = directory.path + "/tiles"
        for count in [0, 3, 252, 1, 700, 4_096, 255, 66_000] {
            if count > 0 { try await append(count, to: log, &generator) }
            let written = try log.writeTiles(to: tiles, under: try await log.sign())
            let verdict = try audit.verifyTiles(TilesOnDisk(path: tiles))
            #expect(verdict.head.checkpoint.size == written.size)
        }
        // A second level has one full tile, and nothing else than what is new was written.
        #expect(try log.writeTiles(to: tiles, under: try await log.sign()).files == 1)
        #expect(FileManager.default.fileExists(atPath: tiles + "/tile/1/000"))
        #expect(FileManager.default.fileExists(atPath: tiles + "/tile/2/000.p/1"))
        log.close()
    }

    @Test func aCheckpointOfAnotherHistoryIsRefused() async throws {
        _ = try await generateKey()
        try await writing { log in
            var generator = SeededNumbers(seed: 6)
            try await append(5, to: log, &generator)
        }
        let other = try SigningTests()
        _ = try await other.generateKey()
        try await other.writing { log in
            var generator = SeededNumbers(seed: 7)
            try await other.append(6, to: log, &generator)
        }
        // The head file of another log, with a signed checkpoint of its own.
        try FileManager.default.removeItem(atPath: directory.log + "/head")
        try FileManager.default.copyItem(
            atPath: other.directory.log + "/head", toPath: directory.log + "/head")
        #expect(throws: LogError.self) { try open() }
        let report = try EventLog.check(at: directory.log, depth: .full) { _ in }
        #expect(!report.problems.isEmpty)
    }

    @Test func aKeyGoesWithTheHistoryThatItHasSigned() async throws {
        let key = try await generateKey()
        let signed = try await writing { log in
            var generator = SeededNumbers(seed: 8)
            try await append(50, to: log, &generator)
            _ = try log.backup(to: backup) { _ in }
            return try await log.sign()
        }
        // A backup that holds all that was signed: key and checkpoint stay.
        var summary = try EventLog.restore(
            backup, to: directory.log, policy: .replaceAnything, verifying: { _ in })
        #expect(summary.movedKeys == nil)
        #expect(try signedCheckpoint() == signed)

        try await writing { log in
            var generator = SeededNumbers(seed: 9)
            try await append(10, to: log, &generator)
            _ = try await log.sign()
        }
        // One that lacks what was signed: they go, and another key begins.
        summary = try EventLog.restore(
            backup, to: directory.log, policy: .replaceAnything, verifying: { _ in })
        #expect(summary.movedKeys == summary.replaced.map { $0 + "/keys" })
        #expect(try signedCheckpoint() == nil)
        #expect(try SigningKeys(of: try open(.reading)).verifierKey() == nil)
        let second = try await generateKey()
        #expect(second != key)
        _ = try await writing { try await $0.sign() }
        // Also where nothing but the keys is left of the log.
        for file in ["data.mdb", "head"] {
            try FileManager.default.removeItem(atPath: directory.log + "/" + file)
        }
        summary = try EventLog.restore(
            backup, to: directory.log, policy: .replaceAnything, verifying: { _ in })
        #expect(summary.movedKeys != nil)
        #expect(try SigningKeys(of: try open(.reading)).verifierKey() == nil)
    }

    @Test func thePublicHalfOfAKeyIsThatOfTheKey() async throws {
        let key = try await generateKey()
        let path = directory.log + "/keys/signing.vkey"
        let other = try SigningKey(name: "example.org/log", kind: .signature).verifierKey
        try Data((other.text + "\n").utf8).write(to: URL(filePath: path))
        _ = try await writing { try await $0.sign() }
        #expect(try SigningKeys(of: try open(.reading)).verifierKey() == key)
    }

    @Test func tilesThatWereBrokenOffAreTakenUp() async throws {
        let key = try await generateKey()
        let audit = Audit(policy: try TrustPolicy(logKeys: [key]), checkpoint: nil)
        let tiles = directory.path + "/tiles"
        try await writing { log in
            var generator = SeededNumbers(seed: 11)
            try await append(300, to: log, &generator)
            _ = try log.writeTiles(to: tiles, under: try await log.sign())
            let old = try Data(contentsOf: URL(filePath: tiles + "/checkpoint"))
            try await append(300, to: log, &generator)
            _ = try log.writeTiles(to: tiles, under: try await log.sign())
            // As if the last run had ended before the checkpoint, in the middle of a file.
            try old.write(to: URL(filePath: tiles + "/checkpoint"))
            try Data("half".utf8).write(to: URL(filePath: tiles + "/tile/0/000.new"))
            try await append(1, to: log, &generator)
            _ = try log.writeTiles(to: tiles, under: try await log.sign())
        }
        #expect(try audit.verifyTiles(TilesOnDisk(path: tiles)).head.checkpoint.size == 602)
        #expect(!FileManager.default.fileExists(atPath: tiles + "/tile/0/000.new"))
    }

    @Test func anUnsignedHeadIsSignedWhenALogIsOpened() async throws {
        _ = try await generateKey()
        // As if a process had been killed right before it signed.
        try FileManager.default.moveItem(
            atPath: directory.log + "/keys", toPath: directory.path + "/keys")
        try await writing { log in
            var generator = SeededNumbers(seed: 12)
            try await append(5, to: log, &generator)
        }
        try FileManager.default.moveItem(
            atPath: directory.path + "/keys", toPath: directory.log + "/keys")
        let log = try open()
        while try checkpoint(log.signedCheckpoint()).size < 6 {
            try await Task.sleep(for: .milliseconds(5))
        }
        log.close()
    }

    @Test func aRotationThatWasBrokenOffIsFinished() async throws {
        let old = try await generateKey()
        let before = try Data(contentsOf: URL(filePath: directory.log + "/keys/signing.key"))
        let rotation = try await writing { try await $0.rotateKey() }
        #expect(rotation.previous == old && rotation.position == Position(1))
        #expect(try rotation.checkpoint.verified(by: [old, rotation.next]).count == 2)
        // As if the process had ended right before the new key took the place of the old one.
        let keys = directory.log + "/keys"
        try FileManager.default.moveItem(
            atPath: keys + "/signing.key", toPath: keys + "/next.key")
        _ = FileManager.default.createFile(
            atPath: keys + "/signing.key", contents: before,
            attributes: [.posixPermissions: 0o600])
        try await writing { log in
            let again = try await log.rotateKey()
            #expect(again.next == rotation.next && again.position == rotation.position)
            #expect(try log.head().size == 2)
        }
        #expect(try SigningKeys(of: try open(.reading)).verifierKey() == rotation.next)
    }

    @Test func aKeyIsForItsOwnerOnly() async throws {
        _ = try await generateKey()
        let path = directory.log + "/keys/signing.key"
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        for mode in [0o604, 0o640, 0o620] {
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            #expect(throws: LogError.self) { try open() }
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try Data("PRIVATE+KEY+nonsense\n".utf8).write(to: URL(filePath: path))
        #expect(throws: LogError.self) { try open() }
        await #expect(throws: LogError.self) { try await generateKey() }
        // Whoever only reads needs no key.
        _ = try open(.reading)
    }
}

/// A tile directory that a test has written.
struct TilesOnDisk: TileFiles {
    let path: String

    func bytes(of name: String) throws(Refusal) -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: path + "/" + name))).map { Array($0) }
    }

    func paths() throws(Refusal) -> [String] {
        let names = try? FileManager.default.subpathsOfDirectory(atPath: path + "/tile")
        return (names ?? []).map { "tile/" + $0 }.filter { Tile.named($0) != nil }
    }
}
