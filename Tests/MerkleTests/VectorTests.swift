import Foundation
import Merkle
import Testing

// Skipped where the folder of vectors, which is no part of the project, is absent.
@Suite("Vectors of golang.org/x/mod", .enabled(if: Vectors.arePresent, "\(Vectors.absent)"))
struct VectorTests {
    struct Golden: Decodable {
        let roots: [String: String]
    }

    @Test("agree on every root")
    func roots() throws {
        let golden = try JSONDecoder().decode(
            Golden.self, from: Vectors.data("rfc6962-golden.json"))
        #expect(golden.roots.count == 27)
        var wanted: [UInt64: Hash] = [:]
        for (size, root) in golden.roots {
            wanted[try #require(UInt64(size))] = try hash(base64: root)
        }
        expectRoots(wanted, over: (0..<70_000).map { Tree.leafHash(entry($0)) })
    }

    @Test("agree on every saved checkpoint of a log of 70,000 entries")
    func checkpoints() throws {
        var wanted: [UInt64: Hash] = [:]
        for name in try Vectors.names(in: "log70000") where name.hasPrefix("checkpoint.") {
            let text = String(decoding: try Vectors.data("log70000/\(name)"), as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            try #require(lines.count > 3, "\(name)")
            #expect("checkpoint.\(lines[1])" == name)
            wanted[try #require(UInt64(lines[1]))] = try hash(base64: String(lines[2]))
        }
        #expect(wanted.count == 27)
        expectRoots(wanted, over: try leaves())
    }

    @Test("agree on every tile of every level of that log")
    func tiles() throws {
        var hashes = try leaves()
        let size = UInt64(hashes.count)
        var level = 0
        var compared = 0
        while !hashes.isEmpty {
            #expect(Tile.hashCount(level: level, size: size) == UInt64(hashes.count))
            compared += try expectTiles(hashes, level: level)
            let full = hashes.count / Tile.width
            hashes = (0..<full).map {
                Tree.perfectRoot(hashes[$0 * Tile.width..<($0 + 1) * Tile.width])
            }
            level += 1
        }
        #expect(level == 3)
        // 273 full and 112 partial tiles of leaves, 1 and 17 above them, 1 partial on top.
        #expect(compared == 273 + 112 + 1 + 17 + 1)
    }

    /// Compares the level's tile files with `hashes`, finds none too many; how many there were.
    private func expectTiles(_ hashes: [Hash], level: Int) throws -> Int {
        let folder = "log70000/tile/\(level)"
        let full = hashes.count / Tile.width
        let rest = hashes.count % Tile.width
        var names = Set((0..<full).map(name(of:)))
        for tile in 0..<full {
            let wanted = hashes[tile * Tile.width..<(tile + 1) * Tile.width].flatMap(\.bytes)
            let stored = try Vectors.data("\(folder)/\(name(of: tile))")
            #expect(stored == Data(wanted), "tile \(tile) of level \(level)")
        }
        if rest > 0 {
            let partial = "\(name(of: full)).p"
            names.insert(partial)
            let widths = try Set(Vectors.names(in: "\(folder)/\(partial)"))
            #expect(widths == Set((1...rest).map(String.init)))
            for width in 1...rest {
                let start = full * Tile.width
                let wanted = hashes[start..<start + width].flatMap(\.bytes)
                let stored = try Vectors.data("\(folder)/\(partial)/\(width)")
                #expect(stored == Data(wanted), "tile \(full) of level \(level), width \(width)")
            }
        }
        #expect(try Set(Vectors.names(in: folder)) == names)
        return full + rest
    }

    /// Leaf hashes of the bundles: each entry is its length in two big-endian bytes, then itself.
    private func leaves() throws -> [Hash] {
        var leaves: [Hash] = []
        for bundle in 0...273 {
            let path = bundle < 273 ? name(of: bundle) : "273.p/112"
            var rest = Array(try Vectors.data("log70000/tile/entries/\(path)"))[...]
            while !rest.isEmpty {
                let header = rest.prefix(2)
                rest = rest.dropFirst(2)
                let length = header.reduce(0) { $0 << 8 | Int($1) }
                try #require(header.count == 2 && rest.count >= length, "bundle \(path)")
                leaves.append(Tree.leafHash(rest.prefix(length)))
                rest = rest.dropFirst(length)
            }
        }
        try #require(leaves.count == 70_000)
        return leaves
    }

    private func expectRoots(_ wanted: [UInt64: Hash], over leaves: [Hash]) {
        var range = CompactRange()
        var compared = 0
        for leaf in leaves {
            range.append(leaf: leaf)
            guard let root = wanted[range.size] else { continue }
            #expect(range.root == root, "size \(range.size)")
            compared += 1
        }
        #expect(compared == wanted.count)
    }

    private func hash(base64: String) throws -> Hash {
        let data = try #require(Data(base64Encoded: base64))
        return try #require(Hash(bytes: Array(data)))
    }

    /// The file name of a tile below number 1,000.
    private func name(of tile: Int) -> String {
        let digits = String(tile)
        return String(repeating: "0", count: 3 - digits.count) + digits
    }
}
