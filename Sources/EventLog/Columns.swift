internal import JSON
internal import Merkle
internal import Storage

/// A column of values of which many are equal: the distinct ones, and an index for each event.
///
/// Written as the number of distinct values, the values in the order of their first use, and then
/// one index per event.
struct DictionaryColumn<Value> {
    private(set) var values: [Value]
    private(set) var indexes: [UInt8]

    /// Collects the column from events.
    init<Row: EventRow>(of events: ArraySlice<Row>, _ value: (Row) -> Value)
    where Value: ColumnValue {
        values = []
        indexes = []
        indexes.reserveCapacity(events.count)
        var known = NumberTable()
        for event in events {
            let next = value(event)
            // Neighbours often agree, and comparing is cheaper than hashing.
            if let last = indexes.last, values[Int(last)] == next {
                indexes.append(last)
                continue
            }
            let hash = next.keyedHash
            if let index = known.number(hash, where: { values[$0] == next }) {
                indexes.append(UInt8(index))
            } else {
                known.insert(values.count, hash)
                indexes.append(UInt8(values.count))
                values.append(next)
            }
        }
    }

    func write(to body: inout [UInt8], _ append: (_ index: Int, inout [UInt8]) -> Void) {
        body.appendVarint(UInt64(values.count))
        for index in values.indices { append(index, &body) }
        for index in indexes { body.appendVarint(UInt64(index)) }
    }
}

/// What can stand in a column of few distinct values.
protocol ColumnValue: Equatable {
    /// 64 bits that equal values share in this process.
    var keyedHash: UInt64 { get }
}

extension Source: ColumnValue {}
extension StreamName: ColumnValue {}
extension Tags: ColumnValue {}
extension Attributes: ColumnValue {}

extension EventID?: ColumnValue {
    var keyedHash: UInt64 { self?.keyedHash ?? 0 }
}

extension DictionaryColumn where Value: ByteExact {
    func write(to body: inout [UInt8]) {
        write(to: &body) { index, body in body.appendText(values[index].text) }
    }
}

/// Identifiers that most events lack: a byte 0, or a byte 1 and the 16 bytes.
extension DictionaryColumn where Value == EventID? {
    func write(to body: inout [UInt8]) {
        write(to: &body) { index, body in
            body.append(values[index] == nil ? 0 : 1)
            values[index]?.appendBytes(to: &body)
        }
    }
}

/// Times of recording and of occurrence, as differences from one event to the next.
struct TimeColumns: Sendable {
    let recorded: [Int64]
    /// The times of recording where an event has none of its own.
    let occurred: [Int64]

    /// Writes the first recording as a signed number, then the steps, which are never negative;
    /// then the greatest common divisor of the steps between times of occurrence, and these in it.
    static func write(_ events: ArraySlice<some EventRow>, to body: inout [UInt8]) {
        var previous: Int64?
        var known: [Int64] = []
        known.reserveCapacity(events.count)
        var last: Int64 = 0
        var unit: UInt64 = 0
        for event in events {
            let moment = event.recorded.microseconds
            if let previous {
                body.appendVarint(UInt64(moment - previous))
            } else {
                body.appendSignedVarint(moment)
            }
            previous = moment
            guard let time = event.time?.microseconds else { continue }
            let step = time - last
            last = time
            known.append(step)
            // Once the steps have no common unit, nothing is left to find out.
            if unit != 1 { unit = greatestCommonDivisor(unit, step.magnitude) }
        }
        body.appendVarint(max(1, unit))
        for step in known {
            body.appendSignedVarint(unit > 1 ? step / Int64(unit) : step)
        }
    }

    /// The inverse of ``write(_:to:)``; `flags` tell which events have a time.
    init(_ reader: inout ByteReader, flags: [DataFlags]) throws(MalformedBytes) {
        var moment = try reader.signedVarint()
        var recorded = [moment]
        recorded.reserveCapacity(flags.count)
        for step in try reader.varints(flags.count - 1) {
            moment &+= Int64(bitPattern: step)
            recorded.append(moment)
        }
        let unit = Int64(bitPattern: try reader.varint())
        let stated = flags.reduce(0) { $0 + Int($1.rawValue >> 4 & 1) }
        let steps = try reader.varints(stated)
        var occurred: [Int64] = []
        occurred.reserveCapacity(flags.count)
        var time: Int64 = 0
        if stated == flags.count {
            for step in steps {
                time &+= signed(step) &* unit
                occurred.append(time)
            }
        } else {
            var next = 0
            for (flag, moment) in zip(flags, recorded) {
                if flag.contains(.hasTime) {
                    time &+= signed(steps[next]) &* unit
                    occurred.append(time)
                    next += 1
                } else {
                    occurred.append(moment)
                }
            }
        }
        // RFC 3339 can write no others, and no event has them.
        let range = Instant.earliest.microseconds...Instant.latest.microseconds
        guard recorded.allSatisfy(range.contains), occurred.allSatisfy(range.contains) else {
            throw MalformedBytes(offset: reader.offset)
        }
        self.recorded = recorded
        self.occurred = occurred
    }
}

/// 0, 1, 2, 3… stand for 0, -1, 1, -2….
private func signed(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}

private func greatestCommonDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
}

/// What the flags column says of one event.
struct DataFlags: OptionSet, Sendable {
    let rawValue: UInt8

    // Without either of these two, the data are JSON.
    static let bytes = DataFlags(rawValue: 1 << 0)
    static let absent = DataFlags(rawValue: 1 << 1)
    /// The data were taken out; their hash stands in their place.
    static let removed = DataFlags(rawValue: 1 << 2)
    /// The data are a value of their own.
    static let external = DataFlags(rawValue: 1 << 3)
    static let hasTime = DataFlags(rawValue: 1 << 4)
    static let known: DataFlags = [.bytes, .absent, .removed, .external, .hasTime]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init(of event: some EventRow) {
        self = event.time == nil ? [] : .hasTime
        switch event.data {
        case .json: break
        case .bytes: insert(.bytes)
        case .absent: insert(.absent)
        case .removed: insert(.removed)
        }
        if event.data.isExternal { insert(.external) }
    }
}

extension DataFlags {
    /// Reads the flags of so many events.
    static func read(
        _ reader: inout ByteReader, _ count: Int
    ) throws(MalformedBytes) -> [DataFlags] {
        let start = reader.offset
        let bytes = try reader.array(count)
        var wrong: UInt8 = 0
        for byte in bytes { wrong |= byte & ~known.rawValue | byte & byte >> 1 & 1 }
        guard wrong == 0 else { throw MalformedBytes(offset: start) }
        return bytes.map(DataFlags.init(rawValue:))
    }
}

/// Where the data of each event stand in the body.
struct DataColumn: Sendable {
    let starts: [UInt32]
    let ends: [UInt32]
    /// Bytes of the data in the order of events, long data included; empty where none are long.
    let lengths: [Int]

    /// From the start of the inline data, or of the hash of removed data, to its end.
    func range(_ index: Int) -> Range<Int> { Int(starts[index])..<Int(ends[index]) }

    /// Reads lengths and steps over the data, both grouped by kind.
    init(
        _ reader: inout ByteReader, _ flags: [DataFlags],
        kinds: EventColumns.Column<EventColumns.Kind>
    ) throws(MalformedBytes) {
        let lengths = try reader.varints(flags.count)
        guard lengths.allSatisfy({ $0 <= UInt64(EventLimits.dataBytesMax) }) else {
            throw MalformedBytes(offset: reader.offset)
        }
        let places = groupedPlaces(kinds.indexes, groups: kinds.values.count)
        var stored = lengths
        var all: DataFlags = []
        for (place, flag) in zip(places, flags) {
            all.formUnion(flag)
            if flag.contains(.removed) {
                stored[place] = UInt64(Hash.byteCount)
            } else if flag.contains(.external) {
                stored[place] = 0
            }
        }
        let start = reader.offset
        var at = start
        // From here on, where the data at a place begin.
        for place in stored.indices {
            let length = Int(stored[place])
            stored[place] = UInt64(at)
            at += length
        }
        stored.append(UInt64(at))
        _ = try reader.skip(at - start)
        starts = places.map { UInt32(truncatingIfNeeded: stored[$0]) }
        ends = places.map { UInt32(truncatingIfNeeded: stored[$0 + 1]) }
        self.lengths = all.contains(.external) ? places.map { Int(lengths[$0]) } : []
    }
}

/// Indexes of the events ordered by kind, then by position.
func groupedOrder(_ kinds: [UInt8], groups: Int) -> [Int] {
    var order = [Int](repeating: 0, count: kinds.count)
    for (index, place) in groupedPlaces(kinds, groups: groups).enumerated() {
        order[place] = index
    }
    return order
}

/// The place of each event in ``groupedOrder(_:groups:)``.
private func groupedPlaces(_ kinds: [UInt8], groups: Int) -> [Int] {
    var next = [Int](repeating: 0, count: groups + 1)
    for kind in kinds { next[Int(kind) + 1] += 1 }
    for group in 0..<groups { next[group + 1] += next[group] }
    return kinds.map { kind in
        let place = next[Int(kind)]
        next[Int(kind)] = place + 1
        return place
    }
}

extension EventColumns.Column {
    /// Reads a column of so many events; the inverse of ``DictionaryColumn``.
    init(
        _ reader: inout ByteReader, _ count: Int,
        _ read: (inout ByteReader) throws(MalformedBytes) -> Value
    ) throws(MalformedBytes) {
        let start = reader.offset
        let distinct = try reader.count(bytesEach: 1)
        guard (1...LogLimits.subframeEvents).contains(distinct) else {
            throw MalformedBytes(offset: start)
        }
        var values: [Value] = []
        values.reserveCapacity(distinct)
        for _ in 0..<distinct { values.append(try read(&reader)) }
        self.values = values
        indexes = try reader.indexes(count, below: distinct)
    }
}

extension EventColumns.Column<Range<Int>> {
    init(texts reader: inout ByteReader, _ count: Int) throws(MalformedBytes) {
        try self.init(&reader, count) { reader throws(MalformedBytes) in try reader.textRange() }
    }
}

extension EventColumns.Column<EventID?> {
    init(optionalIDs reader: inout ByteReader, _ count: Int) throws(MalformedBytes) {
        try self.init(&reader, count) { reader throws(MalformedBytes) in
            switch try reader.u8() {
            case 0: return nil
            case 1:
                return EventID(high: try reader.bigEndian64(), low: try reader.bigEndian64())
            default: throw MalformedBytes(offset: reader.offset - 1)
            }
        }
    }
}
