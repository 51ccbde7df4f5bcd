internal import JSON
internal import Merkle
internal import Storage

/// Writes the leaves of a unit from its columns, all into the same memory, and hashes them.
///
/// Byte for byte what ``Event/leaf`` gives.
struct LeafWriter: ~Copyable {
    private(set) var leaves: [UInt8] = []
    /// Where each leaf ends.
    private(set) var ends: [Int] = []

    /// What a leaf takes beside the texts of its columns.
    private static let plainBytesMax =
        Line.Text.start.count + EventID.textBytes + 1 + Line.Text.time.count
        + Instant.rfc3339BytesMax + 1 + Line.placeBytesMax

    /// The leaf hashes of all events, whose data have these hashes.
    mutating func hashes(
        of columns: EventColumns, _ texts: borrowing CheckedTexts, _ data: borrowing CheckedData
    ) -> [Hash] {
        write(columns, texts, data)
        var hashes: [Hash] = []
        hashes.reserveCapacity(columns.count)
        var start = 0
        for end in ends {
            hashes.append(Tree.leafHash(of: leaves.span.extracting(start..<end)))
            start = end
        }
        return hashes
    }

    /// Writes the leaves of a unit in the place of those before.
    mutating func write(
        _ columns: EventColumns, _ texts: borrowing CheckedTexts, _ data: borrowing CheckedData
    ) {
        leaves.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        let (start, time, position) = (Line.Text.start, Line.Text.time, Line.Text.position)
        let (revision, recorded) = (Line.Text.revision, Line.Text.recorded)
        let dataHash = Line.Text.dataHash
        let (bytes, hex) = (texts.bytes.span, data.hex.span)
        var (recordings, times) = (MomentWriter(), MomentWriter())
        var revisions = columns.streams.values.map(\.firstRevision)
        var ends: [Int] = []
        swap(&ends, &self.ends)
        let capacity = columns.count * (Self.plainBytesMax + texts.bytesOfEventMax)
        leaves.append(addingCapacity: capacity) { leaf in
            for place in 0..<columns.count {
                let kind = Int(columns.kinds.indexes[place])
                let stream = Int(columns.streams.indexes[place])
                leaf.append(copying: start.span)
                columns.ids[place].appendText(to: &leaf)
                leaf.append(UInt8(ascii: "\""))
                let source = texts.sources[Int(columns.sources.indexes[place])]
                leaf.append(copying: bytes.extracting(source))
                leaf.append(copying: bytes.extracting(texts.types[kind]))
                leaf.append(copying: bytes.extracting(texts.streams[stream]))
                if columns.flags[place].contains(.hasTime) {
                    leaf.append(copying: time.span)
                    times.append(columns.times.occurred[place], to: &leaf)
                    leaf.append(UInt8(ascii: "\""))
                }
                leaf.append(copying: bytes.extracting(texts.schemas[kind]))
                for rest in [
                    texts.tags[Int(columns.tags.indexes[place])],
                    texts.causes[Int(columns.causes.indexes[place])],
                    texts.correlations[Int(columns.correlations.indexes[place])],
                    texts.attributes[Int(columns.attributes.indexes[place])],
                ] where !rest.isEmpty {
                    leaf.append(copying: bytes.extracting(rest))
                }
                leaf.append(copying: position.span)
                Line.appendDecimal(columns.first.value + UInt64(place), to: &leaf)
                leaf.append(copying: revision.span)
                Line.appendDecimal(revisions[stream], to: &leaf)
                revisions[stream] &+= 1
                leaf.append(copying: recorded.span)
                recordings.append(columns.times.recorded[place], to: &leaf)
                leaf.append(copying: dataHash.span)
                let digits = CheckedData.hexBytes * place
                leaf.append(copying: hex.extracting(digits..<digits + CheckedData.hexBytes))
                leaf.append(UInt8(ascii: "\""))
                leaf.append(UInt8(ascii: "}"))
                ends.append(leaf.count)
            }
        }
        swap(&ends, &self.ends)
    }
}

/// Writes moments, of which neighbours often have the day in common.
private struct MomentWriter {
    /// Whole days since 1970, and the text up to and including the `T`.
    private var day: Int64?
    private var date: [UInt8] = []

    private static let dateBytes = 11

    /// Appends what ``Instant/rfc3339Bytes`` gives.
    mutating func append(_ moment: Int64, to leaf: inout OutputSpan<UInt8>) {
        let (day, inDay) = moment.flooredDivision(by: Instant.microsecondsOfDay)
        if day != self.day {
            self.day = day
            date = Array(Instant(microseconds: moment).rfc3339Bytes.prefix(Self.dateBytes))
        }
        leaf.append(copying: date.span)
        Instant.appendTime(inDay, to: &leaf)
    }
}
