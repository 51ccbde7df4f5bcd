internal import Merkle
internal import Storage

extension HeadFile.Slot {
    /// The newest checkpoint that was signed, or nil where none was yet.
    func signedCheckpoint() throws(Refusal) -> (checkpoint: Checkpoint, note: SignedNote)? {
        guard !note.isEmpty else { return nil }
        let note = try SignedNote(bytes: note)
        return (try Checkpoint(text: note.text), note)
    }

    /// Refuses a log that does not contain what its newest checkpoint says, and a checkpoint with a
    /// signature of `key` that is wrong; one by an earlier key has none of `key`.
    func requireSigned(
        for origin: String, by key: VerifierKey?, _ snapshot: inout Snapshot,
        _ transaction: borrowing some Transaction & ~Copyable
    ) throws {
        do {
            guard let (checkpoint, note) = try signedCheckpoint() else { return }
            guard checkpoint.origin == origin else {
                throw Refusal.otherOrigin(found: checkpoint.origin, expected: origin)
            }
            if let key { _ = try note.verified(by: [key]) }
            guard checkpoint.size <= snapshot.head.size else {
                throw Refusal.shorterThanRemembered(
                    size: snapshot.head.size, remembered: checkpoint.size)
            }
            let root =
                checkpoint.size == size
                ? root : try snapshot.root(atSize: checkpoint.size, in: transaction)
            guard root == checkpoint.root else {
                throw Refusal.otherHistory(
                    remembered: checkpoint.size, found: root, expected: checkpoint.root)
            }
        } catch let refusal as Refusal {
            throw Corruption(at: nil, "the checkpoint in the head file: \(refusal)")
        }
    }
}
