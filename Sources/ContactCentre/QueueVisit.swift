/// How far one stay of a contact in a queue has come, from its beginning to leaving the queue.
///
/// The contact is offered to one operator at a time. Leaving the queue ends the offer, too: who
/// answers may do so without saying beforehand that they take it. Sources that do not tell when an
/// offer was made may tell how it came out.
package struct QueueVisit: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// Nobody has been asked, or nobody wanted it.
        case waiting
        case offered(OperatorID)
        /// The operator takes it; leaving the queue as answered comes next.
        case accepted(OperatorID)
        case left
    }

    /// What the contact waits for.
    package enum Purpose: Hashable, Sendable {
        case conversation
        /// That an operator calls the citizen.
        case callback
    }

    /// Nil where the beginning of the visit is not told.
    package let queue: QueueID?
    package let purpose: Purpose
    package private(set) var phase = Phase.waiting

    package init(in queue: QueueID?, for purpose: Purpose = .conversation) {
        self.queue = queue
        self.purpose = purpose
    }

    /// Moves on by an event of the visit.
    ///
    /// - Returns: The rule that the event breaks; it is taken to have happened all the same.
    package mutating func apply(_ event: ContactEvent) -> ContactState.Rule? {
        let before = phase
        switch event {
        case .offerMade(let offer):
            phase = .offered(offer.operator)
            return before == .waiting ? nil : .offeredWhileWaiting
        case .offerEnded(let end, let name):
            phase = end == .accepted ? .accepted(name) : .waiting
            switch before {
            case .offered(name), .waiting: return nil
            // What happened in between to phone or citizen, nobody answers for.
            case .accepted(name) where end == .rescinded: return nil
            case .offered, .accepted, .left: return .endsOwnOffer
            }
        case .leftQueue(let left):
            phase = .left
            if before == .left { return .leavesAfterQueued }
            return queue.map { left.queue == $0 } ?? true ? nil : .leavesSameQueue
        case .waitAnnounced: return before == .left ? .announcedWhileWaiting : nil
        case .received, .selfServiceEnded, .blocked, .queued, .callbackRequested,
            .callbackAttempted, .callbackReached, .callbackFailed, .callbackExpired, .abandoned,
            .connected, .held, .resumed, .transferred, .disconnected, .afterWorkEnded,
            .outcomeRecorded, .closed, .unknown:
            return nil
        }
    }
}
