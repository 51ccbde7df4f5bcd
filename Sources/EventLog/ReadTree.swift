internal import Merkle
internal import Storage
internal import Synchronization

/// Leaf hashes of units that proofs have asked for.
///
/// They never change: a unit that is not whole only becomes longer. So the right edge of the tree,
/// which every proof needs, is hashed once.
final class LeafHashes: Sendable {
    private let units = Mutex(
        BoundedCache<UInt64, [Hash]>(bytesMax: LogLimits.leafHashesBytesMax))

    /// Remembers what was hashed on the way to something else.
    func keep(_ hashes: [Hash], ofUnit unit: UInt64) {
        units.withLock { units in
            guard units[unit].map({ $0.count < hashes.count }) ?? true else { return }
            units.keep(hashes, bytes: hashes.count * Hash.byteCount, for: unit)
        }
    }

    /// The first `count` leaf hashes of a unit, read where they are not known.
    func hashes(
        ofUnit unit: UInt64, atLeast count: Int, _ read: () throws -> [Hash]
    ) rethrows -> [Hash] {
        if let known = units.withLock({ $0[unit] }), known.count >= count { return known }
        let hashes = try read()
        keep(hashes, ofUnit: unit)
        return hashes
    }
}

/// The leaves of units, one behind the other in the same memory.
struct UnitLeaves: ~Copyable {
    private var texts = CheckedTexts()
    private var data = CheckedData()
    private var writer = LeafWriter()

    /// Visits the leaves of a unit in their order.
    mutating func forEachLeaf(of columns: EventColumns, _ visit: (Span<UInt8>) -> Void) {
        guard texts.take(columns), data.take(columns) else {
            for event in columns.events() { visit(event.leaf.span) }
            return
        }
        writer.write(columns, texts, data)
        var start = 0
        for end in writer.ends {
            visit(writer.leaves.span.extracting(start..<end))
            start = end
        }
    }

    mutating func hashes(of columns: EventColumns) -> [Hash] {
        var hashes: [Hash] = []
        hashes.reserveCapacity(columns.count)
        forEachLeaf(of: columns) { hashes.append(Tree.leafHash(of: $0)) }
        return hashes
    }
}

/// Reads the tree within one transaction: stored tiles below the sealed size, leaves elsewhere.
struct TreeReader: ~Copyable {
    private var snapshot: Snapshot
    private var leaves = UnitLeaves()
    private let known: LeafHashes
    /// The tiles that were read last; the nodes of a proof have tiles in common.
    private var tiles: [Tile: [Hash]] = [:]

    var size: UInt64 { snapshot.head.size }

    init(_ snapshot: consuming Snapshot, _ known: LeafHashes) {
        self.snapshot = snapshot
        self.known = known
    }

    /// The hash of a perfect subtree, all of whose leaves the log has.
    mutating func hash(
        _ subtree: Subtree, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Hash {
        let (level, rest) = subtree.height.quotientAndRemainder(dividingBy: Tile.height)
        let first = subtree.index << UInt64(rest)
        let count = 1 << rest
        let end = (subtree.index + 1) << UInt64(subtree.height)
        if level > 0, end > snapshot.head.sealedSize {
            // No stored tile has it yet; few levels are above the leaves that are not sealed.
            if rest == 0, level == 1 {
                return Tree.unitRoot(
                    try leafHashes(
                        ofUnit: subtree.index, atLeast: Tile.width, in: transaction))
            }
            let below = subtree.height - 1
            let left = try hash(
                Subtree(height: below, index: 2 * subtree.index), in: transaction)
            let right = try hash(
                Subtree(height: below, index: 2 * subtree.index + 1), in: transaction)
            return Tree.nodeHash(of: left, right)
        }
        let place = Int(first % UInt64(Tile.width))
        let index = first / UInt64(Tile.width)
        let hashes =
            level == 0
            ? try leafHashes(ofUnit: index, atLeast: place + count, in: transaction)
            : try tileHashes(level: level, index: index, in: transaction)
        guard hashes.count >= place + count else {
            throw Corruption(
                at: subtree.index << UInt64(subtree.height), "a tile is missing or too short")
        }
        return Tree.perfectRoot(hashes[place..<place + count], nodeHash: Tree.nodeHash(of:_:))
    }

    /// The hashes of a tile as a tree of some size has it; the log must have grown to it.
    mutating func hashes(
        of tile: Tile, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Hash] {
        if tile.level == 0 {
            return Array(
                try leafHashes(ofUnit: tile.index, atLeast: tile.count, in: transaction)
                    .prefix(tile.count))
        }
        let first = tile.index * UInt64(Tile.width)
        var hashes: [Hash] = []
        hashes.reserveCapacity(tile.count)
        for index in first..<first + UInt64(tile.count) {
            hashes.append(
                try hash(
                    Subtree(height: tile.level * Tile.height, index: index), in: transaction))
        }
        return hashes
    }

    /// Visits the first `count` leaves of a unit.
    mutating func forEachLeaf(
        ofUnit unit: UInt64, count: Int, in transaction: borrowing some Transaction & ~Copyable,
        _ visit: (Span<UInt8>) -> Void
    ) throws {
        let columns = try columns(ofUnit: unit, in: transaction)
        guard columns.count >= count else {
            throw Corruption(at: columns.first.value, "events are missing")
        }
        var visited = 0
        leaves.forEachLeaf(of: columns) { leaf in
            if visited < count { visit(leaf) }
            visited += 1
        }
    }

    /// The leaf at a position that the log has; the hashes of its unit are known from then on.
    mutating func leaf(
        at position: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8] {
        let unit = position / UInt64(LogLimits.subframeEvents)
        let place = Int(position % UInt64(LogLimits.subframeEvents))
        let columns = try columns(ofUnit: unit, in: transaction)
        guard columns.count > place else { throw Corruption(at: position, "the event is missing") }
        var found: [UInt8] = []
        var hashes: [Hash] = []
        hashes.reserveCapacity(columns.count)
        leaves.forEachLeaf(of: columns) { leaf in
            if hashes.count == place {
                found = [UInt8](capacity: leaf.count) { $0.append(copying: leaf) }
            }
            hashes.append(Tree.leafHash(of: leaf))
        }
        known.keep(hashes, ofUnit: unit)
        return found
    }

    private mutating func leafHashes(
        ofUnit unit: UInt64, atLeast count: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Hash] {
        let hashes = try known.hashes(ofUnit: unit, atLeast: count) {
            leaves.hashes(of: try columns(ofUnit: unit, in: transaction))
        }
        guard hashes.count >= count else {
            throw Corruption(
                at: unit * UInt64(LogLimits.subframeEvents), "events are missing")
        }
        return hashes
    }

    private mutating func columns(
        ofUnit unit: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> EventColumns {
        try snapshot.columns(ofUnits: [unit], depth: .whole, in: transaction)[0]
    }

    private mutating func tileHashes(
        level: Int, index: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Hash] {
        let tile = Tile(level: level, index: index)
        if let hashes = tiles[tile] { return hashes }
        let hashes = try TileStore.hashes(level: level, index: index, in: transaction)
        if tiles.count >= Self.tilesMax { tiles.removeAll() }
        tiles[tile] = hashes
        return hashes
    }

    private static let tilesMax = 64
}

extension EventLog {
    /// Runs `body` with a reader of the tree; its snapshot must not be held for long.
    func readTree<Result>(
        _ body: (inout TreeReader, borrowing ReadTransaction) throws -> Result
    ) throws(LogError) -> Result {
        try wrapping {
            try environment.read { transaction in
                let snapshot = try Snapshot(
                    transaction,
                    cache: Snapshot.CacheUse(cache: cache, keeping: .nothing))
                var reader = TreeReader(snapshot, leafHashes)
                return try body(&reader, transaction)
            }
        }
    }
}
