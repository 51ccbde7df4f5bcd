internal import ContactCentre
package import JSON

/// The number of a contact, unique in a simulation.
package struct ContactNumber: Hashable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
}

/// What a contact brings along, whatever the centre does with it.
package struct ContactNeed: Hashable, Sendable {
    package var number: ContactNumber
    package var queue: QueueIndex
    package var arrival: Instant
    /// Nil where the citizen queues at once.
    package var selfService: SelfService?
    /// How long the citizen waits for an operator; nil means for ever.
    package var patienceUs: Int64?
    package var talkUs: Int64
    package var afterWorkUs: Int64
    /// By the numbers of routing.
    package var channel = RoutingNames.channel(.phone)
    /// Points of its own, and those that rules give it.
    package var priority: Int64 = 0
    /// How many queues it has left for another one.
    package var moves = 0
    /// What the caller knows it by, beside the number.
    package var origin = 0

    package struct SelfService: Hashable, Sendable {
        package var durationUs: Int64
        package var ending: Ending

        package enum Ending: Hashable, Sendable {
            case toOperator
            case hungUp
            /// The citizen needs nobody any more.
            case contained
        }

        package init(durationUs: Int64, ending: Ending) {
            self.durationUs = durationUs
            self.ending = ending
        }
    }

    package init(
        number: ContactNumber, queue: QueueIndex, arrival: Instant, selfService: SelfService?,
        patienceUs: Int64?, talkUs: Int64, afterWorkUs: Int64
    ) {
        self.number = number
        self.queue = queue
        self.arrival = arrival
        self.selfService = selfService
        self.patienceUs = patienceUs
        self.talkUs = talkUs
        self.afterWorkUs = afterWorkUs
    }
}

extension ContactNeed {
    /// Whether it comes first.
    func precedes(_ other: ContactNeed) -> Bool {
        let (own, others) = (arrival.microseconds, other.arrival.microseconds)
        return own != others ? own < others : number.value < other.number.value
    }
}
