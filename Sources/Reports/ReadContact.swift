package import ContactCentre
package import EventLog

extension EventLog {
    /// The events of a contact's stream among the first `size` of the log, in their order.
    package func facts(ofContact id: String, before size: UInt64) throws -> [ContactFact] {
        try events(ofStream: StreamPrefix.contact + id, before: size).map(ContactFact.init)
    }

    func events(ofStream stream: String, before size: UInt64) throws -> [Event] {
        guard size > 0 else { return [] }
        var selection = Selection()
        selection.stream = try StreamName(stream)
        selection.to = Position(size - 1)
        var events: [Event] = []
        try read(selection) { event in
            events.append(event)
            return .next
        }
        return events
    }
}

extension ContactFact {
    init(_ event: Event) {
        self.init(
            position: event.position.value, type: "\(event.type)", schema: event.schema,
            occurred: event.occurred, payload: event.data.object)
    }
}
