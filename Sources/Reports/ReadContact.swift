package import ContactCentre
package import EventLog
internal import JSON

extension EventLog {
    /// The events of a contact's stream among the first `size` of the log, in their order.
    package func facts(ofContact id: String, before size: UInt64) throws -> [ContactFact] {
        let events = try events(ofStream: StreamPrefix.contact + id, before: size)
        let byID = Dictionary(events.map { ($0.id, $0) }) { first, _ in first }
        let corrections = Corrections(events) { _ in byID }
        return events.map { event in
            let corrected = corrections.applied(to: event)
            let standing: ContactFact.Standing =
                switch corrections.standing(ofCorrectionAt: event.position) {
                case .void(let position): .void(by: position.value)
                case .correctsNothing: .correctsNothing
                case .holds, nil: corrected == nil ? .void(by: nil) : .holds
                }
            let target = event.data.object?.string(Corrections.Member.target).flatMap(EventID.init)
            return ContactFact(
                corrected ?? event, standing,
                said: corrections.words(about: event.position).map {
                    ContactFact.Said(
                        position: $0.position.value, what: $0.change.words, reason: $0.reason,
                        authority: $0.authority)
                }, about: target.flatMap { byID[$0]?.position.value })
        }
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
    fileprivate init(
        _ event: Event, _ standing: Standing, said: [Said], about target: UInt64?
    ) {
        self.init(
            position: event.position.value, id: "\(event.id)", type: "\(event.type)",
            schema: event.schema,
            occurred: event.occurred, payload: event.data.object, standing: standing,
            said: said, about: target)
    }
}

extension Corrections.Change {
    /// What it says: `{"by":"system"}`, or another time.
    fileprivate var words: String {
        switch self {
        case .voided: "it never happened"
        case .corrected(let patch, let time):
            "corrected to "
                + [
                    patch.map { String(decoding: $0.bytes, as: UTF8.self) },
                    time.map { "the time \($0)" },
                ].compactMap(\.self).joined(separator: " and ")
        }
    }
}
