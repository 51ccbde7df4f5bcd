internal import Merkle

/// Up to 256 consecutive events that no index has yet, with what is known of each.
///
/// A full unit never changes again, so that it can be handed to another thread as it is.
struct PendingUnit: Sendable {
    private(set) var events: [PendingEvent] = []
    /// The leaves so far; of a full unit, its one subtree.
    private(set) var tree = CompactRange()
    /// Bytes of all its events once decoded, for the limit of a block.
    private(set) var decodedByteCount = 0
    /// The columns of a unit that stands in a block already.
    var subframe: Subframe?

    init() { events.reserveCapacity(LogLimits.subframeEvents) }

    var isFull: Bool { events.count == LogLimits.subframeEvents }

    mutating func append(_ event: PendingEvent, _ leafHash: Hash) {
        events.append(event)
        tree.append(leaf: leafHash, nodeHash: Tree.nodeHash(of:_:))
        decodedByteCount += event.decodedByteCount
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
    /// Places of the events behind `first`, by their identifiers.
    private var places = NumberTable()

    init(first: UInt64) {
        self.first = first
        end = first
    }

    /// Adds the event that follows; answers the root of the unit that is full with it.
    mutating func append(_ event: PendingEvent, _ leafHash: Hash) -> Hash? {
        if units.last?.isFull ?? true { units.append(PendingUnit()) }
        places.insert(Int(end - first), event.sent.id.keyedHash)
        let last = units.count - 1
        units[last].append(event, leafHash)
        end += 1
        return units[last].isFull ? units[last].tree.root : nil
    }

    /// The leaves behind the last full unit.
    var openLeaves: CompactRange {
        guard let last = units.last, !last.isFull else { return CompactRange() }
        return last.tree
    }

    subscript(position: UInt64) -> PendingEvent { event(atPlace: Int(position - first)) }

    private func event(atPlace place: Int) -> PendingEvent {
        units[place / LogLimits.subframeEvents].events[place % LogLimits.subframeEvents]
    }

    /// The event with this identifier, where it is among them.
    func event(_ id: EventID) -> PendingEvent? { place(of: id).map { event(atPlace: $0) } }

    func contains(_ id: EventID) -> Bool { place(of: id) != nil }

    private func place(of id: EventID) -> Int? {
        places.number(id.keyedHash) { event(atPlace: $0).sent.id == id }
    }

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
        units.removeFirst(count)
        first = position
        // All places are other ones now.
        places.removeAll()
        for (place, event) in units.lazy.flatMap(\.events).enumerated() {
            places.insert(place, event.sent.id.keyedHash)
        }
    }

    /// The newest event behind `after` that the query matches.
    func newestMatch(of query: PreparedQuery, after: UInt64?) -> Event? {
        let lowest = max(first, positionBehind(after))
        var position = end
        while position > lowest {
            position -= 1
            let pending = self[position]
            guard query.mayMatch(pending.sent.terms) else { continue }
            let event = pending.event
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
                tags: item.tags.map(TermHash.of(tag:)),
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
