/// A text with signatures below it (C2SP signed-note).
package struct SignedNote: Hashable, Sendable {
    /// What is signed: lines of UTF-8, the last one ended too.
    package let text: [UInt8]
    private(set) var signatures: [Signature]

    struct Signature: Hashable, Sendable {
        let key: KeyID
        /// What stands behind the key's hash.
        let bytes: [UInt8]
    }

    /// A note that nobody has signed yet.
    package init(unsigned text: [UInt8]) {
        self.text = text
        signatures = []
    }

    /// Parses a note; whether its signatures are right is for ``verified(by:)`` to say.
    package init(bytes: [UInt8]) throws(Refusal) {
        guard bytes.count <= Self.bytesMax else {
            throw .badNote("it has more than \(Self.bytesMax) bytes")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw .badNote("it is no UTF-8")
        }
        guard bytes.allSatisfy({ $0 >= 0x20 || $0 == Self.newline }) else {
            throw .badNote("it has control characters")
        }
        let lines = bytes.split(separator: Self.newline, omittingEmptySubsequences: false)
        guard let last = lines.last, last.isEmpty else {
            throw .badNote("its last line does not end")
        }
        guard let blank = lines.dropLast().lastIndex(where: \.isEmpty), blank > 0 else {
            throw .badNote("no empty line divides text and signatures")
        }
        text = Array(bytes[..<lines[blank].startIndex])
        let signatureLines = lines[(blank + 1)...].dropLast()
        guard (1...Self.signaturesMax).contains(signatureLines.count) else {
            throw .badNote("it has \(signatureLines.count) signatures, not 1 to 100")
        }
        var signatures: [Signature] = []
        for line in signatureLines { signatures.append(try Self.signature(line)) }
        self.signatures = signatures
    }

    package static let bytesMax = 1 << 20
    private static let signaturesMax = 100
    private static let newline = UInt8(ascii: "\n")
    private static let dash = Array("— ".utf8)

    private static func signature(_ line: ArraySlice<UInt8>) throws(Refusal) -> Signature {
        let rest = line.dropFirst(dash.count)
        guard line.starts(with: dash), let space = rest.firstIndex(of: UInt8(ascii: " ")),
            let bytes = Base64.decode(rest[(space + 1)...]), bytes.count > 4
        else { throw .badNote("a signature line is not \u{2014} <name> <base64>") }
        let name = String(decoding: rest[..<space], as: UTF8.self)
        guard KeyID.isName(name) else { throw .badNote("a signature has no name of a key") }
        let number = bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
        return Signature(
            key: KeyID(name: name, number: number), bytes: Array(bytes.dropFirst(4)))
    }

    /// The note as it is written; the inverse of ``init(bytes:)``.
    package var bytes: [UInt8] {
        signatures.reduce(text + [Self.newline]) { $0 + Self.line($1) }
    }

    private static func line(_ signature: Signature) -> [UInt8] {
        let blob = Base64.encode((signature.key.bytes + signature.bytes)[...])
        return dash + Array(signature.key.name.utf8) + [UInt8(ascii: " ")] + blob + [newline]
    }

    /// Adds the signature of a log.
    mutating func sign(with key: SigningKey) {
        precondition(key.verifierKey.kind == .signature, "witnesses cosign")
        signatures.append(
            Signature(key: key.verifierKey.id, bytes: key.signature(of: text)))
    }

    /// Whether the note has a signature line of a key; not whether the signature is right.
    package func names(_ key: VerifierKey) -> Bool { signatures.contains { $0.key == key.id } }

    /// Adds the signatures that some keys have made below the same text, those of each key in the
    /// place of its earlier ones.
    ///
    /// Nothing else comes along: a line that claims to be by a key and is not would make everybody
    /// refuse the note. Throws ``Refusal/badSignature(by:)`` where there is one by these keys.
    package mutating func add(
        signaturesOf other: SignedNote, by keys: [VerifierKey]
    ) throws(Refusal) {
        precondition(other.text == text, "signatures of another text prove nothing here")
        for verified in try other.verified(by: keys) {
            let id = verified.key.id
            signatures.removeAll { $0.key == id }
            signatures += other.signatures.filter { $0.key == id }.suffix(1)
        }
    }

    /// Those of `keys` whose signatures the note has, each once.
    ///
    /// Signatures by other keys are passed over. One by a known key that does not fit the text
    /// refuses the whole note.
    package func verified(by keys: [VerifierKey]) throws(Refusal) -> [Verified] {
        var verified: [Verified] = []
        for key in keys {
            for signature in signatures where signature.key == key.id {
                guard let moment = key.moment(of: signature.bytes, under: text) else {
                    throw .badSignature(by: key.name)
                }
                guard !verified.contains(where: { $0.key == key }) else { continue }
                verified.append(Verified(key: key, moment: moment.seconds))
            }
        }
        return verified
    }

    /// A key whose signature is right.
    package struct Verified: Hashable, Sendable {
        package let key: VerifierKey
        /// Seconds since 1970 at which a witness says it has seen the checkpoint.
        package let moment: UInt64?
    }
}

extension VerifierKey {
    struct Moment {
        let seconds: UInt64?
    }

    /// When a signature that fits the text was made, or nil where it does not fit.
    fileprivate func moment(of signature: [UInt8], under text: [UInt8]) -> Moment? {
        switch kind {
        case .signature:
            return isSignature(signature, of: text) ? Moment(seconds: nil) : nil
        case .cosignature:
            guard signature.count == 72 else { return nil }
            let seconds = signature[..<8].reduce(0) { $0 << 8 | UInt64($1) }
            let message = Cosignature.message(of: text, atSeconds: seconds)
            return isSignature(Array(signature[8...]), of: message)
                ? Moment(seconds: seconds) : nil
        }
    }
}

/// What a witness adds below a checkpoint (C2SP tlog-cosignature, version 1).
enum Cosignature {
    /// What is signed: a header, the time, and the whole text of the note.
    static func message(of text: [UInt8], atSeconds seconds: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(seconds)\n".utf8) + text
    }
}

extension SignedNote {
    /// Adds the cosignature of a witness who has seen the note at this time, in seconds since 1970.
    package mutating func cosign(with key: SigningKey, atSeconds seconds: UInt64) {
        precondition(key.verifierKey.kind == .cosignature, "logs sign")
        let moment = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> (56 - 8 * $0)) }
        let signature = key.signature(of: Cosignature.message(of: text, atSeconds: seconds))
        signatures.append(Signature(key: key.verifierKey.id, bytes: moment + signature))
    }

    /// The lines of these signatures, without the text.
    package var signatureLines: [UInt8] { Array(bytes[(text.count + 1)...]) }
}
