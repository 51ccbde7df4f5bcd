package import ContactCentre
package import EventLog

/// The organisation as a part of a log tells it.
package struct ToldOrganisation {
    package var organisation = Organisation()
    /// Positions of events of the organisation that are not understood here: of later schema
    /// versions, of streams that name nothing, or with data that cannot be read.
    package var notUnderstood: [Position] = []
    /// What was said since about its events, by their positions.
    package var corrections: [Position: [Corrections.Word]] = [:]
    /// Events that never happened, as they were appended.
    package var voided: [Event] = []

    package init() {}
}

extension EventLog {
    /// The organisation as the first `size` events of the log tell it.
    ///
    /// What was corrected by then is told as corrected. Linear in the events of the organisation.
    package func organisation(before size: UInt64) throws -> ToldOrganisation {
        var told = ToldOrganisation()
        guard size > 0 else { return told }
        var selection = Selection()
        selection.types = try Set(OrganisationEvent.Kind.all.map { try EventType($0.type) })
        selection.to = Position(size - 1)
        let corrections = try corrections(in: 0..<size)
        try read(selection) { found in
            let words = corrections.words(about: found.position)
            if !words.isEmpty { told.corrections[found.position] = words }
            guard let event = corrections.applied(to: found) else {
                told.voided.append(found)
                return .next
            }
            guard let kind = OrganisationEvent.Kind(type: event.type.text),
                OrganisationEvent.names(event.stream.text, kind),
                let change = try? OrganisationEvent(
                    kind, schema: event.schema, payload: event.data.object)
            else {
                told.notUnderstood.append(event.position)
                return .next
            }
            told.organisation.apply(
                change, of: event.stream.text, position: event.position.value,
                recorded: event.recorded, occurred: event.occurred)
            return .next
        }
        return told
    }
}
