package import Merkle
internal import Storage

extension EventLog {
    /// The newest checkpoint that was signed, or nil where none was yet.
    ///
    /// It is read from the head file, so that other processes see it too.
    package func signedCheckpoint() throws(LogError) -> SignedNote? {
        try wrapping {
            let slot = try HeadFile.newest(in: headFile)
            guard !slot.note.isEmpty else { return nil }
            let note = try SignedNote(bytes: slot.note)
            if let cosigned = readCosigned(), cosigned.text == note.text { return cosigned }
            return note
        }
    }

    /// The newest checkpoint of this history that witnesses have cosigned, or nil.
    package func cosignedCheckpoint() throws(LogError) -> SignedNote? {
        guard let note = readCosigned() else { return nil }
        let checkpoint = try checkpoint(of: note)
        // After a restore it may be one of the history that was there before.
        guard try checkpoint.size <= head().size,
            try root(atSize: checkpoint.size) == checkpoint.root
        else { return nil }
        return note
    }

    /// Keeps a checkpoint with the cosignatures of witnesses, in place of the one before.
    package func keep(cosigned note: SignedNote) throws(LogError) {
        try wrapping { try FileSystem.replace(cosignedPath, with: note.bytes, for: .asUsual) }
    }

    private var cosignedPath: String { directory + "/cosigned" }

    private func readCosigned() -> SignedNote? {
        guard FileSystem.kind(of: cosignedPath) == .file else { return nil }
        // It can be made again: what cannot be read is not there.
        return try? SignedNote(
            bytes: try RawFile.open(cosignedPath).read(SignedNote.bytesMax, at: 0))
    }

    /// A checkpoint that covers a position: one with cosignatures before one without; nil where
    /// none does yet.
    package func checkpoint(covering position: Position) throws(LogError) -> SignedNote? {
        // What an earlier key has signed, who knows the key of today does not take.
        let key = try SigningKeys(of: self).verifierKey()
        if let note = try cosignedCheckpoint(), key.map(note.names) ?? true,
            try checkpoint(of: note).size > position.value
        {
            return note
        }
        guard let note = try signedCheckpoint(), try checkpoint(of: note).size > position.value
        else { return nil }
        return note
    }

    /// The receipt of the event at a position, under a checkpoint of this log that covers it.
    ///
    /// Reads the leaves of one unit of 256 events and of the right edge of the tree, and some ten
    /// tiles. Throws ``LogError/notCovered(_:by:)`` where the checkpoint does not cover it.
    package func receipt(
        of position: Position, under note: SignedNote
    ) throws(LogError) -> Receipt {
        let size = try checkpoint(of: note).size
        let index = position.value
        guard index < size else { throw .notCovered(position, by: size) }
        return try readTree { reader, transaction in
            let leaf = try reader.leaf(at: index, in: transaction)
            let proof = try InclusionProof(index: index, size: size) {
                try reader.hash($0, in: transaction)
            }
            return Receipt(index: index, hashes: proof.hashes, leaf: leaf, note: note)
        }
    }

    /// Proof that the log at `newSize` begins with all that it had at `oldSize`.
    ///
    /// Throws ``LogError/notCovered(_:by:)`` where it does not have so many events.
    package func consistencyProof(
        from oldSize: UInt64, to newSize: UInt64
    ) throws(LogError) -> ConsistencyProof {
        try readTree { reader, transaction in
            guard oldSize <= newSize, newSize <= reader.size else {
                throw LogError.notCovered(Position(max(oldSize, newSize)), by: reader.size)
            }
            return try ConsistencyProof(oldSize: oldSize, newSize: newSize) {
                try reader.hash($0, in: transaction)
            }
        }
    }

    /// The root over the first `size` events.
    package func root(atSize size: UInt64) throws(LogError) -> Hash {
        try readTree { reader, transaction in
            guard size <= reader.size else {
                throw LogError.notCovered(Position(size), by: reader.size)
            }
            return try Tree.root(of: 0..<size) { try reader.hash($0, in: transaction) }
        }
    }

    /// The bytes of a tile, which must be one of a tree that the log has grown to.
    package func bytes(of tile: Tile) throws(LogError) -> [UInt8] {
        try readTree { reader, transaction in
            try requireGrown(to: tile, reader.size)
            return try reader.hashes(of: tile, in: transaction).flatMap(\.bytes)
        }
    }

    /// The entries whose leaf hashes a tile of level 0 holds: the leaves of its events.
    package func entries(of tile: Tile) throws(LogError) -> [UInt8] {
        try readTree { reader, transaction in
            try requireGrown(to: tile, reader.size)
            var bundle: [UInt8] = []
            try reader.forEachLeaf(ofUnit: tile.index, count: tile.count, in: transaction) {
                Bundle.append($0, to: &bundle)
            }
            return bundle
        }
    }

    private func requireGrown(to tile: Tile, _ size: UInt64) throws(LogError) {
        guard let grown = Tile(level: tile.level, index: tile.index, ofTreeOf: size),
            grown.count >= tile.count
        else { throw .notCovered(Position(size), by: size) }
    }

    /// What a note says of this log.
    func checkpoint(of note: SignedNote) throws(LogError) -> Checkpoint {
        let checkpoint: Checkpoint
        do {
            checkpoint = try Checkpoint(text: note.text)
        } catch {
            throw .refused(error)
        }
        guard checkpoint.origin == identity.origin else {
            throw .refused(.otherOrigin(found: checkpoint.origin, expected: identity.origin))
        }
        return checkpoint
    }
}
