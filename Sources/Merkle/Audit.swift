/// What an auditor brings along: a policy, and checkpoints that were kept.
package struct Audit: Sendable {
    private let policy: TrustPolicy
    /// The checkpoint that is to be proven, or nil to take that of the tile directory.
    private let note: [UInt8]?
    /// Checkpoints that were kept from earlier, as they were signed.
    private let remembered: [[UInt8]]
    /// What somebody else vouches for, such as an authority that has stamped them.
    private let vouched: [Checkpoint]
    private let hashing: Hashing

    package init(
        policy: TrustPolicy, checkpoint: [UInt8]?, remembered: [[UInt8]] = [],
        vouched: [Checkpoint] = [], hashing: Hashing = .own
    ) {
        self.policy = policy
        self.hashing = hashing
        note = checkpoint
        self.remembered = remembered
        self.vouched = vouched
    }

    /// What was verified.
    package struct Verdict: Sendable {
        package let head: TrustedCheckpoint
        /// Sizes of the remembered checkpoints whose extension the head is, ascending.
        package let extends: [UInt64]
        /// Lines whose data were removed; only their leaves could be verified.
        package var removed: UInt64 = 0
        /// When the last event was recorded before each size that was asked for, by an export.
        package var recordedBefore: [UInt64: String] = [:]
        /// The leaf of a receipt, and its position.
        package var leaf: (position: UInt64, bytes: [UInt8])?
    }

    private struct Heads {
        let newest: TrustedCheckpoint
        /// All of them, the smallest first.
        let all: [Checkpoint]
        var sizes: [UInt64] { all.map(\.size) }
    }

    /// Verifies a tile directory: every file of it, and that the root is the one that was signed.
    ///
    /// Memory holds the paths and one tile of each level. `progress` is told how many leaves were
    /// verified.
    package func verifyTiles(
        _ files: any TileFiles, progress: (UInt64) -> Void = { _ in }
    ) throws(Refusal) -> Verdict {
        let heads = try heads(try checkpoint(files))
        let roots = try TileVerification.roots(
            of: files, size: heads.newest.checkpoint.size, also: heads.sizes, progress: progress)
        return try compare(roots, heads)
    }

    /// Verifies an export: every line, and that the root is the one that was signed.
    ///
    /// With the tiles of the log, which are verified first, a line that was altered is named. The
    /// export is read in pieces of whole lines, on all cores; memory holds a few of them.
    package func verifyExport<Bytes: ExportBytes & ~Copyable>(
        _ bytes: inout Bytes, against files: (any TileFiles)? = nil,
        progress: (UInt64) -> Void = { _ in }
    ) async throws -> Verdict {
        let heads = try heads(try checkpoint(files))
        if let files {
            let roots = try TileVerification.roots(
                of: files, size: heads.newest.checkpoint.size, also: heads.sizes)
            _ = try compare(roots, heads)
        }
        var reading = ExportReading(stops: heads.sizes, files, hashing)
        let assembly = try await reading.run(&bytes, size: heads.newest.checkpoint.size, progress)
        guard assembly.lines == heads.newest.checkpoint.size else {
            throw Refusal.otherLength(lines: assembly.lines, size: heads.newest.checkpoint.size)
        }
        var verdict = try compare(assembly.finish(), heads)
        verdict.removed = assembly.removed
        verdict.recordedBefore = assembly.recordedBefore.mapValues(\.text)
        return verdict
    }

    /// Verifies a receipt, and that an event's line is the one it is for, where one is given.
    package func verifyReceipt(_ bytes: [UInt8], line: [UInt8]?) throws(Refusal) -> Verdict {
        let receipt = try Receipt(bytes: bytes)
        let leaf = try line.map { line throws(Refusal) in
            try ExportPiece.leaf(of: line, at: receipt.index)
        }
        let head = try receipt.verify(by: policy, leaf: leaf?.bytes)
        if let note, try policy.open(note).checkpoint != head.checkpoint {
            throw .badReceipt(line: 1, "begins a receipt under another checkpoint")
        }
        let proven = leaf?.bytes ?? receipt.leaf ?? []
        try ExportPiece.require(position: receipt.index, of: proven)
        return Verdict(
            head: head, extends: [], removed: leaf?.removed ?? 0, leaf: (receipt.index, proven))
    }

    /// Verifies that a log of so many events, whose roots are known, has the checkpoint's and has
    /// grown from the remembered ones.
    package func verifyLog(size: UInt64, root: (UInt64) throws -> Hash) throws -> Verdict {
        let heads = try heads(try checkpoint(nil))
        guard heads.newest.checkpoint.size <= size else {
            throw Refusal.shorterThanRemembered(
                size: size, remembered: heads.newest.checkpoint.size)
        }
        var found: [UInt64: Hash] = [:]
        for size in heads.sizes { found[size] = try root(size) }
        return try compare(found, heads)
    }

    private func checkpoint(_ files: (any TileFiles)?) throws(Refusal) -> [UInt8] {
        if let note { return note }
        if let found = try files?.bytes(of: "checkpoint") { return found }
        throw .unreadable(path: "checkpoint", "is missing, and without it nothing is proven")
    }

    /// The checkpoint of what was given out, which must be the one that was brought along.
    func open(_ found: [UInt8]) throws(Refusal) -> TrustedCheckpoint {
        let head = try policy.open(found)
        if let note, try policy.open(note).checkpoint != head.checkpoint {
            throw .badCheckpoint(line: 2, "begins another head than that of the checkpoint given")
        }
        return head
    }

    private func heads(_ note: [UInt8]) throws(Refusal) -> Heads {
        let newest = try policy.open(note)
        var all = [newest.checkpoint]
        let kept = try remembered.map { old throws(Refusal) in
            try policy.open(try SignedNote(bytes: old), witnesses: .passedOver).checkpoint
        }
        for checkpoint in kept + vouched {
            guard checkpoint.origin == newest.checkpoint.origin else {
                throw .otherOrigin(
                    found: newest.checkpoint.origin, expected: checkpoint.origin)
            }
            guard checkpoint.size <= newest.checkpoint.size else {
                throw .shorterThanRemembered(
                    size: newest.checkpoint.size, remembered: checkpoint.size)
            }
            all.append(checkpoint)
        }
        return Heads(newest: newest, all: all.sorted { $0.size < $1.size })
    }

    /// Compares roots with those that were signed, the smallest size first.
    private func compare(_ roots: [UInt64: Hash], _ heads: Heads) throws(Refusal) -> Verdict {
        let newest = heads.newest.checkpoint
        var sound: UInt64 = 0
        for head in heads.all {
            guard let root = roots[head.size] else {
                throw .shorterThanRemembered(size: sound, remembered: head.size)
            }
            guard root == head.root else {
                if head == newest {
                    throw .otherRoot(
                        size: head.size, sound: sound, found: root, expected: head.root)
                }
                throw .otherHistory(remembered: head.size, found: root, expected: head.root)
            }
            sound = head.size
        }
        return Verdict(
            head: heads.newest,
            extends: heads.all.filter { $0 != newest && !vouched.contains($0) }.map(\.size))
    }
}

/// Where the bytes of an export come from.
package protocol ExportBytes: ~Copyable {
    /// The next bytes, at most so many; none at the end.
    mutating func next(upTo count: Int) throws -> [UInt8]
}

/// Reads an export piece by piece, and has the pieces verified on all cores.
private struct ExportReading {
    private let stops: [UInt64]
    private let files: (any TileFiles)?
    private let hashing: Hashing
    private var assembly: ExportAssembly
    /// Pieces that are verified already, while one before them is not.
    private var early: [Int: ExportPiece] = [:]
    private var taken = 0
    private var rest: [UInt8] = []
    /// The tile whose leaves are compared now.
    private var tile: (index: UInt64, hashes: [UInt8])?

    private static let pieceBytes = 256 << 10
    /// A line with 1 MiB of data in base64 fits.
    private static let lineBytesMax = 4 << 20
    private static let piecesMax = 8

    init(stops: [UInt64], _ files: (any TileFiles)?, _ hashing: Hashing) {
        self.hashing = hashing
        self.stops = stops
        self.files = files
        assembly = ExportAssembly(stops: stops)
    }

    mutating func run(
        _ bytes: inout some ExportBytes & ~Copyable, size: UInt64, _ progress: (UInt64) -> Void
    ) async throws -> ExportAssembly {
        let keeping = files == nil ? ExportPiece.Keeping.subtrees : .leaves
        return try await withThrowingTaskGroup(of: (Int, ExportPiece).self) { group in
            var begun = 0
            while let piece = try nextPiece(&bytes) {
                while begun - taken >= Self.piecesMax, let done = try await group.next() {
                    try take(done, size, progress)
                }
                group.addTask { [begun, stops, hashing] in
                    (
                        begun,
                        ExportPiece(piece, stops: stops, keeping: keeping, hashing: hashing)
                    )
                }
                begun += 1
            }
            while let done = try await group.next() { try take(done, size, progress) }
            return assembly
        }
    }

    /// The next lines, all but the last of the export whole.
    private mutating func nextPiece(
        _ bytes: inout some ExportBytes & ~Copyable
    ) throws -> [UInt8]? {
        while true {
            let more = try bytes.next(upTo: Self.pieceBytes)
            guard !more.isEmpty else {
                defer { rest = [] }
                return rest.isEmpty ? nil : rest
            }
            rest += more
            guard rest.count >= Self.pieceBytes else { continue }
            if let end = rest.lastIndex(of: UInt8(ascii: "\n")) {
                let piece = Array(rest[...end])
                rest = Array(rest[(end + 1)...])
                return piece
            }
            guard rest.count <= Self.lineBytesMax else {
                throw Refusal.badEvent(
                    position: assembly.lines,
                    "here or soon behind begins a line of more than \(Self.lineBytesMax) bytes")
            }
        }
    }

    private mutating func take(
        _ done: (Int, ExportPiece), _ size: UInt64, _ progress: (UInt64) -> Void
    ) throws(Refusal) {
        early[done.0] = done.1
        while let piece = early.removeValue(forKey: taken) {
            taken += 1
            try compare(piece, size)
            try assembly.take(piece)
            // What nothing proves need not be read to its end.
            guard assembly.lines <= size else {
                throw .otherLength(lines: assembly.lines, size: size)
            }
            progress(assembly.lines)
        }
    }

    /// Compares leaves with those of the tiles, which name the first that is another.
    private mutating func compare(_ piece: ExportPiece, _ size: UInt64) throws(Refusal) {
        guard let files, piece.first == assembly.lines else { return }
        for (offset, leaf) in piece.leaves.enumerated() {
            let position = assembly.lines + UInt64(offset)
            let index = position / UInt64(Tile.width)
            guard let wanted = Tile(level: 0, index: index, ofTreeOf: size),
                position < size
            else { return }
            if tile?.index != index {
                tile = (index, try files.bytes(of: wanted.path) ?? [])
            }
            let start = Int(position % UInt64(Tile.width)) * Hash.byteCount
            guard let hashes = tile?.hashes, hashes.count >= start + Hash.byteCount,
                Hash(bytes: hashes[start..<start + Hash.byteCount]) == leaf
            else {
                throw .badEvent(
                    position: position, "the line is not the one whose leaf was signed")
            }
        }
    }
}
