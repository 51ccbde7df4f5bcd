/// A perfect subtree: the leaves index·2^height to (index + 1)·2^height − 1.
package struct Subtree: Hashable, Sendable {
    package let height: Int
    package let index: UInt64

    package init(height: Int, index: UInt64) {
        self.height = height
        self.index = index
    }
}

/// Where the hashes of perfect subtrees come from.
package typealias SubtreeHash = (Subtree) throws -> Hash

extension Tree {
    /// The perfect subtrees over a node's leaves, from left to right.
    ///
    /// Requires a node of a tree of RFC 6962: its first leaf is a multiple of the largest power of
    /// two up to its width.
    package static func cover(_ leaves: Range<UInt64>) -> [Subtree] {
        var subtrees: [Subtree] = []
        var first = leaves.lowerBound
        while first < leaves.upperBound {
            let height = 63 - (leaves.upperBound - first).leadingZeroBitCount
            precondition(
                first & (1 << UInt64(height) - 1) == 0, "a node begins at a multiple of its width")
            subtrees.append(Subtree(height: height, index: first >> UInt64(height)))
            first += 1 << UInt64(height)
        }
        return subtrees
    }

    /// MTH(D[leaves]) of RFC 6962, section 2.1, out of at most 64 perfect subtrees.
    package static func root(of leaves: Range<UInt64>, _ hash: SubtreeHash) rethrows -> Hash {
        let hashes = try cover(leaves).map(hash)
        guard let last = hashes.last else { return emptyRoot }
        return hashes.dropLast().reversed().reduce(last) { nodeHash(left: $1, right: $0) }
    }

    /// The largest power of two below `count`, which must be 2 or more.
    fileprivate static func split(_ count: UInt64) -> UInt64 {
        1 << UInt64(63 - (count - 1).leadingZeroBitCount)
    }
}

/// Proof that a leaf is at its place in a tree (RFC 6962, section 2.1.1).
package struct InclusionProof: Hashable, Sendable {
    package let index: UInt64
    package let size: UInt64
    /// The siblings on the way up, the leaf's own first.
    package let hashes: [Hash]

    package init(index: UInt64, size: UInt64, hashes: [Hash]) {
        self.index = index
        self.size = size
        self.hashes = hashes
    }

    /// PATH(index, D[size]): at most 64 nodes, each of at most 64 perfect subtrees.
    package init(index: UInt64, size: UInt64, _ hash: SubtreeHash) throws {
        self.init(
            index: index, size: size,
            hashes: try Self.siblings(of: index, size: size).map { try Tree.root(of: $0, hash) })
    }

    /// The leaves below each sibling; requires an index within the tree.
    package static func siblings(of index: UInt64, size: UInt64) -> [Range<UInt64>] {
        precondition(index < size, "only a leaf of the tree has a path")
        var node = 0..<size
        var siblings: [Range<UInt64>] = []
        while node.upperBound - node.lowerBound > 1 {
            let middle = node.lowerBound + Tree.split(node.upperBound - node.lowerBound)
            let (left, right) = (node.lowerBound..<middle, middle..<node.upperBound)
            siblings.append(index < middle ? right : left)
            node = index < middle ? left : right
        }
        return siblings.reversed()
    }

    /// The root of the tree in which `leaf` is at this place.
    package func root(over leaf: Hash) throws(Refusal) -> Hash {
        guard index < size else { throw .indexOutsideTree(index: index, size: size) }
        // Up to where the ways to this leaf and to the last one part, a sibling is on the side
        // that the index says; above, all siblings are on the left.
        let inner = 64 - (index ^ (size - 1)).leadingZeroBitCount
        let border = inner < 64 ? (index >> UInt64(inner)).nonzeroBitCount : 0
        guard hashes.count == inner + border else {
            throw .wrongProofLength(found: hashes.count, expected: inner + border)
        }
        var root = leaf
        for (level, sibling) in hashes.enumerated() {
            let isLeft = level < inner && index >> UInt64(level) & 1 == 0
            root =
                isLeft
                ? Tree.nodeHash(left: root, right: sibling)
                : Tree.nodeHash(left: sibling, right: root)
        }
        return root
    }

    package func verify(_ leaf: Hash, root: Hash) throws(Refusal) {
        guard try self.root(over: leaf) == root else {
            throw .notIncluded(index: index, size: size)
        }
    }
}

/// Proof that a tree has a node over the same leaves as another tree (RFC 6962, section 2.1.2).
///
/// With an earlier size of the log for the node, it proves that nothing before was changed.
package struct ConsistencyProof: Hashable, Sendable {
    /// The leaves that both trees have; 0 to the earlier size where a log has grown.
    package let leaves: Range<UInt64>
    package let size: UInt64
    package let hashes: [Hash]

    package init(of leaves: Range<UInt64>, size: UInt64, hashes: [Hash]) {
        self.leaves = leaves
        self.size = size
        self.hashes = hashes
    }

    package init(oldSize: UInt64, newSize: UInt64, hashes: [Hash]) {
        self.init(of: 0..<oldSize, size: newSize, hashes: hashes)
    }

    /// PROOF(oldSize, D[newSize]); empty where one of the sizes is 0 or both are the same.
    ///
    /// At most 65 nodes, each of at most 64 perfect subtrees.
    package init(oldSize: UInt64, newSize: UInt64, _ hash: SubtreeHash) throws {
        self.init(
            oldSize: oldSize, newSize: newSize,
            hashes: try Self.nodes(of: 0..<oldSize, size: newSize)
                .map { try Tree.root(of: $0, hash) })
    }

    /// Whether a tree can have a node over these leaves.
    package static func canBeNode(_ leaves: Range<UInt64>, size: UInt64) -> Bool {
        guard leaves.upperBound <= size, !leaves.isEmpty else { return leaves.upperBound <= size }
        // The smallest power of two that is not below the number of leaves; 0 beyond 2^63.
        let bits = UInt64(
            64 - (leaves.upperBound - leaves.lowerBound - 1).leadingZeroBitCount)
        return leaves.lowerBound & (1 << bits &- 1) == 0
    }

    /// The leaves below each node of the proof; requires that there can be such a node.
    package static func nodes(of leaves: Range<UInt64>, size: UInt64) -> [Range<UInt64>] {
        precondition(canBeNode(leaves, size: size), "a tree grows, and has nodes at certain places")
        guard !leaves.isEmpty else { return [] }
        var node = 0..<size
        var nodes: [Range<UInt64>] = []
        var rest = leaves
        while node != rest {
            let middle = node.lowerBound + Tree.split(node.upperBound - node.lowerBound)
            if rest.upperBound <= middle {
                nodes.append(middle..<node.upperBound)
                node = node.lowerBound..<middle
            } else {
                nodes.append(node.lowerBound..<middle)
                node = middle..<node.upperBound
                rest = max(middle, rest.lowerBound)..<rest.upperBound
            }
        }
        // The verifier knows the root over all of the leaves; over a part, it has to be told.
        if rest != leaves { nodes.append(node) }
        return nodes.reversed()
    }

    /// That a log has grown from one head to the other, with nothing changed before.
    ///
    /// To the same size the proof is empty; a log without events proves nothing about what came.
    package func verify(oldRoot: Hash, newRoot: Hash) throws(Refusal) {
        guard leaves != 0..<0 || size == 0 else { throw .nothingRemembered }
        if leaves == 0..<size { try require(oldRoot, newRoot) }
        try verifyNode(oldRoot, newRoot: newRoot)
    }

    /// RFC 9162, section 2.1.4.2, for nodes anywhere; over no leaves the proof is empty.
    package func verifyNode(_ oldRoot: Hash, newRoot: Hash) throws(Refusal) {
        guard leaves.upperBound <= size else {
            throw .shorterThanRemembered(size: size, remembered: leaves.upperBound)
        }
        guard Self.canBeNode(leaves, size: size) else {
            throw .noNode(first: leaves.lowerBound, end: leaves.upperBound)
        }
        let expected = Self.nodes(of: leaves, size: size).count
        guard hashes.count == expected else {
            throw .wrongProofLength(found: hashes.count, expected: expected)
        }
        if leaves.isEmpty { return try require(oldRoot, Tree.emptyRoot) }
        var way = Way(first: leaves.lowerBound, last: leaves.upperBound - 1, end: size - 1)
        way.climbWhileWhole()
        // Where the old leaves make up one node of the new tree, its hash is not in the proof.
        let isWhole = way.first == way.last
        var (old, new) = isWhole ? (oldRoot, oldRoot) : (hashes[0], hashes[0])
        for sibling in hashes.dropFirst(isWhole ? 0 : 1) {
            if way.last & 1 == 1 || way.last == way.end {
                if way.first < way.last { old = Tree.nodeHash(left: sibling, right: old) }
                new = Tree.nodeHash(left: sibling, right: new)
                while way.last & 1 == 0, way.end > 0 { way.climb() }
            } else {
                new = Tree.nodeHash(left: new, right: sibling)
            }
            way.climb()
        }
        try require(oldRoot, old)
        guard new == newRoot else {
            throw .otherRoot(size: size, found: new, expected: newRoot)
        }
    }

    /// The first and the last of the leaves and the last of the tree, on the way up.
    private struct Way {
        var first: UInt64
        var last: UInt64
        var end: UInt64

        mutating func climb() { (first, last, end) = (first >> 1, last >> 1, end >> 1) }

        /// Up to the node that all the leaves are below, or the last of them alone.
        mutating func climbWhileWhole() {
            let isEdge = last == end
            while first != last, isEdge || last & 1 == 1 { climb() }
        }
    }

    private func require(_ oldRoot: Hash, _ found: Hash) throws(Refusal) {
        guard found == oldRoot else {
            throw .otherHistory(remembered: leaves.upperBound, found: found, expected: oldRoot)
        }
    }
}
