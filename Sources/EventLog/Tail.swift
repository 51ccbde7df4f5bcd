internal import Storage

/// A tail value: the events of one commit (or the rest that did not fill a block), as lines.
///
/// Version (1), number of events (4), then each line with its length (4) before it; CRC-32 (4).
/// In version 2, which the lines of a great commit have, they stand in a zstd frame, with the
/// number of their bytes (4) before it.
enum TailValue {
    /// The events whose places in the value lie in `wanted`; the inverse of ``TailValueWriter``.
    ///
    /// - Throws: ``MalformedBytes`` or ``EventError`` where the value is damaged.
    static func decode(_ value: Span<UInt8>, wanted: Range<Int>) throws -> [Event] {
        var events: [Event] = []
        try forEachLine(of: value) { index, reader, length throws in
            if wanted.contains(index) {
                events.append(try Event(line: try reader.array(length)[...]))
            } else {
                _ = try reader.skip(length)
            }
        }
        return events
    }

    /// How many events a value holds.
    static func count(_ value: Span<UInt8>) throws(MalformedBytes) -> Int {
        guard Format.checkedCount(value, upTo: TailValueWriter.packedVersion) != nil else {
            throw MalformedBytes(offset: 0)
        }
        var reader = ByteReader(value)
        _ = try reader.u8()
        return Int(try reader.u32())
    }

    private static func forEachLine(
        of value: Span<UInt8>,
        _ visit: (_ index: Int, inout ByteReader, _ length: Int) throws -> Void
    ) throws {
        guard let end = Format.checkedCount(value, upTo: TailValueWriter.packedVersion) else {
            throw MalformedBytes(offset: 0)
        }
        var reader = ByteReader(value.extracting(0..<end))
        let version = try reader.u8()
        let count = Int(try reader.u32())
        guard version == TailValueWriter.packedVersion else {
            return try forEachLine(count, &reader, visit)
        }
        let length = Int(try reader.u32())
        var decoder = ZstdDecoder()
        guard length <= TailValueWriter.packedBytesMax,
            let lines = decoder.decode(value.extracting(reader.offset..<end), size: length)
        else { throw MalformedBytes(offset: reader.offset) }
        var unpacked = ByteReader(lines.span)
        try forEachLine(count, &unpacked, visit)
    }

    private static func forEachLine(
        _ count: Int, _ reader: inout ByteReader,
        _ visit: (_ index: Int, inout ByteReader, _ length: Int) throws -> Void
    ) throws {
        for index in 0..<count {
            let length = Int(try reader.u32())
            try visit(index, &reader, length)
        }
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }
    }
}

/// Writes a tail value line by line.
struct TailValueWriter {
    static let packedVersion: UInt8 = 2
    /// More than the lines of one commit can take.
    static let packedBytesMax = 1 << 30

    private let count: Int
    private var lines: [UInt8] = []

    /// Begins a value of `count` lines.
    init(count: Int) {
        self.count = count
        lines.reserveCapacity(512 * count)
    }

    /// Adds the line of an event, which is its leaf with the data before the closing brace.
    mutating func append(leaf: [UInt8], _ data: EventData) {
        let start = lines.count
        lines.appendU32(0)
        lines.append(contentsOf: leaf.dropLast())
        Line.appendData(data, to: &lines)
        lines.replaceU32(UInt32(lines.count - start - 4), at: start)
    }

    /// The value: few lines as they are, many compressed, so that the pages that they take until
    /// they are sealed do not make the file greater than what it keeps.
    consuming func finish() -> [UInt8] {
        var value: [UInt8] = []
        if lines.count <= LogLimits.tailPlainBytesMax {
            value.reserveCapacity(lines.count + 9)
            value.append(Format.version)
            value.appendU32(UInt32(count))
            value.append(contentsOf: lines)
        } else {
            var encoder = ZstdEncoder(level: 1)
            value.append(Self.packedVersion)
            value.appendU32(UInt32(count))
            value.appendU32(UInt32(lines.count))
            value.append(contentsOf: encoder.encode(lines))
        }
        return Format.sealed(value)
    }
}
