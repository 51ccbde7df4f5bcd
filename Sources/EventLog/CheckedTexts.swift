internal import JSON
internal import Merkle
internal import Storage

/// The distinct texts of a unit, as its leaves show them.
struct CheckedTexts {
    fileprivate var kinds: [[UInt8]] = []
    fileprivate var schemas: [[UInt8]] = []
    fileprivate var streams: [[UInt8]] = []
    fileprivate var sources: [[UInt8]] = []
    fileprivate var tags: [[UInt8]] = []
    fileprivate var attributes: [[UInt8]] = []
    fileprivate var causes: [[UInt8]] = []
    fileprivate var correlations: [[UInt8]] = []
    private(set) var steps: [CheckedUnit.StreamSteps] = []
    private(set) var streamTerms: [UInt32] = []
    private(set) var tagTerms: [UInt32] = []

    /// Nil where a text is not one that the log would take.
    init?(_ columns: EventColumns) {
        do throws(EventError) {
            try addKinds(of: columns)
            guard try addStreams(of: columns) else { return nil }
            try addTags(of: columns)
            for range in columns.sources.values {
                let source = try Source(columns.text(range))
                sources.append(Self.member("source", text: source.text))
            }
        } catch {
            return nil
        }
        guard Self.areAttributesReadable(columns) else { return nil }
        attributes = columns.attributes.values.map { Array(columns.bytes[$0]) }
        causes = columns.causes.values.map { Self.member("causationid", $0) }
        correlations = columns.correlations.values.map { Self.member("correlationid", $0) }
    }

    private mutating func addKinds(of columns: EventColumns) throws(EventError) {
        let isUsed = columns.kinds.uses
        for (kind, uses) in zip(columns.kinds.values, isUsed) {
            let type = try EventType(columns.text(kind.type))
            kinds.append(Self.member("type", text: type.text))
            schemas.append(
                kind.schema == 0 ? [] : Array(",\"schema\":\(kind.schema)".utf8))
            if uses > 0 { tagTerms.append(TermHash.of(type: type)) }
        }
    }

    /// False where a stream may stand there twice, whose revisions then do not follow each other.
    private mutating func addStreams(of columns: EventColumns) throws(EventError) -> Bool {
        var firstPlaces = [Int](repeating: 0, count: columns.streams.values.count)
        for place in (0..<columns.count).reversed() {
            firstPlaces[Int(columns.streams.indexes[place])] = place
        }
        let uses = columns.streams.uses
        for (index, stream) in columns.streams.values.enumerated() {
            let name = try StreamName(columns.text(stream.name))
            streams.append(Self.member("subject", text: name.text))
            guard uses[index] > 0 else { continue }
            streamTerms.append(TermHash.of(stream: name))
            steps.append(
                CheckedUnit.StreamSteps(
                    stream: columns.bytes.span.extracting(stream.name).fingerprint,
                    position: columns.first.value + UInt64(firstPlaces[index]),
                    revision: stream.firstRevision, count: UInt64(uses[index])))
        }
        return streamTerms.distinct().count == streamTerms.count
    }

    private mutating func addTags(of columns: EventColumns) throws(EventError) {
        let uses = columns.tags.uses
        for (index, range) in columns.tags.values.enumerated() {
            guard !range.isEmpty else {
                tags.append([])
                continue
            }
            let stored = Tags(stored: columns.text(range))
            guard try Tags(joined: stored.joined) == stored else { throw .badTag(stored.joined) }
            tags.append(Self.member("tags", text: stored.joined))
            if uses[index] > 0 { tagTerms += TermHash.of(tags: stored) }
        }
    }

    /// Whether the first event with each fragment of attributes reads as it was written.
    private static func areAttributesReadable(_ columns: EventColumns) -> Bool {
        for (index, range) in columns.attributes.values.enumerated() where !range.isEmpty {
            guard let place = columns.attributes.indexes.firstIndex(of: UInt8(index)),
                let event = columns.events(at: [place]).first
            else { continue }
            guard let read = try? Event(line: event.line[...]), read == event else { return false }
        }
        return true
    }

    private static func member(_ name: String, text: String) -> [UInt8] {
        var bytes = Array(",\"\(name)\":".utf8)
        appendJSONString(text, to: &bytes)
        return bytes
    }

    private static func member(_ name: String, _ id: EventID?) -> [UInt8] {
        guard let id else { return [] }
        return member(name, text: id.description)
    }
}

extension EventColumns.Column {
    /// How many events have each of the values.
    fileprivate var uses: [Int] {
        var uses = [Int](repeating: 0, count: values.count)
        for index in indexes { uses[Int(index)] += 1 }
        return uses
    }
}

/// Writes the leaves of a unit from its columns, one after the other into the same memory.
///
/// Byte for byte what ``Event/leaf`` gives.
struct LeafWriter {
    private var leaf: [UInt8] = []
    private var revisions: [UInt64] = []
    private var recorded = MomentText()
    private var times = MomentText()

    /// The prefix of a leaf's hash, and how every line starts.
    private static let start: [UInt8] = [0] + Array(#"{"specversion":"1.0","id":""#.utf8)

    /// Takes up the next unit.
    mutating func begin(_ columns: EventColumns) {
        revisions = columns.streams.values.map(\.firstRevision)
    }

    /// The leaf hash of an event; each is asked for once, in their order.
    mutating func leafHash(
        _ place: Int, _ dataHash: Hash, _ columns: EventColumns, _ texts: CheckedTexts
    ) -> Hash {
        leaf.removeAll(keepingCapacity: true)
        leaf.append(contentsOf: Self.start)
        columns.ids[place].appendText(to: &leaf)
        leaf.append(UInt8(ascii: "\""))
        let kind = Int(columns.kinds.indexes[place])
        let stream = Int(columns.streams.indexes[place])
        leaf.append(contentsOf: texts.sources[Int(columns.sources.indexes[place])])
        leaf.append(contentsOf: texts.kinds[kind])
        leaf.append(contentsOf: texts.streams[stream])
        if columns.flags[place].contains(.hasTime) {
            leaf.append(contentsOf: Self.time)
            times.append(columns.times.occurred[place], to: &leaf)
            leaf.append(UInt8(ascii: "\""))
        }
        leaf.append(contentsOf: texts.schemas[kind])
        leaf.append(contentsOf: texts.tags[Int(columns.tags.indexes[place])])
        leaf.append(contentsOf: texts.causes[Int(columns.causes.indexes[place])])
        leaf.append(contentsOf: texts.correlations[Int(columns.correlations.indexes[place])])
        leaf.append(contentsOf: texts.attributes[Int(columns.attributes.indexes[place])])
        leaf.append(contentsOf: Self.position)
        Line.appendDecimal(columns.first.value + UInt64(place), to: &leaf)
        leaf.append(contentsOf: Self.revision)
        Line.appendDecimal(revisions[stream], to: &leaf)
        revisions[stream] &+= 1
        leaf.append(contentsOf: Self.recorded)
        recorded.append(columns.times.recorded[place], to: &leaf)
        leaf.append(contentsOf: Self.dataHash)
        dataHash.appendHex(to: &leaf)
        leaf.append(contentsOf: Self.end)
        return Tree.leafHash(prefixed: leaf)
    }

    private static let time = Array(#","time":""#.utf8)
    private static let position = Array(#","position":""#.utf8)
    private static let revision = Array(#"","revision":""#.utf8)
    private static let recorded = Array(#"","recorded":""#.utf8)
    private static let dataHash = Array(#"","datahash":""#.utf8)
    private static let end = Array(#""}"#.utf8)
}

/// Writes moments, of which neighbours often have the text or at least the day in common.
private struct MomentText {
    private var last: Int64?
    private var text: [UInt8] = []
    private var day: Int64?

    /// Bytes up to and including the `T`.
    private static let dayBytes = 11

    mutating func append(_ moment: Int64, to leaf: inout [UInt8]) {
        if moment != last { write(moment) }
        leaf.append(contentsOf: text)
    }

    private mutating func write(_ moment: Int64) {
        last = moment
        let (day, inDay) = moment.flooredDivision(by: 86_400_000_000)
        guard day == self.day else {
            self.day = day
            text = Instant(microseconds: moment).rfc3339Bytes
            return
        }
        text.removeLast(text.count - Self.dayBytes)
        let (seconds, fraction) = (Int(inDay / 1_000_000), Int(inDay % 1_000_000))
        appendPair(seconds / 3600)
        text.append(UInt8(ascii: ":"))
        appendPair(seconds / 60 % 60)
        text.append(UInt8(ascii: ":"))
        appendPair(seconds % 60)
        if fraction != 0 {
            text.append(UInt8(ascii: "."))
            appendPair(fraction / 10_000)
            appendPair(fraction / 100 % 100)
            appendPair(fraction % 100)
        }
        text.append(UInt8(ascii: "Z"))
    }

    private mutating func appendPair(_ number: Int) {
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
        text.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }
}
