internal import JSON
internal import Merkle
internal import Storage

/// 256 consecutive events as columns; `Format.md` defines every byte.
struct Subframe: Equatable {
    /// The identifiers as they are, since they do not compress.
    var ids: [UInt8]
    /// Everything else.
    var body: [UInt8]

    static let idBytes = 16 * LogLimits.subframeEvents

    init(ids: [UInt8], body: [UInt8]) {
        self.ids = ids
        self.body = body
    }

    /// Writes exactly 256 events; the inverse of ``events(from:loading:)``.
    init(encoding events: ArraySlice<Event>) {
        precondition(
            events.count == LogLimits.subframeEvents, "a sub-frame holds exactly 256 events")
        ids = []
        ids.reserveCapacity(Self.idBytes)
        for event in events { event.id.appendBytes(to: &ids) }
        body = []
        body.reserveCapacity(128 * events.count)
        let kinds = DictionaryColumn(of: events) { Kind(type: $0.type, schema: $0.schema) }
        kinds.write(to: &body) { index, body in
            body.appendText(kinds.values[index].type.text)
            body.appendVarint(UInt64(kinds.values[index].schema))
        }
        let streams = DictionaryColumn(of: events, \.stream)
        let firstRevisions = Self.firstRevisions(of: events, streams)
        streams.write(to: &body) { index, body in
            body.appendText(streams.values[index].text)
            body.appendVarint(firstRevisions[index])
        }
        DictionaryColumn(of: events, \.source).write(to: &body)
        DictionaryColumn(of: events, \.tags).write(to: &body)
        DictionaryColumn(of: events, \.attributes).write(to: &body)
        DictionaryColumn(of: events, \.cause).write(to: &body)
        DictionaryColumn(of: events, \.correlation).write(to: &body)
        for event in events { body.append(DataFlags(of: event).rawValue) }
        TimeColumns(of: events).write(to: &body)
        Self.appendData(of: Array(events), kinds: kinds.indexes, to: &body)
    }

    private static func firstRevisions(
        of events: ArraySlice<Event>, _ streams: DictionaryColumn<StreamName>
    ) -> [UInt64] {
        var first = [UInt64](repeating: .max, count: streams.values.count)
        for (event, index) in zip(events, streams.indexes) where first[index] == .max {
            first[index] = event.revision.value
        }
        return first
    }

    /// Lengths, then contents, both grouped by kind, because payloads of one kind are alike.
    private static func appendData(of events: [Event], kinds: [Int], to body: inout [UInt8]) {
        let order = groupedOrder(kinds)
        for index in order { body.appendVarint(UInt64(events[index].data.byteCount)) }
        for index in order {
            let data = events[index].data
            if case .removed(let hash) = data {
                hash.append(to: &body)
            } else if data.byteCount <= LogLimits.inlineDataBytesMax {
                body.append(contentsOf: data.content ?? [])
            }
        }
    }

    /// Indexes of the events ordered by kind, then by position.
    private static func groupedOrder(_ kinds: [Int]) -> [Int] {
        var groups = [[Int]](repeating: [], count: (kinds.max() ?? 0) + 1)
        for (index, kind) in kinds.enumerated() { groups[kind].append(index) }
        return groups.flatMap { $0 }
    }

    /// Reads the events, the first of which has the position `first`.
    ///
    /// Long data, which are values of their own, are fetched by `load` with position and length.
    /// Throws ``MalformedBytes`` where the columns do not hold 256 events.
    func events(
        from first: UInt64, loading load: (UInt64, Int) throws -> [UInt8]
    ) throws -> [Event] {
        var identifiers = ByteReader(ids.span)
        var reader = ByteReader(body.span)
        let kinds = try DictionaryColumn(&reader, Kind.read)
        let streams = try DictionaryColumn(&reader) { reader throws(MalformedBytes) in
            (name: try reader.text(), firstRevision: try reader.varint())
        }
        let sources = try DictionaryColumn(texts: &reader)
        let tags = try DictionaryColumn(texts: &reader)
        let attributes = try DictionaryColumn(texts: &reader)
        let causes = try DictionaryColumn(optionalIDs: &reader)
        let correlations = try DictionaryColumn(optionalIDs: &reader)
        let flags = try Self.readFlags(&reader)
        let times = try TimeColumns(&reader, flags: flags)
        let data = try Self.readDataRanges(&reader, flags, kinds: kinds.indexes)
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }

        var revisions = streams.values.map(\.firstRevision)
        let shared = body[...]
        var events: [Event] = []
        events.reserveCapacity(flags.count)
        for index in flags.indices {
            let position = first + UInt64(index)
            let stream = streams.indexes[index]
            let content =
                flags[index].contains(.external)
                ? try load(position, data[index].length)[...] : shared[data[index].range]
            events.append(
                Event(
                    position: Position(position), revision: Revision(revisions[stream]),
                    recorded: Instant(microseconds: times.recorded[index]),
                    id: EventID(
                        high: try identifiers.bigEndian64(), low: try identifiers.bigEndian64()),
                    type: kinds[index].type, schema: kinds[index].schema,
                    stream: StreamName(stored: streams.values[stream].name),
                    tags: Tags(stored: tags[index]), source: Source(stored: sources[index]),
                    time: times.occurred[index].map(Instant.init(microseconds:)),
                    cause: causes[index], correlation: correlations[index],
                    attributes: Attributes(stored: attributes[index]),
                    data: try EventData(content, flags[index])))
            // A damaged number must not end the process; the leaf would not be the tree's.
            revisions[stream] &+= 1
        }
        return events
    }

    private static func readFlags(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> [DataFlags] {
        var flags: [DataFlags] = []
        for _ in 0..<LogLimits.subframeEvents {
            let flag = DataFlags(rawValue: try reader.u8())
            guard flag.isSubset(of: .known), !flag.isSuperset(of: [.bytes, .absent]) else {
                throw MalformedBytes(offset: reader.offset - 1)
            }
            flags.append(flag)
        }
        return flags
    }

    private static func readDataRanges(
        _ reader: inout ByteReader, _ flags: [DataFlags], kinds: [Int]
    ) throws(MalformedBytes) -> [(range: Range<Int>, length: Int)] {
        var data = [(range: Range<Int>, length: Int)](repeating: (0..<0, 0), count: flags.count)
        let order = groupedOrder(kinds)
        for index in order {
            let length = try reader.varint()
            guard length <= UInt64(EventLimits.dataBytesMax) else {
                throw MalformedBytes(offset: reader.offset)
            }
            data[index].length = Int(length)
        }
        for index in order {
            if flags[index].contains(.removed) {
                data[index].range = try reader.skip(Hash.byteCount)
            } else if !flags[index].contains(.external) {
                data[index].range = try reader.skip(data[index].length)
            }
        }
        return data
    }
}

/// Type and schema, which nearly always change together.
private struct Kind: Hashable {
    let type: EventType
    let schema: UInt16

    static func read(_ reader: inout ByteReader) throws(MalformedBytes) -> Kind {
        let type = EventType(stored: try reader.text())
        let schema = try reader.varint()
        guard schema <= UInt64(UInt16.max) else { throw MalformedBytes(offset: reader.offset) }
        return Kind(type: type, schema: UInt16(schema))
    }
}

extension EventData {
    fileprivate init(
        _ content: ArraySlice<UInt8>, _ flags: DataFlags
    ) throws(MalformedBytes) {
        if flags.contains(.removed) {
            guard let hash = Hash(bytes: content) else {
                throw MalformedBytes(offset: content.startIndex)
            }
            self = .removed(hash)
        } else if flags.contains(.bytes) {
            self = .bytes(content)
        } else {
            self = flags.contains(.absent) ? .absent : .json(content)
        }
    }
}
