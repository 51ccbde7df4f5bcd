internal import Crypto

/// What a key signs.
package enum KeyKind: UInt8, Hashable, Sendable {
    /// The text of a note, as a log signs its checkpoints.
    case signature = 0x01
    /// A checkpoint and the time at which a witness saw it (C2SP tlog-cosignature, version 1).
    case cosignature = 0x04
}

/// The name of a key and the first four bytes of its hash, by which signatures tell who made them.
struct KeyID: Hashable, Sendable {
    let name: String
    let number: UInt32

    /// SHA-256(name ‖ 0x0A ‖ kind ‖ public key), of which the first four bytes count.
    init(name: String, kind: KeyKind, publicKey: [UInt8]) {
        self.name = name
        let hash = Hash(of: Array(name.utf8) + [0x0A, kind.rawValue] + publicKey)
        number = UInt32(truncatingIfNeeded: hash.words.0 >> 32)
    }

    init(name: String, number: UInt32) {
        self.name = name
        self.number = number
    }

    /// Eight lower-case hexadecimal digits.
    var hex: String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }

    /// Names stand between a dash and a space in signature lines, and before a `+` in keys.
    ///
    /// In ASCII only: two texts that look alike, and that Swift takes for the same, are not the
    /// same to whoever hashes their bytes.
    static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "+") }
    }
}

/// The public half of an Ed25519 key with its name: `<name>+<hash>+<base64>` (C2SP signed-note).
package struct VerifierKey: Hashable, Sendable {
    package let name: String
    package let kind: KeyKind
    /// 32 bytes, which are no point of small order and are written canonically.
    package let publicKey: [UInt8]
    let id: KeyID

    init(name: String, kind: KeyKind, publicKey: [UInt8]) throws(Refusal) {
        guard KeyID.isName(name) else { throw .badKey("\(name) is no name of a key") }
        // What such a key has signed says nothing: anybody can sign with it.
        guard publicKey.count == 32, Curve.isSound(publicKey) else {
            throw .badKey("the public key of \(name) is no Ed25519 key that proves anything")
        }
        self.name = name
        self.kind = kind
        self.publicKey = publicKey
        id = KeyID(name: name, kind: kind, publicKey: publicKey)
    }

    /// The inverse of ``text``.
    package init(text: String) throws(Refusal) {
        // The last part is base64, which has plus signs of its own.
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let bytes = Base64.decode(parts[2].utf8), let first = bytes.first
        else { throw .badKey("it is written <name>+<8 hexadecimal digits>+<base64>") }
        guard let kind = KeyKind(rawValue: first) else {
            throw .badKey("\(parts[0]) has a key of type \(first); known are 1 and 4 (Ed25519)")
        }
        try self.init(name: String(parts[0]), kind: kind, publicKey: Array(bytes.dropFirst()))
        guard id.hex == parts[1] else {
            throw .badKey("the hash of \(parts[0]) is \(id.hex), not \(parts[1]): it was altered")
        }
    }

    package var text: String {
        let bytes = Base64.encode(([kind.rawValue] + publicKey)[...])
        return "\(name)+\(id.hex)+" + String(decoding: bytes, as: UTF8.self)
    }

    /// Whether these 64 bytes are its signature of `message` (RFC 8032).
    package func isSignature(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            return false
        }
        return key.isValidSignature(signature, for: message)
    }
}

/// The private half, which only its owner may read.
package struct SigningKey: Sendable {
    package let verifierKey: VerifierKey
    private let seed: Curve25519.Signing.PrivateKey

    /// A new key out of the system's random numbers.
    package init(name: String, kind: KeyKind) throws(Refusal) {
        try self.init(name: name, kind: kind, seed: Curve25519.Signing.PrivateKey())
    }

    private init(
        name: String, kind: KeyKind, seed: Curve25519.Signing.PrivateKey
    ) throws(Refusal) {
        self.seed = seed
        verifierKey = try VerifierKey(
            name: name, kind: kind, publicKey: Array(seed.publicKey.rawRepresentation))
    }

    /// The inverse of ``text``.
    ///
    /// Errors say nothing of what stands in a text: it may be a secret.
    package init(text: String) throws(Refusal) {
        let parts = text.split(separator: "+", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0] == "PRIVATE", parts[1] == "KEY",
            let bytes = Base64.decode(parts[4].utf8), let kind = bytes.first.flatMap(KeyKind.init),
            let seed = try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.dropFirst())
        else { throw .badKey("a signing key is written PRIVATE+KEY+<name>+<hash>+<base64>") }
        try self.init(name: String(parts[2]), kind: kind, seed: seed)
        guard verifierKey.id.hex == parts[3] else {
            throw .badKey("the hash of the signing key \(parts[2]) is not the one it must have")
        }
    }

    /// `PRIVATE+KEY+<name>+<hash>+<base64>`, as Go's `sumdb/note` writes it.
    package var text: String {
        let kind = verifierKey.kind.rawValue
        let bytes = Base64.encode(([kind] + seed.rawRepresentation)[...])
        return "PRIVATE+KEY+\(verifierKey.name)+\(verifierKey.id.hex)+"
            + String(decoding: bytes, as: UTF8.self)
    }

    func signature(of message: [UInt8]) -> [UInt8] {
        // Ed25519 has no message that it cannot sign.
        guard let signature = try? seed.signature(for: message) else {
            preconditionFailure("Ed25519 signs everything")
        }
        return Array(signature)
    }
}

/// Encodings of points of Ed25519 under which a signature proves nothing.
private enum Curve {
    /// Whether a key is written as RFC 8032 writes it, and is none of the eight points of small
    /// order.
    static func isSound(_ key: [UInt8]) -> Bool {
        let y = Array(key.dropLast()) + [key[31] & 0x7F]
        return isBelowPrime(y) && !smallOrder.contains(y)
    }

    /// y < 2^255 − 19; the lowest byte stands first.
    private static func isBelowPrime(_ y: [UInt8]) -> Bool {
        y[31] != 0x7F || y[0] < 0xED || y[1..<31].contains { $0 != 0xFF }
    }

    /// The y of the points whose order divides 8: 1, −1, 0, and two more.
    private static let smallOrder: Set<[UInt8]> = [
        [1] + [UInt8](repeating: 0, count: 31),
        [0xEC] + [UInt8](repeating: 0xFF, count: 30) + [0x7F],
        [UInt8](repeating: 0, count: 32),
        bytes("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        bytes("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ]

    private static func bytes(_ hex: String) -> [UInt8] { Hash(hex: hex)?.bytes ?? [] }
}
