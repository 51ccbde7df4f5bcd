package import Merkle
internal import Storage

// The hashes that every event needs, of the same values as Merkle's own: those are made by
// swift-crypto, which takes an object, two copies of its state and an array for each.

extension Hash {
    /// SHA-256 of `bytes`.
    init(hashing bytes: Span<UInt8>) { self.init(words: sha256(bytes)) }
}

extension Tree {
    /// The leaf hash of `entry`.
    static func leafHash(of entry: Span<UInt8>) -> Hash {
        Hash(words: sha256(entry, after: leafPrefix))
    }

    /// The hash of a node.
    static func nodeHash(of left: Hash, _ right: Hash) -> Hash {
        Hash(words: sha256(left: left.words, right: right.words, after: nodePrefix))
    }

    /// The root over a full unit's leaf hashes, or those of a full tile.
    static func unitRoot(_ hashes: [Hash]) -> Hash {
        perfectRoot(hashes[...], nodeHash: nodeHash(of:_:))
    }
}

extension Hashing {
    /// The same implementation for whoever verifies much.
    package static let fast = Hashing(
        hash: { Hash(hashing: $0.span.extracting($1)) }, node: Tree.nodeHash(of:_:))
}
