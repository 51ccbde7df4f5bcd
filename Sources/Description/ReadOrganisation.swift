package import ContactCentre
package import EventLog

extension EventLog {
    /// The organisation as the first `size` events of the log tell it.
    ///
    /// What was corrected by then is told as corrected. Events of later schema versions, and such as cannot be read, are passed over. Linear in the
    /// events of the organisation.
    package func organisation(before size: UInt64) throws -> Organisation {
        var organisation = Organisation()
        guard size > 0 else { return organisation }
        var selection = Selection()
        selection.types = try Set(OrganisationEvent.Kind.all.map { try EventType($0.type) })
        selection.to = Position(size - 1)
        let corrections = try corrections(in: 0..<size)
        try read(selection) { told in
            guard let event = corrections.applied(to: told), event.schema == OrganisationEvent.schema,
                let kind = OrganisationEvent.Kind(type: event.type.text),
                let told = try? OrganisationEvent(kind, payload: event.data.object)
            else { return .next }
            organisation.apply(
                told, of: event.stream.text, position: event.position.value,
                recorded: event.recorded, occurred: event.occurred)
            return .next
        }
        return organisation
    }
}
