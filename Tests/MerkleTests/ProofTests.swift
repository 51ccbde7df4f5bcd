import Foundation
import Merkle
import TestSupport
import Testing

/// The proofs of RFC 6962, section 2.1, word by word, sharing nothing with the module.
extension Oracle {
    static func split(_ count: Int) -> Int {
        var split = 1
        while split * 2 < count { split *= 2 }
        return split
    }

    static func path(_ index: Int, _ leaves: ArraySlice<[UInt8]>) -> [[UInt8]] {
        guard leaves.count > 1 else { return [] }
        let middle = leaves.startIndex + split(leaves.count)
        return index < middle
            ? path(index, leaves[..<middle]) + [root(leaves[middle...])]
            : path(index, leaves[middle...]) + [root(leaves[..<middle])]
    }

    static func proof(_ size: Int, _ leaves: ArraySlice<[UInt8]>) -> [[UInt8]] {
        subproof(size, leaves, isComplete: true)
    }

    private static func subproof(
        _ size: Int, _ leaves: ArraySlice<[UInt8]>, isComplete: Bool
    ) -> [[UInt8]] {
        if size == leaves.count { return isComplete ? [] : [root(leaves)] }
        let split = split(leaves.count)
        let middle = leaves.startIndex + split
        return size <= split
            ? subproof(size, leaves[..<middle], isComplete: isComplete) + [root(leaves[middle...])]
            : subproof(size - split, leaves[middle...], isComplete: false)
                + [root(leaves[..<middle])]
    }
}

@Suite("Proofs")
struct ProofTests {
    static let leaves = (0..<130).map { Tree.leafHash(entry($0)) }
    static let oracle = (0..<130).map { Oracle.leaf(entry($0)) }

    static func hash(_ subtree: Subtree) -> Hash {
        let width = 1 << subtree.height
        let start = Int(subtree.index) * width
        return Tree.perfectRoot(leaves[start..<start + width])
    }

    private static func root(_ range: Range<Int>) throws -> Hash {
        try #require(Hash(bytes: Oracle.root(oracle[range])))
    }

    @Test("of inclusion are those of the definition, for every leaf of every tree up to 130")
    func inclusion() throws {
        for size in 1...130 {
            let root = try Self.root(0..<size)
            for index in 0..<size {
                let proof = try InclusionProof(
                    index: UInt64(index), size: UInt64(size), Self.hash)
                #expect(proof.hashes.map(\.bytes) == Oracle.path(index, Self.oracle[..<size]))
                try proof.verify(Self.leaves[index], root: root)
            }
        }
    }

    @Test("of consistency are those of the definition, between all sizes up to 130")
    func consistency() throws {
        for newSize in 1...130 {
            let newRoot = try Self.root(0..<newSize)
            for oldSize in 1...newSize {
                let proof = try ConsistencyProof(
                    oldSize: UInt64(oldSize), newSize: UInt64(newSize), Self.hash)
                #expect(proof.hashes.map(\.bytes) == Oracle.proof(oldSize, Self.oracle[..<newSize]))
                try proof.verify(oldRoot: try Self.root(0..<oldSize), newRoot: newRoot)
            }
        }
    }

    @Test("of nodes anywhere convince, for every node that trees up to 40 can have")
    func nodes() throws {
        var proven = 0
        for size in 1...40 {
            let root = try Self.root(0..<size)
            for first in 0..<size {
                for end in (first + 1)...size {
                    let node = UInt64(first)..<UInt64(end)
                    guard ConsistencyProof.canBeNode(node, size: UInt64(size)) else {
                        #expect(throws: Refusal.noNode(first: UInt64(first), end: UInt64(end))) {
                            try ConsistencyProof(of: node, size: UInt64(size), hashes: [])
                                .verifyNode(root, newRoot: root)
                        }
                        continue
                    }
                    let hashes = try ConsistencyProof.nodes(of: node, size: UInt64(size)).map {
                        try Self.root(Int($0.lowerBound)..<Int($0.upperBound))
                    }
                    let proof = ConsistencyProof(of: node, size: UInt64(size), hashes: hashes)
                    try proof.verifyNode(try Self.root(first..<end), newRoot: root)
                    #expect(throws: Refusal.self) {
                        try proof.verifyNode(Tree.emptyRoot, newRoot: root)
                    }
                    #expect(throws: Refusal.self) {
                        try proof.verifyNode(try Self.root(first..<end), newRoot: Tree.emptyRoot)
                    }
                    proven += 1
                }
            }
        }
        #expect(proven > 2_000)
    }

    @Test(
        "are refused where one hash, the size, the index or the root is another", arguments: 0..<8)
    func altered(seed: UInt64) throws {
        var generator = SeededNumbers(seed: seed)
        for _ in 0..<200 {
            let size = Int.random(in: 2...130, using: &generator)
            let index = Int.random(in: 0..<size, using: &generator)
            let root = try Self.root(0..<size)
            let proof = try InclusionProof(index: UInt64(index), size: UInt64(size), Self.hash)
            let other = Int.random(in: 0..<size, using: &generator)
            if other != index {
                #expect(throws: Refusal.self, "seed \(seed)") {
                    try proof.verify(Self.leaves[other], root: root)
                }
                #expect(throws: Refusal.self, "seed \(seed)") {
                    try InclusionProof(
                        index: UInt64(other), size: UInt64(size), hashes: proof.hashes
                    ).verify(Self.leaves[index], root: root)
                }
            }
            var hashes = proof.hashes
            hashes[Int.random(in: hashes.indices, using: &generator)] = Tree.emptyRoot
            for wrong in [hashes, proof.hashes + [root], proof.hashes.dropLast()] {
                #expect(throws: Refusal.self, "seed \(seed)") {
                    try InclusionProof(index: UInt64(index), size: UInt64(size), hashes: wrong)
                        .verify(Self.leaves[index], root: root)
                }
            }
        }
    }

    @Test("hold at sizes near 2^64")
    func greatest() throws {
        let size = UInt64.max
        let proof = try InclusionProof(index: size - 1, size: size) { _ in Tree.emptyRoot }
        #expect(proof.hashes.count == 63)
        _ = try proof.root(over: Tree.emptyRoot)
        let growth = try ConsistencyProof(oldSize: size - 1, newSize: size) { _ in Tree.emptyRoot }
        #expect(throws: Refusal.self) {
            try growth.verify(oldRoot: Tree.emptyRoot, newRoot: Tree.emptyRoot)
        }
        #expect(throws: Refusal.indexOutsideTree(index: size, size: size)) {
            try InclusionProof(index: size, size: size, hashes: [])
                .verify(Tree.emptyRoot, root: Tree.emptyRoot)
        }
    }
}

@Suite("Published proofs", .enabled(if: Vectors.arePresent, "\(Vectors.absent)"))
struct PublishedProofTests {
    private struct Case: Decodable {
        let desc: String
        let wantErr: Bool
        let proof: [String]?
        let leafIdx: UInt64?
        let treeSize: UInt64?
        let leafHash: String?
        let root: String?
        let start: UInt64?
        let end: UInt64?
        let size: UInt64?
        let size1: UInt64?
        let size2: UInt64?
        let root1: String?
        let root2: String?
    }

    private static let folder = "transparency-dev_merkle/testdata"

    /// Some cases have roots that are no hashes, to be told apart only.
    private static func hash(_ text: String?) throws -> Hash {
        let bytes = Array(try #require(text.flatMap { Data(base64Encoded: $0) }))
        return Hash(bytes: bytes) ?? Hash(of: bytes)
    }

    /// A hash of 32 bytes; what is none could not even be asked about.
    private static func exactHash(_ text: String?) throws -> Hash {
        guard
            let hash = text.flatMap({ Data(base64Encoded: $0) }).flatMap({ Hash(bytes: Array($0)) })
        else { throw Refusal.badReceipt(line: 0, "no hash") }
        return hash
    }

    /// Runs all cases of a folder; how many there were.
    private static func run(
        _ name: String, _ verify: (Case, [Hash]) throws -> Void
    ) throws -> Int {
        let files = try Vectors.files(below: "\(folder)/\(name)")
        for file in files {
            let one = try JSONDecoder().decode(
                Case.self, from: Data(try Vectors.bytes("\(folder)/\(name)/\(file)")))
            var refusal: Refusal?
            do {
                try verify(one, try (one.proof ?? []).map { try exactHash($0) })
            } catch let error as Refusal {
                refusal = error
            }
            #expect(
                (refusal != nil) == one.wantErr, "\(name)/\(file): \(String(describing: refusal))")
        }
        return files.count
    }

    @Test("all 518 are judged as they are published")
    func all() throws {
        let inclusions = try Self.run("inclusion") { one, hashes in
            try InclusionProof(
                index: try #require(one.leafIdx), size: try #require(one.treeSize), hashes: hashes
            ).verify(try Self.exactHash(one.leafHash), root: try Self.exactHash(one.root))
        }
        let subtreeInclusions = try Self.run("subtreeinclusion") { one, hashes in
            let (start, end) = (try #require(one.start), try #require(one.end))
            let index = try #require(one.leafIdx)
            guard start < end, ConsistencyProof.canBeNode(start..<end, size: end), index >= start
            else { throw Refusal.noNode(first: start, end: end) }
            try InclusionProof(index: index - start, size: end - start, hashes: hashes)
                .verify(try Self.exactHash(one.leafHash), root: try Self.exactHash(one.root))
        }
        let consistencies = try Self.run("consistency") { one, hashes in
            try ConsistencyProof(
                oldSize: try #require(one.size1), newSize: try #require(one.size2), hashes: hashes
            ).verify(oldRoot: try Self.hash(one.root1), newRoot: try Self.hash(one.root2))
        }
        let subtreeConsistencies = try Self.run("subtreeconsistency") { one, hashes in
            let (start, end) = (try #require(one.start), try #require(one.end))
            guard start <= end else { throw Refusal.noNode(first: start, end: end) }
            try ConsistencyProof(of: start..<end, size: try #require(one.size), hashes: hashes)
                .verifyNode(try Self.hash(one.root1), newRoot: try Self.hash(one.root2))
        }
        let count = inclusions + subtreeInclusions + consistencies + subtreeConsistencies
        #expect(count == 518)
    }

    private struct Golden: Decodable {
        let consistency: [Growth]
        struct Growth: Decodable {
            let Size1: UInt64
            let Size2: UInt64
            let Root1: String
            let Root2: String
            let Proof: [String]
        }
    }

    @Test("the consistency proofs of golang.org/x/mod are ours, and convince")
    func golden() throws {
        let golden = try JSONDecoder().decode(
            Golden.self, from: Vectors.data("rfc6962-golden.json"))
        #expect(golden.consistency.count == 378)
        let leaves = (0..<70_000).map { Tree.leafHash(entry($0)) }
        for growth in golden.consistency {
            let proof = try ConsistencyProof(oldSize: growth.Size1, newSize: growth.Size2) {
                let width = 1 << $0.height
                let start = Int($0.index) * width
                return Tree.perfectRoot(leaves[start..<start + width])
            }
            #expect(proof.hashes == (try growth.Proof.map { try Self.hash($0) }))
            try proof.verify(
                oldRoot: try Self.hash(growth.Root1), newRoot: try Self.hash(growth.Root2))
        }
    }
}
