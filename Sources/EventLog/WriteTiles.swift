package import Merkle
internal import Storage

/// What has become of a tile directory.
package struct WrittenTiles: Equatable, Sendable {
    /// Events that its checkpoint covers.
    package let size: UInt64
    /// Files that were written.
    package let files: Int
}

extension EventLog {
    /// Writes the tile directory (C2SP tlog-tiles) of a checkpoint, or what an older one lacks.
    ///
    /// Tiles and entries come first, the checkpoint last: a directory always holds all that its
    /// checkpoint covers, and one that was broken off is gone on with. Tiles of other sizes go.
    /// Throws ``LogError/refused(_:)`` where the directory holds a checkpoint
    /// that is none of this history. `progress` is told how many events are written.
    package func writeTiles(
        to directory: String, under note: SignedNote, progress: (UInt64) -> Void = { _ in }
    ) throws(LogError) -> WrittenTiles {
        let size = try checkpoint(of: note).size
        let written = try writtenSize(in: directory, size)
        return try wrapping {
            try FileSystem.createDirectories(directory)
            var files = 0
            for level in 0..<8 {
                for tile in newTiles(level: level, from: written, to: size) {
                    try place(try bytes(of: tile), at: tile.path, in: directory)
                    files += 1
                    guard level == 0 else { continue }
                    try place(try entries(of: tile), at: tile.entriesPath, in: directory)
                    files += 1
                    progress(min(size, (tile.index + 1) * UInt64(Tile.width)))
                }
            }
            // Here all that the checkpoint covers is there and durable. A crash before the next
            // line leaves the directory under its old checkpoint, with tiles that nobody asks for.
            try FileSystem.syncFileSystem(of: directory)
            try FileSystem.replace(
                directory + "/checkpoint", with: note.bytes, for: .asUsual)
            removeLeftovers(below: "tile", of: directory, size: size)
            return WrittenTiles(size: size, files: files + 1)
        }
    }

    /// How many events the checkpoint covers that is in a directory; 0 where there is none.
    private func writtenSize(
        in directory: String, _ size: UInt64
    ) throws(LogError) -> UInt64 {
        let old = try wrapping { () -> SignedNote? in
            let path = directory + "/checkpoint"
            guard FileSystem.kind(of: path) == .file else { return nil }
            let bytes = try RawFile.open(path).read(SignedNote.bytesMax, at: 0)
            do {
                return try SignedNote(bytes: bytes)
            } catch let refusal as Refusal {
                throw LogError.refused(refusal)
            }
        }
        guard let old else { return 0 }
        let remembered = try checkpoint(of: old)
        guard remembered.size <= size else {
            throw .refused(.shorterThanRemembered(size: size, remembered: remembered.size))
        }
        let root = try root(atSize: remembered.size)
        guard root == remembered.root else {
            throw .refused(
                .otherHistory(
                    remembered: remembered.size, found: root, expected: remembered.root))
        }
        return remembered.size
    }

    /// The tiles of a level that a directory lacks, or has with fewer hashes.
    private func newTiles(level: Int, from old: UInt64, to size: UInt64) -> [Tile] {
        let first = Tile.hashCount(level: level, size: old) / UInt64(Tile.width)
        let end = Tile.hashCount(level: level, size: size)
        guard end > Tile.hashCount(level: level, size: old) else { return [] }
        return (first...(end - 1) / UInt64(Tile.width)).compactMap {
            Tile(level: level, index: $0, ofTreeOf: size)
        }
    }

    private func place(_ bytes: [UInt8], at path: String, in directory: String) throws {
        try FileSystem.createDirectories(FileSystem.parent(of: directory + "/" + path))
        try FileSystem.place(bytes, at: directory + "/" + path)
    }

    /// Takes away partial tiles that are no longer the newest, and what a run that was broken off
    /// has left; who still reads under the old checkpoint finds the same hashes in longer tiles.
    private func removeLeftovers(below folder: String, of directory: String, size: UInt64) {
        let path = directory + "/" + folder
        for name in FileSystem.entries(of: path) ?? [] {
            let child = folder + "/" + name
            if FileSystem.kind(of: directory + "/" + child) == .directory {
                removeLeftovers(below: child, of: directory, size: size)
            } else if name.hasSuffix(".new") || Tile.named(child)?.isOfTree(of: size) == false {
                FileSystem.remove(directory + "/" + child)
            }
        }
        if FileSystem.isEmptyDirectory(path) { FileSystem.remove(path) }
    }
}

extension Tile.Named {
    /// Whether a tree of `size` leaves has a tile of just this width here.
    fileprivate func isOfTree(of size: UInt64) -> Bool {
        let tile =
            switch self {
            case .hashes(let tile), .entries(let tile): tile
            }
        return Tile(level: tile.level, index: tile.index, ofTreeOf: size) == tile
    }
}
