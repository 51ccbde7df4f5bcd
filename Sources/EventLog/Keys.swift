internal import Storage

/// The databases of a log and the keys in them; numbers in keys are big-endian, so that the order
/// of keys is the order of positions.
enum Databases {
    static let meta = "meta"
    /// Events not yet in a block: one value per commit, under its first position.
    static let tail = "tail"
    /// Blocks under their first position.
    static let blocks = "blocks"
    /// Long data under the position of their event.
    static let payloads = "payloads"
    /// Index runs, page by page.
    static let runs = "runs"
    /// Hashes of the tree at level 1 and above.
    static let tiles = "tiles"

    static let all = [meta, tail, blocks, payloads, runs, tiles]
}

enum Keys {
    /// Where the newest size, root and clocks stand, in the database `meta`.
    static let head = Array("head".utf8)

    static func position(_ position: UInt64) -> [UInt8] {
        [UInt8](capacity: 8) { appendBigEndian(position, width: 8, to: &$0) }
    }

    static func tile(level: Int, index: UInt64) -> [UInt8] {
        [UInt8](capacity: 9) { key in
            key.append(UInt8(level))
            appendBigEndian(index, width: 8, to: &key)
        }
    }

    /// The number in an eight-byte key, or nil for a key of another length.
    static func position(from key: Span<UInt8>) -> UInt64? {
        key.count == 8 ? bigEndian(key, 0..<8) : nil
    }

    static func bigEndian(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        var value: UInt64 = 0
        for index in range { value = value << 8 | UInt64(bytes[index]) }
        return value
    }

    static func appendBigEndian(_ value: UInt64, width: Int, to key: inout OutputSpan<UInt8>) {
        for index in (0..<width).reversed() {
            key.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
        }
    }
}

/// The version that stands first in every stored value, unless its kind has had a newer one since.
enum Format {
    static let version: UInt8 = 1

    /// `value` with its checksum behind it.
    static func sealed(_ value: [UInt8]) -> [UInt8] {
        var sealed = value
        sealed.appendU32(crc32(value.span))
        return sealed
    }

    /// The value before the checksum, or nil where the checksum or the version is not right.
    ///
    /// `newest` is the version that is written today; older ones are read.
    static func checkedCount(_ stored: Span<UInt8>, upTo newest: UInt8 = version) -> Int? {
        guard stored.count >= 5, (version...newest).contains(stored[0]) else { return nil }
        let count = stored.count - 4
        var reader = ByteReader(stored.extracting(count..<stored.count))
        guard let sum = try? reader.u32(), sum == crc32(stored.extracting(0..<count)) else {
            return nil
        }
        return count
    }
}
