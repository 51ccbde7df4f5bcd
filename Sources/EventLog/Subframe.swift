internal import JSON
internal import Merkle
internal import Storage

/// Up to 256 consecutive events as columns; `Format.md` defines every byte.
struct Subframe: Equatable {
    /// The identifiers by themselves, since they do not compress.
    let ids: [UInt8]
    let packing: IDPacking
    /// Everything else.
    let body: [UInt8]

    init(ids: [UInt8], packing: IDPacking, body: [UInt8]) {
        self.ids = ids
        self.packing = packing
        self.body = body
    }

    /// Writes 1 to 256 events, of which only the last of a log may be fewer; the inverse of
    /// ``events(from:loading:)``.
    init(encoding events: ArraySlice<some EventRow>) {
        precondition(
            (1...LogLimits.subframeEvents).contains(events.count),
            "a sub-frame holds up to 256 events")
        (ids, packing) = IDColumn.encode(events.map(\.id))
        var body: [UInt8] = []
        body.reserveCapacity(128 * events.count)
        let kinds = DictionaryColumn(of: events) { Kind(type: $0.type, schema: $0.schema) }
        kinds.write(to: &body) { index, body in
            body.appendText(kinds.values[index].type.text)
            body.appendVarint(UInt64(kinds.values[index].schema))
        }
        let streams = DictionaryColumn(of: events) { $0.stream }
        let firstRevisions = Self.firstRevisions(of: events, streams)
        streams.write(to: &body) { index, body in
            body.appendText(streams.values[index].text)
            body.appendVarint(firstRevisions[index])
        }
        DictionaryColumn(of: events) { $0.source }.write(to: &body)
        DictionaryColumn(of: events) { $0.tags }.write(to: &body)
        DictionaryColumn(of: events) { $0.attributes }.write(to: &body)
        DictionaryColumn(of: events) { $0.cause }.write(to: &body)
        DictionaryColumn(of: events) { $0.correlation }.write(to: &body)
        for event in events { body.append(DataFlags(of: event).rawValue) }
        TimeColumns.write(events, to: &body)
        Self.appendData(of: events, kinds, to: &body)
        self.body = body
    }

    /// Reads 256 events, the first of which has the position `first`.
    ///
    /// Long data, which are values of their own, are fetched by `load` with position and length.
    /// Throws ``MalformedBytes`` where the columns do not hold 256 events.
    func events(
        from first: UInt64, loading load: (UInt64, Int) throws -> [UInt8]
    ) throws -> [Event] {
        try EventColumns(
            self, first: first, count: LogLimits.subframeEvents, depth: .whole, loading: load
        ).events()
    }

    private static func firstRevisions(
        of events: ArraySlice<some EventRow>, _ streams: DictionaryColumn<StreamName>
    ) -> [UInt64] {
        var first = [UInt64](repeating: .max, count: streams.values.count)
        for (event, index) in zip(events, streams.indexes) where first[Int(index)] == .max {
            first[Int(index)] = event.revision.value
        }
        return first
    }

    /// Lengths, then contents, both grouped by kind, because payloads of one kind are alike.
    private static func appendData(
        of events: ArraySlice<some EventRow>, _ kinds: DictionaryColumn<Kind>,
        to body: inout [UInt8]
    ) {
        let order = groupedOrder(kinds.indexes, groups: kinds.values.count)
        let first = events.startIndex
        for index in order { body.appendVarint(UInt64(events[first + index].data.byteCount)) }
        for index in order {
            let data = events[first + index].data
            if case .removed(let hash) = data {
                hash.append(to: &body)
            } else if !data.isExternal {
                body.append(contentsOf: data.content ?? [])
            }
        }
    }
}

/// Type and schema, which nearly always change together.
private struct Kind: ColumnValue {
    let type: EventType
    let schema: UInt16

    var keyedHash: UInt64 { type.keyedHash ^ UInt64(schema) << 32 }
}
