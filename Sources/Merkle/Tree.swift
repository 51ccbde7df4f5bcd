internal import Crypto

/// The hashing of RFC 6962, section 2.1: domains are separated by the first byte.
package enum Tree {
    /// SHA-256 of nothing, the root of the tree without leaves.
    package static let emptyRoot = Hash(of: [UInt8]())

    /// SHA-256(0x00 ‖ entry).
    package static func leafHash(_ entry: some Collection<UInt8>) -> Hash {
        var hasher = SHA256()
        hasher.update(data: leafPrefix)
        hasher.update(data: Array(entry))
        return Hash(hasher.finalize())
    }

    /// SHA-256(0x01 ‖ left ‖ right).
    package static func nodeHash(_ left: Hash, _ right: Hash) -> Hash {
        var input: [UInt8] = [0x01]
        input.reserveCapacity(1 + 2 * Hash.byteCount)
        left.append(to: &input)
        right.append(to: &input)
        return Hash(SHA256.hash(data: input))
    }

    /// The root over a perfect subtree's hashes; their number must be a power of two.
    package static func perfectRoot(_ hashes: ArraySlice<Hash>) -> Hash {
        precondition(
            hashes.count.nonzeroBitCount == 1, "a perfect subtree has a power of two of hashes")
        var level = Array(hashes)
        while level.count > 1 {
            level = stride(from: 0, to: level.count, by: 2).map {
                nodeHash(level[$0], level[$0 + 1])
            }
        }
        return level[0]
    }

    private static let leafPrefix: [UInt8] = [0x00]
}

/// The perfect subtrees that cover `[0, size)`, from which the root follows.
///
/// One hash for each set bit of the size, the largest subtree first. Appending a leaf takes two
/// node hashes on average; memory is 32 bytes for each of at most 64 subtrees.
package struct CompactRange: Equatable, Sendable {
    /// Leaves covered.
    package private(set) var size: UInt64
    /// Roots of the perfect subtrees, largest first; as many as the size has set bits.
    package private(set) var peaks: [Hash]

    package init() {
        size = 0
        peaks = []
    }

    package mutating func append(leaf: Hash) {
        appendSubtree(leaf, height: 0)
    }

    /// Appends the root of a perfect subtree of `2^height` leaves; the size must be a multiple.
    package mutating func appendSubtree(_ root: Hash, height: Int) {
        precondition(
            size & (1 << UInt64(height) - 1) == 0,
            "a subtree begins at a multiple of its own width")
        var merged = root
        var bit = UInt64(1) << UInt64(height)
        while size & bit != 0 {
            merged = Tree.nodeHash(peaks.removeLast(), merged)
            size &-= bit
            bit <<= 1
        }
        peaks.append(merged)
        size += bit
    }

    /// The RFC 6962 root over all leaves so far. At most 63 node hashes.
    package var root: Hash {
        guard let last = peaks.last else { return Tree.emptyRoot }
        return peaks.dropLast().reversed().reduce(last) { Tree.nodeHash($1, $0) }
    }
}

/// The geometry of tiles (C2SP tlog-tiles): 256 hashes each, stacked by levels.
package enum Tile {
    /// Levels of the tree within one tile.
    package static let height = 8
    /// Hashes of a full tile.
    package static let width = 256

    /// The hashes that level `level` holds when the tree has `size` leaves: floor(size / 256^level).
    package static func hashCount(level: Int, size: UInt64) -> UInt64 {
        level * height >= 64 ? 0 : size >> UInt64(level * height)
    }
}
