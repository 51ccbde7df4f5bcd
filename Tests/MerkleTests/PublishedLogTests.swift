import Foundation
import Merkle
import TestSupport
import Testing

/// A tile directory among the vectors.
struct VectorTiles: TileFiles {
    let folder: String
    /// One file with another content, or without one.
    var altered: (path: String, bytes: [UInt8]?)?

    func bytes(of path: String) throws(Refusal) -> [UInt8]? {
        if let altered, altered.path == path { return altered.bytes }
        return try? Vectors.bytes("\(folder)/\(path)")
    }

    func paths() throws(Refusal) -> [String] {
        let paths = ((try? Vectors.files(below: "\(folder)/tile")) ?? []).map { "tile/" + $0 }
        return altered?.bytes == nil ? paths.filter { $0 != altered?.path } : paths
    }
}

@Suite("Published logs", .enabled(if: Vectors.arePresent, "\(Vectors.absent)"))
struct PublishedLogTests {
    private static let tessera = "transparency-dev_tessera/testdata/log"
    private static let tesseraKey =
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    private static let golden = "generated/log70000"

    @Test("of 15 and of 70,000 entries are verified with all their checkpoints")
    func whole() throws {
        let goldenKey = String(
            decoding: try Vectors.bytes("\(Self.golden)/vkey.txt"), as: UTF8.self)
        for (folder, key, size) in [
            (Self.tessera, Self.tesseraKey, UInt64(15)),
            (Self.golden, goldenKey.trimmingCharacters(in: .whitespacesAndNewlines), 70_000),
        ] {
            let policy = try TrustPolicy(logKeys: [try VerifierKey(text: key)])
            let names = try Vectors.files(below: folder).filter { $0.hasPrefix("checkpoint") }
            #expect(names.count > 10)
            let checkpoints = try names.map {
                try policy.open(try Vectors.bytes("\(folder)/\($0)")).checkpoint
            }
            let roots = try TileVerification.roots(
                of: VectorTiles(folder: folder), size: size, also: checkpoints.map(\.size))
            for checkpoint in checkpoints {
                #expect(roots[checkpoint.size] == checkpoint.root, "\(folder) \(checkpoint.size)")
            }
        }
    }

    @Test(
        "are refused where any of their files has one other bit, lacks, or is too many",
        arguments: 0..<4)
    func altered(seed: UInt64) throws {
        var generator = SeededNumbers(seed: seed)
        let tiles = VectorTiles(folder: Self.golden)
        let paths = try tiles.paths().sorted()
        for round in 0..<6 {
            let path = try #require(paths.randomElement(using: &generator))
            var bytes = try #require(try tiles.bytes(of: path))
            var wrong = tiles
            if round == 0 {
                // A tile that is not full may be left out where the whole one is.
                guard !path.contains(".p/") else { continue }
                wrong.altered = (path, nil)
            } else {
                let index = Int.random(in: bytes.indices, using: &generator)
                bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                wrong.altered = (path, bytes)
            }
            do {
                let roots = try TileVerification.roots(of: wrong, size: 70_000)
                // Entries of a bundle alone could be divided otherwise, but then not fit the tile.
                Issue.record(
                    "seed \(seed): \(path) passed: \(String(describing: roots[70_000]))"
                )
            } catch {
                #expect(error.path != nil && error.position != nil, "seed \(seed): \(error)")
            }
        }
        let stray = VectorTiles(
            folder: Self.golden, altered: nil)
        #expect(throws: Refusal.self) { try TileVerification.roots(of: stray, size: 69_999) }
    }

    @Test("of certificates has the leaves of its entries (static-ct)")
    func certificates() throws {
        let folder = "FiloSottile_sunlight/testdata/navigli2025h2/tile"
        for (tile, width) in [
            ("000", 256), ("001", 256), ("002", 256), ("003", 256), ("003.p/10", 10),
        ] {
            let hashes = try Vectors.bytes("\(folder)/0/\(tile)")
            var rest = try Vectors.bytes("\(folder)/data/\(tile)")[...]
            var found: [UInt8] = []
            for _ in 0..<width { found += Tree.leafHash(try Self.leaf(&rest)).bytes }
            #expect(rest.isEmpty)
            #expect(found == hashes, "tile \(tile)")
        }
    }

    /// MerkleTreeLeaf of RFC 6962, section 3.4, out of a TileLeaf of static-ct.
    private static func leaf(_ rest: inout ArraySlice<UInt8>) throws -> [UInt8] {
        func take(_ count: Int) throws -> ArraySlice<UInt8> {
            try #require(rest.count >= count)
            defer { rest = rest.dropFirst(count) }
            return rest.prefix(count)
        }
        func vector(_ lengthBytes: Int) throws -> [UInt8] {
            let header = try take(lengthBytes)
            return Array(header) + (try take(header.reduce(0) { $0 << 8 | Int($1) }))
        }
        let timestamp = try take(8)
        let type = try take(2)
        let isPrecertificate = type.last == 1
        var leaf: [UInt8] = [0, 0] + timestamp + type
        if isPrecertificate { leaf += try take(32) }
        leaf += try vector(3)
        leaf += try vector(2)
        if isPrecertificate { _ = try vector(3) }
        _ = try vector(2)
        return leaf
    }

    @Test("Go's checksum database and a witness of transparency-dev are verified")
    func signed() throws {
        let go = try VerifierKey(
            text: "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
        let transcript = String(
            decoding: try Vectors.bytes("FiloSottile_torchwood/sumdb.txt"), as: UTF8.self)
        let start = try #require(transcript.range(of: "go.sum database tree\n35225469\n"))
        let end = try #require(transcript[start.lowerBound...].range(of: "\n```"))
        let note = try SignedNote(
            bytes: Array(transcript[start.lowerBound..<end.lowerBound].utf8) + [0x0A])
        #expect(try note.verified(by: [go]).count == 1)
        // That log has another name than its key, which ours have not.
        #expect(
            throws: Refusal.otherOrigin(
                found: "go.sum database tree", expected: "sum.golang.org")
        ) { try TrustPolicy(logKeys: [go]).open(note) }

        let lines = String(
            decoding: try Vectors.bytes("generated/cosigned-checkpoint.txt"), as: UTF8.self)
        let cosigned = try #require(lines.range(of: "--\n"))
        let witness = try VerifierKey(
            text: String(
                decoding: try Vectors.bytes("generated/cosigned-checkpoint.vkey"), as: UTF8.self
            ).trimmingCharacters(in: .whitespacesAndNewlines))
        let verified = try SignedNote(bytes: Array(lines[cosigned.upperBound...].utf8))
            .verified(by: [witness])
        #expect(verified.map(\.moment) == [1_795_453_151])
    }
}

@Suite("Ed25519", .enabled(if: Vectors.arePresent, "\(Vectors.absent)"))
struct Ed25519Tests {
    private struct Vector: Decodable {
        let number: Int
        let key: String
        let sig: String
        let msg: String
        let flags: [String]?
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.utf8.count, by: 2).compactMap { index in
            let start = hex.index(hex.startIndex, offsetBy: index)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)
        }
    }

    @Test("takes no key under which anybody can sign, and of the others what RFC 8032 takes")
    func edges() throws {
        let vectors = try JSONDecoder().decode(
            [Vector].self,
            from: Data(try Vectors.bytes("C2SP_CCTV/ed25519/ed25519vectors.json")))
        #expect(vectors.count == 914)
        var accepted = 0
        for vector in vectors {
            let flags = Set(vector.flags ?? [])
            let text = verifierKeyText("edge", type: 1, Self.bytes(vector.key))
            guard flags.isDisjoint(with: ["low_order_A", "non_canonical_A"]) else {
                #expect(throws: Refusal.self, "\(vector.number)") { try VerifierKey(text: text) }
                continue
            }
            let isRight = flags.isDisjoint(with: ["low_order_residue", "non_canonical_R"])
            let found = try VerifierKey(text: text)
                .isSignature(Self.bytes(vector.sig), of: Array(vector.msg.utf8))
            #expect(found == isRight, "\(vector.number) \(flags.sorted())")
            if found { accepted += 1 }
        }
        #expect(accepted > 40)
    }
}

@Suite("Paths of tiles")
struct TilePathTests {
    @Test(
        "are those of C2SP, and are read back",
        arguments: [
            (0, 0, 256, "tile/0/000"), (0, 273, 112, "tile/0/273.p/112"),
            (1, 1_234_067, 256, "tile/1/x001/x234/067"), (63, 999, 1, "tile/63/999.p/1"),
            (2, 1_000, 255, "tile/2/x001/000.p/255"),
            (0, 18_446_744_073_709_551_615, 256, "tile/0/x018/x446/x744/x073/x709/x551/615"),
        ] as [(Int, UInt64, Int, String)])
    func paths(level: Int, index: UInt64, count: Int, path: String) {
        let tile = Tile(level: level, index: index, count: count)
        #expect(tile.path == path)
        #expect(Tile.named(path) == .hashes(tile))
        guard level == 0 else { return }
        let entries = path.replacing("tile/0/", with: "tile/entries/")
        #expect(tile.entriesPath == entries)
        #expect(Tile.named(entries) == .entries(tile))
    }

    @Test(
        "are refused in any other form",
        arguments: [
            "", "tile", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/0/x000/000",
            "tile/64/000", "tile/00/000", "tile/-1/000", "tile/0/000.p/0", "tile/0/000.p/256",
            "tile/0/000.p/01", "tile/0/000.p", "tile/0/001/000", "tile/0/x001", "tile/data/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/000/", "tile/0/+00", "/tile/0/000",
        ])
    func others(path: String) { #expect(Tile.named(path) == nil) }

    @Test(
        "exist as far as a tree has come",
        arguments: [
            (0, 273, 70_000, 112), (0, 274, 70_000, nil), (1, 1, 70_000, 17), (2, 0, 70_000, 1),
            (2, 1, 70_000, nil), (0, 0, 0, nil), (1, 0, 256, 1), (1, 0, 255, nil),
            (0, .max, .max, nil),
        ] as [(Int, UInt64, UInt64, Int?)])
    func existing(level: Int, index: UInt64, size: UInt64, count: Int?) {
        #expect(Tile(level: level, index: index, ofTreeOf: size)?.count == count)
    }
}
