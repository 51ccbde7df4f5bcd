import Merkle
import TestSupport
import Testing

@Suite("The tree of RFC 6962")
struct TreeTests {
    @Test("hashes leaves and nodes in domains of their own")
    func domains() {
        #expect(
            Tree.emptyRoot.hex
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let left = Tree.leafHash(entry(0))
        let right = Tree.leafHash(entry(1))
        #expect(left.bytes == Oracle.leaf(entry(0)))
        #expect(Tree.leafHash([0x30, 0x31][1...]) == right)
        #expect(Tree.leafHash([]).bytes == Oracle.leaf([]))
        let node = Tree.nodeHash(left: left, right: right)
        #expect(node.bytes == Oracle.root([left.bytes, right.bytes]))
        #expect(node != Tree.nodeHash(left: right, right: left))
    }

    @Test("has the root of the definition at every size to 1,000")
    func naive() {
        let leaves = (0..<1_000).map { Oracle.leaf(entry($0)) }
        var range = CompactRange()
        #expect(range.root.bytes == Oracle.root([]))
        for size in 1...1_000 {
            range.append(leaf: Tree.leafHash(entry(size - 1)))
            #expect(range.root.bytes == Oracle.root(leaves[..<size]), "size \(size)")
            #expect(range.size == UInt64(size))
            #expect(range.peaks.count == size.nonzeroBitCount)
        }
    }

    @Test("has the same perfect subtrees as the definition", arguments: 0...10)
    func perfect(height: Int) {
        let width = 1 << height
        let leaves = (0..<(width + 5)).map { Tree.leafHash(entry($0)) }
        for start in [0, 1, 5] {
            let part = leaves[start..<start + width]
            #expect(Tree.perfectRoot(part).bytes == Oracle.root(part.map(\.bytes)[...]))
        }
    }

    @Test("takes subtrees of any height for their leaves", arguments: 0..<UInt64(30))
    func subtrees(seed: UInt64) {
        var generator = SeededNumbers(seed: seed)
        let leaves = (0..<1_500).map { Tree.leafHash(entry($0)) }
        var bySubtree = CompactRange()
        var byLeaf = CompactRange()
        while true {
            let start = Int(bySubtree.size)
            let tallest = start == 0 ? 9 : min(9, start.trailingZeroBitCount)
            let height = Int.random(in: 0...tallest, using: &generator)
            let end = start + 1 << height
            guard end <= leaves.count else { break }
            bySubtree.appendSubtree(Tree.perfectRoot(leaves[start..<end]), height: height)
            for leaf in leaves[start..<end] { byLeaf.append(leaf: leaf) }
            #expect(bySubtree == byLeaf, "seed \(seed), size \(end)")
        }
        #expect(byLeaf.size > 900)
        #expect(bySubtree.root == byLeaf.root)
    }

    @Test("refuses a subtree where none can stand")
    func misplacedSubtree() async {
        await #expect(processExitsWith: .failure) {
            var range = CompactRange()
            range.append(leaf: Tree.emptyRoot)
            range.appendSubtree(Tree.emptyRoot, height: 1)
        }
        await #expect(processExitsWith: .failure) {
            var range = CompactRange()
            range.appendSubtree(Tree.emptyRoot, height: 64)
        }
    }

    @Test("refuses a subtree that is not perfect")
    func imperfectSubtree() async {
        await #expect(processExitsWith: .failure) {
            _ = Tree.perfectRoot([Tree.emptyRoot, Tree.emptyRoot, Tree.emptyRoot])
        }
        await #expect(processExitsWith: .failure) {
            _ = Tree.perfectRoot([])
        }
    }
}

@Suite("Tiles")
struct TileTests {
    @Test(
        "hold as many hashes as full subtrees fit",
        arguments: [
            (0, 0, 0), (0, 1, 1), (0, 70_000, 70_000), (1, 255, 0), (1, 256, 1),
            (1, 70_000, 273), (2, 65_535, 0), (2, 65_536, 1), (2, 70_000, 1), (3, 70_000, 0),
            (7, UInt64.max, 255), (8, UInt64.max, 0), (63, UInt64.max, 0),
        ] as [(Int, UInt64, UInt64)])
    func hashCount(level: Int, size: UInt64, count: UInt64) {
        #expect(Tile.hashCount(level: level, size: size) == count)
    }
}
