/// Contacts that wait, queue by queue in the order of their urgency.
package struct WaitingLines: Sendable {
    /// A contact's place in line: who has the lower one is more urgent.
    package struct Place: Comparable, Sendable {
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

    private var lines: [[Place]] = []

    package init() {}

    package mutating func insert(_ place: Place, in queue: Int) {
        while lines.count <= queue { lines.append([]) }
        lines[queue].insert(place, at: ahead(of: place, in: queue))
    }

    package mutating func remove(_ place: Place, of queue: Int) {
        lines[queue].remove(at: ahead(of: place, in: queue))
    }

    /// How many in the queue are more urgent.
    package func ahead(of place: Place, in queue: Int) -> Int {
        guard queue < lines.count else { return 0 }
        // Most come last, and go as the first.
        guard let first = lines[queue].first, let last = lines[queue].last, first < place else {
            return 0
        }
        guard place < last || place == last else { return lines[queue].count }
        var (low, high) = (0, lines[queue].count)
        while low < high {
            let middle = (low + high) / 2
            if lines[queue][middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// How many wait in a queue.
    package func count(in queue: Int) -> Int { queue < lines.count ? lines[queue].count : 0 }

    /// The one in a queue before whom so many are more urgent.
    package func place(_ ahead: Int, in queue: Int) -> Place { lines[queue][ahead] }

    /// Those of all queues, the most urgent first.
    var inOrder: [Place] {
        let lines = lines.filter { !$0.isEmpty }
        return lines.count == 1 ? lines[0] : lines.joined().sorted()
    }
}

extension RoutingPlan.Policy {
    /// Where a contact stands in line that has waited since a moment, with points of priority.
    package func place(
        of contact: Int, since seniority: Int64, points: Int64, order: UInt64
    ) -> WaitingLines.Place {
        let (worth, isBeyond) = points.multipliedReportingOverflow(by: setting.pointUs)
        let earlier = isBeyond ? (points < 0 ? .max : -.max) : -worth
        return WaitingLines.Place(
            since: later(seniority, by: earlier), order: order, contact: contact)
    }
}
