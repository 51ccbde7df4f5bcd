internal import ContactCentre
package import EventLog
internal import JSON
package import Vault

/// Destroys the keys of subjects, and tells so in the log.
///
/// Idempotent and safe in a crash: what is to be told stands in the vault before anything is done,
/// and whoever opens log and vault for writing next goes on where it broke off. What is derived
/// from the log and personal is then stale, until ``KeyStore/letForget(_:)``.
package struct SubjectEraser: Sendable {
    let log: EventLog
    package let vault: KeyStore

    package init(_ vault: KeyStore, of log: EventLog) {
        self.vault = vault
        self.log = log
    }

    /// What was erased, as the log tells it.
    package struct Erasure: Equatable, Sendable {
        package let subject: SubjectRef
        /// Where `subject.erasure_requested` stands.
        package let requested: Position
        /// Where `subject.erased` stands.
        package let erased: Position

        /// What is said of one that had been broken off, and was finished.
        package var finished: String {
            "finished the erasure of the subject \(subject), which had been broken off: position "
                + "\(erased)"
        }
    }

    /// Whether the log tells of anybody who was erased.
    package static func hasErased(in log: EventLog) throws -> Bool {
        var selection = Selection()
        selection.types = [.erased]
        selection.limit = 1
        var found = false
        try log.read(selection) { _ in
            found = true
            return .stop
        }
        return found
    }

    /// Erases a subject's data of all classes, or of some.
    ///
    /// - Parameters:
    ///   - subject: Whose data.
    ///   - classes: Which of them, or nil for all.
    ///   - basis: On which legal basis, in the words of who asks for it; no personal data.
    ///   - executor: Who carries it out; no personal data.
    /// - Returns: What was erased, or nil where it had been before.
    /// - Throws: ``VaultError/noSubject(_:)`` and others.
    package func erase(
        _ subject: SubjectRef, classes: [RetentionClass]? = nil, basis: String, by executor: String
    ) async throws -> Erasure? {
        // The vault remembers one erasure of a subject at a time.
        _ = try await carryOutWhatWasBegun()
        let told = try log.erasedKeys()
        guard try begin(subject, classes, basis: basis, by: executor, told) == .begun else {
            return nil
        }
        return try await carryOutWhatWasBegun().first { $0.subject == subject }
    }

    enum Beginning {
        case begun
        /// It was erased before.
        case nothingToErase
    }

    /// Remembers what is to be erased: from here on it is carried out, whatever ends this process.
    func begin(
        _ subject: SubjectRef, _ classes: [RetentionClass]?, basis: String, by executor: String,
        _ told: [(subject: SubjectRef, keys: Set<String>)]
    ) throws -> Beginning {
        try Self.require(basis, "the basis")
        try Self.require(executor, "the executor")
        let status = try vault.status(of: subject)
        guard !status.isEmpty else { throw VaultError.noSubject(subject) }
        for retention in classes ?? [] where !status.contains(where: { $0.retention == retention })
        {
            throw VaultError.noClass(retention, subject)
        }
        // What this log does not tell is told, also when it was brought back from before.
        let told = Set(told.filter { $0.subject == subject }.flatMap(\.keys))
        let destroyed = status.filter { key in
            (key.state != .erased || !told.contains("\(key.key)"))
                && classes?.contains(key.retention) ?? true
        }
        guard !destroyed.isEmpty else { return .nothingToErase }
        _ = try vault.beginErasure(
            of: subject,
            ErasureNote(
                basis: basis, executor: executor, moment: log.clock.now,
                keys: destroyed.map(ErasureNote.Key.init)
            ).bytes)
        return .begun
    }

    /// Carries out and tells what was begun and broken off; returns what was erased.
    package func finishWhatWasBegun() async throws -> [Erasure] {
        let finished = try await carryOutWhatWasBegun()
        try vault.finishRotation()
        try await tellDestroyedEpochs()
        try eraseWhatCameBack()
        return finished
    }

    /// Erases anew what the log tells is erased, where an older copy of the vault was put back.
    private func eraseWhatCameBack() throws {
        for (subject, keys) in try log.erasedKeys() {
            _ = try vault.destroy(keys, of: subject, at: log.clock.now.microseconds)
        }
    }

    private static func require(_ text: String, _ what: String) throws(VaultError) {
        let isPlain = !text.unicodeScalars.contains {
            $0.value < 0x20 || (0x7F...0x9F).contains($0.value)
        }
        guard (1...1_024).contains(text.utf8.count), isPlain else { throw .badReason(what) }
    }

    func carryOutWhatWasBegun() async throws -> [Erasure] {
        var erasures: [Erasure] = []
        for begun in try vault.begunErasures() {
            erasures.append(try await carryOut(begun.subject, begun.note))
        }
        return erasures
    }

    private func carryOut(_ subject: SubjectRef, _ bytes: [UInt8]) async throws -> Erasure {
        let note = try ErasureNote(bytes)
        let requested = try await log.appendOwn(
            event(.erasureRequested, of: subject, note, note.request(of: subject)))
        let classes = try note.keys.map { try RetentionClass($0.retention) }
        _ = try vault.erase(subject, classes: classes, at: note.moment.microseconds)
        let erased = try await log.appendOwn(
            event(.erased, of: subject, note, note.report(of: subject, requested: requested)))
        // Until here, a crash repeats the same events.
        try vault.endErasure(of: subject)
        return Erasure(subject: subject, requested: requested, erased: erased)
    }

    /// Gives a subject whose data were erased new keys, and tells on which basis.
    package func authorise(
        _ subject: SubjectRef, basis: String, by executor: String
    ) async throws {
        try Self.require(basis, "the basis")
        try Self.require(executor, "the executor")
        // An erasure that was broken off would take the new keys with it.
        _ = try await carryOutWhatWasBegun()
        let classes = try PersonalFields.retentions.map(RetentionClass.init)
        let status = try vault.status(of: subject)
        guard !status.isEmpty else { throw VaultError.noSubject(subject) }
        guard status.contains(where: { $0.state == .erased }) else {
            throw VaultError.notErased(subject)
        }
        let now = log.clock.now
        if try log.lastTold(of: subject) == .authorisedAnew {
            // It was told, and a crash came before the keys.
            return try vault.authorise(subject, keeping: classes, at: now.microseconds)
        }
        // First told, then done: a key without a word would be worse than a word without a key.
        _ = try await log.appendOwn(
            NewEvent(
                id: nil, type: .authorisedAnew, schema: 1,
                stream: try StreamName("subject/\(subject)"), tags: try Tags([.of(subject)]),
                source: try Source("urn:ascolto:vault"), time: now,
                data: .json(
                    Array(
                        JSONNode.object([
                            ("subject", .text("\(subject)")), ("basis", .text(basis)),
                            ("executor", .text(executor)),
                        ]).json.utf8)[...])))
        try vault.authorise(subject, keeping: classes, at: now.microseconds)
    }

    /// Goes on to a new epoch, in which no copy of an erased key can be unwrapped any more.
    ///
    /// Returns the epoch whose key was destroyed.
    package func rotate(to next: KeyStore.NextEpoch) async throws -> UInt32 {
        let destroyed = try vault.rotate(to: next)
        try await tellDestroyedEpochs()
        return destroyed
    }

    /// Every epoch whose key is gone is told once, also where a crash came in between.
    private func tellDestroyedEpochs() async throws {
        let current = try vault.currentEpoch()
        for epoch in 1..<max(1, current) where try !log.tells(ofEpoch: epoch) {
            let data = Array(JSONNode.object([("epoch", .count(epoch))]).json.utf8)
            _ = try await log.appendOwn(
                NewEvent(
                    id: EventID(namespace: log.identity.id, name: Array("epoch".utf8) + data),
                    type: .epochDestroyed, schema: 1, stream: try StreamName("vault"),
                    source: try Source("urn:ascolto:vault"), time: nil, data: .json(data[...])))
        }
    }

    private func event(
        _ type: EventType, of subject: SubjectRef, _ note: ErasureNote, _ data: JSONNode
    ) throws -> NewEvent {
        let bytes = Array(data.json.utf8)
        return NewEvent(
            id: EventID(
                namespace: log.identity.id,
                name: Array("\(type.text) \(note.moment.microseconds) ".utf8) + bytes),
            type: type, schema: 1, stream: try StreamName("subject/\(subject)"),
            tags: try Tags([.of(subject)]), source: try Source("urn:ascolto:vault"),
            time: note.moment, data: .json(bytes[...]))
    }
}

extension EventLog {
    fileprivate func tells(ofEpoch epoch: UInt32) throws -> Bool {
        var selection = Selection()
        selection.types = [.epochDestroyed]
        var found = false
        try read(selection) { event in
            found = event.data.object?.integer("epoch") == Int64(epoch)
            return found ? .stop : .next
        }
        return found
    }
}

extension EventLog {
    /// The keys that the log tells are destroyed, and whose they were.
    func erasedKeys() throws -> [(subject: SubjectRef, keys: Set<String>)] {
        var selection = Selection()
        selection.types = [.erased]
        var found: [(subject: SubjectRef, keys: Set<String>)] = []
        try read(selection) { event in
            guard let data = event.data.object,
                let subject = data.string("subject").flatMap(SubjectRef.init)
            else { return .next }
            let keys = data.member("keys")?.elements(atMost: 1_000) ?? []
            found.append((subject, Set(keys.compactMap { $0.object?.string("key") })))
            return .next
        }
        return found
    }

    /// The last that was told of a subject's keys.
    fileprivate func lastTold(of subject: SubjectRef) throws -> EventType? {
        var selection = Selection()
        selection.stream = try StreamName("subject/\(subject)")
        selection.direction = .backward
        selection.limit = 1
        var type: EventType?
        try read(selection) { event in
            type = event.type
            return .stop
        }
        return type
    }
}

/// What an erasure is going to tell, kept in the vault until it is told.
private struct ErasureNote {
    struct Key {
        let retention: String
        let id: String
        let commitment: String
        let epoch: Int64
    }

    let basis: String
    let executor: String
    let moment: Instant
    let keys: [Key]

    init(basis: String, executor: String, moment: Instant, keys: [Key]) {
        self.basis = basis
        self.executor = executor
        self.moment = moment
        self.keys = keys
    }

    var bytes: [UInt8] {
        Array(
            JSONNode.object([
                ("basis", .text(basis)), ("executor", .text(executor)),
                ("moment", .integer(moment.microseconds)), ("keys", .array(keys.map(\.node))),
            ]).json.utf8)
    }

    /// The inverse of ``bytes``.
    init(_ bytes: [UInt8]) throws {
        guard (try? checkJSON(bytes[...])) != nil,
            let payload = JSONPayload(checked: bytes[...]),
            let basis = payload.string("basis"), let executor = payload.string("executor"),
            let moment = payload.integer("moment"),
            let keys = payload.member("keys")?.elements(atMost: 1_000)?.map({
                $0.object.flatMap(Key.init)
            }), !keys.contains(where: { $0 == nil })
        else {
            throw VaultError.damagedFile(path: "data.mdb", "an erasure's note is damaged")
        }
        self.init(
            basis: basis, executor: executor, moment: Instant(microseconds: moment),
            keys: keys.compactMap(\.self))
    }

    func request(of subject: SubjectRef) -> JSONNode {
        .object([
            ("subject", .text("\(subject)")),
            ("classes", .array(keys.map { .text($0.retention) })),
            ("keys", .array(keys.map { .text($0.id) })), ("basis", .text(basis)),
            ("executor", .text(executor)),
        ])
    }

    func report(of subject: SubjectRef, requested: Position) -> JSONNode {
        .object([
            ("subject", .text("\(subject)")), ("requested", .count(requested.value)),
            ("keys", .array(keys.map(\.node))), ("basis", .text(basis)),
            ("executor", .text(executor)),
        ])
    }
}

extension ErasureNote.Key {
    init(_ status: KeyStore.Status) {
        self.init(
            retention: "\(status.retention)", id: "\(status.key)",
            commitment: status.commitmentHex, epoch: Int64(status.epoch))
    }

    init?(_ payload: JSONPayload) {
        guard let retention = payload.string("class"), let id = payload.string("key"),
            let commitment = payload.string("commitment"), let epoch = payload.integer("epoch")
        else { return nil }
        self.init(retention: retention, id: id, commitment: commitment, epoch: epoch)
    }

    var node: JSONNode {
        .object([
            ("class", .text(retention)), ("key", .text(id)), ("commitment", .text(commitment)),
            ("epoch", .integer(epoch)),
        ])
    }
}
