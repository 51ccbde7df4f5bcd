import Crypto
import Foundation
import Merkle
import TestSupport
import Testing

/// A key as C2SP signed-note writes it, put together here and not by the module.
func verifierKeyText(_ name: String, type: UInt8, _ publicKey: [UInt8]) -> String {
    let id = SHA256.hash(data: Array(name.utf8) + [0x0A, type] + publicKey).prefix(4)
        .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return "\(name)+\(id)+" + Data([type] + publicKey).base64EncodedString()
}

@Suite("A signed note")
struct NoteTests {
    static func key(_ name: String, _ kind: KeyKind, fill: UInt8) throws -> SigningKey {
        let seed = [UInt8](repeating: fill, count: 32)
        let type: UInt8 = kind == .signature ? 1 : 4
        let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        let id = verifierKeyText(name, type: type, Array(key.publicKey.rawRepresentation))
            .split(separator: "+")[1]
        return try SigningKey(
            text: "PRIVATE+KEY+\(name)+\(id)+" + Data([type] + seed).base64EncodedString())
    }

    static let checkpoint = Checkpoint(
        origin: "example.org/log", size: 70, root: Tree.leafHash(entry(7)))

    @Test("is what was signed, as it is written and read, with keys of either kind")
    func roundTrip() throws {
        let log = try Self.key("example.org/log", .signature, fill: 1)
        let witness = try Self.key("witness.example.org/w", .cosignature, fill: 2)
        #expect(try SigningKey(text: log.text).verifierKey == log.verifierKey)
        #expect(try VerifierKey(text: witness.verifierKey.text) == witness.verifierKey)
        var note = Self.checkpoint.signed(with: [log])
        note.cosign(with: witness, atSeconds: 1_795_000_000)
        let read = try SignedNote(bytes: note.bytes)
        #expect(read == note)
        let policy = try TrustPolicy(
            logKeys: [log.verifierKey], witnessKeys: [witness.verifierKey], witnessesRequired: 1)
        let trusted = try policy.open(read)
        #expect(trusted.checkpoint == Self.checkpoint)
        #expect(trusted.witnesses.map(\.moment) == [1_795_000_000])
        #expect(
            String(decoding: note.signatureLines, as: UTF8.self).split(separator: "\n").count == 2)
    }

    @Test("is refused after any change of one byte that a known key has signed or made")
    func everyByte() throws {
        let log = try Self.key("example.org/log", .signature, fill: 1)
        let witness = try Self.key("witness.example.org/w", .cosignature, fill: 2)
        var note = Self.checkpoint.signed(with: [log])
        note.cosign(with: witness, atSeconds: 1_795_000_000)
        let policy = try TrustPolicy(
            logKeys: [log.verifierKey], witnessKeys: [witness.verifierKey], witnessesRequired: 1)
        let bytes = note.bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var altered = bytes
                altered[index] ^= 1 << UInt8(bit)
                #expect(throws: Refusal.self, "byte \(index), bit \(bit)") {
                    try policy.open(altered)
                }
            }
        }
    }

    @Test(
        "is refused where it is none",
        arguments: [
            "", "text\n", "text\n\n", "text\n\n— name AAAAAAAA", "text\n\n- name AAAAAAAA\n",
            "text\n\n— na+me AAAAAAAA\n", "text\n\n— name AAAA\n", "text\n\n— name AAAAAAB=\n",
            "text\n\n—  AAAAAAAA\n", "te\u{1}xt\n\n— name AAAAAAAA\n", "\n— name AAAAAAAA\n",
            "text\r\n\r\n— name AAAAAAAA\r\n",
        ])
    func malformed(text: String) {
        #expect(throws: Refusal.self) { try SignedNote(bytes: Array(text.utf8)) }
    }

    @Test("may have an empty line within its text, and signatures by others")
    func others() throws {
        let log = try Self.key("example.org/log", .signature, fill: 1)
        let other = try Self.key("example.org/log", .signature, fill: 9)
        var note = Self.checkpoint.signed(with: [log])
        try note.add(
            signaturesOf: Self.checkpoint.signed(with: [other]), by: [other.verifierKey])
        try note.add(
            signaturesOf: Self.checkpoint.signed(with: [other]), by: [other.verifierKey])
        #expect(try note.verified(by: [log.verifierKey]).count == 1)
        #expect(try note.verified(by: [log.verifierKey, other.verifierKey]).count == 2)
        let stranger = try Self.key("example.org/stranger", .signature, fill: 3)
        #expect(throws: Refusal.notSigned(byAny: ["example.org/stranger"])) {
            try TrustPolicy(logKeys: [stranger.verifierKey]).open(note)
        }
        let text = try SignedNote(bytes: Array("a\n\nb\n\n— name AAAAAAAA\n".utf8)).text
        #expect(String(decoding: text, as: UTF8.self) == "a\n\nb\n")
    }

    @Test("is refused where too few witnesses have cosigned, or the log is another one")
    func policies() throws {
        let log = try Self.key("example.org/log", .signature, fill: 1)
        let witnesses = try (2..<5).map { fill in
            try Self.key("witness.example.org/\(fill)", .cosignature, fill: fill)
        }
        var note = Self.checkpoint.signed(with: [log])
        for witness in witnesses.prefix(2) { note.cosign(with: witness, atSeconds: 5) }
        // The same witness again counts once.
        note.cosign(with: witnesses[0], atSeconds: 6)
        let keys = witnesses.map(\.verifierKey)
        func policy(_ required: Int?) throws -> TrustPolicy {
            try TrustPolicy(
                logKeys: [log.verifierKey], witnessKeys: keys, witnessesRequired: required)
        }
        #expect(try policy(2).open(note).witnesses.count == 2)
        #expect(throws: Refusal.tooFewWitnesses(found: 2, required: 3)) {
            try policy(3).open(note)
        }
        #expect(throws: Refusal.self) { try policy(4) }
        // Whoever names witnesses demands them, unless fewer are said to be enough.
        #expect(throws: Refusal.tooFewWitnesses(found: 2, required: 3)) {
            try policy(nil).open(note)
        }
        var fresh = try policy(1)
        fresh.cosignedSince = 5
        #expect(try fresh.open(note).witnesses.count == 2)
        fresh.cosignedSince = 7
        #expect(throws: Refusal.tooFewWitnesses(found: 0, required: 1)) { try fresh.open(note) }
        #expect(throws: Refusal.self) { try TrustPolicy(logKeys: keys) }
        let other = Checkpoint(origin: "example.org/other", size: 1, root: Tree.emptyRoot)
        let otherKey = try Self.key("example.org/other", .signature, fill: 1)
        #expect(throws: Refusal.notSigned(byAny: ["example.org/log"])) {
            try policy(0).open(other.signed(with: [otherKey]))
        }
    }

    @Test(
        "carries a checkpoint only of three lines that are written in one way",
        arguments: [
            "o\n1\n", "o\n01\n\(root)\n", "o\n+1\n\(root)\n", "o\n1\n\(root)\nmore\n",
            "o\n18446744073709551616\n\(root)\n", "\n1\n\(root)\n", "o\n1\nAAAA\n",
            "o\n1 \n\(root)\n",
        ])
    func checkpoints(text: String) throws {
        #expect(throws: Refusal.self) { try Checkpoint(text: Array(text.utf8)) }
        let most = "o\n18446744073709551615\n\(Self.root)\n"
        #expect(try Checkpoint(text: Array(most.utf8)).size == .max)
    }

    static let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    @Test(
        "is signed by keys that are written in one way only",
        arguments: [
            "", "name", "name+00000000+AQ==",
            "name+00000000+\(Data([1] + [UInt8](repeating: 7, count: 32)).base64EncodedString())",
            "na me+00000000+AQ==", "PRIVATE+KEY+name+00000000+AQ==",
        ])
    func keys(text: String) {
        #expect(throws: Refusal.self) { try VerifierKey(text: text) }
        #expect(throws: Refusal.self) { try SigningKey(text: text) }
    }
}

@Suite("A receipt")
struct ReceiptTests {
    private static func receipt(of index: Int, size: Int) throws -> (Receipt, TrustPolicy) {
        let key = try NoteTests.key("example.org/log", .signature, fill: 1)
        let tree = ProofTests.leaves[..<size]
        var range = CompactRange()
        for leaf in tree { range.append(leaf: leaf) }
        let proof = try InclusionProof(
            index: UInt64(index), size: UInt64(size), ProofTests.hash)
        let checkpoint = Checkpoint(
            origin: "example.org/log", size: UInt64(size), root: range.root)
        return (
            Receipt(
                index: UInt64(index), hashes: proof.hashes, leaf: entry(index),
                note: checkpoint.signed(with: [key])),
            try TrustPolicy(logKeys: [key.verifierKey])
        )
    }

    @Test(
        "is read as it is written, and convinces",
        arguments: [(0, 1), (0, 2), (77, 130), (129, 130)])
    func roundTrip(index: Int, size: Int) throws {
        let (receipt, policy) = try Self.receipt(of: index, size: size)
        let read = try Receipt(bytes: receipt.bytes)
        #expect(read == receipt)
        #expect(try read.verify(by: policy).checkpoint.size == UInt64(size))
        #expect(throws: Refusal.self) { try read.verify(by: policy, leaf: entry(999)) }
        let plain = Receipt(
            index: receipt.index, hashes: receipt.hashes, leaf: nil, note: receipt.note)
        #expect(throws: Refusal.self) { try plain.verify(by: policy) }
        _ = try Receipt(bytes: plain.bytes).verify(by: policy, leaf: entry(index))
    }

    @Test("is refused after any change of one bit")
    func everyBit() throws {
        let (receipt, policy) = try Self.receipt(of: 77, size: 130)
        let bytes = receipt.bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var altered = bytes
                altered[index] ^= 1 << UInt8(bit)
                #expect(throws: Refusal.self, "byte \(index), bit \(bit)") {
                    try Receipt(bytes: altered).verify(by: policy)
                }
            }
        }
        for end in bytes.indices {
            #expect(throws: Refusal.self, "\(end) bytes") {
                try Receipt(bytes: Array(bytes[..<end])).verify(by: policy)
            }
        }
    }
}
