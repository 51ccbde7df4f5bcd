internal import JSON
internal import Storage

/// A column of values of which many are equal: the distinct ones, and an index for each event.
///
/// Written as the number of distinct values, the values in the order of their first use, and then
/// one index per event.
struct DictionaryColumn<Value> {
    private(set) var values: [Value]
    private(set) var indexes: [Int]

    subscript(event: Int) -> Value { values[indexes[event]] }

    /// Collects the column from events.
    init(of events: ArraySlice<Event>, _ value: (Event) -> Value) where Value: Hashable {
        values = []
        indexes = []
        indexes.reserveCapacity(events.count)
        var known: [Value: Int] = [:]
        for event in events {
            let next = value(event)
            // Neighbours often agree, and comparing is cheaper than hashing.
            if let last = indexes.last, values[last] == next {
                indexes.append(last)
                continue
            }
            let index = known[next] ?? values.count
            if index == values.count {
                known[next] = index
                values.append(next)
            }
            indexes.append(index)
        }
    }

    /// Reads a column of 256 events; the inverse of ``write(to:_:)``.
    init(
        _ reader: inout ByteReader,
        _ read: (inout ByteReader) throws(MalformedBytes) -> Value
    ) throws(MalformedBytes) {
        let count = try reader.count(bytesEach: 1)
        values = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try read(&reader)) }
        indexes = []
        indexes.reserveCapacity(LogLimits.subframeEvents)
        for _ in 0..<LogLimits.subframeEvents {
            let index = try reader.varint()
            guard index < UInt64(count) else { throw MalformedBytes(offset: reader.offset) }
            indexes.append(Int(index))
        }
    }

    func write(to body: inout [UInt8], _ append: (_ index: Int, inout [UInt8]) -> Void) {
        body.appendVarint(UInt64(values.count))
        for index in values.indices { append(index, &body) }
        for index in indexes { body.appendVarint(UInt64(index)) }
    }
}

extension DictionaryColumn where Value: ByteExact {
    func write(to body: inout [UInt8]) {
        write(to: &body) { index, body in body.appendText(values[index].text) }
    }
}

extension DictionaryColumn where Value == String {
    /// The inverse of writing texts, whatever they were the texts of.
    init(texts reader: inout ByteReader) throws(MalformedBytes) {
        try self.init(&reader) { reader throws(MalformedBytes) in try reader.text() }
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

    init(optionalIDs reader: inout ByteReader) throws(MalformedBytes) {
        try self.init(&reader) { reader throws(MalformedBytes) in
            switch try reader.u8() {
            case 0: return nil
            case 1:
                return EventID(high: try reader.bigEndian64(), low: try reader.bigEndian64())
            default: throw MalformedBytes(offset: reader.offset - 1)
            }
        }
    }
}

/// Times of recording and of occurrence, as differences from one event to the next.
struct TimeColumns {
    private(set) var recorded: [Int64] = []
    private(set) var occurred: [Int64?] = []

    init(of events: ArraySlice<Event>) {
        recorded = events.map(\.recorded.microseconds)
        occurred = events.map { $0.time?.microseconds }
    }

    /// The first recording as a signed number, then the steps, which are never negative; then the
    /// greatest common divisor of the steps between times of occurrence, and these steps in it.
    func write(to body: inout [UInt8]) {
        body.appendSignedVarint(recorded[0])
        for (moment, previous) in zip(recorded.dropFirst(), recorded) {
            body.appendVarint(UInt64(moment - previous))
        }
        let known = occurred.compactMap { $0 }
        let steps = zip(known, [0] + known).map { $0 - $1 }
        let unit = max(1, steps.reduce(0) { greatestCommonDivisor($0, $1.magnitude) })
        body.appendVarint(unit)
        for step in steps { body.appendSignedVarint(step / Int64(unit)) }
    }

    /// The inverse of ``write(to:)``; `flags` tell which events have a time.
    init(_ reader: inout ByteReader, flags: [DataFlags]) throws(MalformedBytes) {
        var moment = try reader.signedVarint()
        recorded.append(moment)
        for _ in flags.dropFirst() {
            moment &+= Int64(bitPattern: try reader.varint())
            recorded.append(moment)
        }
        let unit = Int64(bitPattern: try reader.varint())
        var time: Int64 = 0
        for flag in flags {
            if flag.contains(.hasTime) {
                time &+= try reader.signedVarint() &* unit
                occurred.append(time)
            } else {
                occurred.append(nil)
            }
        }
    }
}

private func greatestCommonDivisor(_ left: UInt64, _ right: UInt64) -> UInt64 {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
}

/// What the flags column says of one event.
struct DataFlags: OptionSet {
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

    init(of event: Event) {
        self = event.time == nil ? [] : .hasTime
        switch event.data {
        case .json: break
        case .bytes: insert(.bytes)
        case .absent: insert(.absent)
        case .removed: insert(.removed)
        }
        if event.data.byteCount > LogLimits.inlineDataBytesMax { insert(.external) }
    }
}
