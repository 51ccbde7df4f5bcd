/// Where the files of a tile directory come from.
package protocol TileFiles {
    /// The bytes of a file, or nil where there is none.
    func bytes(of path: String) throws(Refusal) -> [UInt8]?
    /// The paths of all files below `tile`.
    func paths() throws(Refusal) -> [String]
}

/// Recomputes a tile directory from its entries (C2SP tlog-tiles).
///
/// Every file is looked at: a tile that no proof would touch, and partial tiles of earlier sizes,
/// are wrong too where one byte is. Memory holds one tile of each level, and the paths.
package struct TileVerification {
    private let files: any TileFiles
    private let size: UInt64
    /// Partial tiles of each tile, by how many hashes they have.
    private var partials: [String: [Tile.Named]] = [:]
    private var unexpected: Set<String>
    /// The last tile of each level, as far as it has been computed.
    private var levels: [[Hash]] = []
    /// Roots at the sizes that were asked for.
    private var roots: [UInt64: Hash] = [:]
    private let wanted: [UInt64]
    private var range = CompactRange()

    /// Roots of the whole and at each of the sizes in `also`, none of which may exceed `size`.
    ///
    /// Throws ``Refusal/badFile(path:position:_:)`` for the first file that is wrong, in the order
    /// of positions. `progress` is told how many leaves were verified.
    package static func roots(
        of files: any TileFiles, size: UInt64, also: [UInt64] = [],
        progress: (UInt64) -> Void = { _ in }
    ) throws(Refusal) -> [UInt64: Hash] {
        var verification = try Self(files, size: size, also: also)
        try verification.run(progress)
        return verification.roots
    }

    private init(_ files: any TileFiles, size: UInt64, also: [UInt64]) throws(Refusal) {
        self.files = files
        self.size = size
        wanted = Set(also + [size]).sorted()
        let paths = try files.paths()
        unexpected = Set(paths)
        for path in paths {
            guard let named = Tile.named(path), named.tile.count < Tile.width else { continue }
            partials[named.whole, default: []].append(named)
        }
    }

    private mutating func run(_ progress: (UInt64) -> Void) throws(Refusal) {
        if wanted.first == 0 { roots[0] = Tree.emptyRoot }
        var index: UInt64 = 0
        while let tile = Tile(level: 0, index: index, ofTreeOf: size) {
            try take(try leafHashes(of: tile), of: tile)
            index += 1
            progress(range.size)
        }
        for (level, hashes) in levels.enumerated().dropFirst() where !hashes.isEmpty {
            let count = Tile.hashCount(level: level, size: size)
            try compare(
                hashes,
                with: Tile(level: level, index: count / UInt64(Tile.width), count: hashes.count))
        }
        if let path = unexpected.min() {
            throw .badFile(
                path: path, position: size,
                "does not belong to a tree of \(size) events: it was added, or a newer checkpoint "
                    + "is still to come")
        }
    }

    /// The leaf hashes of a tile, computed from its entries.
    private mutating func leafHashes(of tile: Tile) throws(Refusal) -> [Hash] {
        let path = tile.entriesPath
        let bundle = try existing(path, tile)
        guard let entries = Bundle.entries(of: bundle) else {
            throw .badFile(
                path: path, position: tile.first, "the lengths of its entries do not fill it")
        }
        guard entries.count == tile.count else {
            throw .badFile(
                path: path, position: tile.first,
                "has \(entries.count) entries instead of \(tile.count)")
        }
        for case .entries(let partial) in partials[Tile.Named.entries(tile).whole] ?? [] {
            guard partial != tile else { continue }
            let bytes = try existing(partial.entriesPath, partial)
            let end = partial.count < entries.count ? entries[partial.count].startIndex - 2 : 0
            guard partial.count < tile.count, bytes.elementsEqual(bundle[..<end]) else {
                throw .badFile(
                    path: partial.entriesPath, position: tile.first,
                    "is not the beginning of \(path)")
            }
        }
        return entries.map { Tree.leafHash($0) }
    }

    /// Compares hashes with their tile, and goes on with the level above where it is full.
    private mutating func take(_ hashes: [Hash], of tile: Tile) throws(Refusal) {
        try compare(hashes, with: tile)
        if levels.count <= tile.level { levels.append([]) }
        if tile.level == 0 { addToRange(hashes) }
        guard hashes.count == Tile.width else { return }
        let above = tile.level + 1
        if levels.count <= above { levels.append([]) }
        levels[above].append(Tree.perfectRoot(hashes[...]))
        guard levels[above].count == Tile.width else { return }
        let full = levels[above]
        levels[above] = []
        try take(full, of: Tile(level: above, index: tile.index / UInt64(Tile.width)))
    }

    private mutating func addToRange(_ leaves: [Hash]) {
        let end = range.size + UInt64(leaves.count)
        let stops = wanted.filter { range.size < $0 && $0 <= end }
        if leaves.count == Tile.width, stops.allSatisfy({ $0 == end }) {
            range.appendSubtree(Tree.perfectRoot(leaves[...]), height: Tile.height)
            if !stops.isEmpty { roots[end] = range.root }
            return
        }
        for leaf in leaves {
            range.append(leaf: leaf)
            if stops.contains(range.size) { roots[range.size] = range.root }
        }
    }

    private mutating func compare(_ hashes: [Hash], with tile: Tile) throws(Refusal) {
        let found = try existing(tile.path, tile)
        guard found.count == hashes.count * Hash.byteCount else {
            throw .badFile(
                path: tile.path, position: tile.first,
                "has \(found.count) bytes instead of \(hashes.count * Hash.byteCount)")
        }
        for (index, hash) in hashes.enumerated() {
            let start = index * Hash.byteCount
            guard Hash(bytes: found[start..<start + Hash.byteCount]) == hash else {
                let below = tile.level == 0 ? "the entry" : "the tile below it"
                throw .badFile(
                    path: tile.path, position: tile.first(of: index),
                    "hash \(index) is not that of \(below)")
            }
        }
        for case .hashes(let partial) in partials[Tile.Named.hashes(tile).whole] ?? [] {
            guard partial != tile else { continue }
            let bytes = try existing(partial.path, partial)
            guard partial.count < tile.count,
                bytes.elementsEqual(found[..<(partial.count * Hash.byteCount)])
            else {
                throw .badFile(
                    path: partial.path, position: tile.first,
                    "is not the beginning of \(tile.path)")
            }
        }
    }

    private mutating func existing(_ path: String, _ tile: Tile) throws(Refusal) -> [UInt8] {
        guard let bytes = try files.bytes(of: path) else {
            throw .badFile(path: path, position: tile.first, "is missing")
        }
        unexpected.remove(path)
        return bytes
    }
}

extension Tile {
    /// The first position below it.
    fileprivate var first: UInt64 { first(of: 0) }

    /// The first position below one of its hashes.
    fileprivate func first(of hash: Int) -> UInt64 {
        (index * UInt64(Self.width) + UInt64(hash)) << UInt64(Self.height * level)
    }
}

extension Tile.Named {
    fileprivate var tile: Tile {
        switch self {
        case .hashes(let tile), .entries(let tile): tile
        }
    }

    /// The path that the tile has once it is full.
    fileprivate var whole: String {
        switch self {
        case .hashes(let tile): Tile(level: tile.level, index: tile.index).path
        case .entries(let tile): Tile(level: 0, index: tile.index).entriesPath
        }
    }
}
