internal import JSON
package import Merkle
internal import Storage
internal import Synchronization

/// What a witness has cosigned, on disk before anybody sees it.
///
/// A file for each log, named by the SHA-256 of its origin, holds the last checkpoint with the
/// witness's cosignature. One process has the directory at a time.
package final class WitnessBook: Sendable {
    package let verifierKey: VerifierKey
    private let key: SigningKey
    private let directory: String
    /// Held, and locked, for as long as the book is open.
    private let lock: SlotFile
    private let logs: Mutex<[String: Entry]>

    private struct Entry {
        var log: WitnessedLog
        var note: SignedNote?
    }

    private static let slotBytes = 512
    private static let keyBytesMax = 4_096

    /// Opens the book in a directory, making it and a key under `name` where there are none.
    ///
    /// - Throws: ``WitnessError``, `StorageError` where another process has it open.
    package init(in directory: String, name: String?, logKeys: [VerifierKey]) throws {
        self.directory = directory
        try FileSystem.createDirectories(directory)
        let lockPath = directory + "/lock"
        if FileSystem.kind(of: lockPath) == .missing {
            try SlotFile.create(path: lockPath, slotBytes: Self.slotBytes)
        }
        lock = try SlotFile(path: lockPath, slotBytes: Self.slotBytes, access: .writing)
        key = try Self.key(in: directory, name: name)
        verifierKey = key.verifierKey
        var entries: [String: Entry] = [:]
        for key in logKeys {
            guard key.kind == .signature else { throw WitnessError.notOfALog(key.name) }
            entries[key.name, default: Entry(log: WitnessedLog(origin: key.name, keys: []))]
                .log.keys.append(key)
        }
        for origin in entries.keys.sorted() {
            guard let note = try Self.note(of: origin, by: verifierKey, in: directory) else {
                continue
            }
            entries[origin]?.note = note
            entries[origin]?.log.last = try Checkpoint(text: note.text)
        }
        logs = Mutex(entries)
    }

    private static func key(in directory: String, name: String?) throws -> SigningKey {
        let path = directory + "/witness.key"
        guard FileSystem.kind(of: path) == .file else {
            guard let name else { throw WitnessError.noName }
            let key = try SigningKey(name: name, kind: .cosignature)
            try FileSystem.replace(path, with: Array((key.text + "\n").utf8), for: .ownerOnly)
            return key
        }
        guard try !FileSystem.isOpenToOthers(path) else { throw WitnessError.openKeyFile(path) }
        let bytes = try RawFile.open(path).read(keyBytesMax, at: 0)
        let key = try SigningKey(text: String(decoding: bytes.dropLast(), as: UTF8.self))
        guard key.verifierKey.kind == .cosignature else { throw WitnessError.otherKind(path) }
        guard name == nil || name == key.verifierKey.name else {
            throw WitnessError.otherName(key.verifierKey.name)
        }
        return key
    }

    private static func path(of origin: String, in directory: String) -> String {
        directory + "/" + Hash(of: Array(origin.utf8)).hex
    }

    /// What was cosigned last, by the witness's own cosignature.
    private static func note(
        of origin: String, by key: VerifierKey, in directory: String
    ) throws -> SignedNote? {
        let path = path(of: origin, in: directory)
        do {
            let note = try SignedNote(
                bytes: try RawFile.open(path).read(SignedNote.bytesMax, at: 0))
            let found = try Checkpoint(text: note.text).origin
            guard found == origin else {
                throw Refusal.otherOrigin(found: found, expected: origin)
            }
            guard try !note.verified(by: [key]).isEmpty else {
                throw Refusal.notSigned(byAny: [key.name])
            }
            return note
        } catch StorageError.missing {
            return nil
        } catch let refusal as Refusal {
            // Whoever forgets what was cosigned may cosign a fork.
            throw WitnessError.damaged(path, refusal)
        }
    }

    /// Cosigns a checkpoint that extends the last one; it is on disk before this returns.
    ///
    /// Throws ``WitnessedLog/Objection`` where it does not, and `StorageError` where it cannot
    /// remember it.
    package func add(_ bytes: [UInt8], atSeconds now: UInt64) throws -> SignedNote {
        let request: AddCheckpoint
        do throws(Refusal) { request = try AddCheckpoint(bytes: bytes) } catch {
            throw WitnessedLog.Objection.malformed(error)
        }
        return try logs.withLock { logs in
            let origin: String
            do throws(Refusal) { origin = try Checkpoint(text: request.note.text).origin } catch {
                throw WitnessedLog.Objection.malformed(error)
            }
            guard var entry = logs[origin] else {
                throw WitnessedLog.Objection.unknownLog(origin)
            }
            let judged = try entry.log.judge(request)
            var note = judged.note
            note.cosign(with: key, atSeconds: now)
            // Here the checkpoint may be cosigned, and nobody has seen the cosignature. A crash
            // before the next line leaves the one before it; one behind it leaves this one, and a
            // log that asks again with its old size is told this one's.
            try FileSystem.replace(
                Self.path(of: origin, in: directory), with: note.bytes, for: .asUsual)
            entry.log.last = judged.checkpoint
            entry.note = note
            logs[origin] = entry
            var cosignature = SignedNote(unsigned: request.note.text)
            cosignature.cosign(with: key, atSeconds: now)
            return cosignature
        }
    }

    /// The last checkpoint of a log with its cosignature; by the SHA-256 of the origin in hex.
    package func last(originHash: String) -> SignedNote? {
        logs.withLock { logs in
            logs.first { Hash(of: Array($0.key.utf8)).hex == originHash }?.value.note
        }
    }
}

/// Why a witness cannot begin; each case says what to do.
package enum WitnessError: Error, Sendable {
    case noName
    case otherName(String)
    case otherKind(String)
    case notOfALog(String)
    case openKeyFile(String)
    case damaged(String, Refusal)
}

extension WitnessError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noName:
            "this witness has no key yet: give --name, such as witness.example.org/w1"
        case .otherName(let name): "this witness has the name \(name) already"
        case .otherKind(let path): "\(path) is the key of a log, not of a witness"
        case .notOfALog(let name): "\(name) is the key of a witness, not of a log"
        case .openKeyFile(let path):
            "others than its owner may read the key in \(path): chmod 600 \(path)"
        case .damaged(let path, let refusal):
            "\(path) is damaged (\(refusal)): without it a fork could be cosigned; bring back the "
                + "newest copy of it, or begin as another witness in a new directory"
        }
    }
}
