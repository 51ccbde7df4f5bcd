internal import ContactCentre
internal import EventLog
internal import JSON

/// Judges events by the state machines of their streams, in the order in which the log has them.
///
/// An import judges only what it brings: of a stream that began before it, or was forgotten, it
/// takes the first event for the beginning.
struct TransitionJudge {
    private var contacts = RecentEntries<ExactText, ContactState>(
        keptMin: ImportLimits.openStreamsMin)
    private var operators = RecentEntries<ExactText, OperatorState>(
        keptMin: ImportLimits.openStreamsMin)

    /// The name of the rule that an event breaks where it stands in its stream, or nil.
    mutating func brokenRule(of event: NewEvent) -> String? {
        let (type, stream) = (event.type.text, ExactText(event.stream.text))
        if let kind = ContactEvent.Kind(type: type, schema: event.schema),
            let read = try? ContactEvent(kind, payload: event.data.object)
        {
            var state = contacts.value(of: stream) ?? ContactState()
            defer { contacts.keep(state, for: stream) }
            if case .broken(let rule) = state.apply(read) { return rule.rawValue }
        } else if let kind = OperatorEvent.Kind(type: type, schema: event.schema),
            let read = try? OperatorEvent(kind, payload: event.data.object)
        {
            var state = operators.value(of: stream) ?? OperatorState()
            defer { operators.keep(state, for: stream) }
            if case .broken(let rule) = state.apply(read) { return rule.rawValue }
        }
        return nil
    }
}
