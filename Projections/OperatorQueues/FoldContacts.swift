internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Storage

/// Folds the events of contacts; holds the contacts that events since the last flush touched.
final class FoldContacts: EventFold {
    private let database: Database
    private let waitingMax: WaitingMax
    private var book: ContactBook
    private var figures: ContactFigures
    private var nextContact: Int64
    /// The keys of the book's contacts, by their numbers.
    private var keys: [Int64] = []

    init(into database: Database, zones: ZoneBook, thresholdMicroseconds: Int64) throws {
        self.database = database
        waitingMax = WaitingMax(zones: zones)
        let shared = SharedZones(zones)
        book = ContactBook(zones: shared)
        figures = ContactFigures(
            zones: shared, thresholdMicroseconds: thresholdMicroseconds)
        book.latest = try Row.fetchOne(database, sql: "SELECT occurred_us FROM latest")
            .flatMap { try StoredRow($0, of: "latest").optionalInstant("occurred_us") }
        let last = try Row.fetchOne(database, sql: "SELECT max(id) AS id FROM contacts")
            .flatMap { try StoredRow($0, of: "contacts").optionalInteger("id") }
        nextContact = 1
        try nextContact.add(last ?? 0)
    }

    func apply(
        _ columns: EventColumns, at places: Range<Int>,
        unreadable: (_ place: Int, _ reason: String) -> Void
    ) throws {
        try book.apply(
            columns, places,
            find: { stream, beginning, names in
                if beginning == .before,
                    let (key, facts) = try ContactFacts.load(
                        String(copying: stream), from: database, &names)
                {
                    keys.append(key)
                    return .stored(facts)
                }
                keys.append(nextContact)
                try nextContact.add(1)
                return .new
            }, unreadable: unreadable)
    }

    func flush() throws {
        try book.forEachContact { number, facts, stored in
            guard stored != facts else { return }
            if let stored { try figures.collect(stored, taken: .back, book.reader.names) }
            try figures.collect(facts, taken: .in, book.reader.names)
            try store(facts, number, replacing: stored)
        }
        try figures.changes.settle()
        try figures.changes.write(to: database, book.reader.names)
        try waitingMax.update(figures.changes.days, in: database)
        try database.execute(
            sql: "UPDATE latest SET occurred_us = ?", arguments: [book.latest?.microseconds])
        figures.changes = TableChanges()
        book.removeContacts()
        keys.removeAll(keepingCapacity: true)
    }

    private func store(
        _ facts: ContactFacts, _ number: Int, replacing stored: ContactFacts?
    ) throws {
        let names = book.reader.names
        try facts.save(
            stream: String(decoding: book.streams[number], as: UTF8.self), key: keys[number],
            replacing: stored, to: database, names)
        let zone = try figures.zone(of: facts, names)
        let storedZone = try stored.map { try figures.zone(of: $0, names) }
        for (index, visit) in facts.visits.enumerated() {
            let old = stored.flatMap { index < $0.visits.count ? $0.visits[index] : nil }
            if old == visit, stored?.zone == facts.zone { continue }
            let days = WaitingDays(of: visit, in: zone)
            try visit.save(
                contact: keys[number], number: index + 1, days, to: database, names)
            figures.changes.days.touch(days)
            if let old, let storedZone {
                figures.changes.days.touch(WaitingDays(of: old, in: storedZone))
            }
        }
    }
}
