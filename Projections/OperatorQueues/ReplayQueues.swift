internal import ContactCentre
package import EventLog
internal import JSON
internal import ProjectionKit
internal import Storage

/// The figures of ``OperatorQueues`` out of a replay in memory, on all cores.
///
/// It folds with the same ``ContactBook``, facts and contributions as the read model on disk, so
/// its sums are those of the tables; how many wait at once is left to the read model.
package struct ReplayQueues: Sendable {
    /// Events that were taken in.
    package let events: UInt64
    package let unreadable: UInt64
    private let changes: TableChanges
    private let names: NameBook

    /// A row's figures by the names of its columns.
    package typealias Row = [String: Int64]

    /// - Throws: ``LogError``, or ``FoldFailure/tooLarge`` where a sum leaves 64 bits.
    package static func run(
        _ log: EventLog, _ projection: OperatorQueues = OperatorQueues(),
        division: ReplayDivision = ReplayDivision()
    ) throws -> ReplayQueues {
        let zones = SharedZones(try ZoneBook(logZone: log.identity.zone))
        let threshold = projection.thresholdMicroseconds
        let size = try log.head().size
        var whole = try log.replay(
            division: division,
            into: WholeReplay(
                archive: ContactArchive(expecting: Int(size / 5)),
                figures: ContactFigures(zones: zones, thresholdMicroseconds: threshold)),
            make: { reader in
                try SegmentReplay.make(
                    &reader, zones: zones,
                    ContactFigures(zones: zones, thresholdMicroseconds: threshold))
            },
            merge: { whole, segment in try whole.merge(segment) })
        try whole.figures.changes.settle()
        return ReplayQueues(
            events: whole.events, unreadable: whole.unreadable, changes: whole.figures.changes,
            names: whole.names)
    }

    package var totals: Row { changes.totals.row }

    package var queues: [String: Row] {
        changes.queues.reduce(into: [:]) { rows, entry in
            guard !entry.value.isZero else { return }
            rows[names.shown(entry.key), default: [:]].merge(entry.value.row, uniquingKeysWith: +)
        }
    }

    /// By local date.
    package var days: [String: Row] {
        changes.byDay.reduce(into: [:]) { rows, entry in
            guard !entry.value.isZero else { return }
            rows[CivilDate(daysSince1970: entry.key).description] = entry.value.row
        }
    }

    package var halfHours: [String: Row] {
        changes.halfHours.reduce(into: [:]) { rows, entry in
            guard !entry.value.isZero else { return }
            rows[entry.key.label] = entry.value.row
        }
    }

    package var operators: [String: Row] {
        changes.operators.entries.reduce(into: [:]) { rows, entry in
            guard entry.value != OperatorFigures() else { return }
            rows[names.shown(entry.name), default: [:]].merge(
                [
                    "answered": entry.value.answered, "handled": entry.value.handled,
                    "handle_us": entry.value.handleMicroseconds,
                ], uniquingKeysWith: +)
        }
    }
}

extension Figures {
    fileprivate var row: ReplayQueues.Row {
        Dictionary(uniqueKeysWithValues: Figure.allCases.map { ($0.column, self[$0]) })
    }
}

/// Adds up what contacts contribute, all with names of one book.
struct ContactFigures: Sendable {
    var changes = TableChanges()
    private let zones: SharedZones
    private let thresholdMicroseconds: Int64
    /// Made anew for each contact, in the same memory.
    private var contribution = Contribution()
    /// Zones by their names; those of a book never change.
    private var known = ByName<Zone?>(empty: nil)
    private var place = LastPlace()

    init(zones: SharedZones, thresholdMicroseconds: Int64) {
        self.zones = zones
        self.thresholdMicroseconds = thresholdMicroseconds
    }

    mutating func collect(
        _ facts: ContactFacts, taken direction: TableChanges.Direction, _ names: NameBook
    ) throws {
        try contribution.set(to: facts, thresholdMicroseconds: thresholdMicroseconds)
        for entry in contribution.entries {
            // A zone is shared by all threads: counting references to it for each would be dear.
            let place =
                try place.find(entry.moment, in: facts.zone)
                ?? place.find(
                    entry.moment, in: try zone(of: facts, names), named: facts.zone)
            try changes.add(entry, at: place, taken: direction)
        }
        for (name, figures) in contribution.operators {
            try changes.add(figures, of: name, taken: direction)
        }
    }

    mutating func zone(of facts: ContactFacts, _ names: NameBook) throws -> Zone {
        if let zone = known[facts.zone] { return zone }
        let zone = try zones.stored(facts.zone.map { names.text($0) })
        known[facts.zone] = zone
        return zone
    }
}

/// What one segment of the log says of contacts.
private struct SegmentReplay: Sendable {
    var events: UInt64 = 0
    var unreadable: UInt64 = 0
    let names: NameBook
    /// What the contacts that began in the segment contribute, settled.
    let changes: TableChanges
    let contacts: PackedContacts
    /// Events of contacts that began earlier, in their order.
    let later: [(stream: Fingerprint, reading: QueueReading, moment: Instant)]

    /// About how many events a contact has, for the memory of a segment.
    private static let eventsOfContact = 4

    static func make(
        _ reader: inout ColumnsReader, zones: SharedZones, _ empty: ContactFigures
    ) throws -> SegmentReplay {
        var book = ContactBook(zones: zones, expecting: reader.eventsMax / eventsOfContact)
        var (events, unreadable): (UInt64, UInt64) = (0, 0)
        while let columns = try reader.next() {
            events += UInt64(columns.count)
            try book.apply(
                columns, 0..<columns.count,
                find: { _, beginning, _ in beginning == .here ? .new : .elsewhere },
                unreadable: { _, _ in unreadable += 1 })
        }
        var figures = empty
        var contacts = PackedContacts(expecting: book.streams.count)
        try book.forEachContact { number, facts, _ in
            try figures.collect(facts, taken: .in, book.reader.names)
            contacts.append(facts, of: book.streams.fingerprint(number))
        }
        try figures.changes.settle()
        return SegmentReplay(
            events: events, unreadable: unreadable, names: book.reader.names,
            changes: figures.changes, contacts: contacts.trimmed,
            later: book.elsewhere.map { later in
                (book.streams.fingerprint(later.contact), later.reading, later.moment)
            })
    }
}

/// What all segments so far say.
private struct WholeReplay: Sendable {
    var events: UInt64 = 0
    var unreadable: UInt64 = 0
    var names = NameBook()
    var archive: ContactArchive
    var figures: ContactFigures

    mutating func merge(_ segment: SegmentReplay) throws {
        events += segment.events
        unreadable += segment.unreadable
        let translation = names.names(of: segment.names)
        try figures.changes.add(segment.changes, translation)
        var touched: [Fingerprint: (stored: ContactFacts?, facts: ContactFacts)] = [:]
        for later in segment.later {
            if touched[later.stream] == nil {
                let stored = archive.facts(of: later.stream)
                touched[later.stream] = (stored, stored ?? ContactFacts())
            }
            touched[later.stream]?.facts.apply(
                later.reading.translated(by: translation), at: later.moment)
        }
        archive.add(segment.contacts, translation)
        var new = PackedContacts()
        for (stream, contact) in touched {
            if let stored = contact.stored { try figures.collect(stored, taken: .back, names) }
            try figures.collect(contact.facts, taken: .in, names)
            if contact.stored == nil {
                new.append(contact.facts, of: stream)
            } else {
                archive.replace(contact.facts, of: stream)
            }
        }
        if !new.fingerprints.isEmpty { archive.add(new, names.identity) }
    }
}

extension QueueReading {
    fileprivate func translated(by names: NameBook.Translation) -> QueueReading {
        QueueReading(event: event.translated(by: names), timing: timing)
    }
}

extension QueueEvent {
    fileprivate func translated(by names: NameBook.Translation) -> QueueEvent {
        switch self {
        case .received(let queue, let zone):
            .received(queue: queue.map { names($0) }, zone: zone.map { names($0) })
        case .queued(let queue): .queued(names(queue))
        case .leftQueue(let queue, let ending): .leftQueue(names(queue), ending)
        case .connected(let name): .connected(name.map { names($0) })
        case .abandonedInSelfService, .notReached, .conversationEnded, .afterWorkEnded, .nothing:
            self
        }
    }
}
