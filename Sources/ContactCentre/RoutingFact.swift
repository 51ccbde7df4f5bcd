package import JSON

/// An event of a log, as far as routing looks at it.
package struct RoutingFact: Sendable {
    package let type: String
    package let schema: UInt16
    package let stream: String
    package let position: UInt64
    package let occurred: Instant
    package let payload: JSONPayload?
    /// The groups that its tags declare.
    package let groups: [GroupTag]

    package init(
        type: String, schema: UInt16, stream: String, position: UInt64, occurred: Instant,
        payload: JSONPayload?, groups: [GroupTag]
    ) {
        self.type = type
        self.schema = schema
        self.stream = stream
        self.position = position
        self.occurred = occurred
        self.payload = payload
        self.groups = groups
    }
}

/// What an event is to routing, by its type.
enum RoutedKind {
    case contact(ContactEvent.Kind)
    case `operator`(OperatorEvent.Kind)
    case organisation(OrganisationEvent.Kind)
    case decided
    case intervention(RoutingIntervention.Kind)

    static let ofType: [String: RoutedKind] = {
        var kinds: [String: RoutedKind] = [RoutingDecision.Kind.decided.type: .decided]
        for kind in ContactEvent.Kind.allCases { kinds[kind.rawValue] = .contact(kind) }
        for kind in RoutingIntervention.Kind.allCases { kinds[kind.rawValue] = .intervention(kind) }
        for kind in OperatorEvent.Kind.allCases { kinds[kind.rawValue] = .operator(kind) }
        for kind in OrganisationEvent.Kind.all { kinds[kind.type] = .organisation(kind) }
        return kinds
    }()
}

extension RoutingState {
    /// The types of events that it takes in.
    package static let types: [String] = RoutedKind.ofType.keys.sorted()
}
