internal import Crypto

/// The hashing of RFC 6962, section 2.1: domains are separated by the first byte.
package enum Tree {
    /// SHA-256 of nothing, the root of the tree without leaves.
    package static let emptyRoot = Hash(of: [UInt8]())

    /// SHA-256(0x00 ‖ entry).
    package static func leafHash(_ entry: [UInt8]) -> Hash {
        leafHash(entry[...])
    }

    /// SHA-256(0x00 ‖ entry).
    package static func leafHash(_ entry: ArraySlice<UInt8>) -> Hash {
        // Two updates instead of one over a joined array: the entry is not copied.
        var hasher = SHA256()
        hasher.update(data: [leafPrefix])
        hasher.update(data: entry)
        return Hash(hasher.finalize())
    }

    /// An implementation of ``nodeHash(left:right:)``.
    package typealias NodeHash = (_ left: Hash, _ right: Hash) -> Hash

    /// SHA-256(0x01 ‖ left ‖ right).
    package static func nodeHash(left: Hash, right: Hash) -> Hash {
        let input = [UInt8](capacity: 1 + 2 * Hash.byteCount) { output in
            output.append(0x01)
            left.append(to: &output)
            right.append(to: &output)
        }
        return Hash(SHA256.hash(data: input))
    }

    /// The root over the hashes of a perfect subtree's level; their number must be a power of two.
    ///
    /// As many node hashes as there are hashes, less one. `nodeHash` may be another implementation
    /// of ``nodeHash(left:right:)``.
    package static func perfectRoot(
        _ hashes: ArraySlice<Hash>,
        nodeHash: NodeHash = nodeHash
    ) -> Hash {
        precondition(
            hashes.count.nonzeroBitCount == 1, "a perfect subtree has a power of two of hashes")
        var level = Array(hashes)
        var width = level.count
        while width > 1 {
            width /= 2
            for index in 0..<width {
                level[index] = nodeHash(level[2 * index], level[2 * index + 1])
            }
        }
        return level[0]
    }

    /// The byte that is hashed before an entry.
    package static let leafPrefix: UInt8 = 0x00
    /// The byte that is hashed before the hashes of a node's children.
    package static let nodePrefix: UInt8 = 0x01
}

/// An implementation of SHA-256, for whoever has one that is faster than Merkle's own.
package struct Hashing: Sendable {
    /// SHA-256 of some of the bytes.
    let hash: @Sendable ([UInt8], Range<Int>) -> Hash
    /// ``Tree/nodeHash(left:right:)``.
    let node: @Sendable (Hash, Hash) -> Hash

    package init(
        hash: @escaping @Sendable ([UInt8], Range<Int>) -> Hash,
        node: @escaping @Sendable (Hash, Hash) -> Hash
    ) {
        self.hash = hash
        self.node = node
    }

    /// That of swift-crypto.
    package static let own = Hashing(
        hash: { Hash(of: $0[$1]) }, node: { Tree.nodeHash(left: $0, right: $1) })
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

    /// The tree without leaves.
    package init() {
        size = 0
        peaks = []
    }

    /// Appends the hash of one leaf.
    package mutating func append(leaf: Hash, nodeHash: Tree.NodeHash = Tree.nodeHash) {
        appendSubtree(leaf, height: 0, nodeHash: nodeHash)
    }

    /// Appends the root of a perfect subtree of `2^height` leaves.
    ///
    /// The size so far must be a multiple of `2^height`: a perfect subtree can stand nowhere else.
    package mutating func appendSubtree(
        _ root: Hash, height: Int, nodeHash: Tree.NodeHash = Tree.nodeHash
    ) {
        precondition((0..<64).contains(height), "a tree of 64-bit size is at most 63 levels high")
        precondition(
            size & (1 << UInt64(height) - 1) == 0,
            "a subtree begins at a multiple of its own width")
        var merged = root
        var bit = UInt64(1) << UInt64(height)
        while size & bit != 0 {
            merged = nodeHash(peaks.removeLast(), merged)
            size &-= bit
            bit <<= 1
        }
        peaks.append(merged)
        size += bit
    }

    /// The range of these leaves and then those of `other`, which are fewer than the smallest
    /// subtree here has.
    package func followed(by other: CompactRange) -> CompactRange {
        var whole = self
        precondition(
            size == 0 || other.size < size & (~size + 1),
            "what follows a range fits beside its smallest subtree")
        whole.size += other.size
        whole.peaks += other.peaks
        return whole
    }

    /// The RFC 6962 root over all leaves so far.
    ///
    /// At most 63 node hashes.
    package var root: Hash { root(nodeHash: Tree.nodeHash) }

    /// The same by another implementation of ``Tree/nodeHash(left:right:)``.
    package func root(nodeHash: Tree.NodeHash) -> Hash {
        guard let last = peaks.last else { return Tree.emptyRoot }
        return peaks.dropLast().reversed().reduce(last) { nodeHash($1, $0) }
    }
}
