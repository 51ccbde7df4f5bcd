internal import ContactCentre
package import EventLog
internal import JSON

/// Why a row that tells of a person cannot be taken in; the import goes on with the next.
package struct PersonalRefusal: Error {
    let reason: String

    package init(_ reason: String) { self.reason = reason }
}

/// What an import asks about the persons whom its events tell of.
package final class PersonalIntake {
    private let subject: (String, () throws -> String?) throws -> String
    private let seal: (NewEvent) throws -> NewEvent
    private let known: (EventID) throws -> Event?
    /// Why no row can be taken in any more.
    private var failure: (any Error)?

    /// What they throw stops the import, but for ``PersonalRefusal``.
    ///
    /// - Parameters:
    ///   - subject: The reference of a person by what leads to them outside, or that which the log
    ///     has in the row's events already: whoever was erased since is not made anew by a file
    ///     that is imported once more.
    ///   - seal: The event with its personal members sealed.
    ///   - known: What the log has of an event already.
    package init(
        subject:
            @escaping (
                _ identifier: String, _ known: () throws -> String?
            ) throws -> String,
        seal: @escaping (NewEvent) throws -> NewEvent,
        known: @escaping (EventID) throws -> Event?
    ) {
        self.subject = subject
        self.seal = seal
        self.known = known
    }

    /// Where nobody has keys for anybody: what is personal is refused as it stands.
    package static func none() -> PersonalIntake {
        PersonalIntake(
            subject: { _, _ in throw PersonalRefusal("there are no keys of persons here") },
            seal: { $0 }, known: { _ in nil })
    }

    /// The reference of a person; `places` are the events of the row that carry it, and the members
    /// in which they do.
    func reference(
        of identifier: String, in places: [(id: EventID, member: String)]
    ) throws(RowRefusal) -> String {
        try asking {
            try subject(identifier) {
                for place in places {
                    let event = try known(place.id)
                    if let found = event?.data.object?.string(place.member) { return found }
                }
                return nil
            }
        }
    }

    /// The event as the log may have it.
    func admitted(_ event: NewEvent) throws(RowRefusal) -> NewEvent {
        guard PersonalFields.of(type: event.type.text) != nil else { return event }
        return try asking { try seal(event) }
    }

    /// Throws where the keys or the log cannot be asked any more.
    func requireNoFailure() throws {
        if let failure { throw failure }
    }

    private func asking<Result>(_ body: () throws -> Result) throws(RowRefusal) -> Result {
        do { return try body() } catch let refusal as PersonalRefusal {
            throw .person(refusal.reason)
        } catch {
            failure = error
            throw .person("\(error)")
        }
    }
}
