package import JSON

/// Something that happened to one contact, as its payload tells it.
///
/// The contact itself is named by the stream, `contact/` and its id.
package enum ContactEvent: Equatable, Sendable {
    case received(Received)
    case selfServiceEnded(SelfServiceResult)
    /// The citizen was turned away before anybody could be waited for.
    case blocked(Blocking)
    case queued(Queued)
    /// A contact that waits was told what it can do instead.
    case waitAnnounced(WaitAnnouncement)
    case leftQueue(LeftQueue)
    /// A contact that waits was offered to an operator.
    case offerMade(Offer)
    /// What became of the offer that was made to an operator.
    case offerEnded(OfferEnd, OperatorID)
    /// The citizen waits for the centre to call, and not on the line.
    case callbackRequested(CallbackRequest)
    /// The citizen is being called back; nil where the source does not know by whom.
    case callbackAttempted(OperatorID?)
    /// The citizen has answered the call.
    case callbackReached
    case callbackFailed(CallbackFailure)
    /// The time has passed in which the citizen was to be called back.
    case callbackExpired
    case abandoned(AbandonmentStage)
    /// An operator answered; nil where the source does not know which one.
    case connected(OperatorID?)
    /// The operator has the citizen wait within the conversation.
    case held(HoldReason?)
    /// The conversation goes on.
    case resumed
    /// An operator handed the contact on: the conversation is over, and the contact is not.
    case transferred(TransferMode?)
    /// The conversation is over; what the operator still does for it begins here.
    case disconnected(by: Party?)
    /// The operator has finished what a contact left to do.
    case afterWorkEnded(OperatorID?)
    /// What came of it for the citizen.
    case outcomeRecorded(Outcome)
    /// Nothing more is to come of it.
    case closed
    /// A type or schema version that this version does not read; it passes through untouched.
    case unknown

    /// A contact reached the centre.
    package struct Received: Equatable, Sendable {
        package var channel: Channel
        package var direction: Direction
        /// The queue or service that was asked for, known before the contact is queued.
        package var queue: QueueID?
        /// IANA name of the zone whose dates the contact belongs to; nil means the log's.
        package var zone: String?
        /// The language in which the citizen wants to be answered, such as `de`; nil where any will
        /// do.
        package var language: String?

        package init(
            channel: Channel, direction: Direction, queue: QueueID? = nil, zone: String? = nil,
            language: String? = nil
        ) {
            self.channel = channel
            self.direction = direction
            self.queue = queue
            self.zone = zone
            self.language = language
        }
    }

    /// A contact was turned away.
    package struct Blocking: Equatable, Sendable {
        package var reason: BlockReason
        /// In how many µs the citizen was asked to try again; nil where nobody said so.
        package var retryAfter: Int64?

        package init(_ reason: BlockReason, retryAfter: Int64? = nil) {
            self.reason = reason
            self.retryAfter = retryAfter
        }
    }

    /// What came of a contact, as somebody states it; one of several conversations may have one of
    /// its own.
    package struct Outcome: Equatable, Sendable {
        package var kind: OutcomeKind
        /// How near to the citizen it was achieved.
        package var line: LineLevel?
        /// Who says so.
        package var declaredBy: Party?
        /// The cases that it led to: what stands behind `case/` in the names of their streams.
        package var cases: [String]

        package init(
            _ kind: OutcomeKind, line: LineLevel? = nil, declaredBy: Party? = nil,
            cases: [String] = []
        ) {
            self.kind = kind
            self.line = line
            self.declaredBy = declaredBy
            self.cases = cases
        }
    }

    /// A contact began to wait for an operator.
    package struct Queued: Equatable, Sendable {
        package var queue: QueueID
        package var reason: EnqueueReason?
        /// Contacts of a higher one are served before others; 0 where none is told.
        package var priority: Int64
        /// What it needs of an operator beyond what the queue does.
        package var needs: [SkillNeed]

        /// A point is worth what the policy of the queue says.
        package static let priorities: ClosedRange<Int64> = -1_000...1_000

        package init(
            queue: QueueID, reason: EnqueueReason? = nil, priority: Int64 = 0,
            needs: [SkillNeed] = []
        ) {
            self.queue = queue
            self.reason = reason
            self.priority = priority
            self.needs = needs
        }
    }

    /// What a contact that waits was told.
    package struct WaitAnnouncement: Equatable, Sendable {
        package var alternatives: [WaitAlternative]
        /// The id of the routing decision that it follows from; nil where somebody else made it.
        package var decision: String?

        package init(_ alternatives: [WaitAlternative], decision: String? = nil) {
            self.alternatives = alternatives
            self.decision = decision
        }
    }

    /// A citizen asked to be called back, or agreed to it.
    package struct CallbackRequest: Equatable, Sendable {
        /// Where it waits for its turn.
        package var queue: QueueID
        /// From when on the citizen wants to be called; nil where that is from now on.
        package var start: Instant?
        /// Until when; nil where the citizen has not said so.
        package var end: Instant?
        /// Nil where it is kept.
        package var place: PlaceInLine?

        package init(
            queue: QueueID, start: Instant? = nil, end: Instant? = nil, place: PlaceInLine? = nil
        ) {
            self.queue = queue
            self.start = start
            self.end = end
            self.place = place
        }
    }

    /// A contact was offered to an operator, who answers or does not.
    package struct Offer: Equatable, Sendable {
        package var `operator`: OperatorID
        /// The id of the routing decision that it follows from; nil where somebody else made it.
        package var decision: String?
        /// How long it stands, in µs; nil where nobody has said so.
        package var ring: Int64?

        package init(to operator: OperatorID, decision: String? = nil, ring: Int64? = nil) {
            self.operator = `operator`
            self.decision = decision
            self.ring = ring
        }
    }

    /// What becomes of an offer.
    package enum OfferEnd: CaseIterable, Hashable, Sendable {
        case accepted
        case declined
        /// The operator did not react.
        case missed
        /// It was taken back.
        case rescinded

        fileprivate var kind: Kind {
            switch self {
            case .accepted: .offerAccepted
            case .declined: .offerDeclined
            case .missed: .offerMissed
            case .rescinded: .offerRescinded
            }
        }
    }

    /// A contact ceased to wait in a queue.
    package struct LeftQueue: Equatable, Sendable {
        package var queue: QueueID
        package var reason: LeaveReason

        package init(queue: QueueID, reason: LeaveReason) {
            self.queue = queue
            self.reason = reason
        }
    }

    /// The types that are read here.
    package enum Kind: String, CaseIterable, KnownType {
        case received = "contact.received"
        case selfServiceEnded = "contact.self_service_ended"
        case blocked = "contact.blocked"
        case queued = "contact.queued"
        case waitAnnounced = "contact.wait_announced"
        case leftQueue = "contact.left_queue"
        case offerMade = "contact.offer_made"
        case offerAccepted = "contact.offer_accepted"
        case offerDeclined = "contact.offer_declined"
        case offerMissed = "contact.offer_missed"
        case offerRescinded = "contact.offer_rescinded"
        case callbackRequested = "contact.callback_requested"
        case callbackAttempted = "contact.callback_attempted"
        case callbackReached = "contact.callback_reached"
        case callbackFailed = "contact.callback_failed"
        case callbackExpired = "contact.callback_expired"
        case abandoned = "contact.abandoned"
        case connected = "contact.connected"
        case held = "contact.held"
        case resumed = "contact.resumed"
        case transferred = "contact.transferred"
        case disconnected = "contact.disconnected"
        case afterWorkEnded = "contact.after_work_ended"
        case outcomeRecorded = "contact.outcome_recorded"
        case closed = "contact.closed"

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .received: "a contact reached the centre"
            case .selfServiceEnded: "an answering system or web guide has done what it could"
            case .blocked: "the citizen was turned away: lines, hours or queue allowed no waiting"
            case .queued: "it began to wait for an operator"
            case .waitAnnounced: "it was told what it can do instead of waiting"
            case .leftQueue: "it waits in the queue no longer"
            case .offerMade: "it was offered to an operator"
            case .offerAccepted: "the operator takes it"
            case .offerDeclined: "the operator does not want it"
            case .offerMissed: "the operator did not react"
            case .offerRescinded: "the offer was taken back"
            case .callbackRequested: "the citizen is to be called back"
            case .callbackAttempted: "the citizen is being called back"
            case .callbackReached: "the citizen answered that call"
            case .callbackFailed: "the citizen was not reached"
            case .callbackExpired: "the time to call back has passed"
            case .abandoned: "the citizen gave up"
            case .connected: "an operator answered"
            case .held: "the operator has the citizen wait within the conversation"
            case .resumed: "the conversation goes on"
            case .transferred: "the operator handed it on, to a queue or to another operator"
            case .disconnected:
                "the conversation is over; what the operator still does for it begins"
            case .afterWorkEnded: "the operator has finished that"
            case .outcomeRecorded: "what came of it for the citizen"
            case .closed: "nothing more is to come of it"
            }
        }
    }
}

extension ContactEvent: ToldEvent {
    package init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind {
        case .received:
            self = .received(
                Received(
                    channel: try reader.word("channel"),
                    direction: try reader.choice("direction"),
                    queue: try reader.optionalQueue(),
                    zone: try reader.optionalZone(),
                    language: try reader.optional("languageOffered", .name)))
        case .selfServiceEnded: self = .selfServiceEnded(try reader.word("result"))
        case .blocked:
            self = .blocked(
                Blocking(
                    try reader.word("reason"),
                    retryAfter: try reader.optional("retryAfterUs", .duration)))
        case .queued:
            self = .queued(
                Queued(
                    queue: try reader.queue(),
                    reason: try reader.optionalWord("enqueueReason"),
                    priority: try reader.optional("priority", .integer(in: Queued.priorities)) ?? 0,
                    needs: try SkillNeed.list("requiredSkills", of: reader)))
        case .waitAnnounced:
            self = .waitAnnounced(
                WaitAnnouncement(
                    try reader.optional("alternativesOffered", .choices()) ?? [],
                    decision: try reader.optional("decisionId", .id)))
        case .leftQueue:
            self = .leftQueue(
                LeftQueue(queue: try reader.queue(), reason: try reader.word("reason")))
        case .offerMade:
            self = .offerMade(
                Offer(
                    to: try reader.operator(),
                    decision: try reader.optional("decisionId", .id),
                    ring: try reader.optional("ringUs", .duration)))
        case .offerAccepted: self = .offerEnded(.accepted, try reader.operator())
        case .offerDeclined: self = .offerEnded(.declined, try reader.operator())
        case .offerMissed: self = .offerEnded(.missed, try reader.operator())
        case .offerRescinded: self = .offerEnded(.rescinded, try reader.operator())
        case .callbackRequested:
            self = .callbackRequested(
                CallbackRequest(
                    queue: try reader.queue(),
                    start: try reader.optional("windowStart", .time),
                    end: try reader.optional("windowEnd", .time),
                    place: try reader.optional("place", .choice(blank: .kept))))
        case .callbackAttempted: self = .callbackAttempted(try reader.optionalOperator())
        case .callbackReached: self = .callbackReached
        case .callbackFailed: self = .callbackFailed(try reader.word("outcome"))
        case .callbackExpired: self = .callbackExpired
        case .abandoned: self = .abandoned(try reader.word("stage"))
        case .connected: self = .connected(try reader.optionalOperator())
        case .held: self = .held(try reader.optionalWord("reason"))
        case .resumed: self = .resumed
        case .transferred: self = .transferred(try reader.optionalWord("mode"))
        case .disconnected: self = .disconnected(by: try reader.optionalWord("by"))
        case .afterWorkEnded: self = .afterWorkEnded(try reader.optionalOperator())
        case .outcomeRecorded:
            self = .outcomeRecorded(
                Outcome(
                    try reader.word("kind"),
                    line: try reader.optionalWord("lineLevel", otherText: "lineLevelOtherText"),
                    declaredBy: try reader.optionalWord(
                        "resolvedDeclaredBy", otherText: "resolvedDeclaredByOtherText"),
                    cases: try reader.optional("caseIds", .names) ?? []))
        case .closed: self = .closed
        }
    }

    /// The kind, or nil for ``unknown``.
    package var kind: Kind? {
        switch self {
        case .received: .received
        case .selfServiceEnded: .selfServiceEnded
        case .blocked: .blocked
        case .queued: .queued
        case .waitAnnounced: .waitAnnounced
        case .leftQueue: .leftQueue
        case .offerMade: .offerMade
        case .offerEnded(let end, _): end.kind
        case .callbackRequested: .callbackRequested
        case .callbackAttempted: .callbackAttempted
        case .callbackReached: .callbackReached
        case .callbackFailed: .callbackFailed
        case .callbackExpired: .callbackExpired
        case .abandoned: .abandoned
        case .connected: .connected
        case .held: .held
        case .resumed: .resumed
        case .transferred: .transferred
        case .disconnected: .disconnected
        case .afterWorkEnded: .afterWorkEnded
        case .outcomeRecorded: .outcomeRecorded
        case .closed: .closed
        case .unknown: nil
        }
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back; `{}` for ``unknown``.
    ///
    /// Members stand in a fixed order; those without a value are left out.
    package var payload: [UInt8] {
        var writer = PayloadWriter()
        switch self {
        case .received(let received):
            writer.add("channel", received.channel)
            writer.add("direction", received.direction.rawValue)
            writer.add("queueId", received.queue?.text)
            writer.add("zone", received.zone)
            writer.add("languageOffered", received.language)
        case .selfServiceEnded(let result): writer.add("result", result)
        case .blocked(let blocking):
            writer.add("reason", blocking.reason)
            if let wait = blocking.retryAfter { writer.add("retryAfterUs", wait) }
        case .queued(let queued):
            writer.add("queueId", queued.queue.text)
            writer.add("enqueueReason", queued.reason)
            if queued.priority != 0 { writer.add("priority", queued.priority) }
            if !queued.needs.isEmpty {
                writer.add("requiredSkills", queued.needs) { need, writer in
                    need.write(to: &writer)
                }
            }
        case .waitAnnounced(let announcement):
            if !announcement.alternatives.isEmpty {
                let words = announcement.alternatives.map { JSONNode.text($0.rawValue) }
                writer.add("alternativesOffered", .array(words))
            }
            writer.add("decisionId", announcement.decision)
        case .leftQueue(let left):
            writer.add("queueId", left.queue.text)
            writer.add("reason", left.reason)
        case .offerMade(let offer):
            writer.add("operatorId", offer.operator.text)
            writer.add("decisionId", offer.decision)
            if let ring = offer.ring { writer.add("ringUs", ring) }
        case .offerEnded(_, let name): writer.add("operatorId", name.text)
        case .callbackRequested(let request):
            writer.add("queueId", request.queue.text)
            writer.add("windowStart", request.start)
            writer.add("windowEnd", request.end)
            writer.add("place", request.place?.rawValue)
        case .callbackFailed(let outcome): writer.add("outcome", outcome)
        case .abandoned(let stage): writer.add("stage", stage)
        case .connected(let name), .afterWorkEnded(let name), .callbackAttempted(let name):
            writer.add("operatorId", name?.text)
        case .transferred(let mode): writer.add("mode", mode)
        case .disconnected(let party): writer.add("by", party)
        case .held(let reason): writer.add("reason", reason)
        case .outcomeRecorded(let outcome):
            writer.add("kind", outcome.kind)
            writer.add("lineLevel", outcome.line, otherText: "lineLevelOtherText")
            writer.add(
                "resolvedDeclaredBy", outcome.declaredBy, otherText: "resolvedDeclaredByOtherText")
            if !outcome.cases.isEmpty {
                writer.add("caseIds", .array(outcome.cases.map { .text($0) }))
            }
        case .callbackReached, .callbackExpired, .resumed, .closed, .unknown: break
        }
        return writer.finished()
    }
}
