internal import ContactCentre
package import EventLog

extension StreamRules {
    /// The state machines of contacts and operators, and that published versions mean one thing.
    package static let contactCentre = StreamRules { type, schema, payload in
        guard let event = JudgedEvent(type: type.text, schema: schema, payload: payload) else {
            return nil
        }
        return Step(past: event.dependsOnPast ? .matters : .doesNotMatter) { state in
            var judged = state as? StreamState
            let step = StreamState.move(&judged, by: event)
            state = judged
            return step.map { BrokenRule(name: $0.rule, reason: "\($0)") }
        }
    }
}
