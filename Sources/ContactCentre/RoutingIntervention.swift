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
    enum Override: Sendable {
        case `operator`(Int)
        case queue(Int)
    }

    /// The override that holds for a contact that waits: whom it names works here and is logged in,
    /// or the queue is another one that is routed. Otherwise the policy decides.
    func override(of contact: Contact) -> Override? {
        guard let visit = contact.visit else { return nil }
        switch contact.override {
        case .operator(let number)?:
            guard number < floor.desks.count, number < plan.staff.count,
                plan.staff[number].role != nil, floor.desks[number].presence != .away
            else { return nil }
        case .queue(let number)?:
            guard number != visit.queue, policy(ofQueue: number) != nil else { return nil }
        case nil: break
        }
        return contact.override
    }

    /// The first thing to do because somebody has chosen otherwise, in the order in which contacts
    /// were queued; nil where nothing can be done now.
    package mutating func overrideToFollow(at now: Instant) -> OverrideToFollow? {
        plan(for: now)
        let chosen = waiting.filter { contacts[$0.value]?.override != nil }
        for (_, stream) in chosen.sorted(by: { $0.key < $1.key }) {
            if let found = overrideToFollow(of: stream) { return found }
        }
        return nil
    }

    private func overrideToFollow(of stream: ExactText) -> OverrideToFollow? {
        guard let contact = contacts[stream], contact.hand == nil, let visit = contact.visit,
            let queue = QueueID(names.queues.names[visit.queue])
        else { return nil }
        let move: OverrideToFollow.Move
        switch override(of: contact) {
        case .operator(let number)?:
            guard floor.hasRoom(number, channel: visit.channel, plan),
                let name = OperatorID(names.operators.names[number])
            else { return nil }
            move = .offer(to: name, policy: policy(of: visit)?.name)
        case .queue(let number)?:
            guard let target = QueueID(names.queues.names[number]) else { return nil }
            move = .goOver(to: target)
        case nil: return nil
        }
        return OverrideToFollow(
            contact: WaitingContact(stream: stream.text), queue: queue, move: move)
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
