internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Logging
internal import Merkle
internal import Storage
internal import Synchronization

/// By what somebody is known.
package enum GatePolicy: Sendable {
    /// Everybody may do everything; for one machine only.
    case open
    /// By API keys, and by tokens that somebody else signs where it says whose.
    case tokens(TokenStore, signed: SignedTokenSettings?)
}

/// Who may come in, and to what.
final class Gate: Sendable {
    private let policy: GatePolicy
    private let journal: Journal
    private let logger: Logger
    private let signedTokens: SignedTokens?
    private let known = Mutex(KnownKeys())
    private let limiter: RateLimiter

    fileprivate struct KnownKeys {
        var records: [String: TokenRecord] = [:]
        /// When the directory of keys had last changed as they were read.
        var changed: Int64?
        var lookedAt: Int64 = 0
    }

    init(
        _ policy: GatePolicy, _ limiter: RateLimiter, _ journal: Journal, _ logger: Logger
    ) async throws {
        self.logger = logger
        self.policy = policy
        self.limiter = limiter
        self.journal = journal
        guard case .tokens(let store, let signed) = policy else {
            signedTokens = nil
            return
        }
        signedTokens = if let signed { try await SignedTokens(signed, logger) } else { nil }
        try known.withLock { try $0.read(store) }
    }

    /// Lets a client in to an endpoint, or says why not; what it says is recorded.
    func admit(_ authorization: String?, to endpoint: Endpoint) async throws -> Client {
        if let client = try admitKnown(authorization, to: endpoint) { return client }
        guard let signedTokens, let token = Self.token(in: authorization) else {
            throw deny(nil, endpoint, .noToken)
        }
        let client: Client
        do throws(Denial) { client = try await signedTokens.verify(token) } catch {
            throw deny(nil, endpoint, error)
        }
        return try admit(client, to: endpoint)
    }

    /// The same without waiting; nil where a signature has to be verified first.
    func admitKnown(
        _ authorization: String?, to endpoint: Endpoint
    ) throws(Problem) -> Client? {
        guard endpoint.roles != nil else { return .everybody }
        guard case .tokens(let store, _) = policy else {
            guard limiter.lets(Client.everybody.name) else { throw .tooManyRequests() }
            return .everybody
        }
        guard let token = Self.token(in: authorization) else { throw deny(nil, endpoint, .noToken) }
        let client: Client
        if let key = APIKey(token) {
            do throws(Denial) { client = try holder(of: key, in: store) } catch {
                throw deny(nil, endpoint, error)
            }
        } else {
            guard let signedTokens else { throw deny(nil, endpoint, .badToken) }
            guard let found = signedTokens.known(token) else { return nil }
            client = found
        }
        return try admit(client, to: endpoint)
    }

    /// Lets in one who is known, to what is for their roles.
    private func admit(_ client: Client, to endpoint: Endpoint) throws(Problem) -> Client {
        if let roles = endpoint.roles, client.roles.isDisjoint(with: roles) {
            throw deny(client, endpoint, .otherRole(roles))
        }
        if endpoint.needsWholeLog, !client.scope.isAll {
            throw deny(client, endpoint, .limitedScope)
        }
        guard limiter.lets(client.name) else { throw .tooManyRequests() }
        if endpoint.showsEvents { journal.looked(client, endpoint) }
        return client
    }

    /// Says that a client may not do something, which only a closer look showed.
    func deny(_ client: Client?, _ endpoint: Endpoint, _ denial: Denial) -> Problem {
        journal.denied(client, endpoint, denial)
        return denial.problem
    }

    private func holder(of key: APIKey, in store: TokenStore) throws(Denial) -> Client {
        let now = SystemClock.bootMicroseconds()
        let record = known.withLock { known in
            if now - known.lookedAt > Self.lookInterval {
                known.lookedAt = now
                // Keys that cannot be read are none; those that could before stay what they were.
                if FileSystem.changed(store.directory) != known.changed {
                    do { try known.read(store) } catch {
                        logger.error("API keys", metadata: ["detail": "\(error)"])
                    }
                }
            }
            return known.records[key.id]
        }
        // The same work whether there is such a key or not.
        let isSame = Self.isEqual(key.hash, record?.hash ?? Hash(of: []))
        guard let record, isSame else { throw .badToken }
        if record.revoked != nil { throw .revokedToken }
        if let expires = record.expires, expires.microseconds <= SystemClock.wallMicroseconds() {
            throw .expiredToken
        }
        return Client(name: record.name, roles: record.roles, scope: record.scope)
    }

    /// A key that is revoked is refused after so many microseconds at the latest.
    private static let lookInterval: Int64 = 1_000_000

    private static func token(in authorization: String?) -> Substring? {
        guard let field = authorization, field.count > 7,
            field.prefix(7).lowercased() == "bearer "
        else { return nil }
        return field.dropFirst(7).trimmed
    }

    /// Compares in a time that does not depend on where two hashes differ.
    private static func isEqual(_ left: Hash, _ right: Hash) -> Bool {
        let (left, right) = (left.words, right.words)
        return (left.0 ^ right.0) | (left.1 ^ right.1) | (left.2 ^ right.2) | (left.3 ^ right.3)
            == 0
    }
}

extension Gate.KnownKeys {
    fileprivate mutating func read(_ store: TokenStore) throws {
        // Before the files: what changes meanwhile is read again.
        let changed = FileSystem.changed(store.directory)
        let (readable, problems) = try store.each()
        records = Dictionary(readable.map { ($0.id, $0) }) { $1 }
        self.changed = changed
        // A key that cannot be read is none; the others are not held up by it.
        if let first = problems.first { throw first }
    }
}

extension Client {
    /// Who comes where nobody is asked who they are.
    static let everybody = Client(name: "everybody", roles: Set(Role.allCases), scope: .all)
}

/// Why somebody is not let in.
enum Denial: Error, Hashable {
    case noToken
    case badToken
    case expiredToken
    case revokedToken
    case otherRole(Set<Role>)
    case limitedScope
    case outsideScope(String)

    /// The word for it in events and metrics.
    var reason: String {
        switch self {
        case .noToken: "no_token"
        case .badToken: "bad_token"
        case .expiredToken: "expired_token"
        case .revokedToken: "revoked_token"
        case .otherRole: "other_role"
        case .limitedScope: "limited_scope"
        case .outsideScope: "outside_scope"
        }
    }

    var problem: Problem {
        switch self {
        case .noToken:
            unauthorized("send a token: Authorization: Bearer TOKEN", error: nil)
        case .badToken: unauthorized("the token is not known here", error: "invalid_token")
        case .expiredToken: unauthorized("the token has expired", error: "invalid_token")
        case .revokedToken: unauthorized("the token was revoked", error: "invalid_token")
        case .otherRole(let roles):
            Problem(
                .forbidden, .forbidden,
                "this is for the roles "
                    + roles.map(\.rawValue).sorted().joined(separator: ", "))
        case .limitedScope:
            Problem(
                .forbidden, .forbidden,
                "this shows the whole log, and the token is limited to centres or types")
        case .outsideScope(let what):
            Problem(
                .forbidden, .forbidden,
                "\(what) is outside the centres and types that the token is limited to")
        }
    }

    private func unauthorized(_ detail: String, error: String?) -> Problem {
        var problem = Problem(.unauthorized, .unauthorized, detail)
        problem.fields[.wwwAuthenticate] =
            "Bearer realm=\"ascolto\"" + (error.map { ", error=\"\($0)\"" } ?? "")
        return problem
    }
}

extension Problem {
    fileprivate static func tooManyRequests() -> Problem {
        Problem(
            .tooManyRequests, .tooManyRequests,
            "this client has sent more requests than it may; slow down"
        ).retryable()
    }
}

/// How many requests each client may send.
package final class RateLimiter: Sendable {
    private let perSecond: Double?
    private let buckets = Mutex<[String: Bucket]>([:])

    private static let bucketsMax = 4_096

    private struct Bucket {
        var left: Double
        var filledAt: Int64
    }

    /// Nil lets everybody send as many as they like.
    package init(requestsPerSecond: Int?) { perSecond = requestsPerSecond.map(Double.init) }

    /// Whether one more is allowed; a client that was quiet may send those of a second at once.
    func lets(_ client: String) -> Bool {
        guard let perSecond else { return true }
        let now = SystemClock.bootMicroseconds()
        return buckets.withLock { buckets in
            var bucket = buckets[client] ?? Bucket(left: perSecond, filledAt: now)
            let gained = Double(now - bucket.filledAt) / 1e6 * perSecond
            bucket.left = min(perSecond, bucket.left + gained)
            bucket.filledAt = now
            let isAllowed = bucket.left >= 1
            if isAllowed { bucket.left -= 1 }
            buckets[client] = bucket
            if buckets.count > Self.bucketsMax {
                // Who was quiet for a second has a full one, as have those who are not there.
                buckets = buckets.filter { now - $0.value.filledAt < 1_000_000 }
            }
            return isAllowed
        }
    }
}
