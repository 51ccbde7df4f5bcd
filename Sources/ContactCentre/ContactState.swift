/// How far one contact has come, and whether its next event may follow.
///
/// Received (or placed by an operator, and then connected at once), self-service any number of
/// times, turned away or queued, left the queue, connected, perhaps put on hold, perhaps
/// transferred and queued or connected again, disconnected, after-work, outcome, closed. Who is to
/// be called back is queued again for that, and called once an operator takes it; no end of a line
/// ends that, and where it was agreed upon in a conversation it is due behind its end. Events are
/// judged in the order of their stream, never by clock.
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
        /// Turned away; the citizen may be called back, or the line closed.
        case blocked
        case waiting(QueueVisit)
        /// Left the queue because an operator answers; the connection comes next.
        case answered
        /// Left the queue because the citizen gave up.
        case gaveUp
        /// Left the queue for another reason, so that another queue may follow.
        case redirected
        /// The citizen waits for our call, and in no queue.
        case callbackRequested
        /// Left the queue because an operator calls back; the attempt comes next.
        case callbackTaken
        case callingBack
        /// The citizen was not reached; another attempt may follow.
        case callbackFailed
        case connected
        /// The citizen waits within the conversation.
        case held
        /// An operator handed it on, so that a queue or another operator may follow.
        case transferred
        /// The conversation is over; after-work may follow.
        case disconnected
        /// The citizen gave up before an operator; the line may still be closed.
        case abandoned
        /// The citizen gave up during the conversation, whose end comes next.
        case abandonedInConversation
        case over
        /// Nothing may follow any more.
        case closed
    }

    /// Of an operator who is done with the contact, but perhaps not with what is left to do.
    private enum EarlierOperator: Hashable, Sendable {
        case none, mayFinish
    }

    /// Whether the citizen is to be called once the conversation is over that goes on.
    private enum Promise: Hashable, Sendable {
        case none, callback
    }

    package private(set) var phase: Phase
    private var earlier = EarlierOperator.none
    /// Who speaks with the citizen, or spoke last; nil where nobody did, or that is not told.
    private var speaker: OperatorID?
    private var promise = Promise.none

    /// A contact of which nothing is known.
    package init() { phase = .absent }

    /// Why an event may not stand where it stands in its stream.
    package enum Rule: String, CaseIterable, Hashable, Sendable {
        /// Nothing may come before `contact.received`.
        case receivedFirst = "received_first"
        case receivedOnce = "received_once"
        /// Self-service comes before the queue, or after leaving it without an answer.
        case selfServiceBeforeQueue = "self_service_before_queue"
        /// Only who neither waits nor speaks with an operator is turned away.
        case blockedBeforeQueue = "blocked_before_queue"
        /// Who was turned away may turn to self-service or be called back, and waits in no queue.
        case turnedAwayFirst = "turned_away_first"
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
        /// Only a contact that waits is told what it can do instead.
        case announcedWhileWaiting = "announced_while_waiting"
        /// Only the operator to whom a contact is offered accepts, declines or misses it.
        case endsOwnOffer = "ends_own_offer"
        /// A callback is agreed upon before, in or right behind a conversation, and not while the
        /// contact waits.
        case callbackOutsideQueue = "callback_outside_queue"
        /// A contact that is to be called back is queued for that, goes over or is put back.
        case queuedAsCallback = "queued_as_callback"
        /// Only who is to be called back, and waits in no queue for that, is called.
        case calledAfterRequest = "called_after_request"
        /// An attempt is what reaches a citizen or does not.
        case callbackEndsAttempt = "callback_ends_attempt"
        /// Only what is promised expires, once it waits in no queue for that.
        case expiresAfterRequest = "expires_after_request"
        /// A connection follows leaving a queue as answered, or a transfer, or a beginning without
        /// a queue: a call of our own, a desk, a direct number.
        case connectedAfterAnswered = "connected_after_answered"
        /// Only who speaks with an operator is put on hold.
        case heldInConversation = "held_in_conversation"
        /// Only who is on hold speaks on.
        case resumedAfterHold = "resumed_after_hold"
        /// Only an operator who speaks with a contact transfers it.
        case transferredByOperator = "transferred_by_operator"
        /// The stage at which a contact is abandoned is where it stands.
        case abandonedWhereItStands = "abandoned_where_it_stands"
        /// A contact that waits to be answered, is being answered or called back leaves that state
        /// before it ends.
        case endsOutsideQueue = "ends_outside_queue"
        /// After-work follows the end of a conversation, once. Who has handed the contact on may
        /// finish while it waits, is to be called or is given up, and by name also while and after
        /// somebody else speaks with the citizen; that they did hand it on is not looked at then.
        case afterWorkAfterConversation = "after_work_after_conversation"
        /// A contact that waits, is being answered or called back has come to nothing yet, unless
        /// an operator has handed it on to that.
        case outcomeOutsideQueue = "outcome_outside_queue"
        /// A contact is closed that neither waits nor speaks with an operator.
        case closedOnceDone = "closed_once_done"
        /// Nothing but what closes it follows the end of a contact.
        case nothingAfterEnd = "nothing_after_end"
        case nothingAfterClosed = "nothing_after_closed"
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
        var after = self
        after.phase = next(after: event)
        after.earlier = earlier(after: event)
        after.speaker = speaker(after: event)
        after.promise = promise(after: event)
        self = after
        return verdict
    }

    private func judge(_ event: ContactEvent) -> Verdict {
        if case .unknown = event { return .accepted }
        if case .received = event {
            return phase == .absent ? .accepted : .broken(.receivedOnce)
        }
        if phase == .absent { return .broken(.receivedFirst) }
        if phase == .closed { return .broken(.nothingAfterClosed) }
        if isOver(before: event) { return .broken(.nothingAfterEnd) }
        guard let rule = brokenRule(event) else { return .accepted }
        return .broken(rule)
    }

    private func isOver(before event: ContactEvent) -> Bool {
        switch event {
        case .outcomeRecorded, .closed: return false
        case .disconnected: return phase == .over || phase == .disconnected
        case .afterWorkEnded(let name) where mayBeFinished(by: name): return false
        case .callbackRequested where isOnLine: return false
        case .callbackExpired where promise == .callback: return false
        default: break
        }
        return switch phase {
        case .over, .contained, .abandoned, .abandonedInConversation: true
        case .hungUp, .gaveUp: event.kind != .abandoned
        case .disconnected: event.kind != .callbackRequested
        default: false
        }
    }

    private func brokenRule(_ event: ContactEvent) -> Rule? {
        switch event {
        case .received, .unknown: nil
        case .selfServiceEnded:
            mayBeServed ? nil : .selfServiceBeforeQueue
        case .blocked: mayBeBlocked ? nil : .blockedBeforeQueue
        case .queued(let queued): brokenRule(queued)
        case .leftQueue, .waitAnnounced, .offerMade, .offerEnded: brokenRule(inVisit: event)
        case .callbackRequested, .callbackAttempted, .callbackReached, .callbackFailed,
            .callbackExpired:
            brokenRule(ofCallback: event)
        case .abandoned(let stage):
            mayBeAbandoned(at: stage) ? nil : .abandonedWhereItStands
        case .connected: mayBeConnected ? nil : .connectedAfterAnswered
        case .held: phase == .connected ? nil : .heldInConversation
        case .resumed: phase == .held ? nil : .resumedAfterHold
        case .transferred: isInConversation ? nil : .transferredByOperator
        case .disconnected: mayEnd || isLineWithoutUse ? nil : .endsOutsideQueue
        case .afterWorkEnded(let name):
            mayBeFinished(by: name) ? nil : .afterWorkAfterConversation
        case .outcomeRecorded: mayEnd || earlier == .mayFinish ? nil : .outcomeOutsideQueue
        case .closed:
            mayEnd && !isInConversation && phase != .abandonedInConversation
                ? nil : .closedOnceDone
        }
    }

    /// Whether somebody may change where the contact goes, or how urgent it is.
    func mayBeChanged(by kind: RoutingIntervention.Kind) -> Bool {
        if case .waiting = phase { return true }
        return kind == .priorityChanged && isToBeCalled
    }

    private var isInConversation: Bool { phase == .connected || phase == .held }

    /// Whether a conversation is still to end, also where the citizen has given it up.
    private var isOnLine: Bool { isInConversation || phase == .abandonedInConversation }

    private var mayBeBlocked: Bool {
        switch phase {
        case .received, .pastSelfService, .redirected: true
        default: false
        }
    }

    /// Whether an operator may have something left to do: who spoke with the contact last, or one
    /// before.
    private func mayBeFinished(by name: OperatorID?) -> Bool {
        if phase == .disconnected || earlier == .mayFinish { return true }
        return (isInConversation || phase == .over) && isOfAnother(than: speaker, name)
    }

    /// Whether it is known that somebody else is meant than who spoke last.
    private func isOfAnother(than speaker: OperatorID?, _ name: OperatorID?) -> Bool {
        guard let speaker, let name else { return false }
        return speaker != name
    }

    /// Desks and direct numbers have no queue.
    private var mayBeConnected: Bool {
        switch phase {
        case .received, .placed, .pastSelfService, .answered, .transferred: true
        default: false
        }
    }

    private var mayBeServed: Bool {
        switch phase {
        case .received, .placed, .pastSelfService, .blocked, .redirected: true
        default: false
        }
    }

    private var mayEnd: Bool {
        switch phase {
        case .waiting, .answered, .callbackRequested, .callbackTaken, .callingBack: false
        default: true
        }
    }

    /// Whether the citizen is to be called back, so that the line on which they asked for it, or
    /// on which they were not reached, may be closed: that ends nothing.
    private var isLineWithoutUse: Bool { purpose == .callback && phase != .callingBack }

    /// Whether the citizen waits for our call, and in no queue.
    private var isToBeCalled: Bool {
        switch phase {
        case .callbackRequested, .callbackTaken, .callingBack, .callbackFailed: true
        default: false
        }
    }

    /// Why the contact waits in a queue, or would if it were queued now.
    private var purpose: QueueVisit.Purpose {
        if case .waiting(let visit) = phase { return visit.purpose }
        return isToBeCalled ? .callback : .conversation
    }

    private func brokenRule(_ queued: ContactEvent.Queued) -> Rule? {
        switch phase {
        case .received, .placed, .pastSelfService, .redirected, .transferred: nil
        case .waiting: .oneQueueAtATime
        // The operator whom the queue had found did not answer.
        case .answered where queued.reason == .requeue: nil
        case .connected where queued.reason == .transfer: nil
        case .held where queued.reason == .transfer: nil
        case .blocked: .turnedAwayFirst
        case .callbackRequested, .callbackTaken, .callingBack, .callbackFailed:
            queued.keepsPurpose ? nil : .queuedAsCallback
        default: .queuedWithoutOperator
        }
    }

    private func brokenRule(inVisit event: ContactEvent) -> Rule? {
        guard case .waiting(var visit) = phase else {
            return switch event {
            case .leftQueue: .leavesAfterQueued
            case .waitAnnounced: .announcedWhileWaiting
            default: .offeredWhileWaiting
            }
        }
        return visit.apply(event)
    }

    private func brokenRule(ofCallback event: ContactEvent) -> Rule? {
        switch event {
        case .callbackRequested: mayRequestCallback ? nil : .callbackOutsideQueue
        case .callbackAttempted: isToBeCalled ? nil : .calledAfterRequest
        case .callbackExpired:
            isToBeCalled || promise == .callback ? nil : .expiresAfterRequest
        default: phase == .callingBack ? nil : .callbackEndsAttempt
        }
    }

    private var mayRequestCallback: Bool {
        switch phase {
        case .received, .pastSelfService, .blocked, .redirected, .transferred, .disconnected: true
        case .connected, .held, .abandonedInConversation: true
        default: isToBeCalled
        }
    }

    private func mayBeAbandoned(at stage: AbandonmentStage) -> Bool {
        let isInSelfService = mayBeServed || phase == .hungUp
        return switch stage {
        case .selfService: isInSelfService
        case .queue: phase == .gaveUp || isToBeCalled
        case .chatSilent: phase == .gaveUp || isInConversation
        case .ticketWithdrawn: phase == .gaveUp
        case .ringing: phase == .gaveUp || mayBeConnected
        case .hold: isInConversation
        case .other:
            isInSelfService || phase == .gaveUp || mayBeConnected || isInConversation
                || isToBeCalled
        }
    }

    /// Whether the state behind an event depends on the one before it.
    static func dependsOnPast(behind event: ContactEvent) -> Bool {
        switch event {
        case .waitAnnounced, .leftQueue, .offerMade, .offerEnded, .callbackRequested,
            .callbackAttempted, .callbackReached, .callbackFailed, .callbackExpired, .abandoned,
            .held, .resumed, .disconnected, .afterWorkEnded, .outcomeRecorded, .unknown:
            true
        case .queued(let queued): queued.keepsPurpose
        case .received, .selfServiceEnded, .blocked, .connected, .transferred, .closed: false
        }
    }

    private func earlier(after event: ContactEvent) -> EarlierOperator {
        switch event {
        case .transferred: .mayFinish
        case .queued(let queued) where !queued.keepsPurpose:
            queued.reason == .transfer ? .mayFinish : .none
        case .callbackRequested: phase == .disconnected ? .mayFinish : earlier
        case .disconnected where promise == .callback: .mayFinish
        // Who handed it on is the one whose after-work follows.
        case .disconnected where phase == .transferred: .none
        case .received, .selfServiceEnded, .blocked, .connected, .closed: .none
        case .queued, .waitAnnounced, .leftQueue, .offerMade, .offerEnded, .callbackAttempted,
            .callbackReached, .callbackFailed, .callbackExpired, .abandoned, .held, .resumed,
            .disconnected, .afterWorkEnded, .outcomeRecorded, .unknown:
            earlier
        }
    }

    private func speaker(after event: ContactEvent) -> OperatorID? {
        switch event {
        case .connected(let name): name
        case .held, .resumed, .callbackRequested, .callbackExpired, .abandoned, .disconnected,
            .afterWorkEnded, .outcomeRecorded, .unknown:
            speaker
        case .received, .selfServiceEnded, .blocked, .queued, .waitAnnounced, .leftQueue,
            .offerMade, .offerEnded, .callbackAttempted, .callbackReached, .callbackFailed,
            .transferred, .closed:
            nil
        }
    }

    private func promise(after event: ContactEvent) -> Promise {
        switch event {
        case .callbackRequested: isOnLine ? .callback : .none
        case .waitAnnounced, .offerMade, .offerEnded, .held, .resumed, .abandoned,
            .afterWorkEnded, .outcomeRecorded, .unknown:
            promise
        case .received, .selfServiceEnded, .blocked, .queued, .leftQueue, .callbackAttempted,
            .callbackReached, .callbackFailed, .callbackExpired, .connected, .transferred,
            .disconnected, .closed:
            .none
        }
    }

    private func next(after event: ContactEvent) -> Phase {
        switch event {
        case .received(let received): received.direction == .outgoing ? .placed : .received
        case .selfServiceEnded(.contained): .contained
        case .selfServiceEnded(.hungUp): .hungUp
        case .selfServiceEnded: .pastSelfService
        case .blocked: .blocked
        case .queued(let queued):
            .waiting(
                QueueVisit(
                    in: queued.queue, for: queued.keepsPurpose ? purpose : .conversation))
        case .leftQueue(let left):
            switch (left.reason, purpose) {
            case (.abandoned, _): .gaveUp
            case (.answered, .conversation): .answered
            case (.answered, .callback): .callbackTaken
            case (_, .conversation): .redirected
            case (_, .callback): .callbackRequested
            }
        case .waitAnnounced, .offerMade, .offerEnded: next(inVisit: event)
        case .callbackRequested: isOnLine ? phase : .callbackRequested
        case .callbackAttempted: .callingBack
        case .callbackReached: .answered
        case .callbackFailed: .callbackFailed
        case .callbackExpired: isOnLine ? phase : .over
        case .abandoned: isInConversation ? .abandonedInConversation : .abandoned
        case .connected, .resumed: .connected
        case .held: .held
        case .transferred: .transferred
        case .disconnected:
            if promise == .callback {
                .callbackRequested
            } else if purpose == .callback {
                phase
            } else if isInConversation || phase == .abandonedInConversation || phase == .transferred
            {
                .disconnected
            } else {
                .over
            }
        case .afterWorkEnded(let name):
            phase == .disconnected && !isOfAnother(than: speaker, name) ? .over : phase
        case .closed: .closed
        case .outcomeRecorded, .unknown: phase
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

extension ContactEvent.Queued {
    /// Whether the contact waits for what it waited for before, such as a callback.
    var keepsPurpose: Bool {
        switch reason {
        case .callback, .overflow, .requeue: true
        case .first, .transfer, .other, nil: false
        }
    }
}
