/// The contacts that wait, queue by queue in the order of their urgency.
struct WaitingLines: Sendable {
    /// A contact's place in line: who has the lower one is more urgent.
    struct Place: Comparable, Sendable {
        /// When it began to wait, earlier by what its points are worth. What everybody gains by
        /// waiting is left out, so places stay as they are.
        let since: Int64
        /// The position of what queued it; no two have the same.
        let order: UInt64
        let stream: ExactText

        static func < (left: Place, right: Place) -> Bool {
            (left.since, left.order) < (right.since, right.order)
        }
    }

    private var lines: [[Place]] = []

    init() {}

    mutating func insert(_ place: Place, in queue: Int) {
        while lines.count <= queue { lines.append([]) }
        lines[queue].insert(place, at: ahead(of: place, in: queue))
    }

    mutating func remove(_ place: Place, of queue: Int) {
        lines[queue].remove(at: ahead(of: place, in: queue))
    }

    /// How many in the queue are more urgent.
    func ahead(of place: Place, in queue: Int) -> Int {
        var (low, high) = (0, lines[queue].count)
        while low < high {
            let middle = (low + high) / 2
            if lines[queue][middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Those of all queues, the most urgent first.
    var inOrder: [Place] {
        let lines = lines.filter { !$0.isEmpty }
        return lines.count == 1 ? lines[0] : lines.joined().sorted()
    }
}
