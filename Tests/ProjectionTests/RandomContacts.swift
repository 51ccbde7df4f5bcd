internal import ContactCentre
internal import Foundation
internal import JSON
internal import TestSupport

/// A contact of chance, known from the outside: what the oracle counts, and the events of it.
struct RandomContact {
    struct Visit {
        var queue: String
        var queued: Instant
        var left: Instant?
        var reason: LeaveReason?
        var talks: [Talk] = []
        /// How precisely its ends are told.
        var precisions: [OccurredPrecision?] = []

        var isCoarse: Bool { precisions.contains { $0 == .minute || $0 == .day } }

        /// Nil where it cannot be known.
        var wait: Int64? {
            guard !isCoarse, let left, left >= queued else { return nil }
            return left.microseconds - queued.microseconds
        }
    }

    struct Talk {
        var operatorName: String?
        var connected: Instant
        var disconnected: Instant?
        var afterWorkEnded: Instant?
        var precisions: [OccurredPrecision?] = []

        var isCoarse: Bool { precisions.contains { $0 == .minute || $0 == .day } }

        var handle: Int64? {
            guard !isCoarse, let disconnected, disconnected >= connected else { return nil }
            let end = afterWorkEnded ?? disconnected
            guard end >= disconnected else { return nil }
            return end.microseconds - connected.microseconds
        }
    }

    enum Arrival {
        case told
        case untold
    }

    var stream: String
    var zone: String?
    var asked: String?
    var arrival: Arrival
    var received: Instant
    var stage: AbandonmentStage?
    var visits: [Visit] = []
    var told: [Told] = []
}

/// Makes contacts with transfers, backward and missing times, and waits over midnight.
struct ContactMaker {
    var numbers: SeededNumbers
    let zones: [String]
    var queues = ["anagrafe", "desk", "tributi"]
    var operators: [String?] = ["anna", "bruno", "carla", nil]

    init(seed: UInt64, zones: [String] = []) {
        numbers = SeededNumbers(seed: seed)
        self.zones = zones
    }

    /// Contacts that arrive within five days from `start` on.
    mutating func contacts(_ count: Int, from start: Instant) -> [RandomContact] {
        (0..<count).map { number in
            let arrival = start.plus(seconds: .random(in: 0..<432_000, using: &numbers))
            return contact("contact/\(number)", at: Instant(microseconds: arrival.microseconds))
        }
    }

    private mutating func contact(_ stream: String, at received: Instant) -> RandomContact {
        var contact = RandomContact(
            stream: stream, zone: zones.randomElement(using: &numbers),
            asked: numbers.happens(oneIn: 3) ? nil : pick(queues),
            arrival: numbers.happens(oneIn: 25) ? .untold : .told, received: received)
        if contact.arrival == .untold { contact.zone = nil }
        var clock = received
        if contact.arrival == .told {
            tell(
                &contact,
                .received(
                    ContactEvent.Received(
                        channel: .phone, direction: .incoming,
                        queue: contact.asked.flatMap { QueueID($0) }, zone: contact.zone)),
                clock)
        }
        let visits = [0, 1, 1, 1, 1, 1, 2, 3].randomElement(using: &numbers) ?? 1
        if visits == 0, !numbers.happens(oneIn: 4) {
            contact.stage = .selfService
            clock = clock.plus(seconds: 30)
            tell(&contact, .abandoned(.selfService), clock)
        }
        for number in 0..<visits {
            visit(&contact, &clock, isLast: number == visits - 1 ? .last : .before)
        }
        return contact
    }

    private enum Place {
        case before
        case last
    }

    private mutating func visit(
        _ contact: inout RandomContact, _ clock: inout Instant, isLast place: Place
    ) {
        clock = clock.plus(seconds: .random(in: 0..<40, using: &numbers))
        var visit = RandomContact.Visit(queue: pick(queues), queued: clock)
        guard let queue = QueueID(visit.queue) else { return }
        visit.precisions.append(
            tell(&contact, .queued(ContactEvent.Queued(queue: queue)), clock))
        if place == .last, numbers.happens(oneIn: 15) {
            contact.visits.append(visit)
            return
        }
        let left = clock.plus(seconds: randomWait())
        let reason: LeaveReason =
            switch Int.random(in: 0..<10, using: &numbers) {
            case 0..<6: .answered
            case 6..<9: .abandoned
            default: .overflowed
            }
        (visit.left, visit.reason) = (left, reason)
        visit.precisions.append(
            tell(
                &contact, .leftQueue(ContactEvent.LeftQueue(queue: queue, reason: reason)), left))
        clock = max(clock, left)
        if reason == .answered {
            let talks = [0, 1, 1, 1, 1, 2].randomElement(using: &numbers) ?? 1
            for _ in 0..<talks { visit.talks.append(talk(&contact, &clock)) }
        }
        contact.visits.append(visit)
    }

    private mutating func randomWait() -> Double {
        switch Int.random(in: 0..<20, using: &numbers) {
        case 0: -Double.random(in: 0..<50, using: &numbers)
        case 1: 0
        case 2: Double.random(in: 0..<900_000, using: &numbers)
        case 3: Double.random(in: 0..<100_000, using: &numbers)
        default: Double.random(in: 0..<90, using: &numbers).rounded()
        }
    }

    private mutating func talk(
        _ contact: inout RandomContact, _ clock: inout Instant
    ) -> RandomContact.Talk {
        let name = pick(operators)
        var talk = RandomContact.Talk(operatorName: name, connected: clock)
        talk.precisions.append(
            tell(&contact, .connected(name.flatMap { OperatorID($0) }), clock))
        guard !numbers.happens(oneIn: 12) else { return talk }
        let end = clock.plus(seconds: .random(in: -10..<300, using: &numbers))
        talk.disconnected = end
        let isTransfer = numbers.happens(oneIn: 4)
        talk.precisions.append(
            tell(&contact, isTransfer ? .transferred(.blind) : .disconnected(by: nil), end))
        clock = max(clock, end)
        if numbers.happens(oneIn: 3) {
            let done = end.plus(seconds: .random(in: -2..<60, using: &numbers))
            talk.afterWorkEnded = done
            talk.precisions.append(tell(&contact, .afterWorkEnded(nil), done))
            clock = max(clock, done)
        }
        return talk
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &numbers)]
    }

    /// Tells an event, and how precisely its time is known, which is mostly not said.
    @discardableResult
    private mutating func tell(
        _ contact: inout RandomContact, _ event: ContactEvent, _ moment: Instant
    ) -> OccurredPrecision? {
        let precision =
            numbers.happens(oneIn: 12)
            ? OccurredPrecision.allCases.randomElement(using: &numbers) : nil
        contact.told.append(
            Told(stream: contact.stream, event: event, time: moment, precision: precision))
        return precision
    }
}

extension [RandomContact] {
    /// All events; each contact's keep their order, even where its clock runs backward.
    func inOrderOfTime() -> [Told] {
        var keyed: [(key: Int64, told: Told)] = []
        for contact in self {
            var latest = Int64.min
            for told in contact.told {
                latest = Swift.max(latest, told.time.microseconds)
                keyed.append((latest, told))
            }
        }
        return keyed.enumerated().sorted {
            ($0.element.key, $0.offset) < ($1.element.key, $1.offset)
        }.map(\.element.told)
    }

    /// All events in an order of chance in which each contact's keep theirs.
    func shuffled(by numbers: inout SeededNumbers) -> [Told] {
        var turns = enumerated().flatMap { index, contact in
            Array<Int>(repeating: index, count: contact.told.count)
        }
        turns.shuffle(using: &numbers)
        var next = [Int](repeating: 0, count: count)
        return turns.map { index in
            defer { next[index] += 1 }
            return self[index].told[next[index]]
        }
    }
}
