internal import Merkle
internal import Storage

/// A tail value: the events of one commit (or the rest that did not fill a block), as lines.
///
/// Version (1), number of events (4), then each line with its length (4) before it; CRC-32 (4).
/// In version 2, which the lines of a great commit have, they stand in a zstd frame, with the
/// number of their bytes (4) before it.
enum TailValue {
    /// The events whose places in the value lie in `wanted`; the inverse of
    /// ``TailLines/value(ofLast:)``.
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
        guard Format.checkedCount(value, upTo: TailLines.packedVersion) != nil else {
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
        guard let end = Format.checkedCount(value, upTo: TailLines.packedVersion) else {
            throw MalformedBytes(offset: 0)
        }
        var reader = ByteReader(value.extracting(0..<end))
        let version = try reader.u8()
        let count = Int(try reader.u32())
        guard version == TailLines.packedVersion else {
            return try forEachLine(count, &reader, visit)
        }
        let length = Int(try reader.u32())
        var decoder = ZstdDecoder()
        guard length <= TailLines.packedBytesMax,
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

/// The lines of a tail value, one behind the other, each with its length (4) before it.
struct TailLines: Sendable {
    static let packedVersion: UInt8 = 2
    /// More than the lines of one commit can take.
    static let packedBytesMax = 1 << 30
    /// Memory that is kept for the lines of the next commit.
    private static let keptBytesMax = 256 << 10

    private var bytes: [UInt8] = []
    /// Where each line begins, its length included.
    private var starts: [Int] = []

    var count: Int { starts.count }

    /// Adds the line of an event in its place, and tells the hash of its leaf.
    mutating func append(
        _ event: PreparedEvent, at position: Position, _ revision: Revision, recorded: [UInt8]
    ) -> Hash {
        begin()
        let start = bytes.count
        event.appendLeaf(at: position, revision, recorded: recorded, to: &bytes)
        let hash = Tree.leafHash(of: bytes.span.extracting(start...))
        end(event.sent.content.data)
        return hash
    }

    /// Adds the line of an event whose leaf is known.
    mutating func append(leaf: [UInt8], _ data: EventData) {
        begin()
        bytes += leaf
        end(data)
    }

    private mutating func begin() {
        starts.append(bytes.count)
        bytes.appendU32(0)
    }

    /// A line is its leaf with the data before the closing brace.
    private mutating func end(_ data: EventData) {
        bytes.removeLast()
        Line.appendData(data, to: &bytes)
        let start = starts[starts.count - 1]
        bytes.replaceU32(UInt32(bytes.count - start - 4), at: start)
    }

    /// The value of the last `count` lines, one or more of those that there are.
    ///
    /// Few stand there as they are, many compressed, so that the pages that they take until they
    /// are sealed do not make the file greater than what it keeps.
    func value(ofLast count: Int) -> [UInt8] {
        precondition((1...starts.count).contains(count), "a tail value has lines")
        let lines = bytes[starts[starts.count - count]...]
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
            value.append(contentsOf: encoder.encode(Array(lines)))
        }
        return Format.sealed(value)
    }

    mutating func removeAll() {
        if bytes.capacity > Self.keptBytesMax { return self = TailLines() }
        bytes.removeAll(keepingCapacity: true)
        starts.removeAll(keepingCapacity: true)
    }
}
