/// A tile of the tree (C2SP tlog-tiles): up to 256 hashes of one level, under a path of its own.
///
/// Hash i of level l is the root over the leaves i·256^l to (i + 1)·256^l − 1.
package struct Tile: Hashable, Sendable {
    /// 0 for the leaf hashes.
    package let level: Int
    package let index: UInt64
    /// Hashes that it holds, 1 to 256.
    package let count: Int

    /// Levels of the tree within one tile.
    package static let height = 8
    /// Hashes of a full tile.
    package static let width = 256

    package init(level: Int, index: UInt64, count: Int = width) {
        precondition((1...Self.width).contains(count), "a tile is never empty")
        self.level = level
        self.index = index
        self.count = count
    }

    /// The hashes that level `level` holds when the tree has `size` leaves, the full subtrees only:
    /// floor(size / 256^level).
    package static func hashCount(level: Int, size: UInt64) -> UInt64 {
        level * height >= 64 ? 0 : size >> UInt64(level * height)
    }

    /// The tile with this index as a tree of `size` leaves has it, or nil where it has none.
    package init?(level: Int, index: UInt64, ofTreeOf size: UInt64) {
        let count = Self.hashCount(level: level, size: size)
        let (before, isBeyond) = index.multipliedReportingOverflow(by: UInt64(Self.width))
        guard !isBeyond, before < count else { return nil }
        self.init(level: level, index: index, count: Int(min(UInt64(Self.width), count - before)))
    }

    /// `tile/<level>/<index>`, with `.p/<count>` behind it for a tile that is not full.
    package var path: String { "tile/\(level)/" + Self.pathOfIndex(index, count) }

    /// Where the entries stand whose leaf hashes a tile of level 0 holds.
    package var entriesPath: String {
        precondition(level == 0, "only leaves have entries")
        return "tile/entries/" + Self.pathOfIndex(index, count)
    }

    /// What a path names; the inverse of ``path`` and ``entriesPath``.
    package enum Named: Hashable, Sendable {
        case hashes(Tile)
        case entries(Tile)
    }

    /// What this path names, or nil where it is none, also where it is not written as ``path``
    /// writes it.
    package static func named(_ path: String) -> Named? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0] == "tile",
            let (index, count) = indexAndCount(parts[2...])
        else { return nil }
        if parts[1] == "entries" {
            let tile = Tile(level: 0, index: index, count: count)
            return tile.entriesPath == path ? .entries(tile) : nil
        }
        guard let level = Int(parts[1]), (0...63).contains(level) else { return nil }
        let tile = Tile(level: level, index: index, count: count)
        return tile.path == path ? .hashes(tile) : nil
    }

    /// Digits in groups of three, all but the last with an `x` before them: x001/x234/067.
    private static func pathOfIndex(_ index: UInt64, _ count: Int) -> String {
        var rest = index / 1_000
        var path = threeDigits(index % 1_000)
        while rest > 0 {
            path = "x\(threeDigits(rest % 1_000))/" + path
            rest /= 1_000
        }
        return count == width ? path : "\(path).p/\(count)"
    }

    private static func threeDigits(_ number: UInt64) -> String {
        String(String(1_000 + number).dropFirst())
    }

    private static func indexAndCount(_ parts: ArraySlice<Substring>) -> (UInt64, Int)? {
        var parts = parts
        var count = width
        if parts.count >= 2, parts[parts.endIndex - 2].hasSuffix(".p") {
            guard let partial = parts.popLast().flatMap({ Int($0) }), (1..<width).contains(partial)
            else { return nil }
            count = partial
            parts[parts.endIndex - 1] = parts[parts.endIndex - 1].dropLast(2)
        }
        // Seven groups hold more than any 64-bit number of tiles.
        guard (1...7).contains(parts.count) else { return nil }
        var index: UInt64 = 0
        for part in parts {
            let digits = part.hasPrefix("x") ? part.dropFirst() : part
            guard digits.utf8.count == 3, let group = UInt64(digits) else { return nil }
            let (product, isTooMuch) = index.multipliedReportingOverflow(by: 1_000)
            let (sum, isMore) = product.addingReportingOverflow(group)
            guard !isTooMuch, !isMore else { return nil }
            index = sum
        }
        return (index, count)
    }
}
