internal import JSON
package import Merkle
internal import Storage

/// What a check needs to know of one unit once its events have been looked at.
struct CheckedUnit: Sendable {
    let first: UInt64
    let count: Int
    /// Nil for the last unit where it is not whole.
    let root: Hash?
    /// Only where the unit is not whole, or the head file remembers a size within it.
    let leaves: [Hash]
    let recorded: (first: Instant, last: Instant)
    /// Events that were recorded before their forerunner in this unit.
    let late: [UInt64]
    let streams: [StreamSteps]
    /// What the identifiers are compared by, in their order.
    let identifiers: [UInt64]
    /// Data that are values of their own where the unit is in a block.
    let payloads: Int
    let bounds: TimeBounds
    let terms: UnitTerms

    /// Events of one stream whose revisions follow each other.
    struct StreamSteps: Sendable {
        let stream: Fingerprint
        let position: UInt64
        let revision: UInt64
        let count: UInt64
    }

    /// A number that equal identifiers share.
    static func identifier(_ id: EventID) -> UInt64 {
        (id.high ^ id.low &* 31) &* 0x9E37_79B9_7F4A_7C15
    }

    static func root(of leaves: [Hash]) -> Hash? {
        leaves.count == LogLimits.subframeEvents ? Tree.perfectRoot(leaves[...]) : nil
    }

    static func isWithin(_ size: UInt64?, first: UInt64, count: Int) -> KeptLeaves {
        guard count == LogLimits.subframeEvents else { return .all }
        guard let size, size > first, size < first + UInt64(count) else { return .none }
        return .all
    }

    /// Whether the leaf hashes are still wanted when their root is known.
    enum KeptLeaves {
        case all
        case none
    }
}

/// The terms of one unit, as an index knows them.
struct UnitTerms: Sendable {
    let ids: [UInt32]
    /// Distinct and sorted, as the next.
    let streams: [UInt32]
    let tags: [UInt32]

    init(ids: [UInt32], streams: [UInt32], tags: [UInt32]) {
        self.ids = ids
        self.streams = streams.distinct()
        self.tags = tags.distinct()
    }
}

extension [UInt32] {
    /// The numbers in their order, each once.
    func distinct() -> [UInt32] {
        var distinct: [UInt32] = []
        distinct.reserveCapacity(count)
        for number in sorted() where distinct.last != number { distinct.append(number) }
        return distinct
    }
}

// Event by event, for the tail and wherever the columns leave a doubt.
extension CheckedUnit {
    /// Reads the line of every event again.
    ///
    /// - Throws: ``Corruption`` at the first event whose line does not say it.
    init(_ events: [Event], remembered: UInt64?) throws(Corruption) {
        var leaves: [Hash] = []
        var late: [UInt64] = []
        var streams: [StreamSteps] = []
        var payloads = 0
        var last = events[0].recorded
        for event in events {
            try Self.checkLine(of: event)
            leaves.append(Tree.leafHash(event.leaf))
            let position = event.position.value
            if event.recorded < last { late.append(position) }
            last = event.recorded
            streams.append(
                StreamSteps(
                    stream: event.stream.text.utf8Span.span.fingerprint, position: position,
                    revision: event.revision.value, count: 1))
            if event.data.byteCount > LogLimits.inlineDataBytesMax { payloads += 1 }
        }
        first = events[0].position.value
        count = events.count
        root = Self.root(of: leaves)
        let kept = Self.isWithin(remembered, first: first, count: count)
        self.leaves = kept == .all ? leaves : []
        recorded = (events[0].recorded, last)
        self.late = late
        self.streams = streams
        identifiers = events.map { Self.identifier($0.id) }
        self.payloads = payloads
        bounds = TimeBounds(of: events[...])
        let terms = events.map(EventTerms.init(of:))
        self.terms = UnitTerms(
            ids: terms.map(\.id), streams: terms.map(\.stream),
            tags: terms.flatMap { [$0.type] + $0.tags })
    }

    private static func checkLine(of event: Event) throws(Corruption) {
        let writable = Instant.earliest...Instant.latest
        guard writable.contains(event.recorded), writable.contains(event.occurred)
        else { throw Corruption(at: event.position.value, "no text can say one of its times") }
        let read: Event
        do throws(EventError) {
            read = try Event(line: event.line[...])
        } catch {
            throw Corruption(at: event.position.value, "the line is not valid: \(error)")
        }
        guard read == event else {
            throw Corruption(at: event.position.value, "the line does not say the event")
        }
    }
}

// From the columns, each distinct text looked at once.
extension CheckedUnit {
    /// The unit where its columns leave no doubt that the line of every event says it; otherwise
    /// nil, and the events have to be looked at one by one.
    init?(_ columns: EventColumns, remembered: UInt64?, _ writer: inout LeafWriter) {
        guard columns.areTimesWritable, let texts = CheckedTexts(columns) else { return nil }
        writer.begin(columns)
        var leaves: [Hash] = []
        leaves.reserveCapacity(columns.count)
        var payloads = 0
        for place in 0..<columns.count {
            guard let data = columns.certainData(place) else { return nil }
            if data.count > LogLimits.inlineDataBytesMax { payloads += 1 }
            let dataHash = columns.flags[place].contains(.absent) ? Tree.emptyRoot : Hash(of: data)
            leaves.append(writer.leafHash(place, dataHash, columns, texts))
        }
        first = columns.first.value
        count = columns.count
        root = Self.root(of: leaves)
        let kept = Self.isWithin(remembered, first: first, count: count)
        self.leaves = kept == .all ? leaves : []
        let moments = columns.times.recorded
        recorded = (columns.recorded(0), columns.recorded(count - 1))
        var late: [UInt64] = []
        for place in 1..<count where moments[place] < moments[place - 1] {
            late.append(first + UInt64(place))
        }
        self.late = late
        streams = texts.steps
        var identifiers: [UInt64] = []
        var ids: [UInt32] = []
        identifiers.reserveCapacity(count)
        ids.reserveCapacity(count)
        for place in 0..<count {
            let id = columns.ids[place]
            identifiers.append(Self.identifier(id))
            ids.append(TermHash.of(id))
        }
        self.identifiers = identifiers
        self.payloads = payloads
        bounds = columns.timeBounds
        terms = UnitTerms(ids: ids, streams: texts.streamTerms, tags: texts.tagTerms)
    }
}

extension EventColumns {
    /// Whether RFC 3339 can write all times.
    fileprivate var areTimesWritable: Bool {
        let range = Instant.earliest.microseconds...Instant.latest.microseconds
        return times.recorded.allSatisfy(range.contains)
            && times.occurred.allSatisfy(range.contains)
    }

    fileprivate var timeBounds: TimeBounds {
        let (first, last) = (times.recorded[0], times.recorded[count - 1])
        return TimeBounds(
            occurred: (times.occurred.min() ?? first)...(times.occurred.max() ?? first),
            recorded: first...max(first, last))
    }

    /// The data of an event where they certainly read as they were written; nil for any doubt.
    fileprivate func certainData(_ place: Int) -> ArraySlice<UInt8>? {
        let flags = flags[place]
        if flags.contains(.removed) { return nil }
        let content: ArraySlice<UInt8>
        if flags.contains(.external) {
            guard let bytes = external[place] else { return nil }
            content = bytes[...]
        } else {
            guard let data else { return nil }
            content = bytes[data.range(place)]
        }
        guard content.count <= EventLimits.dataBytesMax else { return nil }
        // Neither empty data nor any with white space around them read as they are.
        if flags.contains(.absent) { return content.isEmpty ? content : nil }
        guard let first = content.first, let last = content.last else { return nil }
        if flags.contains(.bytes) { return content }
        guard first > 0x20, last > 0x20, (try? checkJSON(content)) != nil,
            !content.contains(where: { $0 == 0x0A || $0 == 0x0D })
        else { return nil }
        return content
    }
}

extension EventColumns {
    /// The leaf hashes, once everything has been looked at that a check finds in events alone.
    ///
    /// - Throws: ``Corruption`` at the first event whose line does not say it.
    package func checkedLeaves() throws(Corruption) -> [Hash] {
        var writer = LeafWriter()
        if let unit = CheckedUnit(self, remembered: first.value + 1, &writer) { return unit.leaves }
        return try CheckedUnit(events(), remembered: first.value + 1).leaves
    }
}
