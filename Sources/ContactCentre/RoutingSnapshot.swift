/// What a routing state has of the past beside the organisation, to be kept and taken up again.
///
/// Whatever follows from it and from the organisation is left out: plan, seats and lines.
package struct RoutingSnapshot: Codable, Sendable {
    private let names: RoutingNames
    private let floor: RoutingFloor
    /// In the order of their streams, so that the same state is the same snapshot.
    private let contacts: [Open]
    private let atHand: [AtHand]
    private let arePrioritiesChanged: Bool
    private let notUnderstood: [UInt64]

    /// What its members mean.
    ///
    /// Another version for any change of what a state keeps, or of what an
    /// event does to it: states that were kept before are then made again from the log.
    package static let version = 2

    private struct Open: Codable {
        let stream: ExactText
        let contact: RoutingState.Contact
    }

    private struct AtHand: Codable {
        let `operator`: Int
        let streams: [ExactText]
    }

    package init(_ state: RoutingState) {
        names = state.names
        floor = state.floor
        contacts = state.contacts.map { Open(stream: $0.key, contact: $0.value) }
            .sorted { $0.stream < $1.stream }
        atHand = state.atHand.filter { !$0.value.isEmpty }
            .map { AtHand(operator: $0.key, streams: $0.value) }
            .sorted { $0.operator < $1.operator }
        arePrioritiesChanged = state.arePrioritiesChanged
        notUnderstood = state.notUnderstood
    }

    /// The state again.
    ///
    /// - Parameters:
    ///   - organisation: As it was known then.
    ///   - zone: Where calendars are that name none.
    ///   - hash: SHA-256.
    /// - Returns: A state that goes on as the one that was kept.
    package func state(
        of organisation: Organisation, in zone: Zone,
        hash: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> RoutingState {
        var state = RoutingState(in: zone, hash: hash)
        state.names = names
        state.floor = floor
        state.arePrioritiesChanged = arePrioritiesChanged
        state.notUnderstood = notUnderstood
        for open in contacts {
            state.contacts[open.stream] = open.contact
            if let visit = open.contact.visit { state.waiting[visit.order] = open.stream }
            if let callback = open.contact.callback {
                state.promised[callback.order] = open.stream
            }
        }
        for hand in atHand { state.atHand[hand.operator] = hand.streams }
        state.replace(organisation)
        return state
    }
}
