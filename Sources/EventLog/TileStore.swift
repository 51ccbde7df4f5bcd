internal import Merkle
internal import Storage

/// The tree above the leaves as tiles of 256 hashes, from level 1 on.
///
/// Leaf hashes are not kept: they follow from the events. A tile's value is version (1), its hashes
/// (32 each) and CRC-32 (4), under the key level (1), index (8).
enum TileStore {
    /// The hashes that a tile holds so far; empty where it does not exist.
    static func hashes(
        level: Int, index: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Hash] {
        let key = Keys.tile(level: level, index: index)
        return try transaction.withValue(for: key, in: Databases.tiles) { value in
            guard let hashes = decode(value) else {
                throw Corruption(at: firstPosition(level: level, index: index), "a tile is damaged")
            }
            return hashes
        } ?? []
    }

    /// First position below a tile.
    static func firstPosition(level: Int, index: UInt64) -> UInt64 {
        index << UInt64(Tile.height * (level + 1))
    }

    static func encode(_ hashes: [Hash]) -> [UInt8] {
        var value = [Format.version]
        for hash in hashes { hash.append(to: &value) }
        return Format.sealed(value)
    }

    /// The inverse of ``encode(_:)``, or nil where the value is damaged.
    static func decode(_ value: Span<UInt8>) -> [Hash]? {
        guard let end = Format.checkedCount(value), (end - 1) % Hash.byteCount == 0,
            (1...Tile.width).contains((end - 1) / Hash.byteCount)
        else { return nil }
        var reader = ByteReader(value)
        guard (try? reader.u8()) != nil else { return nil }
        var hashes: [Hash] = []
        while reader.offset < end {
            guard let bytes = try? reader.array(Hash.byteCount), let hash = Hash(bytes: bytes)
            else { return nil }
            hashes.append(hash)
        }
        return hashes
    }

    /// The subtrees of whole tiles that cover `size` leaves, which must be a multiple of 256.
    static func compactRange(
        sealedSize size: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> CompactRange {
        var range = CompactRange()
        for level in (1...7).reversed() {
            // Hashes at this level that no tile of the next level has taken up.
            let count = Tile.hashCount(level: level, size: size)
            let index = count / UInt64(Tile.width)
            let partial = Int(count % UInt64(Tile.width))
            guard partial > 0 else { continue }
            let hashes = try hashes(level: level, index: index, in: transaction)
            guard hashes.count >= partial else {
                throw Corruption(
                    at: firstPosition(level: level, index: index), "a tile is missing or too short")
            }
            for hash in hashes.prefix(partial) {
                range.appendSubtree(hash, height: level * Tile.height)
            }
        }
        return range
    }
}

/// The right edge of the tiles, which grows as blocks are sealed.
struct TileEdge: Sendable {
    /// For each level from 1 on: how many hashes it has, and those of its last, partial tile.
    private var levels: [(count: UInt64, partial: [Hash])] = []

    init(sealedSize: UInt64, in transaction: borrowing some Transaction & ~Copyable) throws {
        for level in 1...7 {
            let count = Tile.hashCount(level: level, size: sealedSize)
            guard count > 0 else { break }
            let index = count / UInt64(Tile.width)
            let partial = Int(count % UInt64(Tile.width))
            let hashes =
                partial == 0
                ? [] : try TileStore.hashes(level: level, index: index, in: transaction)
            guard hashes.count == partial else {
                throw Corruption(
                    at: TileStore.firstPosition(level: level, index: index),
                    "a tile does not hold \(partial) hashes")
            }
            levels.append((count, hashes))
        }
    }

    /// Adds hashes at level 1, one for each sealed sub-frame, and writes the tiles they change.
    mutating func append(
        _ hashes: [Hash], to transaction: inout WriteTransaction
    ) throws(StorageError) {
        try append(hashes, level: 1, &transaction)
    }

    private mutating func append(
        _ hashes: [Hash], level: Int, _ transaction: inout WriteTransaction
    ) throws(StorageError) {
        guard !hashes.isEmpty else { return }
        if levels.count < level { levels.append((0, [])) }
        var carried: [Hash] = []
        for hash in hashes {
            levels[level - 1].partial.append(hash)
            levels[level - 1].count += 1
            if levels[level - 1].partial.count == Tile.width {
                try write(level: level, &transaction)
                carried.append(Tree.unitRoot(levels[level - 1].partial))
                levels[level - 1].partial = []
            }
        }
        try write(level: level, &transaction)
        try append(carried, level: level + 1, &transaction)
    }

    private func write(
        level: Int, _ transaction: inout WriteTransaction
    ) throws(StorageError) {
        let (count, partial) = levels[level - 1]
        guard !partial.isEmpty else { return }
        try transaction.put(
            TileStore.encode(partial),
            for: Keys.tile(level: level, index: (count - 1) / UInt64(Tile.width)),
            in: Databases.tiles)
    }
}
