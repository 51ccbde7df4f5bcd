package import JSON

/// A thing of the organisation, as an event about a contact or an operator's work names it.
package struct NamedThing: Hashable, Sendable {
    package let section: Section
    package var name: String { exact.text }
    private let exact: ExactText

    init(_ section: Section, _ name: String) {
        self.section = section
        exact = ExactText(name)
    }

    /// Those that an event names; none where it cannot be read, or is about something else.
    package static func all(
        inType type: String, schema: UInt16, stream: String, payload: JSONPayload?
    ) -> [NamedThing] {
        if OperatorEvent.Kind(rawValue: type) != nil {
            return Organisation.thing(of: stream, StreamPrefix.operator)
                .map { [NamedThing(.operators, $0)] } ?? []
        }
        if let kind = RoutingIntervention.Kind(rawValue: type) {
            let event = try? RoutingIntervention(kind, schema: schema, payload: payload)
            guard case .overridden(let override)? = event else { return [] }
            switch override.selection {
            case .operator: return [NamedThing(.operators, override.selected)]
            case .queue: return [NamedThing(.queues, override.selected)]
            }
        }
        guard let kind = ContactEvent.Kind(rawValue: type) else { return [] }
        return (try? ContactEvent(kind, schema: schema, payload: payload))?.namedThings ?? []
    }
}

extension ContactEvent {
    fileprivate var namedThings: [NamedThing] {
        switch self {
        case .received(let received): things(received.queue)
        case .queued(let queued):
            things(queued.queue) + queued.needs.map { NamedThing(.skills, $0.skill) }
        case .leftQueue(let left): things(left.queue)
        case .callbackRequested(let request): things(request.queue)
        case .offerMade(let offer): things(offer.operator)
        case .offerEnded(_, let name): things(name)
        case .callbackAttempted(let name), .connected(let name), .afterWorkEnded(let name):
            things(name)
        case .selfServiceEnded, .blocked, .waitAnnounced, .callbackReached, .callbackFailed,
            .callbackExpired, .abandoned, .held, .resumed, .transferred, .disconnected,
            .outcomeRecorded, .closed, .unknown:
            []
        }
    }

    private func things(_ queue: QueueID?) -> [NamedThing] {
        queue.map { [NamedThing(.queues, $0.text)] } ?? []
    }

    private func things(_ name: OperatorID?) -> [NamedThing] {
        name.map { [NamedThing(.operators, $0.text)] } ?? []
    }
}

extension Organisation {
    /// The names of all things of a section that were ever described, in the order of their bytes.
    package func names(in section: Section) -> [String] {
        changes.keys.filter { $0.facet == Facet.whole(of: section) }.map { ExactText($0.thing) }
            .sorted().map(\.text)
    }
}
