package import ContactCentre
package import EventLog
package import JSON

/// What routers would have told in a history that somebody makes up event by event.
package struct RecordRouting: Sendable {
    private var routing = FollowRouting()

    package init() {}

    /// Takes in the event that stands next; it has an id and a time.
    package mutating func take(_ event: NewEvent) {
        guard let id = event.id, let time = event.time else {
            preconditionFailure("events of made-up histories have ids and times")
        }
        routing.foresee(
            Event(event, id: id, position: Position(routing.next), recorded: time))
    }

    /// Decides about a contact that waits, as a router would at that moment.
    ///
    /// - Parameters:
    ///   - contact: Its stream.
    ///   - time: The moment.
    ///   - source: Of what is told.
    ///   - namespace: For ids, UUIDs of version 5 over type and number of the decision.
    /// - Returns: The decision, nil where there is nothing to say, and the events that tell it and
    ///   what follows from it, which have been taken in; they are to be appended as a whole.
    /// - Throws: ``EventError`` where a name does not fit into an event.
    package mutating func decide(
        _ contact: StreamName, at time: Instant, source: Source, ids namespace: EventID
    ) throws(EventError) -> (decision: RoutingDecision?, events: [NewEvent]) {
        let number = routing.state.decisions(about: contact.text)
        // Moved out and back, so that nothing of it is copied.
        let known = exchange(&routing, with: FollowRouting())
        var plan = PlannedRouting(
            consume known, source: source, now: time, RouterLimits()
        ) { type in
            EventID(namespace: namespace, name: "\(type) \(number)".utf8)
        }
        let decision = try plan.decide(contact.text)
        routing = plan.routing
        return (decision, plan.events)
    }
}

/// Puts another value in the place of one, which is given back.
private func exchange<Value>(_ place: inout Value, with other: consuming Value) -> Value {
    swap(&place, &other)
    return other
}
