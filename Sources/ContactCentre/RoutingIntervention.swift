package import JSON

/// What people change about where a contact goes; its stream names the contact.
package enum RoutingIntervention: Equatable, Sendable {
    /// Somebody put a choice of their own in the place of a routing decision.
    case overridden(RoutingOverride)
    /// Somebody made a contact more or less urgent.
    case priorityChanged(PriorityChange)
    /// A type or schema version that this version does not read; it passes through untouched.
    case unknown

    /// The types that are read here.
    package enum Kind: String, CaseIterable, KnownType {
        case overridden = "routing.overridden"
        case priorityChanged = "routing.priority_changed"

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .overridden: "somebody put a choice of their own in the place of a decision"
            case .priorityChanged: "a contact that waits became more or less urgent"
            }
        }
    }
}

extension RoutingIntervention: ToldEvent {
    package init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind {
        case .overridden: self = .overridden(try RoutingOverride(from: reader))
        case .priorityChanged: self = .priorityChanged(try PriorityChange(from: reader))
        }
    }

    /// The kind, or nil for ``unknown``.
    package var kind: Kind? {
        switch self {
        case .overridden: .overridden
        case .priorityChanged: .priorityChanged
        case .unknown: nil
        }
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back; `{}` for ``unknown``.
    package var payload: [UInt8] {
        switch self {
        case .overridden(let override): override.payload
        case .priorityChanged(let change): change.payload
        case .unknown: Array("{}".utf8)
        }
    }
}

/// A choice that somebody made against a routing decision.
package struct RoutingOverride: Setting, Equatable {
    /// The id of the decision that it takes the place of.
    package var decision = ""
    package var selection = OverrideSelection.operator
    /// The operator or queue.
    package var selected = ""
    /// Who chose: a pseudonym.
    package var by = ""
    package var justification = ""

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("decisionId", .id, &decision)
        try members.required("newSelection", .choice(blank: .operator), &selection)
        try members.required("newSelectionId", .name, &selected)
        try members.required("overriddenBy", .name, &by)
        try members.required("justification", .text, &justification)
    }
}

package enum OverrideSelection: String, CaseIterable, Hashable, Sendable {
    case `operator`, queue
}

/// How urgent a contact is from now on.
package struct PriorityChange: Setting, Equatable {
    package var to: Int64 = 0
    package var reason = ""
    /// Who says so: a pseudonym; nil where it is no person.
    package var by: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("priority", .integer(in: ContactEvent.Queued.priorities), &to)
        try members.required("reason", .text, &reason)
        try members.optional("changedBy", .name, &by)
    }
}

extension RoutingIntervention {
    /// What somebody changed, in one sentence.
    package var sentence: String {
        switch self {
        case .overridden(let override): override.sentence
        case .priorityChanged(let change):
            "its priority became \(change.to)" + (change.by.map { ", by \($0)" } ?? "")
                + ": \(change.reason)"
        case .unknown: ""
        }
    }
}

extension RoutingOverride {
    package var sentence: String {
        let whereTo =
            switch selection {
            case .operator: "to the operator \(selected)"
            case .queue: "to the queue \(selected)"
            }
        return "\(by) overrode the decision, \(whereTo): \(justification)"
    }
}

extension RoutingState {
    /// What somebody has chosen for a contact that waits, against the policy.
    struct Override: Codable, Sendable {
        /// Of the event that says so.
        let position: UInt64
        /// Nil where it is done, or never was.
        var choice: Choice?

        enum Choice: Codable, Sendable {
            case `operator`(Int)
            case queue(Int)
        }
    }

    /// A priority that somebody has said; nil where that was taken back.
    struct ChangedPriority: Codable, Sendable {
        let position: UInt64
        var to: Int64?
    }

    /// The override that holds for a contact that waits; nil where the policy decides.
    ///
    /// Whom it names works here, takes such contacts and is not away or at rest; or the queue is
    /// another one that is routed.
    func override(of contact: Contact) -> Override.Choice? {
        guard let visit = contact.visit, let choice = contact.override?.choice else { return nil }
        switch choice {
        case .operator(let number):
            guard number < floor.desks.count, number < plan.staff.count,
                plan.staff[number].role != nil, plan.staff[number].capacities[visit.channel] > 0
            else { return nil }
            switch floor.desks[number].presence {
            case .ready, .busy: return choice
            case .away, .paused: return nil
            }
        case .queue(let number):
            return number != visit.queue && policy(ofQueue: number) != nil ? choice : nil
        }
    }

    /// The first thing to do because somebody has chosen otherwise, in the order in which contacts
    /// were queued; nil where nothing can be done now.
    package mutating func overrideToFollow(at now: Instant) -> OverrideToFollow? {
        plan(for: now)
        let chosen = waiting.filter { contacts[$0.value]?.override?.choice != nil }
        for (_, stream) in chosen.sorted(by: { $0.key < $1.key }) {
            guard let contact = contacts[stream], contact.hand == nil, let visit = contact.visit,
                let queue = QueueID(names.queues.names[visit.queue]),
                let move = move(of: contact, visit)
            else { continue }
            return OverrideToFollow(
                contact: WaitingContact(stream: stream.text), queue: queue, move: move)
        }
        return nil
    }

    /// What can be done now of what somebody has chosen, if the contact is offered to nobody.
    func move(of contact: Contact, _ visit: RoutingFloor.Visit) -> OverrideToFollow.Move? {
        switch override(of: contact) {
        case .operator(let number)?:
            guard floor.hasRoom(number, channel: visit.channel, plan) else { return nil }
            return OperatorID(names.operators.names[number]).map {
                .offer(to: $0, policy: policy(of: visit)?.name)
            }
        case .queue(let number)?:
            return QueueID(names.queues.names[number]).map { .goOver(to: $0) }
        case nil: return nil
        }
    }

    /// A contact that somebody has chosen something for, which can be done now.
    package struct OverrideToFollow: Sendable {
        package let contact: WaitingContact
        package let queue: QueueID
        package let move: Move

        package enum Move: Sendable {
            /// The policy of the queue says how long such offers stand, where it has one.
            case offer(to: OperatorID, policy: String?)
            case goOver(to: QueueID)
        }
    }
}

extension RoutingState.Contact {
    /// The priority as somebody has changed it last, or as it was declared.
    var heededPriority: Int64 { priorityChanges.last { $0.to != nil }?.to ?? priority }
}
