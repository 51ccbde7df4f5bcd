/// The head of a log under its name: what is signed (C2SP tlog-checkpoint).
package struct Checkpoint: Hashable, Sendable {
    /// The name of the log.
    package let origin: String
    package let size: UInt64
    package let root: Hash

    package init(origin: String, size: UInt64, root: Hash) {
        self.origin = origin
        self.size = size
        self.root = root
    }

    /// Three lines: origin, size in decimal, root in base64.
    package var text: [UInt8] {
        Array("\(origin)\n\(size)\n".utf8) + Base64.encode(root.bytes[...]) + [UInt8(ascii: "\n")]
    }

    /// The inverse of ``text``.
    ///
    /// Further lines are refused: implementations disagree about whether a witness signs them.
    package init(text: [UInt8]) throws(Refusal) {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count >= 4 else {
            throw .badCheckpoint(line: lines.count, "is missing: it has origin, size and root")
        }
        guard lines.count == 4, lines[3].isEmpty else {
            throw .badCheckpoint(line: 4, "is one too many: it has origin, size and root")
        }
        origin = String(decoding: lines[0], as: UTF8.self)
        guard !origin.isEmpty, lines[0].allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw .badCheckpoint(line: 1, "is no name of a log in ASCII")
        }
        guard let size = UInt64(decimal: lines[1]) else {
            throw .badCheckpoint(line: 2, "is no size in decimal without leading zeros")
        }
        self.size = size
        guard let root = Base64.decode(lines[2]).flatMap({ Hash(bytes: $0) }) else {
            throw .badCheckpoint(line: 3, "is no base64 of the 32 bytes of a root")
        }
        self.root = root
        guard size > 0 || root == Tree.emptyRoot else {
            throw .badCheckpoint(line: 3, "is not the root of a tree without leaves")
        }
    }

    /// The checkpoint as a note that these keys have signed; more than one while one is rotated.
    package func signed(with keys: [SigningKey]) -> SignedNote {
        precondition(
            keys.allSatisfy { $0.verifierKey.name == origin }, "a log signs under its own name")
        var note = SignedNote(unsigned: text)
        for key in keys { note.sign(with: key) }
        return note
    }
}

extension UInt64 {
    /// A number as it is written: digits only, without leading zeros.
    init?(decimal text: some Collection<UInt8>) {
        guard (1...20).contains(text.count), text.first != UInt8(ascii: "0") || text.count == 1
        else { return nil }
        self = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, isTooMuch) = multipliedReportingOverflow(by: 10)
            let (sum, isMore) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
            guard !isTooMuch, !isMore else { return nil }
            self = sum
        }
    }
}

/// Whose signatures a checkpoint must have to be believed.
package struct TrustPolicy: Hashable, Sendable {
    /// Keys of the log, of which one must have signed; more than one where keys were rotated.
    package var logKeys: [VerifierKey]
    package var witnessKeys: [VerifierKey]
    /// How many of the witnesses must have cosigned.
    package var witnessesRequired: Int
    /// Cosignatures from before this moment, in seconds since 1970, do not count.
    package var cosignedSince: UInt64

    /// All of the witnesses must have cosigned unless another number is given.
    ///
    /// Throws ``Refusal/badKey(_:)`` where keys are of the other kind, or are too few.
    package init(
        logKeys: [VerifierKey], witnessKeys: [VerifierKey] = [], witnessesRequired: Int? = nil,
        cosignedSince: UInt64 = 0
    ) throws(Refusal) {
        for key in logKeys where key.kind != .signature {
            throw .badKey("\(key.name) is the key of a witness, not of a log")
        }
        for key in witnessKeys where key.kind != .cosignature {
            throw .badKey("\(key.name) is the key of a log, not of a witness")
        }
        let known = Set(witnessKeys).count
        let required = witnessesRequired ?? known
        guard (0...known).contains(required) else {
            throw .badKey("\(required) witnesses are demanded, and the keys of \(known) were given")
        }
        self.logKeys = logKeys
        self.witnessKeys = witnessKeys
        self.witnessesRequired = required
        self.cosignedSince = cosignedSince
    }

    /// Whether cosignatures are demanded; what an auditor has kept needs none.
    package enum WitnessDemand: Sendable {
        case made
        case passedOver
    }

    /// The checkpoint that a note carries and those have signed whom the policy demands.
    package func open(
        _ note: SignedNote, witnesses demand: WitnessDemand = .made
    ) throws(Refusal) -> TrustedCheckpoint {
        let checkpoint = try Checkpoint(text: note.text)
        let signers = try note.verified(by: logKeys)
        guard let signer = signers.first else {
            throw .notSigned(byAny: logKeys.map(\.name))
        }
        guard signer.key.name == checkpoint.origin else {
            throw .otherOrigin(found: checkpoint.origin, expected: signer.key.name)
        }
        let witnesses = try note.verified(by: witnessKeys)
            .filter { $0.moment ?? 0 >= cosignedSince }
        guard witnesses.count >= witnessesRequired || demand == .passedOver else {
            throw .tooFewWitnesses(found: witnesses.count, required: witnessesRequired)
        }
        return TrustedCheckpoint(checkpoint: checkpoint, signers: signers, witnesses: witnesses)
    }

    package func open(_ bytes: [UInt8]) throws(Refusal) -> TrustedCheckpoint {
        try open(try SignedNote(bytes: bytes))
    }
}

/// A checkpoint whose signatures a policy has accepted.
package struct TrustedCheckpoint: Hashable, Sendable {
    package let checkpoint: Checkpoint
    package let signers: [SignedNote.Verified]
    package let witnesses: [SignedNote.Verified]
}
