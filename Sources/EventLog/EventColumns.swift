package import JSON
internal import Merkle
internal import Storage

/// Consecutive events of one unit as columns, as their sub-frame keeps them.
///
/// All bytes have been checked: whatever is asked of it afterwards cannot fail. An ``Event`` is
/// made only where one is asked for, so whoever looks at a few columns pays for these alone.
package struct EventColumns: Sendable {
    package let first: Position
    package let count: Int
    /// The body of the sub-frame, in which texts and data stand at the ranges of the columns.
    package let bytes: [UInt8]
    /// Distinct types with their schema, and which of them each event has.
    package let kinds: Column<Kind>
    package let streams: Column<Stream>
    let ids: IDColumn
    let sources: Column<Range<Int>>
    let tags: Column<Range<Int>>
    let attributes: Column<Range<Int>>
    let causes: Column<EventID?>
    let correlations: Column<EventID?>
    let flags: [DataFlags]
    let times: TimeColumns
    /// Nil where only the envelopes were asked for.
    let data: DataColumn?
    /// Data that are values of their own, by the place of their event.
    let external: [Int: [UInt8]]

    /// How much of the events is decoded.
    package enum Depth: Sendable {
        /// Everything but the data.
        case envelopes
        case whole
    }

    /// Distinct values in the order of their first use, and which of them each event has.
    package struct Column<Value: Sendable>: Sendable {
        package let values: [Value]
        package let indexes: [UInt8]

        subscript(event: Int) -> Value { values[Int(indexes[event])] }
    }

    package struct Kind: Sendable {
        /// Where the type stands in ``EventColumns/bytes``.
        package let type: Range<Int>
        package let schema: UInt16
    }

    package struct Stream: Sendable {
        /// Where the name stands in ``EventColumns/bytes``.
        package let name: Range<Int>
        /// That of the stream's first event among these; the others follow it.
        package let firstRevision: UInt64
    }

    package var positions: Range<UInt64> { first.value..<first.value + UInt64(count) }

    /// When the event at this place happened, as far as the log knows.
    package func occurred(_ index: Int) -> Instant {
        Instant(microseconds: times.occurred[index])
    }

    package func recorded(_ index: Int) -> Instant {
        Instant(microseconds: times.recorded[index])
    }

    package func id(_ index: Int) -> EventID { ids[index] }

    /// When each event happened, as far as the log knows, in microseconds since 1970.
    package var moments: [Int64] { times.occurred }

    /// Where the JSON data of each event start and end in ``bytes``; the end is before the start
    /// for other forms and long data, and where only envelopes were decoded.
    package var json: (starts: [UInt32], ends: [UInt32]) {
        guard let data else {
            return (Array(repeating: 1, count: count), Array(repeating: 0, count: count))
        }
        guard flags.contains(where: { !$0.isSubset(of: .hasTime) }) else {
            return (data.starts, data.ends)
        }
        let isJSON = flags.map { $0.isSubset(of: .hasTime) }
        return (
            zip(data.starts, isJSON).map { $1 ? $0 : 1 }, zip(data.ends, isJSON).map { $1 ? $0 : 0 }
        )
    }
}

extension EventColumns {
    /// Reads the columns of a sub-frame whose checksum was right.
    ///
    /// Long data are fetched by `load` with position and length.
    /// - Throws: ``MalformedBytes`` where the bytes are not `count` events, and what `load` throws.
    init(
        _ subframe: Subframe, first: UInt64, count: Int, depth: Depth,
        loading load: (UInt64, Int) throws -> [UInt8]
    ) throws {
        self.first = Position(first)
        self.count = count
        bytes = subframe.body
        ids = try IDColumn(subframe.ids, subframe.packing, count: count)
        var reader = ByteReader(subframe.body.span)
        let kinds = try Column(&reader, count, Kind.read)
        let streams = try Column(&reader, count) { reader throws(MalformedBytes) in
            Stream(name: try reader.textRange(), firstRevision: try reader.varint())
        }
        let sources = try Column(texts: &reader, count)
        let tags = try Column(texts: &reader, count)
        let attributes = try Column(texts: &reader, count)
        try Self.checkTexts(subframe.body.span.extracting(0..<reader.offset)) {
            kinds.values.map(\.type) + streams.values.map(\.name) + sources.values + tags.values
                + attributes.values
        }
        (self.kinds, self.streams, self.sources) = (kinds, streams, sources)
        (self.tags, self.attributes) = (tags, attributes)
        causes = try Column(optionalIDs: &reader, count)
        correlations = try Column(optionalIDs: &reader, count)
        flags = try DataFlags.read(&reader, count)
        times = try TimeColumns(&reader, flags: flags)
        guard depth == .whole else {
            data = nil
            external = [:]
            return
        }
        let data = try DataColumn(&reader, flags, kinds: kinds)
        self.data = data
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }
        var external: [Int: [UInt8]] = [:]
        for (index, length) in data.lengths.enumerated() where flags[index].contains(.external) {
            external[index] = try load(first + UInt64(index), length)
        }
        self.external = external
    }

    /// The columns of up to 256 events that are at hand.
    package init(of events: ArraySlice<Event>) throws {
        guard let first = events.first?.position.value else {
            preconditionFailure("columns have at least one event")
        }
        try self.init(
            Subframe(encoding: events), first: first, count: events.count, depth: .whole
        ) { position, _ in
            Array(events[events.startIndex + Int(position - first)].data.content ?? [])
        }
    }

    /// Requires every text to be UTF-8; `texts` is asked only where not all of it is ASCII.
    private static func checkTexts(
        _ bytes: Span<UInt8>, _ texts: () -> [Range<Int>]
    ) throws(MalformedBytes) {
        guard !bytes.isASCII else { return }
        for range in texts() {
            let text = [UInt8](copying: bytes.extracting(range))
            guard String(validating: text, as: UTF8.self) != nil else {
                throw MalformedBytes(offset: range.lowerBound)
            }
        }
    }
}

extension EventColumns.Kind {
    fileprivate static func read(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> EventColumns.Kind {
        let type = try reader.textRange()
        let schema = try reader.varint()
        guard schema <= UInt64(UInt16.max) else { throw MalformedBytes(offset: reader.offset) }
        return EventColumns.Kind(type: type, schema: UInt16(schema))
    }
}

extension EventColumns {
    /// Whether these are the columns of `rows`; long data are not compared.
    func isSame(as rows: [some EventRow]) -> Bool {
        guard rows.count == count else { return false }
        var revisions = streams.values.map(\.firstRevision)
        for (index, row) in rows.enumerated() {
            let kind = kinds[index]
            let hasTime = flags[index].contains(.hasTime)
            guard row.id == ids[index], isText(row.type.text, at: kind.type),
                row.schema == kind.schema, isText(row.stream.text, at: streams[index].name),
                row.revision.value == revisions[Int(streams.indexes[index])],
                isText(row.source.text, at: sources[index]),
                isText(row.tags.joined, at: tags[index]),
                isText(row.attributes.fragment, at: attributes[index]),
                row.cause == causes[index], row.correlation == correlations[index],
                row.recorded == recorded(index),
                row.time == (hasTime ? occurred(index) : nil), isData(row.data, at: index)
            else { return false }
            revisions[Int(streams.indexes[index])] += 1
        }
        return true
    }

    private func isText(_ text: String, at range: Range<Int>) -> Bool {
        bytes.span.extracting(range).isSame(as: text.utf8Span.span)
    }

    private func isData(_ wanted: EventData, at index: Int) -> Bool {
        let flags = flags[index]
        let range = data?.range(index) ?? 0..<0
        switch wanted {
        case .absent: return flags.contains(.absent)
        case .removed(let hash):
            return flags.contains(.removed) && Hash(bytes: bytes[range]) == hash
        case .json(let content), .bytes(let content):
            guard flags.isDisjoint(with: [.absent, .removed]),
                flags.contains(.bytes) == wanted.isBytes
            else { return false }
            return flags.contains(.external)
                || bytes.span.extracting(range).isSame(as: content.span)
        }
    }
}

// Making events of columns.
extension EventColumns {
    /// All events, the inverse of writing them.
    package func events() -> [Event] { events(at: Array(0..<count)) }

    /// The events at these places, which ascend.
    package func events(at places: [Int]) -> [Event] {
        precondition(data != nil, "events are made of columns that hold the data")
        guard let last = places.last else { return [] }
        var texts = EventTexts(of: self, events: places.count)
        var revisions = streams.values.map(\.firstRevision)
        var events: [Event] = []
        events.reserveCapacity(places.count)
        for place in 0...last {
            let stream = Int(streams.indexes[place])
            if places[events.count] == place {
                events.append(event(place, Revision(revisions[stream]), &texts))
            }
            revisions[stream] &+= 1
        }
        return events
    }

    private func event(
        _ index: Int, _ revision: Revision, _ texts: inout EventTexts
    ) -> Event {
        let kind = kinds[index]
        return Event(
            position: Position(first.value + UInt64(index)), revision: revision,
            recorded: recorded(index), id: id(index),
            type: EventType(stored: texts.types[kinds.indexes[index], kind.type, bytes]),
            schema: kind.schema,
            stream: StreamName(
                stored: texts.streams[streams.indexes[index], streams[index].name, bytes]),
            tags: Tags(stored: texts.tags[tags.indexes[index], tags[index], bytes]),
            source: Source(stored: texts.sources[sources.indexes[index], sources[index], bytes]),
            time: flags[index].contains(.hasTime) ? occurred(index) : nil,
            cause: causes[index], correlation: correlations[index],
            attributes: Attributes(
                stored: texts.attributes[attributes.indexes[index], attributes[index], bytes]),
            data: eventData(index))
    }

    /// The JSON object in the data of an event, or nil for every other content.
    package func payload(_ index: Int) -> JSONPayload? { eventData(index).object }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    fileprivate func eventData(_ index: Int) -> EventData {
        let flags = flags[index]
        if flags.contains(.absent) { return .absent }
        let content: ArraySlice<UInt8>
        if flags.contains(.external) {
            content = (external[index] ?? [])[...]
        } else {
            content = bytes[data?.range(index) ?? 0..<0]
        }
        if flags.contains(.removed), let hash = Hash(bytes: content) { return .removed(hash) }
        return flags.contains(.bytes) ? .bytes(content) : .json(content)
    }
}

/// The texts of events that are being made.
private struct EventTexts {
    var types: LazyTexts
    var streams: LazyTexts
    var sources: LazyTexts
    var tags: LazyTexts
    var attributes: LazyTexts

    init(of columns: EventColumns, events: Int) {
        types = LazyTexts(count: columns.kinds.values.count, events: events)
        streams = LazyTexts(count: columns.streams.values.count, events: events)
        sources = LazyTexts(count: columns.sources.values.count, events: events)
        tags = LazyTexts(count: columns.tags.values.count, events: events)
        attributes = LazyTexts(count: columns.attributes.values.count, events: events)
    }
}

/// The texts of one column, made when they are first needed.
///
/// Where few events are made, only the last text is remembered.
private struct LazyTexts {
    private var made: [String?]
    private var last = ""
    private var lastIndex: UInt8?

    init(count: Int, events: Int) {
        made = count < events ? Array(repeating: nil, count: count) : []
    }

    subscript(index: UInt8, range: Range<Int>, bytes: [UInt8]) -> String {
        mutating get {
            if index == lastIndex { return last }
            let known = made.isEmpty ? nil : made[Int(index)]
            last = known ?? String(decoding: bytes[range], as: UTF8.self)
            lastIndex = index
            if !made.isEmpty, known == nil { made[Int(index)] = last }
            return last
        }
    }
}
