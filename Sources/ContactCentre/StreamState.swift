package import JSON

/// An event that a state machine judges.
package enum JudgedEvent: Equatable, Sendable {
    case contact(ContactEvent)
    case `operator`(OperatorEvent)

    /// Nil for types and schema versions that no machine judges, and where the payload cannot be
    /// read.
    package init?(type: String, schema: UInt16, payload: JSONPayload?) {
        if let kind = ContactEvent.Kind(type: type, schema: schema) {
            guard let event = try? ContactEvent(kind, payload: payload) else { return nil }
            self = .contact(event)
        } else if let kind = OperatorEvent.Kind(type: type, schema: schema) {
            guard let event = try? OperatorEvent(kind, payload: payload) else { return nil }
            self = .operator(event)
        } else {
            return nil
        }
    }

    /// Whether the state behind the event depends on the one before it.
    package var dependsOnPast: Bool {
        switch self {
        case .contact(let event): ContactState.dependsOnPast(behind: event)
        case .operator: false
        }
    }

    /// The type of the event.
    package var type: String {
        switch self {
        case .contact(let event): event.kind?.rawValue ?? ""
        case .operator(let event): event.kind?.rawValue ?? ""
        }
    }
}

/// What a stream has come to, by the machine that judges its events.
package enum StreamState: Hashable, Sendable {
    case contact(ContactState)
    case `operator`(OperatorState)

    /// A stream tells of a contact or of an operator, not of both.
    package static let oneMachineRule = "one_machine_per_stream"

    /// Judges an event, and moves on; nil is the state before the first one.
    ///
    /// What breaks a rule is taken to have happened all the same.
    package static func move(
        _ state: inout StreamState?, by judged: JudgedEvent
    ) -> ImpossibleStep? {
        let before = state
        var rule: String?
        switch judged {
        case .contact(let event):
            var contact = before?.contact ?? ContactState()
            if case .broken(let broken) = contact.apply(event) { rule = broken.rawValue }
            if before?.operator != nil { rule = oneMachineRule }
            state = .contact(contact)
        case .operator(let event):
            var `operator` = before?.operator ?? OperatorState()
            if case .broken(let broken) = `operator`.apply(event) { rule = broken.rawValue }
            if before?.contact != nil { rule = oneMachineRule }
            state = .operator(`operator`)
        }
        return rule.map { ImpossibleStep(rule: $0, event: judged.type, state: before) }
    }

    private var contact: ContactState? {
        if case .contact(let state) = self { state } else { nil }
    }

    private var `operator`: OperatorState? {
        if case .operator(let state) = self { state } else { nil }
    }

    fileprivate var words: String {
        switch self {
        case .contact(let state):
            if case .waiting(let queue) = state.phase {
                "the contact is waiting in the queue \(queue.text)"
            } else {
                "the contact is \(state.phase.name)"
            }
        case .operator(let state):
            if case .loggedIn(let status?) = state.phase {
                "the operator is in the status \(status.name)"
            } else {
                "the operator is \(state.phase.name)"
            }
        }
    }
}

/// Why an event cannot follow where its stream stands.
package struct ImpossibleStep: Equatable, Sendable {
    /// The name of the rule that it breaks.
    package let rule: String
    /// The type of the event.
    package let event: String
    /// Where the stream stands; nil before its first event.
    package let state: StreamState?
}

extension ImpossibleStep: CustomStringConvertible {
    package var description: String {
        let state = state?.words ?? "nothing has happened before it"
        return "\(event) cannot follow where \(state) (\(rule))"
    }
}
