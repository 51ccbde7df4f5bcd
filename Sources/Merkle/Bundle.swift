/// The entries whose leaf hashes one tile of level 0 holds (C2SP tlog-tiles).
///
/// Each is its length in two bytes, the most significant first, and then itself.
package enum Bundle {
    /// What an entry can have at most.
    package static let entryBytesMax = Int(UInt16.max)
    /// What a bundle can have at most, and with it any file of a tile directory.
    package static let bytesMax = Tile.width * (entryBytesMax + 2)

    package static func append(_ entry: Span<UInt8>, to bundle: inout [UInt8]) {
        precondition(entry.count <= entryBytesMax, "an entry has at most 65,535 bytes")
        bundle.append(UInt8(entry.count >> 8))
        bundle.append(UInt8(entry.count & 0xFF))
        bundle.append(addingCapacity: entry.count) { output in
            for index in entry.indices { output.append(entry[index]) }
        }
    }

    /// The entries of a bundle, or nil where its lengths do not fill it.
    package static func entries(of bundle: [UInt8]) -> [ArraySlice<UInt8>]? {
        var entries: [ArraySlice<UInt8>] = []
        var rest = bundle[...]
        while !rest.isEmpty {
            guard rest.count >= 2 else { return nil }
            let length = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            rest = rest.dropFirst(2)
            guard rest.count >= length else { return nil }
            entries.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return entries
    }
}
