/// How far one contact has come, and whether its next event may follow.
///
/// Received (or placed by an operator, and then connected at once), self-service any number of
/// times, queued, left the queue, connected, perhaps transferred and queued or connected again,
/// disconnected, after-work. Events are judged in the order of their stream, never by clock.
package struct ContactState: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// Nothing has happened yet.
        case absent
        case received
        /// An operator calls the citizen: the connection may come at once.
        case placed
        /// Self-service is over and the citizen wants an operator.
        case pastSelfService
        /// Self-service was enough.
        case contained
        /// The citizen hung up in self-service.
        case hungUp
        case waiting(QueueVisit)
        /// Left the queue because an operator answers; the connection comes next.
        case answered
        /// Left the queue because the citizen gave up.
        case gaveUp
        /// Left the queue for another reason, so that another queue may follow.
        case redirected
        case connected
        /// An operator handed it on, so that a queue or another operator may follow.
        case transferred
        /// The conversation is over; after-work may follow.
        case disconnected
        /// The citizen gave up before an operator; the line may still be closed.
        case abandoned
        /// The citizen gave up during the conversation, whose end comes next.
        case abandonedInConversation
        case over
    }

    package private(set) var phase: Phase

    /// A contact of which nothing is known.
    package init() { phase = .absent }

    /// Why an event may not stand where it stands in its stream.
    package enum Rule: String, CaseIterable, Hashable, Sendable {
        /// Nothing may come before `contact.received`.
        case receivedFirst = "received_first"
        case receivedOnce = "received_once"
        /// Self-service comes before the queue, or after leaving it without an answer.
        case selfServiceBeforeQueue = "self_service_before_queue"
        /// A contact waits in one queue at a time.
        case oneQueueAtATime = "one_queue_at_a_time"
        /// Only a contact without an operator, or one that is being transferred, is queued.
        case queuedWithoutOperator = "queued_without_operator"
        /// Only a contact that waits leaves a queue.
        case leavesAfterQueued = "leaves_after_queued"
        /// A contact leaves the queue that it waits in.
        case leavesSameQueue = "leaves_same_queue"
        /// Only a contact that waits is offered, to one operator at a time.
        case offeredWhileWaiting = "offered_while_waiting"
        /// Only the operator to whom a contact is offered accepts, declines or misses it.
        case endsOwnOffer = "ends_own_offer"
        /// A connection follows leaving a queue as answered, or a transfer, or a call of our own.
        case connectedAfterAnswered = "connected_after_answered"
        /// Only an operator who speaks with a contact transfers it.
        case transferredByOperator = "transferred_by_operator"
        /// The stage at which a contact is abandoned is where it stands.
        case abandonedWhereItStands = "abandoned_where_it_stands"
        /// A contact that waits or is being answered leaves that state before it ends.
        case endsOutsideQueue = "ends_outside_queue"
        /// After-work follows the end of a conversation, once, or a transfer.
        case afterWorkAfterConversation = "after_work_after_conversation"
        /// Nothing but what closes it follows the end of a contact.
        case nothingAfterEnd = "nothing_after_end"
    }

    package enum Verdict: Hashable, Sendable {
        case accepted
        case broken(Rule)
    }

    /// Judges `event` and moves on.
    ///
    /// An event that breaks a rule is taken to have happened all the same, so that one missing
    /// event is counted once and not for every event after it. Unknown events change nothing.
    package mutating func apply(_ event: ContactEvent) -> Verdict {
        let verdict = judge(event)
        phase = next(after: event)
        return verdict
    }

    private func judge(_ event: ContactEvent) -> Verdict {
        if case .unknown = event { return .accepted }
        if case .received = event {
            return phase == .absent ? .accepted : .broken(.receivedOnce)
        }
        if phase == .absent { return .broken(.receivedFirst) }
        if isOver(before: event) { return .broken(.nothingAfterEnd) }
        guard let rule = brokenRule(event) else { return .accepted }
        return .broken(rule)
    }

    private func isOver(before event: ContactEvent) -> Bool {
        switch phase {
        case .over: true
        case .contained, .abandoned, .abandonedInConversation: event.kind != .disconnected
        case .hungUp, .gaveUp: event.kind != .disconnected && event.kind != .abandoned
        case .disconnected: event.kind != .afterWorkEnded
        default: false
        }
    }

    private func brokenRule(_ event: ContactEvent) -> Rule? {
        switch event {
        case .received, .unknown: nil
        case .selfServiceEnded:
            mayBeServed ? nil : .selfServiceBeforeQueue
        case .queued(let queued): brokenRule(queued)
        case .leftQueue, .offerMade, .offerEnded: brokenRule(inVisit: event)
        case .abandoned(let stage):
            mayBeAbandoned(at: stage) ? nil : .abandonedWhereItStands
        case .connected: mayBeConnected ? nil : .connectedAfterAnswered
        case .transferred: phase == .connected ? nil : .transferredByOperator
        case .disconnected: isHeldByQueue ? .endsOutsideQueue : nil
        case .afterWorkEnded:
            phase == .disconnected || phase == .transferred ? nil : .afterWorkAfterConversation
        }
    }

    private var mayBeConnected: Bool {
        switch phase {
        case .answered, .transferred, .placed: true
        default: false
        }
    }

    private var mayBeServed: Bool {
        switch phase {
        case .received, .placed, .pastSelfService, .redirected: true
        default: false
        }
    }

    private var isHeldByQueue: Bool {
        switch phase {
        case .waiting, .answered: true
        default: false
        }
    }

    private func brokenRule(_ queued: ContactEvent.Queued) -> Rule? {
        switch phase {
        case .received, .placed, .pastSelfService, .redirected, .transferred: nil
        case .waiting: .oneQueueAtATime
        // The operator whom the queue had found did not answer.
        case .answered where queued.reason == .requeue: nil
        case .connected where queued.reason == .transfer: nil
        default: .queuedWithoutOperator
        }
    }

    private func brokenRule(inVisit event: ContactEvent) -> Rule? {
        guard case .waiting(var visit) = phase else {
            return event.kind == .leftQueue ? .leavesAfterQueued : .offeredWhileWaiting
        }
        return visit.apply(event)
    }

    private func mayBeAbandoned(at stage: AbandonmentStage) -> Bool {
        let isInSelfService = mayBeServed || phase == .hungUp
        return switch stage {
        case .selfService: isInSelfService
        case .queue, .chatSilent, .ticketWithdrawn: phase == .gaveUp
        case .ringing: phase == .gaveUp || mayBeConnected
        case .hold: phase == .connected
        case .other:
            isInSelfService || phase == .gaveUp || mayBeConnected || phase == .connected
        }
    }

    /// Whether the state behind an event depends on the one before it.
    static func dependsOnPast(behind event: ContactEvent) -> Bool {
        switch event {
        case .offerMade, .offerEnded, .abandoned, .disconnected, .afterWorkEnded, .unknown: true
        case .received, .selfServiceEnded, .queued, .leftQueue, .connected, .transferred: false
        }
    }

    private func next(after event: ContactEvent) -> Phase {
        switch event {
        case .received(let received): received.direction == .outgoing ? .placed : .received
        case .selfServiceEnded(.contained): .contained
        case .selfServiceEnded(.hungUp): .hungUp
        case .selfServiceEnded: .pastSelfService
        case .queued(let queued): .waiting(QueueVisit(in: queued.queue))
        case .leftQueue(let left):
            switch left.reason {
            case .answered: .answered
            case .abandoned: .gaveUp
            default: .redirected
            }
        case .offerMade, .offerEnded: next(inVisit: event)
        case .abandoned: phase == .connected ? .abandonedInConversation : .abandoned
        case .connected: .connected
        case .transferred: .transferred
        case .disconnected:
            phase == .connected || phase == .abandonedInConversation ? .disconnected : .over
        case .afterWorkEnded: phase == .transferred ? .transferred : .over
        case .unknown: phase
        }
    }

    private func next(inVisit event: ContactEvent) -> Phase {
        // Of a contact whose beginning is missing, it is known by now that it waits.
        var visit = QueueVisit(in: nil)
        if case .waiting(let known) = phase {
            visit = known
        } else if phase != .absent {
            return phase
        }
        _ = visit.apply(event)
        return .waiting(visit)
    }
}
