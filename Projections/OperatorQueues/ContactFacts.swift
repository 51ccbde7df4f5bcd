internal import ContactCentre
internal import JSON

/// What is known of one contact, as far as the figures need it.
///
/// Which visit or conversation an event belongs to is judged in stream order, never by clock.
struct ContactFacts: Equatable, Sendable {
    var zone: Name?
    /// The queue that was asked for on arrival.
    var queue: Name?
    var received: Instant?
    var gaveUpInSelfService = SelfServiceEnd.other
    var visits = Few<Visit>()
    var connections = Few<Connection>()

    enum SelfServiceEnd: Int64 {
        case other = 0
        case gaveUp = 1
    }

    /// One stay in a queue.
    struct Visit: Equatable, Sendable {
        var queue: Name
        /// Nil while only the end is known, which arrived first.
        var queued: Instant?
        var left: Instant?
        var ending: Ending?
        /// How precisely both ends are known.
        var timing = Timing.fine

        /// Nil where an end is known too coarsely, or where there is no ``span``.
        var wait: Int64? { timing == .fine ? span : nil }

        /// From one end to the other, however precisely they are known.
        ///
        /// Nil where an end is missing or where it is no ``plausible(_:)`` duration.
        var span: Int64? {
            guard let queued, let left else { return nil }
            return plausible(left.microseconds - queued.microseconds)
        }
    }

    /// How a visit ended, as far as the figures tell it apart.
    enum Ending: Int64 {
        case answered = 1
        case abandoned = 2
        case other = 3

        init(_ reason: LeaveReason) {
            switch reason {
            case .answered: self = .answered
            case .abandoned: self = .abandoned
            default: self = .other
            }
        }
    }

    /// One conversation with an operator.
    struct Connection: Equatable, Sendable {
        /// The number of visits, from 1, that the contact had had when it began.
        var visit: Int
        var `operator`: Name?
        var connected: Instant
        var disconnected: Instant?
        var afterWorkEnded: Instant?
        /// How precisely all of that is known.
        var timing = Timing.fine

        /// Conversation, hold and after-work.
        ///
        /// Nil where a part is missing or known too coarsely, or where a part or the whole is no
        /// ``plausible(_:)`` duration.
        var handle: Int64? {
            guard timing == .fine, let disconnected,
                let talk = plausible(disconnected.microseconds - connected.microseconds)
            else { return nil }
            guard let afterWorkEnded else { return talk }
            return plausible(afterWorkEnded.microseconds - disconnected.microseconds)
                .flatMap { plausible(talk + $0) }
        }
    }
}

extension ContactFacts {
    mutating func apply(_ reading: QueueReading, at moment: Instant) {
        let timing = reading.timing
        switch reading.event {
        case .received(let queue, let zone):
            guard received == nil else { return }
            received = moment
            self.queue = queue
            self.zone = zone
        case .queued(let queue): enter(queue, at: moment, timing)
        case .leftQueue(let queue, let ending): leave(queue, at: moment, timing, ending)
        case .abandonedInSelfService: gaveUpInSelfService = .gaveUp
        case .connected(let name):
            connections.append(
                Connection(
                    visit: visits.count, operator: name, connected: moment, timing: timing))
        case .notReached:
            // An operator left the queue with it, and nobody was answered.
            guard let last = visits.lastIndex(where: { $0.ending == .answered }),
                !connections.contains(where: { $0.visit > last })
            else { return }
            visits[last].ending = .other
        case .conversationEnded:
            // A citizen who hangs up in the queue disconnects too, without a conversation.
            guard let open = connections.lastIndex(where: { $0.disconnected == nil }) else {
                return
            }
            connections[open].disconnected = moment
            connections[open].timing = connections[open].timing.with(timing)
        case .afterWorkEnded(let name): endAfterWork(of: name, at: moment, timing)
        case .nothing: break
        }
    }

    /// Ends that of the operator's last conversation, or else of the last of which nobody knows
    /// whose it was; without a name, of the last.
    private mutating func endAfterWork(of name: Name?, at moment: Instant, _ timing: Timing) {
        func last(where isMeant: (Connection) -> Bool) -> Int? {
            connections.lastIndex {
                $0.disconnected != nil && $0.afterWorkEnded == nil && isMeant($0)
            }
        }
        let unnamed = last { name == nil || $0.operator == nil }
        guard let last = name.flatMap({ name in last { $0.operator == name } }) ?? unnamed else {
            return
        }
        connections[last].afterWorkEnded = moment
        connections[last].timing = connections[last].timing.with(timing)
    }

    private mutating func enter(_ queue: Name, at moment: Instant, _ timing: Timing) {
        if let index = visits.firstIndex(where: { $0.queued == nil && $0.queue == queue }) {
            visits[index].queued = moment
            visits[index].timing = visits[index].timing.with(timing)
        } else {
            visits.append(Visit(queue: queue, queued: moment, timing: timing))
        }
    }

    private mutating func leave(
        _ queue: Name, at moment: Instant, _ timing: Timing, _ ending: Ending
    ) {
        if let index = visits.lastIndex(where: { $0.ending == nil && $0.queue == queue }) {
            visits[index].left = moment
            visits[index].ending = ending
            visits[index].timing = visits[index].timing.with(timing)
        } else {
            visits.append(Visit(queue: queue, left: moment, ending: ending, timing: timing))
        }
    }
}

/// The duration, or nil where a clock must have been wrong.
///
/// It is negative where a clock ran backward, and longer than any contact where one was unset.
/// The bound also keeps sums far from what 64 bits hold: a quarter of a million whole years.
private func plausible(_ microseconds: Int64) -> Int64? {
    (0...OperatorQueues.durationMicrosecondsMax).contains(microseconds) ? microseconds : nil
}

/// A list that mostly has one element, which then needs no memory of its own.
struct Few<Element: Equatable & Sendable>: Equatable, Sendable, MutableCollection,
    RandomAccessCollection
{
    private var first: Element?
    private var others: [Element] = []

    var startIndex: Int { 0 }
    var endIndex: Int { first == nil ? 0 : 1 + others.count }

    subscript(index: Int) -> Element {
        get {
            if index == 0, let first { return first }
            return others[index - 1]
        }
        set {
            if index == 0 { first = newValue } else { others[index - 1] = newValue }
        }
    }

    mutating func append(_ element: Element) {
        if first == nil { first = element } else { others.append(element) }
    }
}
