// What the words and states of contacts are called in a sentence.

extension EnqueueReason {
    var words: String {
        switch self {
        case .first: "for the first time"
        case .transfer: "an operator handed it on"
        case .overflow: "it came over from another queue"
        case .callback: "to be called back"
        case .requeue: "it was put back"
        case .other(let text): text
        }
    }
}

extension LeaveReason {
    var words: String {
        switch self {
        case .answered: "an operator answers"
        case .abandoned: "the citizen gave up"
        case .overflowed: "it went over to another queue"
        case .transferred: "it was handed on"
        case .callbackAccepted: "the citizen wants to be called back"
        case .timeout: "it had waited as long as is allowed"
        case .keyExit: "the citizen pressed a key"
        case .queueClosed: "the queue was closed"
        case .systemError: "an error of the system"
        case .other(let text): text
        }
    }
}

extension ContactEvent.Blocking {
    var words: String {
        "the citizen was turned away: \(reason.words)"
            + (retryAfter.map { "; they were asked to try again in \(duration($0))" } ?? "")
    }
}

extension BlockReason {
    var words: String {
        switch self {
        case .allLinesBusy: "all lines were busy"
        case .closedHours: "outside opening hours"
        case .queueFull: "the queue was full"
        case .noStaff: "nobody was at work"
        case .outOfArea: "from outside the area that is served"
        case .spam: "taken for spam"
        case .other(let text): text
        }
    }
}

extension HoldReason {
    var words: String {
        switch self {
        case .lookup: "to look something up"
        case .consult: "to ask somebody"
        case .technical: "for a technical reason"
        case .other(let text): text
        }
    }
}

extension ContactEvent.Outcome {
    var words: String {
        "outcome: " + kind.words + (line.map { ", at the \($0.words)" } ?? "")
            + (declaredBy.map { ", as the \($0.name) says" } ?? "")
            + (cases.isEmpty ? "" : "; see the case \(cases.joined(separator: ", "))")
    }
}

extension OutcomeKind {
    var words: String {
        switch self {
        case .informationGiven: "information was given"
        case .takenInCharge: "the need was taken in charge"
        case .directedElsewhere: "the citizen was directed elsewhere"
        case .appointmentBooked: "an appointment was booked"
        case .documentIssued: "a document was issued"
        case .complaintRecorded: "a complaint was recorded"
        case .unresolved: "the need was not met"
        case .notCompetent: "the centre is not competent for it"
        case .other(let text): text
        }
    }
}

extension LineLevel {
    var words: String {
        switch self {
        case .first: "first line"
        case .second: "second line"
        case .third: "third line"
        case .backoffice: "back office"
        case .other(let text): text
        }
    }
}

extension AbandonmentStage {
    var words: String {
        switch self {
        case .selfService: "in self-service"
        case .queue: "in the queue"
        case .ringing: "while it rang"
        case .hold: "on hold"
        case .chatSilent: "and wrote no more"
        case .ticketWithdrawn: "and withdrew the ticket"
        case .other(let text): ": \(text)"
        }
    }
}

extension TransferMode {
    var words: String {
        switch self {
        case .blind: "without speaking to whoever is next"
        case .attended: "after speaking to whoever is next"
        case .warm: "with all three on the line"
        case .other(let text): text
        }
    }
}

extension ContactEvent.WaitAnnouncement {
    var words: String {
        guard !alternatives.isEmpty else { return "was told that it waits" }
        return "was offered not to wait: " + alternatives.map(\.words).joined(separator: ", ")
    }
}

extension WaitAlternative {
    var words: String {
        switch self {
        case .callback: "to be called back"
        case .web: "to go on by web"
        case .otherDesk: "to turn to another desk"
        }
    }
}

extension ContactEvent.CallbackRequest {
    var words: String {
        "is to be called back, by the queue \(queue)" + (start.map { ", from \($0) on" } ?? "")
            + (end.map { ", until \($0)" } ?? "")
            + (place == .anew ? "; its place in line is not kept" : "; it keeps its place in line")
    }
}

extension CallbackFailure {
    var words: String {
        switch self {
        case .noAnswer: "nobody answered"
        case .busy: "the line was busy"
        case .unreachable: "the number cannot be reached"
        case .answeringMachine: "a machine answered"
        case .other(let text): text
        }
    }
}

extension ContactEvent.OfferEnd {
    func words(_ name: OperatorID) -> String {
        switch self {
        case .accepted: "the operator \(name) takes it"
        case .declined: "the operator \(name) does not take it"
        case .missed: "the operator \(name) did not react"
        case .rescinded: "it is no longer offered to the operator \(name)"
        }
    }
}

extension ContactState.Phase {
    /// What has become of the contact.
    var words: String {
        switch self {
        case .absent: "it has not been received, as far as is known"
        case .received: "it has reached the centre"
        case .placed: "the citizen is being called"
        case .pastSelfService: "it is past self-service"
        case .contained: "self-service was enough"
        case .hungUp, .gaveUp, .abandoned: "the citizen gave up"
        case .blocked: "the citizen was turned away"
        case .waiting(let visit): visit.words
        case .answered: "an operator is about to answer"
        case .redirected: "it has left a queue, and is in none"
        case .callbackRequested: "the citizen is to be called back"
        case .callbackTaken: "an operator is about to call the citizen back"
        case .callingBack: "an operator calls the citizen back"
        case .callbackFailed: "the citizen was called back, and not reached"
        case .connected: "the citizen speaks with an operator"
        case .held: "the citizen waits on hold"
        case .transferred: "it is being handed on"
        case .disconnected: "the conversation is over"
        case .abandonedInConversation: "the citizen gave up during the conversation"
        case .over: "it is over"
        case .closed: "it is closed"
        }
    }
}

extension QueueVisit {
    var words: String {
        let place =
            (queue.map { "it waits in the queue \($0)" } ?? "it waits in a queue")
            + (purpose == .callback ? " to be called back" : "")
        return switch phase {
        case .waiting, .left: place
        case .offered(let name): "\(place), offered to \(name)"
        case .accepted(let name): "\(place), and \(name) takes it"
        }
    }
}

extension ContactState.Rule {
    /// What the rule says.
    package var meaning: String {
        switch self {
        case .receivedFirst: "nothing comes before the contact is received"
        case .receivedOnce: "a contact is received once"
        case .selfServiceBeforeQueue:
            "self-service comes before the queue, or after leaving it without an answer"
        case .blockedBeforeQueue:
            "only a contact that neither waits nor has had an operator is turned away, once"
        case .turnedAwayFirst:
            "who was turned away may be called back, or turn to self-service, and waits in no queue"
        case .oneQueueAtATime: "a contact waits in one queue at a time"
        case .queuedWithoutOperator:
            "only a contact without an operator, or one that is handed on, is queued"
        case .leavesAfterQueued: "only a contact that waits leaves a queue"
        case .leavesSameQueue: "a contact leaves the queue that it waits in"
        case .offeredWhileWaiting:
            "only a contact that waits is offered, to one operator at a time"
        case .announcedWhileWaiting:
            "only a contact that waits is told what it can do instead"
        case .endsOwnOffer:
            "only the operator to whom a contact is offered accepts, declines or misses it"
        case .callbackOutsideQueue:
            "a callback is agreed upon before, in or right behind a conversation, and not while "
                + "the contact waits"
        case .queuedAsCallback:
            "a contact that is to be called back is queued for that, goes over or is put back"
        case .calledAfterRequest:
            "only who is to be called back, and waits in no queue for that, is called"
        case .callbackEndsAttempt: "an attempt is what reaches a citizen or does not"
        case .expiresAfterRequest:
            "only what is promised expires, once it waits in no queue for that"
        case .connectedAfterAnswered:
            "a connection follows leaving a queue as answered, or a transfer, or where there was "
                + "no queue"
        case .heldInConversation: "only who speaks with an operator is put on hold"
        case .resumedAfterHold: "only who is on hold speaks on"
        case .transferredByOperator: "only an operator who speaks with a contact hands it on"
        case .abandonedWhereItStands: "a contact is given up at the stage where it stands"
        case .endsOutsideQueue:
            "a contact that waits to be answered, is being answered or called back does not end yet"
        case .afterWorkAfterConversation:
            "after-work follows a conversation, once, or is of who has handed the contact on, and "
                + "names them where somebody else has answered"
        case .outcomeOutsideQueue:
            "a contact that waits, is being answered or called back has come to nothing yet, "
                + "unless an operator has handed it on"
        case .closedOnceDone:
            "a contact is closed that neither waits nor is in a conversation, which ends as "
                + "contact.disconnected; a callback that is not wanted ends as contact.abandoned"
        case .nothingAfterClosed: "nothing follows the closing of a contact"
        case .nothingAfterEnd: "nothing but what closes it follows the end of a contact"
        }
    }
}
