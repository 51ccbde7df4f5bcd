import Foundation
import Storage
import TestSupport
import Testing
import Vault

@Suite("The vault")
struct KeyStoreTests {
    private static let classes = [
        try? RetentionClass("contact"), try? RetentionClass("opinion"),
    ].compactMap(\.self)

    /// A root that only flips bits: what the vault asks of one can be seen through it.
    private struct OpenRoot: RootKey {
        let mask: UInt8

        func wrap(_ key: [UInt8]) -> [UInt8] { key.map { $0 ^ mask } + [mask] }

        func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8] {
            guard wrapped.last == mask else { throw .otherRoot }
            return wrapped.dropLast().map { $0 ^ mask }
        }
    }

    private static func place(
        _ subject: SubjectRef, id: UInt8 = 1, type: String = "contact.received",
        path: String = "sealed"
    ) -> SealedPlace {
        SealedPlace(
            id: [UInt8](repeating: id, count: 16), type: type, schema: 1, stream: "contact/1",
            source: "urn:t", subject: subject, path: path)
    }

    private func withStore<Result>(
        in scratch: Scratch, root: any RootKey = OpenRoot(mask: 7),
        _ body: (KeyStore) throws -> Result
    ) throws -> Result {
        let directory = scratch.place("vault")
        if !KeyStore.exists(in: directory) { try KeyStore.create(in: directory, root: root) }
        return try body(KeyStore.open(in: directory, root: root, access: .writing))
    }

    @Test("gives an identifier one reference, and another after it was erased")
    func references() throws {
        let scratch = try Scratch()
        let first = try withStore(in: scratch) { store in
            let first = try store.makeSubject(of: Identifier("A"), keeping: Self.classes, at: 1)
            #expect(
                try store.makeSubject(of: Identifier("A"), keeping: Self.classes, at: 2) == first)
            #expect(
                try store.makeSubject(of: Identifier("a"), keeping: Self.classes, at: 2) != first)
            #expect(try store.subject(of: Identifier("B")) == nil)
            return first
        }
        try withStore(in: scratch) { store throws in
            #expect(try store.subject(of: Identifier("A")) == first)
            #expect(try store.erase(first, at: 3).count == 2)
            #expect(try store.subject(of: Identifier("A")) == nil)
            #expect(
                try store.makeSubject(of: Identifier("A"), keeping: Self.classes, at: 4) != first)
        }
    }

    @Test(
        "takes one line as an identifier, and not too long a one",
        arguments: [
            "", String(repeating: "x", count: 513), "a\nb", "a\u{2028}b", " a", "a\t", "a\u{9B}b",
            "a\u{A0}",
        ])
    func identifiers(text: String) {
        #expect(throws: VaultError.badIdentifier) { try Identifier(text) }
    }

    @Test("tells never, active, erased and authorised anew apart")
    func states() throws {
        let scratch = try Scratch()
        try withStore(in: scratch) { store in
            let (contact, opinion) = (Self.classes[0], Self.classes[1])
            let stranger = try #require(SubjectRef(String(repeating: "0", count: 32)))
            #expect(try store.state(of: stranger, for: contact) == .never)
            #expect(throws: VaultError.noSubject(stranger)) {
                try store.key(of: stranger, for: contact)
            }
            #expect(throws: VaultError.noSubject(stranger)) { try store.erase(stranger, at: 1) }
            let subject = try store.makeSubject(of: nil, keeping: Self.classes, at: 1)
            let key = try store.key(of: subject, for: contact)
            #expect(throws: VaultError.notErased(subject)) {
                try store.authorise(subject, keeping: Self.classes, at: 2)
            }
            #expect(try store.erase(subject, classes: [contact], at: 3).map(\.key) == [key.id])
            #expect(try store.erase(subject, classes: [contact], at: 4).isEmpty)
            #expect(try store.state(of: subject, for: contact) == .erased)
            #expect(try store.state(of: subject, for: opinion) == .active)
            #expect(throws: VaultError.erased(subject)) {
                try store.key(of: subject, for: contact)
            }
            // Nobody gets a key again by being made once more.
            _ = try store.makeSubject(of: nil, keeping: Self.classes, at: 5)
            #expect(try store.state(of: subject, for: contact) == .erased)
            try store.authorise(subject, keeping: Self.classes, at: 6)
            #expect(try store.state(of: subject, for: contact) == .authorisedAnew)
            #expect(try store.key(of: subject, for: contact).id != key.id)
        }
    }

    @Test("keeps what lives through an epoch, and destroys the key of the one before")
    func epochs() throws {
        let scratch = try Scratch()
        let (subject, sealed) = try withStore(in: scratch) { store in
            let subject = try store.makeSubject(of: Identifier("A"), keeping: Self.classes, at: 1)
            let sealed = try store.key(of: subject, for: Self.classes[0]).seal(
                [1, 2, 3], for: Self.place(subject))
            #expect(try store.rotate(to: store.makeNextEpoch()) == 1)
            #expect(try store.currentEpoch() == 2)
            return (subject, sealed)
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.place("vault/epoch-1.key")))
        // What a rotation that was broken off has left goes when somebody finishes it, and not when
        // somebody only opens the store beside it.
        let leftovers = ["vault/epoch-1.key", "vault/epoch-3.key"].map(scratch.place)
        for path in leftovers {
            #expect(FileManager.default.createFile(atPath: path, contents: Data("00\n".utf8)))
        }
        try withStore(in: scratch) { store in
            #expect(leftovers.allSatisfy(FileManager.default.fileExists(atPath:)))
            try store.finishRotation()
            #expect(!leftovers.contains(where: FileManager.default.fileExists(atPath:)))
            #expect(try store.subject(of: Identifier("A")) == subject)
            let key = try store.key(of: subject, for: Self.classes[0])
            #expect(try key.open(sealed, at: Self.place(subject)) == [1, 2, 3])
        }
    }

    @Test("opens under its own root only, and not where others may read the root's file")
    func roots() throws {
        let scratch = try Scratch()
        try withStore(in: scratch) { _ in }
        #expect(throws: VaultError.otherRoot) {
            try withStore(in: scratch, root: OpenRoot(mask: 8)) {
                try $0.subject(of: Identifier("A"))
            }
        }
        let path = scratch.place("root.key")
        let root = try RootKeyFile.create(at: path)
        #expect(throws: VaultError.self) { try RootKeyFile.create(at: path) }
        let wrapped = try root.wrap([1, 2])
        #expect(try RootKeyFile(at: path).unwrap(wrapped) == [1, 2])
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        #expect(throws: VaultError.openKeyFile(path: path)) { try RootKeyFile(at: path) }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try Data("00\n".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: VaultError.self) { try RootKeyFile(at: path) }
    }

    @Test("remembers what is being erased until it is told")
    func erasures() throws {
        let scratch = try Scratch()
        try withStore(in: scratch) { store in
            let subject = try store.makeSubject(of: Identifier("A"), keeping: Self.classes, at: 1)
            #expect(try store.beginErasure(of: subject, [1]) == [1])
            #expect(try store.beginErasure(of: subject, [2]) == [1])
            #expect(try store.begunErasures().map(\.note) == [[1]])
            try store.endErasure(of: subject)
            try store.endErasure(of: subject)
            #expect(try store.begunErasures().isEmpty)
        }
    }

    @Test("is stale from when a key is gone until all that is derived was made anew behind it")
    func staleness() throws {
        struct Failure: Error {}
        let scratch = try Scratch()
        try withStore(in: scratch) { store in
            let subject = try store.makeSubject(of: Identifier("A"), keeping: Self.classes, at: 1)
            var made = 0
            try store.letForget { made += 1 }
            #expect(try store.staleSubjects().isEmpty && made == 0)
            _ = try store.erase(subject, at: 2)
            #expect(throws: Failure.self) { try store.letForget { throw Failure() } }
            #expect(try store.staleSubjects() == [subject])
            // Another erasure while it is made anew, which may have read its key.
            let other = try store.makeSubject(of: nil, keeping: Self.classes, at: 1)
            _ = try store.erase(other, at: 2)
            try store.letForget { _ = try store.erase(subject, at: 3) }
            #expect(try store.staleSubjects() == [subject])
            try store.letForget { made += 1 }
            #expect(try store.staleSubjects().isEmpty && made == 1)
        }
    }

    @Test("seals the same to the same, anything else to something else", arguments: [1, 2, 3])
    func sealing(seed: UInt64) throws {
        let scratch = try Scratch()
        var random = SeededNumbers(seed: seed)
        try withStore(in: scratch) { store in
            let subject = try store.makeSubject(of: nil, keeping: Self.classes, at: 1)
            let other = try store.makeSubject(of: nil, keeping: Self.classes, at: 1)
            let key = try store.key(of: subject, for: Self.classes[0])
            let place = Self.place(subject)
            for _ in 0..<40 {
                let clear = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
                let sealed = key.seal(clear, for: place)
                #expect(key.seal(clear, for: place) == sealed, "seed \(seed)")
                #expect(try key.open(sealed, at: place) == clear, "seed \(seed)")
                #expect(key.seal(clear + [0], for: place) != sealed)
                let text = sealed.text
                #expect(SealedValue(text) == sealed)
                // Lengths are powers of two, with a head of 97 bytes before them.
                let bytes = text.utf8.count / 2 - 97
                #expect(bytes >= 32 && bytes & (bytes - 1) == 0, "\(bytes)")
                for elsewhere in [
                    Self.place(other), Self.place(subject, id: 2),
                    Self.place(subject, type: "contact.queued"),
                    Self.place(subject, path: "other"),
                ] {
                    #expect(throws: VaultError.self) { try key.open(sealed, at: elsewhere) }
                    #expect(key.seal(clear, for: elsewhere) != sealed)
                }
                for stranger in [
                    try store.key(of: subject, for: Self.classes[1]),
                    try store.key(of: other, for: Self.classes[0]),
                ] {
                    #expect(throws: VaultError.self) { try stranger.open(sealed, at: place) }
                }
                let index = Int.random(in: 0..<text.utf8.count, using: &random)
                var digits = Array(text.utf8)
                digits[index] = digits[index] == UInt8(ascii: "0") ? 49 : 48
                // Another version is none that is known.
                guard let changed = SealedValue(String(decoding: digits, as: UTF8.self)) else {
                    #expect(index < 2, "seed \(seed)")
                    continue
                }
                #expect(throws: VaultError.self, "seed \(seed), digit \(index)") {
                    try key.open(changed, at: place)
                }
            }
        }
        for text in ["", "00", "0", "zz", String(repeating: "0", count: 300)] {
            #expect(SealedValue(text) == nil)
        }
    }
}

extension KeyStore {
    fileprivate func key(of subject: SubjectRef, for retention: RetentionClass) throws -> DataKey {
        switch try holding(of: subject, for: retention) {
        case .key(let key), .laterKey(let key): return key
        case .never: throw VaultError.noSubject(subject)
        case .erased: throw VaultError.erased(subject)
        }
    }

    fileprivate func state(of subject: SubjectRef, for retention: RetentionClass) throws -> State {
        try status(of: subject).first { $0.retention == retention }?.state ?? .never
    }
}
