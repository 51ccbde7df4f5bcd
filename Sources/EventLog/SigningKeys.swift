internal import JSON
package import Merkle
internal import Storage

/// The key under which a log signs its checkpoints, in files beside the log.
///
/// `keys/signing.key` is for its owner only, `keys/signing.vkey` for everybody. While a key is
/// being rotated, the next one stands in `keys/next.key`.
package struct SigningKeys: Sendable {
    private let directory: String
    private let origin: String

    package init(of log: EventLog) {
        self.init(in: log.directory, origin: log.identity.origin)
    }

    init(in log: String, origin: String) {
        directory = log + "/" + Self.name
        self.origin = origin
    }

    static let name = "keys"
    private var current: String { directory + "/signing.key" }
    private var next: String { directory + "/next.key" }
    private var verifier: String { directory + "/signing.vkey" }
    /// More than a key with the longest name has.
    private static let keyBytesMax = 4_096

    /// The public half of the key, or nil where there is none.
    package func verifierKey() throws(LogError) -> VerifierKey? {
        try wrapping {
            guard let text = try text(of: verifier) else { return nil }
            return try accepting(verifier) { try VerifierKey(text: text) }
        }
    }

    /// The key that signs, or nil where there is none; for who holds the writer's lock.
    ///
    /// Its public half stands beside it then, whatever a crash has left there. Throws
    /// ``LogError/openKeyFile(path:)`` where others than its owner may read it.
    func load() throws -> SigningKey? {
        guard let key = try key(in: current) else { return nil }
        if try verifierKey() != key.verifierKey { try publish(key) }
        return key
    }

    /// Makes the first key; throws ``LogError/hasKey(_:)`` where there is one.
    fileprivate func generate() throws(LogError) -> SigningKey {
        try wrapping {
            if let key = try load() { throw LogError.hasKey(key.verifierKey.text) }
            let key = try accepting(current) {
                try SigningKey(name: origin, kind: KeyKind.signature)
            }
            try FileSystem.replaceDirectory(directory)
            try save(key, as: current)
            try publish(key)
            return key
        }
    }

    /// The key that a rotation goes on to; the same one where a rotation was broken off.
    func prepareNext() throws -> SigningKey {
        if let begun = try key(in: next) { return begun }
        let key = try accepting(next) { try SigningKey(name: origin, kind: KeyKind.signature) }
        try save(key, as: next)
        return key
    }

    /// Puts the next key into the place of the one before it, which is then gone.
    func finishRotation(to key: SigningKey) throws {
        try FileSystem.rename(from: next, to: current)
        try FileSystem.sync(directory)
        // Where a crash comes before this, whoever opens the log for writing next does it.
        try publish(key)
    }

    /// Moves the keys away with the history that they have signed; whether there were any.
    static func move(from log: String, to aside: String) throws -> Bool {
        guard FileSystem.kind(of: log + "/" + name) == .directory else { return false }
        try FileSystem.createDirectories(aside)
        try FileSystem.rename(from: log + "/" + name, to: aside + "/" + name)
        try FileSystem.sync(aside)
        try FileSystem.sync(log)
        return true
    }

    private func key(in path: String) throws -> SigningKey? {
        guard let text = try text(of: path) else { return nil }
        if try FileSystem.isOpenToOthers(path) { throw LogError.openKeyFile(path: path) }
        let key = try accepting(path) { try SigningKey(text: text) }
        guard key.verifierKey.name == origin, key.verifierKey.kind == .signature else {
            throw LogError.badKeyFile(
                path: path, .otherOrigin(found: origin, expected: key.verifierKey.name))
        }
        return key
    }

    private func save(_ key: SigningKey, as path: String) throws {
        try FileSystem.replace(path, with: Array((key.text + "\n").utf8), for: .ownerOnly)
    }

    private func publish(_ key: SigningKey) throws {
        let text = Array((key.verifierKey.text + "\n").utf8)
        try FileSystem.replace(verifier, with: text, for: .asUsual)
    }

    /// The one line of a file, or nil where it is missing.
    private func text(of path: String) throws -> String? {
        guard FileSystem.kind(of: path) == .file else { return nil }
        let bytes = try RawFile.open(path).read(Self.keyBytesMax, at: 0)
        guard bytes.last == UInt8(ascii: "\n"),
            let text = String(validating: bytes.dropLast(), as: UTF8.self)
        else { throw LogError.badKeyFile(path: path, .badKey("it is not one line of text")) }
        return text
    }

    private func accepting<Value>(
        _ path: String, _ read: () throws -> Value
    ) throws -> Value {
        do {
            return try read()
        } catch let refusal as Refusal {
            throw LogError.badKeyFile(path: path, refusal)
        }
    }
}

extension FileSystem {
    /// Creates a directory where there is none.
    fileprivate static func replaceDirectory(_ path: String) throws {
        if kind(of: path) != .directory { try createDirectory(path) }
        try sync(parent(of: path))
    }
}

extension EventLog {
    /// Makes the first signing key, signs the head with it, and signs from now on.
    ///
    /// Throws ``LogError/hasKey(_:)`` where there is a key, ``LogError/readOnly``.
    package func generateKey() async throws(LogError) -> VerifierKey {
        guard writer != nil else { throw .readOnly }
        let key = try SigningKeys(of: self).generate()
        _ = try await sign(with: [key])
        return key.verifierKey
    }

    /// Goes on to a new key: tells so in an event, and has both keys sign the head that covers it.
    ///
    /// A crash leaves the old key in use and the new one prepared; to rotate again finishes it. The
    /// checkpoint under both keys is what lets those who know the old key believe the new one.
    package func rotateKey() async throws(LogError) -> KeyRotation {
        let keys = SigningKeys(of: self)
        let (old, new) = try wrapping {
            guard let old = try keys.load() else { throw LogError.noKey }
            return (old, try keys.prepareNext())
        }
        let event = try wrapping {
            try KeyRotation.event(from: old.verifierKey, to: new.verifierKey, identity)
        }
        let position = try await appendOwn(event)
        let checkpoint = try await sign(with: [old, new])
        try wrapping { try keys.finishRotation(to: new) }
        _ = try await sign(with: [new])
        return KeyRotation(
            previous: old.verifierKey, next: new.verifierKey, position: position,
            checkpoint: checkpoint)
    }
}

extension EventLog {
    /// The keys that have signed this log's checkpoints, the newest first.
    package func verifierKeys() throws -> [VerifierKey] {
        var keys = try SigningKeys(of: self).verifierKey().map { [$0] } ?? []
        var selection = Selection()
        selection.types = [KeyRotation.eventType]
        selection.direction = .backward
        try read(selection) { event in
            for member in ["next", "previous"] {
                guard let text = event.data.object?.string(member) else { continue }
                let key = try VerifierKey(text: text)
                if !keys.contains(key) { keys.append(key) }
            }
            return .next
        }
        return keys
    }
}

extension EventLog {
    /// Signs the newest head and returns it; it is durable before it is signed.
    ///
    /// Where it was signed already, this returns what was signed. Throws ``LogError/noKey``.
    package func sign() async throws(LogError) -> SignedNote { try await sign(with: nil) }

    private func sign(with keys: [SigningKey]?) async throws(LogError) -> SignedNote {
        guard let writer else { throw .readOnly }
        return try await writer.sign(with: keys)
    }
}

/// What a rotation of keys did.
package struct KeyRotation: Sendable {
    package let previous: VerifierKey
    package let next: VerifierKey
    /// Where the event stands that tells of it.
    package let position: Position
    /// The head that covers the event, signed by both keys.
    package let checkpoint: SignedNote

    static let eventType = EventType(stored: "meta.signing_key_rotated")

    /// The event of a rotation; the same keys give the same identifier.
    fileprivate static func event(
        from old: VerifierKey, to new: VerifierKey, _ identity: LogIdentity
    ) throws -> NewEvent {
        var data = Array(#"{"previous":""#.utf8)
        data += old.text.utf8
        data += #"","next":""#.utf8
        data += new.text.utf8
        data += #""}"#.utf8
        return NewEvent(
            id: EventID(namespace: identity.id, name: data), type: eventType, schema: 1,
            stream: try StreamName("log/\(identity.id)"), source: try Source("urn:ascolto:log"),
            time: nil, data: .json(data[...]))
    }
}
