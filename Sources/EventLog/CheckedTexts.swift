internal import JSON
internal import Merkle
internal import Storage

/// The distinct texts of a unit, each looked at, as its leaves show them.
struct CheckedTexts: ~Copyable {
    /// Members of a line, one behind the other, each with what stands before it.
    private(set) var bytes: [UInt8] = []
    // Where the members of each distinct value stand in `bytes`; empty for what is not stated.
    private(set) var types: [Range<Int>] = []
    private(set) var schemas: [Range<Int>] = []
    private(set) var streams: [Range<Int>] = []
    private(set) var sources: [Range<Int>] = []
    private(set) var tags: [Range<Int>] = []
    private(set) var attributes: [Range<Int>] = []
    private(set) var causes: [Range<Int>] = []
    private(set) var correlations: [Range<Int>] = []
    private(set) var steps: [CheckedUnit.StreamSteps] = []
    private(set) var streamTerms: [UInt32] = []
    private(set) var tagTerms: [UInt32] = []
    private var knownTypes = KnownTexts()
    private var knownSources = KnownTexts()
    private var knownTags = KnownTexts()

    /// Bytes that the members of one event take at most.
    var bytesOfEventMax: Int {
        [types, schemas, streams, sources, tags, attributes, causes, correlations]
            .reduce(0) { $0 + ($1.map(\.count).max() ?? 0) }
    }

    /// Takes up the next unit.
    ///
    /// False where a text may not be one that the log would take; then events have to be looked at
    /// one by one.
    mutating func take(_ columns: EventColumns) -> Bool {
        bytes.removeAll(keepingCapacity: true)
        tagTerms.removeAll(keepingCapacity: true)
        do throws(EventError) {
            try takeKinds(of: columns)
            guard try takeStreams(of: columns) else { return false }
            try takeTags(of: columns)
            sources.removeAll(keepingCapacity: true)
            for range in columns.sources.values {
                let known = try knownSources.look(at: columns.bytes.span.extracting(range)) {
                    text throws(EventError) in
                    (Self.member("source", text: try Source(text).text), [])
                }
                sources.append(add(knownSources.member(known)))
            }
        } catch {
            return false
        }
        guard Self.areAttributesReadable(columns) else { return false }
        attributes = columns.attributes.values.map { add(columns.bytes[$0]) }
        causes = columns.causes.values.map { add(Self.member("causationid", $0)) }
        correlations = columns.correlations.values.map { add(Self.member("correlationid", $0)) }
        return true
    }

    private mutating func add(_ member: some Collection<UInt8>) -> Range<Int> {
        let start = bytes.count
        bytes.append(contentsOf: member)
        return start..<bytes.count
    }

    private mutating func takeKinds(of columns: EventColumns) throws(EventError) {
        types.removeAll(keepingCapacity: true)
        schemas.removeAll(keepingCapacity: true)
        let uses = columns.kinds.uses
        for (index, kind) in columns.kinds.values.enumerated() {
            let known = try knownTypes.look(at: columns.bytes.span.extracting(kind.type)) {
                text throws(EventError) in
                let type = try EventType(text)
                return (Self.member("type", text: type.text), [TermHash.of(type: type)])
            }
            types.append(add(knownTypes.member(known)))
            if uses[index] > 0 { tagTerms += knownTypes.terms(known) }
            schemas.append(kind.schema == 0 ? 0..<0 : add(",\"schema\":\(kind.schema)".utf8))
        }
    }

    /// False where a stream may stand there twice, whose revisions then do not follow each other.
    private mutating func takeStreams(of columns: EventColumns) throws(EventError) -> Bool {
        streams.removeAll(keepingCapacity: true)
        steps.removeAll(keepingCapacity: true)
        streamTerms.removeAll(keepingCapacity: true)
        var firstPlaces = [Int](repeating: 0, count: columns.streams.values.count)
        for place in (0..<columns.count).reversed() {
            firstPlaces[Int(columns.streams.indexes[place])] = place
        }
        let uses = columns.streams.uses
        for (index, stream) in columns.streams.values.enumerated() {
            let name = columns.bytes.span.extracting(stream.name)
            streams.append(try addStream(name))
            guard uses[index] > 0 else { continue }
            streamTerms.append(TermHash.of(streamName: name))
            steps.append(
                CheckedUnit.StreamSteps(
                    stream: name.fingerprint,
                    position: columns.first.value + UInt64(firstPlaces[index]),
                    revision: stream.firstRevision, count: UInt64(uses[index])))
        }
        streamTerms = streamTerms.distinct()
        return streamTerms.count == steps.count
    }

    /// Most names are short, and their lines show them as they are.
    private mutating func addStream(_ name: Span<UInt8>) throws(EventError) -> Range<Int> {
        guard (1...EventLimits.streamBytesMax).contains(name.count), name.standsForItself else {
            return add(Self.member("subject", text: try StreamName(String(copying: name)).text))
        }
        let start = bytes.count
        bytes.append(contentsOf: Self.subject)
        bytes.append(name)
        bytes.append(UInt8(ascii: "\""))
        return start..<bytes.count
    }

    private static let subject = Array(#","subject":""#.utf8)

    private mutating func takeTags(of columns: EventColumns) throws(EventError) {
        tags.removeAll(keepingCapacity: true)
        let uses = columns.tags.uses
        for (index, range) in columns.tags.values.enumerated() {
            guard !range.isEmpty else {
                tags.append(0..<0)
                continue
            }
            let known = try knownTags.look(at: columns.bytes.span.extracting(range)) {
                text throws(EventError) in
                let stored = Tags(stored: text)
                guard try Tags(joined: text) == stored else { throw .badTag(text) }
                return (Self.member("tags", text: text), TermHash.of(tags: stored))
            }
            tags.append(add(knownTags.member(known)))
            if uses[index] > 0 { tagTerms += knownTags.terms(known) }
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

extension Span<UInt8> {
    /// Whether all bytes are characters of ASCII that a JSON string shows as they are.
    fileprivate var standsForItself: Bool {
        var all = true
        for index in indices {
            let byte = self[index]
            let isPlain = byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"")
            all = all && isPlain && byte != UInt8(ascii: "\\")
        }
        return all
    }
}

/// Texts of one column that units have in common, each looked at once.
private struct KnownTexts {
    private var table = ByteTable()
    private var members: [[UInt8]] = []
    private var allTerms: [[UInt32]] = []

    /// Where there are more of them, or a longer one comes, all are forgotten, so that they take
    /// little memory whatever comes.
    private static let textsMax = 4_096
    private static let bytesMax = 1_024

    /// The number of a text; `make` tells what stands in a line for it, and its terms.
    mutating func look(
        at text: Span<UInt8>,
        _ make: (String) throws(EventError) -> (member: [UInt8], terms: [UInt32])
    ) throws(EventError) -> Int {
        if let number = table.find(text) { return number }
        let made = try make(String(copying: text))
        if table.count == Self.textsMax || text.count > Self.bytesMax { removeAll() }
        let number = table.number(of: text)
        members.append(made.member)
        allTerms.append(made.terms)
        return number
    }

    func member(_ number: Int) -> [UInt8] { members[number] }

    func terms(_ number: Int) -> [UInt32] { allTerms[number] }

    private mutating func removeAll() {
        table.removeAll()
        members.removeAll(keepingCapacity: true)
        allTerms.removeAll(keepingCapacity: true)
    }
}
