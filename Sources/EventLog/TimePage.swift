internal import JSON
internal import Storage

/// The bounds of time within one unit of 256 positions.
struct TimeBounds: Equatable {
    /// Earliest and latest occurrence; events without a time count at their recording.
    var occurred: ClosedRange<Int64>
    var recorded: ClosedRange<Int64>

    init(occurred: ClosedRange<Int64>, recorded: ClosedRange<Int64>) {
        self.occurred = occurred
        self.recorded = recorded
    }

    init(of events: ArraySlice<some EventRow>) {
        let times = events.map { ($0.time ?? $0.recorded).microseconds }
        let first = events[events.startIndex].recorded.microseconds
        let last = events[events.endIndex - 1].recorded.microseconds
        recorded = first...max(first, last)
        occurred = (times.min() ?? first)...(times.max() ?? first)
    }
}

/// One page of a run of times: the bounds of consecutive units.
///
/// Version (1), shift of units (1), number of units (2), then for each unit: earliest occurrence as
/// the signed step from the unit before, latest minus earliest, first recording as the signed step
/// from the unit before, last minus first; variable numbers; then CRC-32 (4).
enum TimePage {
    private static let unitsMax = 256

    static func encode(_ units: [TimeBounds], run: RunExtent) -> [NewRun.Page] {
        let firstUnit = run.first >> IndexKind.time.unitShift
        return stride(from: 0, to: units.count, by: unitsMax).map { start in
            let page = units[start..<min(start + unitsMax, units.count)]
            var value: [UInt8] = [Format.version, UInt8(IndexKind.time.unitShift)]
            value.appendU16(UInt16(page.count))
            var (occurred, recorded): (Int64, Int64) = (0, 0)
            for unit in page {
                value.appendSignedVarint(unit.occurred.lowerBound - occurred)
                value.appendVarint(UInt64(unit.occurred.upperBound - unit.occurred.lowerBound))
                value.appendSignedVarint(unit.recorded.lowerBound - recorded)
                value.appendVarint(UInt64(unit.recorded.upperBound - unit.recorded.lowerBound))
                occurred = unit.occurred.lowerBound
                recorded = unit.recorded.lowerBound
            }
            let key = RunKey(
                kind: .time, first: run.first, end: run.end, unit: firstUnit + UInt64(start))
            return (key, Format.sealed(value))
        }
    }

    /// The inverse of ``encode(_:run:)`` for one page; the key's unit is the first.
    static func decode(_ value: Span<UInt8>) throws(MalformedBytes) -> [TimeBounds] {
        guard let end = Format.checkedCount(value) else { throw MalformedBytes(offset: 0) }
        var reader = ByteReader(value.extracting(0..<end))
        _ = try reader.u16()
        let count = Int(try reader.u16())
        var units: [TimeBounds] = []
        var (occurred, recorded): (Int64, Int64) = (0, 0)
        for _ in 0..<count {
            occurred &+= try reader.signedVarint()
            let latest = occurred &+ Int64(bitPattern: try reader.varint())
            recorded &+= try reader.signedVarint()
            let last = recorded &+ Int64(bitPattern: try reader.varint())
            guard latest >= occurred, last >= recorded else {
                throw MalformedBytes(offset: reader.offset)
            }
            units.append(TimeBounds(occurred: occurred...latest, recorded: recorded...last))
        }
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }
        return units
    }
}
