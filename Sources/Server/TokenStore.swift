package import JSON
package import Merkle
internal import Storage

/// An API key as its holder has it: `ascolto_ID_SECRET`.
package struct APIKey: Sendable {
    package let id: String
    private let secret: String

    /// A new one, whose secret has 256 random bits.
    package init() {
        var generator = SystemRandomNumberGenerator()
        let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
        id = String(
            (0..<10).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
        let words = (0..<4).map { _ in UInt64.random(in: .min ... .max, using: &generator) }
        secret = words.map { Self.hex($0) }.joined()
    }

    private static func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Reads what a client sent; nil where it is no key of this form.
    init?(_ text: Substring) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "ascolto", parts[1].utf8.count == 10,
            parts[2].utf8.count == 64
        else { return nil }
        (id, secret) = (String(parts[1]), String(parts[2]))
    }

    /// To be shown once, to whom it is for.
    package var text: String { "ascolto_\(id)_\(secret)" }

    /// What is kept of it; 256 random bits need no salt and no slow hash.
    package var hash: Hash { Hash(of: Array(text.utf8)) }
}

/// What is known of an API key.
package struct TokenRecord: Sendable {
    package let id: String
    package let name: String
    package let hash: Hash
    package let roles: Set<Role>
    package let scope: Scope
    package let created: Instant
    package let expires: Instant?
    package var revoked: Instant?

    package init(
        _ key: APIKey, name: String, roles: Set<Role>, scope: Scope, created: Instant,
        expires: Instant?
    ) {
        id = key.id
        hash = key.hash
        self.name = name
        self.roles = roles
        self.scope = scope
        self.created = created
        self.expires = expires
    }

    package var node: JSONNode {
        .object([
            ("id", .text(id)), ("name", .text(name)), ("sha256", .text(hash.hex)),
            ("roles", .array(roles.map(\.rawValue).sorted().map { .text($0) })),
            ("centres", scope.centres.map { .array($0.sorted().map { .text($0) }) } ?? .null),
            (
                "types",
                scope.types.map { .array($0.map(\.description).sorted().map { .text($0) }) }
                    ?? .null
            ),
            ("created", .text(created.description)), ("expires", .optional(expires)),
            ("revoked", .optional(revoked)),
        ])
    }

    /// The inverse of ``node``; nil for what it did not write.
    init?(_ text: [UInt8]) {
        guard (try? checkJSON(text[...])) != nil, let object = JSONPayload(checked: text[...]),
            let id = object.string("id"), let name = object.string("name"),
            let hash = object.string("sha256").flatMap({ Hash(hex: $0) }),
            let roles = object.strings("roles")?.map(Role.init(rawValue:)),
            let created = object.string("created").flatMap({ Instant(rfc3339: $0) }),
            let centres = object.optionalStrings("centres"),
            let types = object.optionalStrings("types")
        else { return nil }
        self.id = id
        self.name = name
        self.hash = hash
        self.roles = Set(roles.compactMap { $0 })
        scope = Scope(
            centres: centres.map { Set($0) },
            types: types.map { Set($0.compactMap(TypePattern.init)) })
        self.created = created
        // A time that cannot be read is one that has passed.
        expires = object.string("expires").map { Instant(rfc3339: $0) ?? created }
        revoked = object.string("revoked").map { Instant(rfc3339: $0) ?? created }
    }
}

extension JSONPayload {
    /// The same, and a nil within where the member is null; nil for anything else.
    fileprivate func optionalStrings(_ key: String) -> [String]?? {
        if member(key)?.kind == .null { return .some(nil) }
        return strings(key).map { .some($0) }
    }

    /// The texts of an array; nil where there is none, or where it holds anything else.
    func strings(_ key: String) -> [String]? {
        guard let values = member(key)?.elements else { return nil }
        let texts = values.compactMap(\.string)
        return texts.count == values.count ? texts : nil
    }
}

/// Why a token cannot be made or changed; each case says what to do.
package enum TokenError: Error, CustomStringConvertible {
    case noSuchToken(String)
    case damaged(path: String)
    case openToOthers(path: String)
    case unreadable(path: String)

    package var description: String {
        switch self {
        case .noSuchToken(let id): "there is no token \(id); tokens list shows them"
        case .damaged(let path): "\(path) is damaged; remove it and make a new token"
        case .unreadable(let path):
            "\(path) cannot be read; it belongs to the user that the server runs as"
        case .openToOthers(let path):
            "\(path) can be read or changed by others; run: chmod go= \(path)"
        }
    }
}

/// The API keys of one log, a file for each, of which only the hash is kept.
package struct TokenStore: Sendable {
    package let directory: String

    package init(ofLogIn directory: String) { self.directory = directory + "/tokens" }

    package func add(_ record: TokenRecord) throws {
        if FileSystem.kind(of: directory) == .missing {
            try FileSystem.createDirectory(directory, for: .ownerOnly)
        }
        try write(record)
    }

    package func all() throws -> [TokenRecord] {
        let (readable, problems) = try each()
        if let first = problems.first { throw first }
        return readable
    }

    /// The keys that can be read, and why others cannot.
    func each() throws -> (readable: [TokenRecord], problems: [any Error]) {
        guard let names = FileSystem.entries(of: directory) else {
            guard FileSystem.kind(of: directory) == .missing else {
                throw TokenError.unreadable(path: directory)
            }
            return ([], [])
        }
        var (readable, problems) = ([TokenRecord](), [any Error]())
        for name in names where name.hasSuffix(".json") {
            do { readable.append(try read(directory + "/" + name)) } catch {
                problems.append(error)
            }
        }
        return (readable, problems)
    }

    package func revoke(_ id: String, at moment: Instant) throws -> TokenRecord {
        guard var record = try all().first(where: { $0.id == id }) else {
            throw TokenError.noSuchToken(id)
        }
        // The first time is the one that counts.
        record.revoked = record.revoked ?? moment
        try write(record)
        return record
    }

    private func write(_ record: TokenRecord) throws {
        var bytes: [UInt8] = []
        record.node.append(to: &bytes)
        try FileSystem.replace(
            "\(directory)/\(record.id).json", with: bytes + [0x0A], for: .ownerOnly)
    }

    private func read(_ path: String) throws -> TokenRecord {
        guard try !FileSystem.isOpenToOthers(path) else {
            throw TokenError.openToOthers(path: path)
        }
        let file = try RawFile.open(path)
        guard let record = TokenRecord(try file.read(try file.byteCount(), at: 0)) else {
            throw TokenError.damaged(path: path)
        }
        return record
    }
}
