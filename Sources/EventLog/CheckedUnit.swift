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
    /// The identifiers of all events, in their order.
    let ids: [EventID]
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

    static func root(of leaves: [Hash]) -> Hash? {
        leaves.count == LogLimits.subframeEvents ? Tree.unitRoot(leaves) : nil
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

/// The terms of one unit beside its identifiers, as an index knows them: distinct and sorted.
struct UnitTerms: Sendable {
    let streams: [UInt32]
    let tags: [UInt32]

    init(streams: [UInt32], tags: [UInt32]) {
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
            leaves.append(Tree.leafHash(of: event.leaf.span))
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
        ids = events.map(\.id)
        self.payloads = payloads
        bounds = TimeBounds(of: events[...])
        let terms = events.map(EventTerms.init(of:))
        self.terms = UnitTerms(
            streams: terms.map(\.stream),
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

/// Looks at units as columns, each distinct text and each of the data that repeat once.
struct ColumnsChecker: ~Copyable {
    private var texts = CheckedTexts()
    private var data = CheckedData()
    private var leaves = LeafWriter()

    /// The unit where its columns leave no doubt that the line of every event says it; otherwise
    /// nil, and the events have to be looked at one by one.
    mutating func check(_ columns: EventColumns, remembered: UInt64?) -> CheckedUnit? {
        guard texts.take(columns), data.take(columns) else { return nil }
        return CheckedUnit(
            columns, texts, leaves: leaves.hashes(of: columns, texts, data),
            payloads: data.payloads, remembered: remembered)
    }
}

extension CheckedUnit {
    fileprivate init(
        _ columns: EventColumns, _ texts: borrowing CheckedTexts, leaves: [Hash], payloads: Int,
        remembered: UInt64?
    ) {
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
        ids = (0..<count).map { columns.ids[$0] }
        self.payloads = payloads
        bounds = columns.timeBounds
        terms = UnitTerms(streams: texts.streamTerms, tags: texts.tagTerms)
    }
}

extension EventColumns {
    fileprivate var timeBounds: TimeBounds {
        let (first, last) = (times.recorded[0], times.recorded[count - 1])
        return TimeBounds(
            occurred: (times.occurred.min() ?? first)...(times.occurred.max() ?? first),
            recorded: first...max(first, last))
    }
}

/// What a check finds out from events alone, without the log around them.
package struct CheckedEvents {
    /// The leaf hashes.
    package private(set) var leaves: [Hash] = []
    /// Positions of events that may have the identifier of an earlier one.
    package let repeated: [(earlier: UInt64, later: UInt64)]
    /// Positions of events whose revisions do not follow those of their streams.
    package private(set) var misnumbered: [UInt64] = []

    /// Looks at neighbouring units one after the other.
    ///
    /// - Throws: ``Corruption`` at the first event whose line does not say it.
    package init(_ units: [EventColumns]) throws(Corruption) {
        var checker = ColumnsChecker()
        var identifiers = CheckedIdentifiers()
        var revisions = ExpectedRevisions()
        for columns in units {
            let remembered = columns.first.value + 1
            let unit: CheckedUnit
            if let checked = checker.check(columns, remembered: remembered) {
                unit = checked
            } else {
                unit = try CheckedUnit(columns.events(), remembered: remembered)
            }
            leaves += unit.leaves
            for steps in unit.streams where revisions.take(steps) != steps.revision {
                misnumbered.append(steps.position)
            }
            identifiers.append(CheckedIdentifiers.SharedOut([unit]))
        }
        repeated = identifiers.candidates()
    }
}
