/// What a log asks of a witness (C2SP tlog-witness): to cosign a checkpoint that extends the last.
package struct AddCheckpoint: Hashable, Sendable {
    /// The size that the witness has cosigned last, as far as the log knows; 0 for none.
    package let oldSize: UInt64
    /// The proof that the checkpoint's tree begins with the old one.
    package let proof: [Hash]
    package let note: SignedNote

    /// Hashes that a proof of consistency has at most.
    private static let hashesMax = 63
    private static let newline = UInt8(ascii: "\n")

    package init(oldSize: UInt64, proof: [Hash], note: SignedNote) {
        self.oldSize = oldSize
        self.proof = proof
        self.note = note
    }

    /// `old <size>`, a line for each hash, an empty line, and the checkpoint.
    package var bytes: [UInt8] {
        var bytes = Array("old \(oldSize)\n".utf8)
        for hash in proof { bytes += Base64.encode(hash.bytes[...]) + [Self.newline] }
        return bytes + [Self.newline] + note.bytes
    }

    /// The inverse of ``bytes``.
    package init(bytes: [UInt8]) throws(Refusal) {
        let lines = bytes.split(separator: Self.newline, omittingEmptySubsequences: false)
        guard let first = lines.first, first.starts(with: "old ".utf8),
            let oldSize = UInt64(decimal: first.dropFirst(4))
        else { throw .badReceipt(line: 1, "is not old <size>") }
        self.oldSize = oldSize
        var proof: [Hash] = []
        for (number, line) in lines.enumerated().dropFirst() {
            guard !line.isEmpty else {
                self.proof = proof
                note = try SignedNote(bytes: Array(bytes[min(line.endIndex + 1, bytes.count)...]))
                return
            }
            guard proof.count < Self.hashesMax,
                let hash = Base64.decode(line).flatMap({ Hash(bytes: $0) })
            else {
                throw .badReceipt(
                    line: number + 1, "is no base64 of 32 bytes, or one hash too many")
            }
            proof.append(hash)
        }
        throw .badReceipt(line: lines.count, "is missing: an empty line before the checkpoint")
    }
}

/// What a witness knows of one log.
package struct WitnessedLog: Sendable {
    package let origin: String
    /// Keys of the log, of which one must have signed.
    package var keys: [VerifierKey]
    /// What was cosigned last; nil before the first.
    package var last: Checkpoint?

    package init(origin: String, keys: [VerifierKey], last: Checkpoint? = nil) {
        self.origin = origin
        self.keys = keys
        self.last = last
    }

    /// Why a witness does not cosign; each has a status in C2SP tlog-witness.
    package enum Objection: Error, Hashable, Sendable {
        /// 400
        case malformed(Refusal)
        /// 404
        case unknownLog(String)
        /// 403
        case notSigned(Refusal)
        /// 400
        case oldSizeBeyond(old: UInt64, size: UInt64)
        /// 409; the log goes on from what was cosigned last.
        case otherOldSize(UInt64)
        /// 422; the histories do not connect.
        case inconsistent(Refusal)
    }

    /// The checkpoint that may be cosigned next, and its note with no signatures but the log's; the
    /// caller must remember it before it is.
    package func judge(
        _ request: AddCheckpoint
    ) throws(Objection) -> (checkpoint: Checkpoint, note: SignedNote) {
        let checkpoint: Checkpoint
        do throws(Refusal) { checkpoint = try Checkpoint(text: request.note.text) } catch {
            throw .malformed(error)
        }
        guard checkpoint.origin == origin else { throw .unknownLog(checkpoint.origin) }
        var note = SignedNote(unsigned: request.note.text)
        do throws(Refusal) {
            try note.add(signaturesOf: request.note, by: keys)
            guard try !note.verified(by: keys).isEmpty else {
                throw Refusal.notSigned(byAny: keys.map(\.name))
            }
        } catch {
            throw .notSigned(error)
        }
        guard request.oldSize <= checkpoint.size else {
            throw .oldSizeBeyond(old: request.oldSize, size: checkpoint.size)
        }
        let known = last?.size ?? 0
        guard request.oldSize == known else { throw .otherOldSize(known) }
        do throws(Refusal) {
            try requireGrown(to: checkpoint, request.proof)
        } catch {
            throw .inconsistent(error)
        }
        return (checkpoint, note)
    }

    private func requireGrown(
        to checkpoint: Checkpoint, _ hashes: [Hash]
    ) throws(Refusal) {
        guard let last, last.size > 0 else {
            // Nothing was cosigned, or a log without events: nothing to be consistent with.
            guard hashes.isEmpty else {
                throw .wrongProofLength(found: hashes.count, expected: 0)
            }
            return
        }
        try ConsistencyProof(oldSize: last.size, newSize: checkpoint.size, hashes: hashes)
            .verify(oldRoot: last.root, newRoot: checkpoint.root)
    }
}
