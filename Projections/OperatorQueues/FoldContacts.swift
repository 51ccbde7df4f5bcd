internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit

/// Folds the events of contacts; holds the contacts that events since the last flush touched.
final class FoldContacts: EventFold {
    private let database: Database
    private let thresholdMicroseconds: Int64
    private var zones: ZoneBook
    private var latest: Instant?
    private var nextContact: Int64
    private var touched: [TouchedContact] = []
    private var indexes: [ExactText: Int] = [:]

    private struct TouchedContact {
        /// What the database holds; nil for a new contact.
        let stored: ContactFacts?
        var facts: ContactFacts
    }

    private static let kinds: [String: ContactEvent.Kind] = Dictionary(
        uniqueKeysWithValues: ContactEvent.Kind.allCases.filter { $0 != .selfServiceEnded }
            .map { ($0.rawValue, $0) })

    init(into database: Database, zones: ZoneBook, thresholdMicroseconds: Int64) throws {
        self.database = database
        self.zones = zones
        self.thresholdMicroseconds = thresholdMicroseconds
        latest = try Row.fetchOne(database, sql: "SELECT occurred_us FROM latest")
            .flatMap { try StoredRow($0, of: "latest").optionalInstant("occurred_us") }
        let last = try Row.fetchOne(database, sql: "SELECT max(id) AS id FROM contacts")
            .flatMap { try StoredRow($0, of: "contacts").optionalInteger("id") }
        nextContact = 1
        try nextContact.add(last ?? 0)
    }

    func apply(_ event: Event) throws -> Reading {
        guard let kind = Self.kinds[event.type.text] else { return .done }
        guard event.schema == ContactEvent.schema else {
            return .unreadable(
                reason: "\(event.type.text): schema \(event.schema) is not known here")
        }
        guard LocalTime.readable.contains(event.occurred) else {
            return .unreadable(
                reason: "\(event.type.text): \(event.occurred) has no local date within the "
                    + "years 0000 to 9999 in every zone")
        }
        let contactEvent: ContactEvent
        do throws(PayloadError) {
            contactEvent = try ContactEvent(kind, payload: event.data.object)
        } catch {
            return .unreadable(reason: "\(error)")
        }
        if case .received(let arrival) = contactEvent, let name = arrival.zone,
            zones.zone(name) == nil
        {
            return .unreadable(reason: "\(event.type.text): \(UnknownZone(name: name))")
        }
        let index = try touch(ExactText(event.stream.text))
        let moment = event.occurred
        touched[index].facts.apply(contactEvent, at: moment)
        latest = max(latest ?? moment, moment)
        return .done
    }

    private func touch(_ stream: ExactText) throws -> Int {
        if let index = indexes[stream] { return index }
        let stored = try ContactFacts.load(stream.text, from: database)
        touched.append(
            TouchedContact(
                stored: stored,
                facts: stored ?? ContactFacts(id: nextContact, stream: stream.text)))
        if stored == nil { try nextContact.add(1) }
        indexes[stream] = touched.count - 1
        return touched.count - 1
    }

    func flush() throws {
        var changes = TableChanges()
        for contact in touched where contact.stored != contact.facts {
            if let stored = contact.stored {
                try collect(stored, taken: .back, into: &changes)
            }
            try collect(contact.facts, taken: .in, into: &changes)
            try store(contact, &changes)
        }
        try changes.write(to: database)
        try WaitingMax(zones: zones).update(changes.days, in: database)
        try database.execute(
            sql: "UPDATE latest SET occurred_us = ?", arguments: [latest?.microseconds])
        touched.removeAll(keepingCapacity: true)
        indexes.removeAll(keepingCapacity: true)
    }

    private func collect(
        _ facts: ContactFacts, taken direction: TableChanges.Direction,
        into changes: inout TableChanges
    ) throws {
        let contribution = try Contribution(
            of: facts, thresholdMicroseconds: thresholdMicroseconds)
        try changes.add(contribution, in: try zones.stored(facts.zone), taken: direction)
    }

    private func store(_ contact: TouchedContact, _ changes: inout TableChanges) throws {
        let (stored, facts) = (contact.stored, contact.facts)
        try facts.save(replacing: stored, to: database)
        let zone = try zones.stored(facts.zone)
        let storedZone = try zones.stored(stored?.zone)
        for (index, visit) in facts.visits.enumerated() {
            let old = stored.flatMap { index < $0.visits.count ? $0.visits[index] : nil }
            if old == visit, stored?.zone == facts.zone { continue }
            let days = WaitingDays(of: visit, in: zone)
            try visit.save(contact: facts.id, number: index + 1, days, to: database)
            changes.days.touch(days)
            if let old { changes.days.touch(WaitingDays(of: old, in: storedZone)) }
        }
    }
}
