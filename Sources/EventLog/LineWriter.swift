internal import Storage

/// Writes the lines of units from their columns, each text and each of the data that repeat once.
///
/// Byte for byte what ``Event/line`` gives, at several times the speed.
struct LineWriter: ~Copyable {
    private var texts = CheckedTexts()
    private var data = CheckedData()
    private var leaves = LeafWriter()

    /// Appends the lines of some events of a unit, each with its line end.
    mutating func append(
        _ places: Range<Int>, of columns: EventColumns, to lines: inout [UInt8]
    ) {
        guard texts.take(columns), data.take(columns), let stored = columns.data else {
            return append(events: Array(places), of: columns, to: &lines)
        }
        leaves.write(columns, texts, data)
        let (leaf, ends, bytes) = (leaves.leaves, leaves.ends, columns.bytes)
        let member = Line.Text.data
        for place in places {
            guard columns.flags[place].isSubset(of: .hasTime) else {
                append(events: [place], of: columns, to: &lines)
                continue
            }
            let start = place > 0 ? ends[place - 1] : 0
            let range = stored.range(place)
            let capacity = ends[place] - start + member.count + range.count + 2
            lines.append(addingCapacity: capacity) { line in
                // Without the closing brace, which stands behind the data here.
                line.append(copying: leaf.span.extracting(start..<ends[place] - 1))
                line.append(copying: member.span)
                line.append(copying: bytes.span.extracting(range))
                line.append(UInt8(ascii: "}"))
                line.append(UInt8(ascii: "\n"))
            }
        }
    }

    private func append(
        events places: [Int], of columns: EventColumns, to lines: inout [UInt8]
    ) {
        for event in columns.events(at: places) {
            lines += event.line
            lines.append(UInt8(ascii: "\n"))
        }
    }
}

extension EventLog {
    /// The lines of a range of positions, each with its line end, some thousands at a time, and the
    /// position behind the last of them.
    ///
    /// What is read is the log as it was when reading began; positions beyond it are passed over.
    /// - Throws: ``LogError``, and whatever `visit` throws.
    package func readLines(
        _ range: PositionRange,
        _ visit: (_ lines: [UInt8], _ behind: Position) throws -> ReadStep
    ) throws {
        var writer = LineWriter()
        var lines: [UInt8] = []
        var (step, behind) = (ReadStep.next, range.first)
        try readColumns(range) { columns, places in
            for places in columns.portions(of: places) {
                writer.append(places, of: columns, to: &lines)
                behind = Position(columns.first.value + UInt64(places.upperBound))
                guard lines.count >= LogLimits.linesBytes else { continue }
                step = try visit(lines, behind)
                lines.removeAll(keepingCapacity: true)
                if step == .stop { break }
            }
            return step
        }
        if step == .next, !lines.isEmpty { _ = try visit(lines, behind) }
    }
}

extension EventColumns {
    /// The places in portions whose long data are some hundreds of kilobytes, since those of all
    /// can be 256 MiB.
    fileprivate func portions(of places: Range<Int>) -> [Range<Int>] {
        guard !external.isEmpty else { return [places] }
        var portions: [Range<Int>] = []
        var (start, bytes) = (places.lowerBound, 0)
        for place in places {
            bytes += external[place]?.count ?? 0
            guard bytes >= LogLimits.linesBytes else { continue }
            portions.append(start..<place + 1)
            (start, bytes) = (place + 1, 0)
        }
        if start < places.upperBound { portions.append(start..<places.upperBound) }
        return portions
    }
}
