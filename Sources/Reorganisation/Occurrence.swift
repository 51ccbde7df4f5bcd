package import JSON

/// A queue of a simulation, by its place in the list of queues.
package struct QueueIndex: Hashable, Sendable {
    package let value: Int
    package init(_ value: Int) { self.value = value }
}

/// An operator of a simulation, by the place in the list of operators.
package struct OperatorIndex: Hashable, Sendable {
    package let value: Int
    package init(_ value: Int) { self.value = value }
}

/// The time in which an operator takes contacts, from `start` until before `end`.
package struct Shift: Hashable, Sendable {
    package var worker: OperatorIndex
    package var start: Instant
    package var end: Instant

    package init(worker: OperatorIndex, start: Instant, end: Instant) {
        self.worker = worker
        self.start = start
        self.end = end
    }
}

/// Something that a simulation says has happened.
package struct Occurrence: Hashable, Sendable {
    package let time: Instant
    package let kind: Kind

    package enum Kind: Hashable, Sendable {
        case received(ContactNeed)
        case selfServiceEnded(ContactNeed)
        case queued(ContactNeed)
        /// It has come to a queue where nobody can take it yet.
        case foundNobody(ContactNeed)
        /// It went over to the queue in which it is told of now.
        case overflowed(ContactNeed, from: QueueIndex)
        case gaveUpWaiting(ContactNeed)
        case connected(ContactNeed, OperatorIndex)
        /// The operator handed it on to the queue in which it is told of now.
        case handedOn(ContactNeed, OperatorIndex)
        case disconnected(ContactNeed, OperatorIndex)
        case afterWorkEnded(ContactNeed, OperatorIndex)
        case loggedIn(OperatorIndex)
        case loggedOut(OperatorIndex)
    }
}
