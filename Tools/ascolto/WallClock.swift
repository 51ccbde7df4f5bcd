internal import ContactCentre
internal import EventLog
internal import JSON
internal import Reports

/// The clocks on the wall where something happened, by which people are told of it.
///
/// Programs are told moments in UTC.
struct WallClock {
    /// Nil where the time zone database does not have it.
    private let zone: Zone?

    /// The clocks of a log's zone.
    init(of log: EventLog) { zone = Zone(identifier: log.identity.zone) }

    /// The clocks of the zone that a contact states for itself, else of the log's.
    init(of story: ContactStory, in log: EventLog) {
        zone = Zone(identifier: story.zone ?? log.identity.zone)
    }

    /// The clocks of the contact that a decision is about.
    init(of routed: RoutedContact, in log: EventLog) throws {
        let (stream, position) = (routed.event.stream.text, routed.event.position.value)
        let id = String(stream.dropFirst(StreamPrefix.contact.count))
        self.init(
            of: ContactStory(try log.facts(ofContact: id, before: position + 1)), in: log)
    }

    /// RFC 3339 with the offset of these clocks.
    func told(_ moment: Instant) -> String { zone?.rfc3339(moment) ?? "\(moment)" }
}
