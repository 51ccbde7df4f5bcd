internal import Crypto
internal import Storage

/// What keeps the keys of the vault's epochs: a file, or whoever guards a key elsewhere.
package protocol RootKey: Sendable {
    /// Wraps 32 bytes so that only ``unwrap(_:)`` of the same root gives them back.
    func wrap(_ key: [UInt8]) throws(VaultError) -> [UInt8]
    /// Throws ``VaultError/otherRoot`` for what another root has wrapped.
    func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8]
}

/// A root key in a file that only its owner may read: 64 hexadecimal digits and a line end.
///
/// It wraps by AES-256-GCM with a random nonce; each epoch's key is wrapped once.
package struct RootKeyFile: RootKey {
    private let secret: SymmetricKey

    static let keyBytes = 32

    /// Creates the file; throws where there is one.
    package static func create(at path: String) throws(VaultError) -> RootKeyFile {
        try wrapping {
            guard FileSystem.kind(of: path) == .missing else {
                throw VaultError.damagedFile(path: path, "there is a file already")
            }
            let bytes = randomBytes(keyBytes)
            try FileSystem.replace(
                path, with: Array((Hex.encode(bytes) + "\n").utf8), for: .ownerOnly)
            return RootKeyFile(secret: SymmetricKey(data: bytes))
        }
    }

    /// Throws ``VaultError/openKeyFile(path:)`` where others than its owner may read it.
    package init(at path: String) throws(VaultError) {
        self = try wrapping {
            guard FileSystem.kind(of: path) == .file else {
                throw VaultError.storage(.missing(path: path))
            }
            if try FileSystem.isOpenToOthers(path) { throw VaultError.openKeyFile(path: path) }
            let text = try RawFile.open(path).read(4 * Self.keyBytes, at: 0)
            let digits = String(decoding: text.dropLast(), as: UTF8.self)
            guard text.last == UInt8(ascii: "\n"), let bytes = Hex.decode(digits),
                bytes.count == Self.keyBytes
            else {
                throw VaultError.damagedFile(path: path, "it is no root key of 64 digits")
            }
            return RootKeyFile(secret: SymmetricKey(data: bytes))
        }
    }

    private init(secret: SymmetricKey) { self.secret = secret }

    package func wrap(_ key: [UInt8]) throws(VaultError) -> [UInt8] {
        guard let box = try? AES.GCM.seal(key, using: secret), let bytes = box.combined else {
            preconditionFailure("AES-GCM takes any bytes under 32 bytes of key")
        }
        return Array(bytes)
    }

    package func unwrap(_ wrapped: [UInt8]) throws(VaultError) -> [UInt8] {
        guard let box = try? AES.GCM.SealedBox(combined: wrapped),
            let key = try? AES.GCM.open(box, using: secret)
        else { throw .otherRoot }
        return Array(key)
    }
}

func randomBytes(_ count: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
}
