internal import ContactCentre
internal import Description
internal import EventLog
internal import YAML

/// Queues, operators and skills that events name and that the log's organisation does not describe.
///
/// Naming them is legal: the description may come later, or stand elsewhere. Where others of their
/// kind are described, nothing will be routed by these names.
struct Strangers {
    private var events: [NamedThing: Int] = [:]
    private var looked = 0

    /// Whoever sends more at once is a program, to which its first events tell enough.
    private static let lookedMax = 10_000
    private static let toldMax = 20

    /// Notes what an event names that is about to be appended.
    mutating func look(at event: NewEvent) {
        guard looked < Self.lookedMax else { return }
        looked += 1
        let things = NamedThing.all(
            inType: event.type.text, schema: event.schema, stream: event.stream.text,
            payload: event.data.object)
        for thing in things { events[thing, default: 0] += 1 }
    }

    /// Tells those that nobody has ever described in the log; linear in the events of its
    /// organisation.
    func tell(of log: EventLog) throws {
        guard !events.isEmpty else { return }
        let organisation = try log.organisation(before: try log.head().size).organisation
        for section in [Section.queues, .operators, .skills] {
            let described = organisation.names(in: section)
            guard !described.isEmpty else { continue }
            let known = Set(described.map { ExactText($0) })
            let strangers = events.filter {
                $0.key.section == section && !known.contains(ExactText($0.key.name))
            }.sorted { ExactText($0.key.name) < ExactText($1.key.name) }
            for (thing, count) in strangers.prefix(Self.toldMax) {
                let meant = word(meantBy: thing.name, among: described)
                Standard.error(
                    "ascolto: warning: \(count) \(count == 1 ? "event names" : "events name") the "
                        + printable("\(section.thing) \(thing.name)")
                        + ", which the organisation in this log does not describe"
                        + (meant.map { ": did you mean \(printable($0))?" } ?? ""))
            }
            if strangers.count > Self.toldMax {
                Standard.error(
                    "ascolto: warning: so are \(strangers.count - Self.toldMax) more "
                        + "\(section.thing)s")
            }
        }
    }
}
