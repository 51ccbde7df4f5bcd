internal import ContactCentre
internal import EventLog
internal import JSON

/// Judges events by the state machines of their streams, in the order in which the log has them.
///
/// An import judges only what it brings: of a stream that began before it, or was forgotten, it
/// takes the first event for the beginning.
struct TransitionJudge {
    private var states = RecentEntries<ExactText, StreamState>(
        keptMin: ImportLimits.openStreamsMin)

    /// The name of the rule that an event breaks where it stands in its stream, or nil.
    mutating func brokenRule(of event: NewEvent) -> String? {
        guard
            let judged = JudgedEvent(
                type: event.type.text, schema: event.schema, payload: event.data.object)
        else { return nil }
        let stream = ExactText(event.stream.text)
        var state = states.value(of: stream)
        let step = StreamState.move(&state, by: judged)
        if let state { states.keep(state, for: stream) }
        return step?.rule
    }
}
