internal import Crypto
internal import Storage

/// The keys of subjects, in a directory of its own beside the log.
///
/// Whoever has the log for writing has the store for writing; others read it. Nothing in it is
/// clear: keys are wrapped under the key of an epoch, and identifiers stand there as an HMAC.
package final class KeyStore: Sendable {
    let environment: Environment
    private let epochs: EpochKeys

    package enum Access: Sendable {
        case reading
        case writing
    }

    /// What became of a subject's data of one retention class.
    package enum State: Equatable, Sendable {
        /// The vault has never had a key.
        case never
        case active
        case erased
        /// It was erased, and has a new key since; what was sealed before stays closed.
        case authorisedAnew
    }

    /// What can be told of a key, also when it is gone.
    package struct Status: Equatable, Sendable {
        package let retention: RetentionClass
        package let state: State
        package let key: KeyID
        /// HMAC-SHA256 under the key of its id: whoever has a copy of the key shows it by this.
        package let commitment: [UInt8]
        /// How many keys there have been, this one included.
        package let generation: UInt32
        /// Under which epoch's key it is wrapped, or was.
        package let epoch: UInt32
        /// Microseconds since 1970.
        package let created: Int64
        package let changed: Int64

        package var commitmentHex: String { Hex.encode(commitment) }
    }

    enum Table {
        static let keys = "keys"
        static let identifiers = "identifiers"
        static let references = "references"
        static let erasures = "erasures"
        static let store = "store"
        static let all = [keys, identifiers, references, erasures, store]
    }

    enum Entry {
        static let epoch = Array("epoch".utf8)
        static let index = Array("index".utf8)
        /// Before a subject: that what is derived has yet to forget whom this is.
        static let stale = Array("stale/".utf8)
    }

    private static let readersMax = 64
    private static let mapSize = MapSize(bytes: 1 << 30, bytesMax: 1 << 40)

    private init(_ environment: Environment, _ epochs: EpochKeys) {
        self.environment = environment
        self.epochs = epochs
    }

    /// Whether there is a store in the directory.
    package static func exists(in directory: String) -> Bool {
        FileSystem.kind(of: directory + "/data.mdb") == .file
    }

    /// Creates an empty store: whole, or not at all.
    ///
    /// One process does so at a time.
    package static func create(in directory: String, root: any RootKey) throws(VaultError) {
        try wrapping {
            guard !exists(in: directory) else {
                throw VaultError.vaultExists(directory: directory)
            }
            // What an earlier attempt has left is nothing yet.
            let aside = directory + ".new"
            FileSystem.remove(aside)
            try FileSystem.createDirectory(aside, for: .ownerOnly)
            let epochs = EpochKeys(in: aside, root: root)
            try epochs.install(epochs.make(), as: 1)
            try Environment.create(in: aside, databases: Table.all)
            do {
                let store = KeyStore(
                    try Environment.open(
                        in: aside, access: .writing, databases: Table.all,
                        readersMax: readersMax, map: mapSize), epochs)
                try store.begin()
            }
            try FileSystem.sync(aside)
            try FileSystem.rename(from: aside, to: directory)
            try FileSystem.sync(FileSystem.parent(of: directory))
        }
    }

    /// Opens a store; its keys are asked for when they are needed.
    package static func open(
        in directory: String, root: any RootKey, access: Access
    ) throws(VaultError) -> KeyStore {
        try wrapping {
            guard exists(in: directory) else {
                if FileSystem.kind(of: directory) == .directory {
                    throw VaultError.damagedFile(
                        path: directory, "data.mdb is missing: restore the vault from its backup")
                }
                throw VaultError.noVault(directory: directory)
            }
            // A crash must not write keys into a file that nobody erases.
            CoreDumps.forbid()
            return KeyStore(
                try Environment.open(
                    in: directory, access: access == .writing ? .writing : .reading,
                    databases: Table.all, readersMax: readersMax, map: mapSize),
                EpochKeys(in: directory, root: root))
        }
    }

    private func begin() throws {
        try environment.write { transaction in
            var epoch: [UInt8] = []
            epoch.appendU32(1)
            try transaction.put(epoch, for: Entry.epoch, in: Table.store)
            let wrapped = try AES.KeyWrap.wrap(
                SymmetricKey(size: .bits256), using: epochs.key(of: 1))
            try transaction.put(Array(wrapped), for: Entry.index, in: Table.store)
        }
    }
}

extension KeyStore {
    /// The subject of an identifier, such as a tax code or a phone number, or nil.
    package func subject(of identifier: Identifier) throws(VaultError) -> SubjectRef? {
        try wrapping {
            try environment.read { transaction in
                try reference(of: try blind(identifier, in: transaction), in: transaction)
            }
        }
    }

    /// The subject of an identifier, who is made where there is none yet; nil makes one whom no
    /// identifier leads to.
    ///
    /// It is durable before this returns, and what it costs is one commit.
    package func makeSubject(
        of identifier: Identifier?, keeping classes: [RetentionClass], at moment: Int64
    ) throws(VaultError) -> SubjectRef {
        // The root may take its time, and others write meanwhile.
        try unlock()
        return try wrapping {
            try environment.write { transaction in
                let blinded = try identifier.map { try blind($0, in: transaction) }
                if let blinded, let known = try reference(of: blinded, in: transaction) {
                    try addKeys(to: known, classes, at: moment, in: &transaction)
                    return known
                }
                let subject = SubjectRef.random()
                if let blinded {
                    try transaction.put(
                        subject.words.bytes, for: blinded, in: Table.identifiers)
                    try transaction.put(
                        blinded, for: subject.words.bytes, in: Table.references)
                }
                try addKeys(to: subject, classes, at: moment, in: &transaction)
                return subject
            }
        }
    }

    /// Keys for the classes of which the subject never had one; where data were erased, none.
    private func addKeys(
        to subject: SubjectRef, _ classes: [RetentionClass], at moment: Int64,
        in transaction: inout WriteTransaction
    ) throws {
        for retention in classes
        where try record(of: subject, retention, in: transaction) == nil {
            try put(
                makeRecord(generation: 1, at: moment, in: transaction), subject, retention,
                in: &transaction)
        }
    }

    private func makeRecord(
        generation: UInt32, at moment: Int64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> SubjectRecord {
        let epoch = try epoch(in: transaction)
        let key = DataKey.random()
        let wrapped = try AES.KeyWrap.wrap(key.secret, using: epochs.key(of: epoch))
        return SubjectRecord(
            key: key, wrapped: Array(wrapped), epoch: epoch, generation: generation, at: moment)
    }

    /// What there is to seal and open a subject's data of one class with.
    package enum Holding: Sendable {
        /// The vault has never had a key.
        case never
        case key(DataKey)
        /// A key since the subject was authorised anew; what was sealed before stays closed.
        case laterKey(DataKey)
        case erased
    }

    /// The key of a subject, or what became of it, as of one moment.
    package func holding(
        of subject: SubjectRef, for retention: RetentionClass
    ) throws(VaultError) -> Holding {
        try wrapping {
            do {
                return try readHolding(of: subject, retention)
            } catch VaultError.noEpochKey {
                // Meanwhile another process has gone on to the next epoch.
                return try readHolding(of: subject, retention)
            }
        }
    }

    private func readHolding(
        of subject: SubjectRef, _ retention: RetentionClass
    ) throws -> Holding {
        try environment.read { transaction in
            guard let record = try record(of: subject, retention, in: transaction) else {
                return .never
            }
            guard record.state == .active else { return .erased }
            let secret = try unwrapped(record.wrapped, using: epochs.key(of: record.epoch))
            let key = DataKey(id: record.key, secret: secret)
            guard key.commitment == record.commitment else {
                throw VaultError.damagedFile(
                    path: "data.mdb", "the key of \(subject) is not the one that was made")
            }
            return record.told == .authorisedAnew ? .laterKey(key) : .key(key)
        }
    }

    /// Has the root unwrap the key of the epoch, so that no key of a subject waits for it later.
    package func unlock() throws(VaultError) {
        try wrapping { _ = try epochs.key(of: epoch()) }
    }

    private func unwrapped(_ wrapped: [UInt8], using key: SymmetricKey) throws -> SymmetricKey {
        guard let secret = try? AES.KeyWrap.unwrap(wrapped, using: key) else {
            throw VaultError.otherRoot
        }
        return secret
    }

    /// What can be told of all keys of a subject, in the order of their classes; empty where the
    /// vault has never had one.
    package func status(of subject: SubjectRef) throws(VaultError) -> [Status] {
        try wrapping {
            try environment.read { transaction in
                try records(of: subject, in: transaction).map { retention, record in
                    Status(
                        retention: retention, state: record.told, key: record.key,
                        commitment: record.commitment, generation: record.generation,
                        epoch: record.epoch,
                        created: record.created, changed: record.changed)
                }
            }
        }
    }

    /// Whether some of a subject's data were erased, also where it has keys again.
    package func hasErased(_ subject: SubjectRef) throws(VaultError) -> Bool {
        try status(of: subject).contains { $0.state == .erased || $0.state == .authorisedAnew }
    }

    /// The subjects that have a key of a class, which it is, and when it was made (µs since 1970).
    package func subjects(
        withKeysOf retention: RetentionClass
    ) throws(VaultError) -> [(subject: SubjectRef, key: KeyID, created: Int64)] {
        try wrapping {
            try environment.read { transaction in
                try allRecords(in: transaction).compactMap { key, record in
                    guard record.state == .active,
                        key.dropFirst(RandomName.byteCount).elementsEqual(retention.name.utf8),
                        let words = RandomName(bytes: key.prefix(RandomName.byteCount))
                    else { return nil }
                    return (SubjectRef(words: words), record.key, record.created)
                }
            }
        }
    }

}

extension KeyStore {
    /// Destroys the keys of a subject, of all classes or of some, and forgets who it was.
    ///
    /// The keys' last copies die with the epoch, by ``rotate(to:)``. Erased once more, nothing
    /// changes but that what is derived is to forget them again. Returns what was destroyed by this
    /// call.
    package func erase(
        _ subject: SubjectRef, classes: [RetentionClass]? = nil, at moment: Int64
    ) throws(VaultError) -> [Status] {
        let before = try status(of: subject)
        guard !before.isEmpty else { throw .noSubject(subject) }
        return try wrapping {
            try environment.write { transaction in
                var destroyed: [Status] = []
                for (retention, var record) in try records(of: subject, in: transaction)
                where record.state == .active && classes?.contains(retention) ?? true {
                    destroyed += before.filter { $0.retention == retention }
                    record.state = .erased
                    record.wrapped = []
                    record.changed = moment
                    try put(record, subject, retention, in: &transaction)
                }
                let isGone = try records(of: subject, in: transaction).allSatisfy {
                    $0.record.state == .erased
                }
                if isGone { try forget(subject, in: &transaction) }
                // With this commit, so that nothing is shown that was read with a key that is gone.
                try markStale(subject, in: &transaction)
                return destroyed
            }
        }
    }

    /// Destroys keys by their names, where they are there, and returns how many there were.
    ///
    /// So what was erased stays erased when an older copy of the store was put in its place.
    package func destroy(
        _ keys: Set<String>, of subject: SubjectRef, at moment: Int64
    ) throws(VaultError) -> Int {
        let classes = try status(of: subject)
            .filter { $0.state != .erased && keys.contains("\($0.key)") }.map(\.retention)
        guard !classes.isEmpty else { return 0 }
        return try erase(subject, classes: classes, at: moment).count
    }

    /// Gives a subject whose data were erased new keys, as when the person comes back.
    package func authorise(
        _ subject: SubjectRef, keeping classes: [RetentionClass], at moment: Int64
    ) throws(VaultError) {
        try unlock()
        try wrapping {
            try environment.write { transaction in
                let records = try records(of: subject, in: transaction)
                guard !records.isEmpty else { throw VaultError.noSubject(subject) }
                guard records.contains(where: { $0.record.state == .erased }) else {
                    throw VaultError.notErased(subject)
                }
                for (retention, record) in records where record.state == .erased {
                    let next = try makeRecord(
                        generation: record.generation + 1, at: moment, in: transaction)
                    try put(next, subject, retention, in: &transaction)
                }
                try addKeys(to: subject, classes, at: moment, in: &transaction)
            }
        }
    }

    /// The key of an epoch that may begin; nothing on disk knows of it.
    package struct NextEpoch: Sendable {
        fileprivate let made: EpochKeys.Wrapped
    }

    /// Has the root wrap the key of a next epoch; nothing else of a rotation waits for the root.
    package func makeNextEpoch() throws(VaultError) -> NextEpoch {
        try wrapping {
            _ = try epochs.key(of: epoch())
            return NextEpoch(made: try epochs.make())
        }
    }

    /// Goes on to a new epoch: wraps what lives under a new key, and destroys the old one, and with
    /// it every copy of a key that was erased before.
    ///
    /// For who has the log for writing, and so is alone in it; others make subjects meanwhile. A
    /// crash leaves the old epoch or the new one, and ``finishRotation()`` finishes it. Linear in
    /// the number of keys. Returns the epoch whose key was destroyed.
    package func rotate(to next: NextEpoch) throws(VaultError) -> UInt32 {
        try wrapping {
            let old = try epoch()
            try epochs.install(next.made, as: old + 1)
            let (oldKey, newKey) = (try epochs.key(of: old), try epochs.key(of: old + 1))
            try environment.write { transaction in
                for (key, var record) in try allRecords(in: transaction)
                where record.state == .active {
                    let secret = try unwrapped(record.wrapped, using: oldKey)
                    record.wrapped = Array(try AES.KeyWrap.wrap(secret, using: newKey))
                    record.epoch = old + 1
                    try transaction.put(record.bytes, for: key, in: Table.keys)
                }
                let index = try unwrapped(wrappedIndex(in: transaction), using: oldKey)
                try transaction.put(
                    Array(AES.KeyWrap.wrap(index, using: newKey)), for: Entry.index,
                    in: Table.store)
                var epoch: [UInt8] = []
                epoch.appendU32(old + 1)
                // With this commit the new epoch begins: a crash before leaves a key that nothing
                // is wrapped under, a crash after leaves the old key to be destroyed.
                try transaction.put(epoch, for: Entry.epoch, in: Table.store)
            }
            try destroyOldEpochs()
            return old
        }
    }

    /// Finishes what a rotation has left that was broken off; for who has the log for writing.
    package func finishRotation() throws(VaultError) { try wrapping { try destroyOldEpochs() } }

    /// The epoch whose key wraps all that lives; keys of earlier ones are destroyed.
    package func currentEpoch() throws(VaultError) -> UInt32 { try wrapping { try epoch() } }

    private func destroyOldEpochs() throws {
        let current = try epoch()
        epochs.removeLeftovers()
        // Only who has the log for writing rotates and comes here: no other key is about to begin.
        var failure: (any Error)?
        for epoch in epochs.epochs where epoch != current {
            do { try epochs.destroy(epoch) } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    /// Whether the key of an epoch is there, so that what was wrapped under it could be read.
    package func hasKey(ofEpoch epoch: UInt32) -> Bool { epochs.epochs.contains(epoch) }

    private func forget(
        _ subject: SubjectRef, in transaction: inout WriteTransaction
    ) throws {
        let blinded = try transaction.withValue(for: subject.words.bytes, in: Table.references) {
            [UInt8](copying: $0)
        }
        guard let blinded else { return }
        try transaction.delete(blinded, in: Table.identifiers)
        try transaction.delete(subject.words.bytes, in: Table.references)
    }
}

extension SubjectRecord {
    fileprivate var told: KeyStore.State {
        switch state {
        case .erased: .erased
        case .active: generation > 1 ? .authorisedAnew : .active
        }
    }
}

extension KeyStore {
    private func epoch() throws -> UInt32 { try environment.read { try epoch(in: $0) } }

    private func epoch(in transaction: borrowing some Transaction & ~Copyable) throws -> UInt32 {
        let found = try transaction.withValue(for: Entry.epoch, in: Table.store) { bytes in
            var reader = ByteReader(bytes)
            return try reader.u32()
        }
        guard let found else {
            throw VaultError.damagedFile(path: "data.mdb", "it does not say its epoch")
        }
        return found
    }

    private func wrappedIndex(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8] {
        let wrapped = try transaction.withValue(for: Entry.index, in: Table.store) {
            [UInt8](copying: $0)
        }
        guard let wrapped else {
            throw VaultError.damagedFile(path: "data.mdb", "it has lost the key of its index")
        }
        return wrapped
    }

    /// HMAC-SHA256 of an identifier under the key of the index: equal identifiers only show that
    /// they are equal, to who can read the store.
    private func blind(
        _ identifier: Identifier, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8] {
        let key = try unwrapped(
            wrappedIndex(in: transaction), using: epochs.key(of: epoch(in: transaction)))
        return Array(HMAC<SHA256>.authenticationCode(for: Array(identifier.text.utf8), using: key))
    }

    private func reference(
        of blinded: [UInt8], in transaction: borrowing some Transaction & ~Copyable
    ) throws -> SubjectRef? {
        let bytes = try transaction.withValue(for: blinded, in: Table.identifiers) {
            [UInt8](copying: $0)
        }
        guard let bytes else { return nil }
        guard let words = RandomName(bytes: bytes[...]) else {
            throw VaultError.damagedFile(path: "data.mdb", "an identifier leads nowhere")
        }
        return SubjectRef(words: words)
    }

    private func record(
        of subject: SubjectRef, _ retention: RetentionClass,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> SubjectRecord? {
        try transaction.withValue(
            for: subject.words.bytes + Array(retention.name.utf8), in: Table.keys
        ) { try SubjectRecord($0) }
    }

    private func put(
        _ record: SubjectRecord, _ subject: SubjectRef, _ retention: RetentionClass,
        in transaction: inout WriteTransaction
    ) throws {
        try transaction.put(
            record.bytes, for: subject.words.bytes + Array(retention.name.utf8), in: Table.keys)
    }

    private func records(
        of subject: SubjectRef, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [(retention: RetentionClass, record: SubjectRecord)] {
        try entries(from: subject.words.bytes, in: transaction).map { key, record in
            let name = String(decoding: key.dropFirst(RandomName.byteCount), as: UTF8.self)
            return (try RetentionClass(name), record)
        }
    }

    private func allRecords(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [(key: [UInt8], record: SubjectRecord)] {
        try entries(from: [], in: transaction)
    }

    private func entries(
        from prefix: [UInt8], in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [(key: [UInt8], record: SubjectRecord)] {
        try transaction.withCursor(in: Table.keys) { cursor in
            var found: [(key: [UInt8], record: SubjectRecord)] = []
            var isAtOne = prefix.isEmpty ? try cursor.first() : try cursor.seek(atOrAfter: prefix)
            while isAtOne {
                let entry = try cursor.withEntry { key, value in
                    ([UInt8](copying: key), try SubjectRecord(value))
                }
                guard entry.0.starts(with: prefix) else { break }
                found.append((entry.0, entry.1))
                isAtOne = try cursor.next()
            }
            return found
        }
    }
}
