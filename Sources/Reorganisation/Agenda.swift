/// What is still to happen in a simulation, the earliest first.
///
/// Entries at one moment come out by their rank, then by their entity, then in the order in which
/// they went in: nothing depends on how the heap happens to lie. Logarithmic in its size.
package struct Agenda<Entry> {
    fileprivate struct Item {
        /// In µs since 1970.
        let time: Int64
        let entity: UInt64
        let number: UInt64
        let entry: Entry
        let rank: UInt8
    }

    private var heap: [Item] = []
    private var added: UInt64 = 0
    /// Whether the first one has been taken and still lies in its place.
    ///
    /// Most of what happens plans something: that takes the place at once, and nothing else moves.
    private var isFirstTaken = false

    package init() {}

    /// The moment of the next entry, in µs since 1970; nil where nothing is left.
    package var nextTime: Int64? {
        guard isFirstTaken else { return heap.isEmpty ? nil : heap[0].time }
        switch heap.count {
        case 1: return nil
        case 2: return heap[1].time
        default: return min(heap[1].time, heap[2].time)
        }
    }

    package mutating func add(_ entry: Entry, at time: Int64, rank: UInt8, entity: UInt64) {
        let item = Item(time: time, entity: entity, number: added, entry: entry, rank: rank)
        added += 1
        guard !isFirstTaken else {
            isFirstTaken = false
            return sink(item)
        }
        heap.append(item)
        var hole = heap.count - 1
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard item.precedes(heap[parent]) else { break }
            heap[hole] = heap[parent]
            hole = parent
        }
        heap[hole] = item
    }

    package mutating func popFirst() -> (time: Int64, entry: Entry)? {
        if isFirstTaken {
            isFirstTaken = false
            let last = heap.removeLast()
            if !heap.isEmpty { sink(last) }
        }
        guard !heap.isEmpty else { return nil }
        isFirstTaken = true
        return (heap[0].time, heap[0].entry)
    }

    /// Puts `item` in the place of the first one and restores the order of the heap.
    private mutating func sink(_ item: Item) {
        var hole = 0
        let count = heap.count
        while true {
            var child = 2 * hole + 1
            guard child < count else { break }
            if child + 1 < count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(item) else { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = item
    }
}

extension Agenda.Item {
    fileprivate func precedes(_ other: Self) -> Bool {
        if time != other.time { return time < other.time }
        if rank != other.rank { return rank < other.rank }
        return entity != other.entity ? entity < other.entity : number < other.number
    }
}
