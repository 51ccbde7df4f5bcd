/// Contacts that wait, queue by queue in the order of their urgency.
package struct WaitingLines: Sendable {
    /// A contact's place in line: who has the lower one is more urgent.
    package struct Place: Codable, Comparable, Sendable {
        /// When it began to wait, earlier by what its points are worth.
        ///
        /// What everybody gains by waiting is left out, so places stay as they are.
        let since: Int64
        /// The position of what queued it; no two have the same.
        let order: UInt64
        /// The number that the contact has where the lines are kept.
        package let contact: Int

        package static func < (left: Place, right: Place) -> Bool {
            (left.since, left.order) < (right.since, right.order)
        }

        package static func == (left: Place, right: Place) -> Bool { left.order == right.order }
    }

    private var lines: [Line] = []

    /// Those of one queue.
    ///
    /// Most come last and go first, which moves nobody else.
    private struct Line {
        private var places: [Place] = []
        /// The place of the first one; those before it have gone.
        private var first = 0

        var waiting: ArraySlice<Place> { places[first...] }
        var count: Int { places.count - first }

        subscript(_ ahead: Int) -> Place { places[first + ahead] }

        /// How many are more urgent.
        func ahead(of place: Place) -> Int {
            let count = count
            guard count > 0, self[0] < place else { return 0 }
            let last = self[count - 1]
            guard place < last || place == last else { return count }
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if self[middle] < place { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// Most come last.
        mutating func insert(_ place: Place) {
            guard let last = places.last, first < places.count, place < last else {
                places.append(place)
                return
            }
            places.insert(place, at: first + ahead(of: place))
        }

        /// Most go first.
        mutating func remove(_ place: Place) {
            guard self[0] == place else {
                places.remove(at: first + ahead(of: place))
                return
            }
            first += 1
            // Who has gone takes no more room than who waits.
            guard first > count else { return }
            places.removeFirst(first)
            first = 0
        }
    }

    package init() {}

    package mutating func insert(_ place: Place, in queue: Int) {
        if lines.count <= queue { makeRoom(queue) }
        lines[queue].insert(place)
    }

    private mutating func makeRoom(_ queue: Int) {
        while lines.count <= queue { lines.append(Line()) }
    }

    package mutating func remove(_ place: Place, of queue: Int) { lines[queue].remove(place) }

    /// How many in the queue are more urgent.
    package func ahead(of place: Place, in queue: Int) -> Int {
        queue < lines.count ? lines[queue].ahead(of: place) : 0
    }

    /// How many wait in a queue.
    package func count(in queue: Int) -> Int { queue < lines.count ? lines[queue].count : 0 }

    /// The one in a queue before whom so many are more urgent; nil where no more wait.
    package func place(_ ahead: Int, in queue: Int) -> Place? {
        guard queue < lines.count, ahead < lines[queue].count else { return nil }
        return lines[queue][ahead]
    }

    /// Those of all queues, the most urgent first.
    var inOrder: [Place] {
        let lines = lines.filter { $0.count > 0 }
        return lines.count == 1 ? Array(lines[0].waiting) : lines.flatMap(\.waiting).sorted()
    }
}

/// What a point of priority is worth in waiting.
package struct PointWorth: Sendable {
    private let us: Int64

    package init(_ policy: RoutingPlan.Policy) { us = policy.setting.pointUs }

    /// Where a contact stands in line that has waited since a moment, with points of priority.
    package func place(
        of contact: Int, since seniority: Int64, points: Int64, order: UInt64
    ) -> WaitingLines.Place {
        let (worth, isBeyond) = points.multipliedReportingOverflow(by: us)
        let earlier = isBeyond ? (points < 0 ? .max : -.max) : -worth
        return WaitingLines.Place(
            since: later(seniority, by: earlier), order: order, contact: contact)
    }
}
