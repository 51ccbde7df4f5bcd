internal import Crypto

/// The event that a sealed value belongs to; in another it cannot be opened.
///
/// Only what the producer has fixed before the append, so that a retry seals to the same bytes.
package struct SealedPlace: Hashable, Sendable {
    /// The event's id, 16 bytes.
    let id: [UInt8]
    let type: String
    let schema: UInt16
    let stream: String
    let source: String
    package let subject: SubjectRef
    /// Where in the event's data the value stands.
    let path: String

    package init(
        id: [UInt8], type: String, schema: UInt16, stream: String, source: String,
        subject: SubjectRef, path: String
    ) {
        precondition(id.count == 16, "an event's id has 128 bits")
        self.id = id
        self.type = type
        self.schema = schema
        self.stream = stream
        self.source = source
        self.subject = subject
        self.path = path
    }

    /// All of it, each part behind its length, so that no two places have the same bytes.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        let parts = [
            id, Array(type.utf8), [UInt8(schema >> 8), UInt8(schema & 0xFF)], Array(stream.utf8),
            Array(source.utf8), subject.words.bytes, Array(path.utf8),
        ]
        for part in parts { append(part, to: &bytes) }
        return bytes
    }

    /// What keys are derived for.
    var derivation: [UInt8] {
        var bytes: [UInt8] = []
        append(id, to: &bytes)
        append(Array(path.utf8), to: &bytes)
        return bytes
    }
}

private func append(_ part: [UInt8], to bytes: inout [UInt8]) {
    bytes += (0..<4).map { UInt8(truncatingIfNeeded: part.count >> (24 - 8 * $0)) }
    bytes += part
}

/// The personal data of one subject in one event, as the log keeps them.
///
/// Version (1), key id (16), salt (32), commitment (32), tag (16), then the encrypted bytes; as
/// text in hexadecimal digits.
package struct SealedValue: Hashable, Sendable {
    package let key: KeyID
    let salt: [UInt8]
    let commitment: [UInt8]
    let tag: [UInt8]
    let ciphertext: [UInt8]

    static let version: UInt8 = 1
    private static let hashBytes = 32
    private static let tagBytes = 16
    private static let headBytes = 1 + RandomName.byteCount + 2 * hashBytes + tagBytes

    init(key: KeyID, salt: [UInt8], commitment: [UInt8], tag: [UInt8], ciphertext: [UInt8]) {
        self.key = key
        self.salt = salt
        self.commitment = commitment
        self.tag = tag
        self.ciphertext = ciphertext
    }

    package var text: String {
        Hex.encode([Self.version] + key.words.bytes + salt + commitment + tag + ciphertext)
    }

    /// The inverse of ``text``; nil for any other text.
    package init?(_ text: String) {
        guard let bytes = Hex.decode(text), bytes.count >= Self.headBytes,
            bytes[0] == Self.version
        else { return nil }
        var rest = bytes[1...]
        func take(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        guard let key = RandomName(bytes: take(RandomName.byteCount)[...]) else { return nil }
        self.key = KeyID(words: key)
        salt = take(Self.hashBytes)
        commitment = take(Self.hashBytes)
        tag = take(Self.tagBytes)
        ciphertext = Array(rest)
    }
}

/// The key of one subject and retention class; whoever holds it can open what it has sealed.
package struct DataKey: Sendable {
    package let id: KeyID
    let secret: SymmetricKey

    static func random() -> DataKey {
        DataKey(id: .random(), secret: SymmetricKey(size: .bits256))
    }

    /// What can be told of the key when it is gone: HMAC-SHA256 under it of its id.
    var commitment: [UInt8] {
        Array(
            HMAC<SHA256>.authenticationCode(
                for: Array("key-id".utf8) + id.words.bytes, using: secret))
    }

    /// Seals clear text for one place; the same text there gives the same bytes again.
    ///
    /// The length is hidden up to the next power of two. AES-256-GCM under a key of its own for
    /// each place and text (HKDF-SHA256 with a salt that follows from both), with a commitment to
    /// that key, since GCM alone could be opened under another key to another text.
    package func seal(_ clear: [UInt8], for place: SealedPlace) -> SealedValue {
        let padded = Padding.add(to: clear)
        let salt = salt(of: padded, place)
        let derived = derive(salt, place)
        // A key and a nonce of the right sizes; encrypting cannot fail.
        guard let nonce = try? AES.GCM.Nonce(data: derived.nonce),
            let box = try? AES.GCM.seal(
                padded, using: derived.key, nonce: nonce, authenticating: place.bytes)
        else { preconditionFailure("AES-GCM takes 32 bytes of key and 12 of nonce") }
        return SealedValue(
            key: id, salt: salt, commitment: derived.commitment, tag: Array(box.tag),
            ciphertext: Array(box.ciphertext))
    }

    /// Opens what was sealed for this place under this key.
    /// - Throws: ``VaultError/cannotOpen(_:)`` for whatever else.
    package func open(_ value: SealedValue, at place: SealedPlace) throws(VaultError) -> [UInt8] {
        guard value.key == id else { throw .cannotOpen("it was sealed under another key") }
        let derived = derive(value.salt, place)
        guard HMAC<SHA256>.isEqual(derived.commitment, value.commitment) else {
            throw .cannotOpen("it belongs to another event, or was altered")
        }
        guard let nonce = try? AES.GCM.Nonce(data: derived.nonce),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: value.ciphertext, tag: value.tag),
            let padded = try? AES.GCM.open(
                box, using: derived.key, authenticating: place.bytes),
            let clear = Padding.remove(from: Array(padded)),
            salt(of: Array(padded), place) == value.salt
        else { throw .cannotOpen("it belongs to another event, or was altered") }
        return clear
    }

    /// r = HMAC-SHA256(K_r, place ‖ clear text), K_r = HKDF-SHA256(DEK, "log-seal/v1 salt").
    private func salt(of padded: [UInt8], _ place: SealedPlace) -> [UInt8] {
        let key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: secret, info: Array("log-seal/v1 salt".utf8), outputByteCount: 32)
        return Array(
            HMAC<SHA256>.authenticationCode(for: place.derivation + padded, using: key))
    }

    /// HKDF-SHA256 (RFC 5869) of the key with the salt, 76 bytes: key, nonce, commitment.
    private func derive(
        _ salt: [UInt8], _ place: SealedPlace
    ) -> (key: SymmetricKey, nonce: [UInt8], commitment: [UInt8]) {
        let pseudorandom = SymmetricKey(
            data: Array(HKDF<SHA256>.extract(inputKeyMaterial: secret, salt: salt)))
        let info = Array("log-seal/v1".utf8) + id.words.bytes + place.derivation
        var output: [UInt8] = []
        var block: [UInt8] = []
        for count in UInt8(1)...3 {
            block = Array(
                HMAC<SHA256>.authenticationCode(
                    for: block + info + [count], using: pseudorandom))
            output += block
        }
        return (
            SymmetricKey(data: output[0..<32]), Array(output[32..<44]), Array(output[44..<76])
        )
    }
}

extension HMAC<SHA256> {
    /// Whether two hashes are the same, in a time that does not tell where they differ.
    fileprivate static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// Hides a length up to the next power of two: four bytes of it, the bytes, zeros.
enum Padding {
    static let bytesMin = 32

    static func add(to clear: [UInt8]) -> [UInt8] {
        var size = bytesMin
        while size < clear.count + 4 { size *= 2 }
        let length = (0..<4).map { UInt8(truncatingIfNeeded: clear.count >> (24 - 8 * $0)) }
        return length + clear + [UInt8](repeating: 0, count: size - clear.count - 4)
    }

    static func remove(from padded: [UInt8]) -> [UInt8]? {
        guard padded.count >= bytesMin else { return nil }
        let length = padded[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= padded.count - 4 else { return nil }
        let clear = Array(padded[4..<4 + length])
        return add(to: clear) == padded ? clear : nil
    }
}
