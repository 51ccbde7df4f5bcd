internal import Storage

/// A tail value: the events of one commit (or the rest that did not fill a block), as lines.
///
/// Version (1), number of events (4), then each line with its length (4) before it; CRC-32 (4).
enum TailValue {
    static func encode(_ lines: [[UInt8]]) -> [UInt8] {
        var value: [UInt8] = []
        value.reserveCapacity(9 + lines.reduce(0) { $0 + $1.count + 4 })
        value.append(Format.version)
        value.appendU32(UInt32(lines.count))
        for line in lines {
            value.appendU32(UInt32(line.count))
            value.append(contentsOf: line)
        }
        return Format.sealed(value)
    }

    /// The events whose places in the value lie in `wanted`; the inverse of ``encode(_:)``.
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
        guard Format.checkedCount(value) != nil else { throw MalformedBytes(offset: 0) }
        var reader = ByteReader(value)
        _ = try reader.u8()
        return Int(try reader.u32())
    }

    private static func forEachLine(
        of value: Span<UInt8>,
        _ visit: (_ index: Int, inout ByteReader, _ length: Int) throws -> Void
    ) throws {
        guard let end = Format.checkedCount(value) else { throw MalformedBytes(offset: 0) }
        var reader = ByteReader(value.extracting(0..<end))
        _ = try reader.u8()
        let count = try reader.u32()
        for index in 0..<Int(count) {
            let length = Int(try reader.u32())
            try visit(index, &reader, length)
        }
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }
    }
}
