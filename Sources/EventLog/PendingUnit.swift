internal import Merkle

/// Up to 256 consecutive events that no index has yet, with what is known of each.
///
/// A full unit never changes again, so that it can be handed to another thread as it is.
struct PendingUnit: Sendable {
    private(set) var events: [Event] = []
    /// The leaves so far; of a full unit, its one subtree.
    private(set) var tree = CompactRange()
    private(set) var terms: [EventTerms] = []
    /// The columns of a unit that stands in a block already.
    var subframe: Subframe?

    init() {
        events.reserveCapacity(LogLimits.subframeEvents)
        terms.reserveCapacity(LogLimits.subframeEvents)
    }

    var isFull: Bool { events.count == LogLimits.subframeEvents }

    mutating func append(_ event: Event, _ leafHash: Hash, _ terms: EventTerms) {
        events.append(event)
        tree.append(leaf: leafHash)
        self.terms.append(terms)
    }

    /// Bytes of envelopes and data once decoded, for the limit of a block.
    ///
    /// Long data count too, though a block only refers to them: whoever works on a block has them
    /// all in memory.
    var decodedByteCount: Int {
        events.indices.reduce(0) {
            $0 + events[$1].decodedByteCount + events[$1].externalByteCount
        }
    }
}

/// The events that no index has yet, and who they are.
///
/// They are what a look-up finds without the runs: those of short blocks and those of the tail.
struct PendingEvents: Sendable {
    /// Units from `first` on; all but the last are full.
    private(set) var units: [PendingUnit] = []
    /// The first position, a multiple of 256.
    private(set) var first: UInt64
    private(set) var end: UInt64
    private var positions: [EventID: UInt64] = [:]

    init(first: UInt64) {
        self.first = first
        end = first
    }

    /// Adds the event that follows; answers the root of the unit that is full with it.
    mutating func append(_ event: Event, _ leafHash: Hash, _ terms: EventTerms) -> Hash? {
        if units.last?.isFull ?? true { units.append(PendingUnit()) }
        positions[event.id] = end
        let last = units.count - 1
        units[last].append(event, leafHash, terms)
        end += 1
        return units[last].isFull ? units[last].tree.root : nil
    }

    /// The leaves behind the last full unit.
    var openLeaves: CompactRange {
        guard let last = units.last, !last.isFull else { return CompactRange() }
        return last.tree
    }

    subscript(position: UInt64) -> Event {
        let offset = Int(position - first)
        return units[offset / LogLimits.subframeEvents].events[offset % LogLimits.subframeEvents]
    }

    /// The event with this identifier, where it is among them.
    func event(_ id: EventID) -> Event? { positions[id].map { self[$0] } }

    func contains(_ id: EventID) -> Bool { positions[id] != nil }

    /// Keeps the columns of units that now stand in blocks.
    mutating func remember(_ subframes: [Subframe], from position: UInt64) {
        let start = Int(position - first) / LogLimits.subframeEvents
        for (index, subframe) in subframes.enumerated() {
            units[start + index].subframe = subframe
        }
    }

    /// Lets go of the events before `position`, which the indexes have now.
    mutating func removeAll(before position: UInt64) {
        let count = Int(position - first) / LogLimits.subframeEvents
        guard count > 0 else { return }
        for unit in units[..<count] {
            for index in unit.events.indices { positions[unit.events[index].id] = nil }
        }
        units.removeFirst(count)
        first = position
    }

    /// The newest event behind `after` that the query matches.
    func newestMatch(of query: PreparedQuery, after: UInt64?) -> Event? {
        let lowest = max(first, positionBehind(after))
        var position = end
        while position > lowest {
            position -= 1
            let offset = Int(position - first)
            let unit = offset / LogLimits.subframeEvents
            let index = offset % LogLimits.subframeEvents
            guard query.mayMatch(units[unit].terms[index]) else { continue }
            let event = units[unit].events[index]
            if query.query.matches(event) { return event }
        }
        return nil
    }
}

/// The first position behind `after`, or behind nothing.
func positionBehind(_ after: UInt64?) -> UInt64 {
    // Behind the greatest of all numbers there is no position, and so nothing is missed.
    after.map { $0 == .max ? $0 : $0 + 1 } ?? 0
}

/// A query with the hashes of its terms, so that most events are passed over by comparing numbers.
struct PreparedQuery: Sendable {
    let query: EventQuery
    let items: [Terms]

    struct Terms: Sendable {
        let types: [UInt32]
        let tags: [UInt32]
        let stream: UInt32?
    }

    init(_ query: EventQuery) {
        self.query = query
        items = query.items.map { item in
            Terms(
                types: item.types.map(TermHash.of(type:)),
                tags: item.tags.map { TermHash.of(tag: $0.text[...]) },
                stream: item.stream.map(TermHash.of(stream:)))
        }
    }

    func mayMatch(_ terms: EventTerms) -> Bool {
        items.contains { item in
            if let stream = item.stream, stream != terms.stream { return false }
            if !item.types.isEmpty, !item.types.contains(terms.type) { return false }
            return item.tags.allSatisfy(terms.tags.contains)
        }
    }
}

extension Event {
    /// Bytes of the envelope and of inline data once decoded, for the limit of a block.
    var decodedByteCount: Int {
        let envelope =
            64 + type.text.utf8.count + stream.text.utf8.count + tags.joined.utf8.count
            + source.text.utf8.count + attributes.fragment.utf8.count
        return envelope + data.byteCount - externalByteCount
    }

    /// Bytes of data that a block keeps as a value of their own.
    var externalByteCount: Int {
        data.byteCount > LogLimits.inlineDataBytesMax ? data.byteCount : 0
    }
}
