/// Proof for one event that can be verified alone (C2SP tlog-proof, version 1).
///
/// Its extra data are the event's leaf, so that it also says what was recorded.
package struct Receipt: Hashable, Sendable {
    package let index: UInt64
    package let hashes: [Hash]
    /// The leaf, or nil in a receipt that carries no extra data.
    package let leaf: [UInt8]?
    /// The checkpoint, as it was signed.
    package let note: SignedNote

    package init(index: UInt64, hashes: [Hash], leaf: [UInt8]?, note: SignedNote) {
        self.index = index
        self.hashes = hashes
        self.leaf = leaf
        self.note = note
    }

    private static let header = "c2sp.org/tlog-proof@v1"
    private static let newline = UInt8(ascii: "\n")
    /// A tree of 64-bit size does not need more.
    private static let hashesMax = 64

    package var bytes: [UInt8] {
        var bytes = Array("\(Self.header)\n".utf8)
        if let leaf { bytes += Array("extra ".utf8) + Base64.encode(leaf[...]) + [Self.newline] }
        bytes += Array("index \(index)\n".utf8)
        for hash in hashes { bytes += Base64.encode(hash.bytes[...]) + [Self.newline] }
        return bytes + [Self.newline] + note.bytes
    }

    /// The inverse of ``bytes``; proves nothing until ``verify(by:leaf:)`` has.
    package init(bytes: [UInt8]) throws(Refusal) {
        guard bytes.count <= 2 * SignedNote.bytesMax else {
            throw .badReceipt(line: 1, "begins more than \(2 * SignedNote.bytesMax) bytes")
        }
        var lines = bytes.split(separator: Self.newline, omittingEmptySubsequences: false)[...]
        var number = 0
        func next(_ what: String) throws(Refusal) -> ArraySlice<UInt8> {
            number += 1
            guard let line = lines.popFirst(), !lines.isEmpty else {
                throw .badReceipt(line: number, "is missing: \(what)")
            }
            return line
        }
        guard try next(Self.header).elementsEqual(Self.header.utf8) else {
            throw .badReceipt(line: 1, "is not \(Self.header)")
        }
        var line = try next("index <position>")
        if let text = line.rest(behind: "extra ") {
            guard let extra = Base64.decode(text) else {
                throw .badReceipt(line: number, "has extra data that are no base64")
            }
            leaf = extra
            line = try next("index <position>")
        } else {
            leaf = nil
        }
        guard let index = line.rest(behind: "index ").flatMap({ UInt64(decimal: $0) }) else {
            throw .badReceipt(line: number, "is not index <position>")
        }
        self.index = index
        var hashes: [Hash] = []
        line = try next("a hash or an empty line")
        while !line.isEmpty {
            guard hashes.count < Self.hashesMax,
                let hash = Base64.decode(line).flatMap({ Hash(bytes: $0) })
            else { throw .badReceipt(line: number, "is no base64 of 32 bytes, or one too many") }
            hashes.append(hash)
            line = try next("a hash or an empty line")
        }
        self.hashes = hashes
        note = try SignedNote(bytes: Array(bytes[(line.endIndex + 1)...]))
    }

    /// The checkpoint under which the leaf is at its position.
    ///
    /// `leaf` is what the caller holds; nil takes the receipt's own.
    package func verify(
        by policy: TrustPolicy, leaf other: [UInt8]? = nil
    ) throws(Refusal) -> TrustedCheckpoint {
        let trusted = try policy.open(note)
        guard let leaf = other ?? leaf else {
            throw .badReceipt(line: 2, "is no extra: it carries no leaf, and none was given")
        }
        if let own = self.leaf, own != leaf {
            throw .badEvent(position: index, "the receipt is for another event than this one")
        }
        let checkpoint = trusted.checkpoint
        try InclusionProof(index: index, size: checkpoint.size, hashes: hashes)
            .verify(Tree.leafHash(leaf), root: checkpoint.root)
        return trusted
    }
}

extension ArraySlice<UInt8> {
    /// What stands behind a prefix, or nil where it is not there.
    fileprivate func rest(behind prefix: String) -> ArraySlice<UInt8>? {
        starts(with: prefix.utf8) ? dropFirst(prefix.utf8.count) : nil
    }
}
