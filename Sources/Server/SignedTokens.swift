internal import Foundation
internal import JSON
internal import JWTKit
internal import Logging
internal import Merkle
internal import Storage
internal import Synchronization

/// Whose signature stands under tokens that are not ours.
package struct SignedTokenSettings: Sendable {
    /// A file with the public keys as a JWK set (RFC 7517); it is read again when it changes.
    package let keysPath: String
    package let issuer: String
    package let audience: String

    package init(keysPath: String, issuer: String, audience: String) {
        self.keysPath = keysPath
        self.issuer = issuer
        self.audience = audience
    }
}

/// Why the keys of signed tokens cannot be used.
package enum SignedTokenError: Error, CustomStringConvertible {
    case unreadable(path: String)
    case notAKeySet(path: String, reason: String)

    package var description: String {
        switch self {
        case .unreadable(let path): "the keys \(path) cannot be read"
        case .notAKeySet(let path, let reason):
            "\(path) is no JWK set whose keys can verify tokens: \(reason)"
        }
    }
}

/// Tokens that an identity provider signs (JWT, RFC 7519), and the keys that it signs with.
///
/// Each key is for the one algorithm that the set names for it; what a token says of itself is
/// never believed.
final class SignedTokens: Sendable {
    private let settings: SignedTokenSettings
    private let state: Mutex<State>
    private let logger: Logger

    private struct State {
        var keys: KeySet
        var changed: Int64?
        /// When a file was written that could not be used.
        var refused: Int64??
        var lookedAt: Int64
        /// Tokens whose signature was verified with these keys.
        var verified: [Hash: (client: Client, expires: Int64)] = [:]
    }

    /// Public keys by their ids, and the algorithm of each.
    private struct KeySet: Sendable {
        let text: String
        let algorithms: [String: String]

        /// The keys, to verify with.
        func collection() async throws -> JWTKeyCollection {
            try await JWTKeyCollection().add(jwksJSON: text)
        }
    }

    /// Asymmetric ones only: a shared secret could sign, too.
    private static let algorithms: Set<String> = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]
    private static let verifiedMax = 4_096
    private static let lookInterval: Int64 = 1_000_000
    /// Clocks of two machines differ by so many microseconds at most.
    private static let leeway: Int64 = 30_000_000

    init(_ settings: SignedTokenSettings, _ logger: Logger) async throws {
        self.settings = settings
        self.logger = logger
        let changed = FileSystem.changed(settings.keysPath)
        let keys = try Self.read(settings.keysPath)
        do { _ = try await keys.collection() } catch {
            throw SignedTokenError.notAKeySet(path: settings.keysPath, reason: "\(error)")
        }
        state = Mutex(
            State(
                keys: keys, changed: changed,
                lookedAt: SystemClock.bootMicroseconds()))
    }

    /// Whose token this is, where its signature has been verified and it has not expired since.
    func known(_ token: Substring) -> Client? {
        let id = Hash(of: Array(token.utf8))
        let now = SystemClock.wallMicroseconds()
        return state.withLock { state in
            lookForNewKeys(&state)
            guard let found = state.verified[id], now < found.expires else { return nil }
            return found.client
        }
    }

    private func lookForNewKeys(_ state: inout State) {
        let now = SystemClock.bootMicroseconds()
        guard now - state.lookedAt > Self.lookInterval else { return }
        state.lookedAt = now
        let changed = FileSystem.changed(settings.keysPath)
        guard changed != state.changed else { return }
        do {
            state.keys = try Self.read(settings.keysPath)
            state.changed = changed
            state.verified.removeAll()
        } catch {
            // A file that is being written is read when it is whole; until then the old keys hold.
            guard state.refused != .some(changed) else { return }
            state.refused = .some(changed)
            logger.warning(
                "the keys of signed tokens have changed, but the old ones hold",
                metadata: ["detail": "\(error)"])
        }
    }

    /// Verifies a token and remembers whose it is.
    func verify(_ token: Substring) async throws(Denial) -> Client {
        let keys = state.withLock { state in
            lookForNewKeys(&state)
            return state.keys
        }
        guard let header = TokenHeader(token), let algorithm = keys.algorithms[header.keyID],
            header.algorithm == algorithm
        else { throw .badToken }
        let claims: Claims
        do {
            claims = try await keys.collection().verify(String(token), as: Claims.self)
        } catch {
            throw .badToken
        }
        let (client, expires) = try accept(claims)
        state.withLock { state in
            // Keys that have changed meanwhile may not know it any more.
            guard state.keys.text == keys.text else { return }
            if state.verified.count >= Self.verifiedMax { state.verified.removeAll() }
            state.verified[Hash(of: Array(token.utf8))] = (client, expires)
        }
        return client
    }

    private func accept(_ claims: Claims) throws(Denial) -> (Client, expires: Int64) {
        let now = SystemClock.wallMicroseconds()
        // Beyond what the calendar of events can write, all times are alike.
        let expires = Int64(
            min(
                max(0, claims.exp.value.timeIntervalSince1970.rounded(.down) * 1e6),
                Double(Instant.latest.microseconds)))
        guard claims.iss == settings.issuer, claims.aud.value.contains(settings.audience) else {
            throw .badToken
        }
        guard now < expires else { throw .expiredToken }
        if let start = claims.nbf?.value.timeIntervalSince1970,
            start * 1e6 > Double(now + Self.leeway)
        {
            throw .badToken
        }
        guard (1...128).contains(claims.sub.utf8.count),
            !claims.sub.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
        else { throw .badToken }
        let scope = Scope(
            centres: claims.centres.map { Set($0) },
            types: claims.types.map { Set($0.compactMap(TypePattern.init)) })
        let roles = Set(claims.roles.compactMap(Role.init(rawValue:)))
        return (Client(name: claims.sub, roles: roles, scope: scope), expires)
    }

    private static func read(_ path: String) throws -> KeySet {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SignedTokenError.unreadable(path: path)
        }
        let bytes = Array(data)[...]
        guard (try? checkJSON(bytes)) != nil, let set = JSONPayload(checked: bytes),
            let keys = set.member("keys")?.elements, !keys.isEmpty
        else { throw SignedTokenError.notAKeySet(path: path, reason: "it has no \"keys\"") }
        var algorithms: [String: String] = [:]
        for key in keys.compactMap(\.object) {
            guard let id = key.string("kid"), let algorithm = key.string("alg"),
                Self.algorithms.contains(algorithm), key.string("kty") != "oct"
            else {
                throw SignedTokenError.notAKeySet(
                    path: path,
                    reason: "each key needs a \"kid\" and an \"alg\" out of "
                        + Self.algorithms.sorted().joined(separator: ", "))
            }
            guard algorithms.updateValue(algorithm, forKey: id) == nil else {
                throw SignedTokenError.notAKeySet(path: path, reason: "\(id) stands twice")
            }
        }
        return KeySet(text: String(decoding: bytes, as: UTF8.self), algorithms: algorithms)
    }
}

/// What a token says about how it was signed.
private struct TokenHeader {
    let algorithm: String
    let keyID: String

    init?(_ token: Substring) {
        guard let end = token.firstIndex(of: "."),
            let bytes = Data(base64URL: token[..<end]).map({ Array($0)[...] }),
            (try? checkJSON(bytes)) != nil, let header = JSONPayload(checked: bytes),
            let algorithm = header.string("alg"), let keyID = header.string("kid"),
            header.member("crit") == nil
        else { return nil }
        (self.algorithm, self.keyID) = (algorithm, keyID)
    }
}

extension Data {
    fileprivate init?(base64URL text: Substring) {
        let plain = text.replacing("-", with: "+").replacing("_", with: "/")
        self.init(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4))
    }
}

/// What a token says about its holder.
private struct Claims: JWTPayload {
    let sub: String
    let iss: String
    let aud: AudienceClaim
    let exp: ExpirationClaim
    let nbf: NotBeforeClaim?
    let roles: [String]
    let centres: [String]?
    let types: [String]?

    /// Times, issuer and audience are looked at by ``SignedTokens``, which knows what to expect.
    func verify(using algorithm: some JWTAlgorithm) async throws {}
}
