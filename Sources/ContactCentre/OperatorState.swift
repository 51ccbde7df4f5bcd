/// Whether one operator is at work and with what, and whether the next event may follow.
///
/// Events are judged in the order of their stream, never by clock.
package struct OperatorState: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        case loggedOut
        /// Nil until the first change after logging in says what the operator does.
        case loggedIn(OperatorStatus?)
    }

    package private(set) var phase: Phase

    /// An operator who has not logged in yet.
    package init() { phase = .loggedOut }

    /// Why an event may not stand where it stands in its stream.
    package enum Rule: String, CaseIterable, Hashable, Sendable {
        case loggedInOnce = "logged_in_once"
        /// Only who is logged in logs out or changes status.
        case loggedInFirst = "logged_in_first"
        /// A change begins at the status that the change before it led to.
        case continuesFromStatus = "continues_from_status"
    }

    package enum Verdict: Hashable, Sendable {
        case accepted
        case broken(Rule)
    }

    /// Judges `event` and moves on; what breaks a rule is taken to have happened all the same.
    package mutating func apply(_ event: OperatorEvent) -> Verdict {
        switch event {
        case .unknown: return .accepted
        case .loggedIn:
            defer { phase = .loggedIn(nil) }
            return phase == .loggedOut ? .accepted : .broken(.loggedInOnce)
        case .loggedOut:
            defer { phase = .loggedOut }
            return phase == .loggedOut ? .broken(.loggedInFirst) : .accepted
        case .statusChanged(let change):
            defer { phase = .loggedIn(change.to) }
            guard case .loggedIn(let status) = phase else { return .broken(.loggedInFirst) }
            guard let status else { return .accepted }
            return status.isExactly(change.from) ? .accepted : .broken(.continuesFromStatus)
        }
    }
}
