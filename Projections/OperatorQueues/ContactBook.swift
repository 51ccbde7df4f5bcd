internal import ContactCentre
internal import EventLog
internal import JSON
internal import Storage

/// The contacts that events have touched, and what is known of each.
///
/// Both ways to fold use it: ``FoldContacts`` writes it to a database chunk by chunk, and
/// ``ReplayQueues`` keeps it in memory, a book for each segment of the log.
struct ContactBook {
    var reader: QueueEventReader
    /// The streams of the contacts, numbered as ``contacts``.
    private(set) var streams: ByteTable
    private var contacts: [ContactFacts] = []
    /// Contacts whose facts somebody else has, so that their events are only collected.
    private var isElsewhere: [Bool] = []
    /// What was known before the events came, by the contact's number.
    private var stored: [Int: ContactFacts] = [:]
    /// Events of contacts whose facts are elsewhere, in their order.
    private(set) var elsewhere: [(contact: Int, reading: QueueReading, moment: Instant)] = []
    var latest: Instant?

    /// What is known of a contact that is touched for the first time.
    enum Finding {
        case new
        case stored(ContactFacts)
        /// Somebody else knows; the events are collected for them.
        case elsewhere
    }

    /// With room for so many contacts before anything has to grow.
    init(zones: SharedZones, expecting contacts: Int = 0) {
        reader = QueueEventReader(zones: zones)
        streams = ByteTable(expecting: contacts)
        self.contacts.reserveCapacity(contacts)
        isElsewhere.reserveCapacity(contacts)
    }

    /// Takes in the events at these places.
    ///
    /// `find` tells what is known of a stream that is new to the book: its name, its number and
    /// whether the first of its events is among these.
    mutating func apply(
        _ columns: EventColumns, _ places: Range<Int>,
        find: (Span<UInt8>, Beginning, inout NameBook) throws -> Finding,
        unreadable: (_ place: Int, _ reason: String) -> Void
    ) throws {
        let kinds = columns.kinds.values.map { reader.kind($0, in: columns) }
        let readAs = kinds.map { kind in if case .read(let number) = kind { number } else { -1 } }
        // Columns are taken out of the loop, where each access would count references.
        let (kindOf, streamOf) = (columns.kinds.indexes, columns.streams.indexes)
        let (streams, moments) = (columns.streams.values, columns.moments)
        let (bytes, (starts, ends)) = (columns.bytes, columns.json)
        let readable =
            LocalTime.readable.lowerBound.microseconds...LocalTime.readable.upperBound.microseconds
        var numbers = [Int](repeating: -1, count: streams.count)
        for place in places {
            let kind = readAs[Int(kindOf[place])]
            guard kind >= 0 else {
                if case .unreadable(let reason) = kinds[Int(kindOf[place])] {
                    unreadable(place, reason)
                }
                continue
            }
            let moment = Instant(microseconds: moments[place])
            guard readable.contains(moment.microseconds) else {
                unreadable(place, reader.untimely(moment, kind))
                continue
            }
            let isJSON = starts[place] <= ends[place]
            let json = isJSON ? Int(starts[place])..<Int(ends[place]) : 0..<0
            let reading: QueueReading
            do throws(UnreadableEvent) {
                reading = try reader.event(
                    place, of: kind, json: bytes.span.extracting(json), in: columns)
            } catch {
                unreadable(place, error.reason)
                continue
            }
            let stream = Int(streamOf[place])
            if numbers[stream] < 0 {
                let isFirst = streams[stream].firstRevision == 0 && places.lowerBound == 0
                numbers[stream] = try number(
                    of: bytes.span.extracting(streams[stream].name),
                    isFirst ? .here : .before, find)
            }
            apply(reading, at: moment, to: numbers[stream])
        }
    }

    /// Whether a stream's first event is known to be among those that are taken in.
    enum Beginning {
        case here
        case before
    }

    private mutating func apply(_ reading: QueueReading, at moment: Instant, to number: Int) {
        if isElsewhere[number] {
            elsewhere.append((number, reading, moment))
        } else {
            contacts[number].apply(reading, at: moment)
        }
        // Compared as numbers: the operators of a protocol would cost more than the rest.
        if let latest, latest.microseconds >= moment.microseconds { return }
        latest = moment
    }

    private mutating func number(
        of stream: Span<UInt8>, _ beginning: Beginning,
        _ find: (Span<UInt8>, Beginning, inout NameBook) throws -> Finding
    ) throws -> Int {
        let number = streams.number(of: stream)
        guard number == contacts.count else { return number }
        switch try find(stream, beginning, &reader.names) {
        case .new:
            contacts.append(ContactFacts())
            isElsewhere.append(false)
        case .stored(let facts):
            stored[number] = facts
            contacts.append(facts)
            isElsewhere.append(false)
        case .elsewhere:
            contacts.append(ContactFacts())
            isElsewhere.append(true)
        }
        return number
    }

    /// Visits the contacts whose facts are here, with what was known of them before.
    func forEachContact(
        _ visit: (_ number: Int, _ facts: ContactFacts, _ before: ContactFacts?) throws -> Void
    ) rethrows {
        for number in contacts.indices where !isElsewhere[number] {
            try visit(number, contacts[number], stored.isEmpty ? nil : stored[number])
        }
    }

    mutating func removeContacts() {
        streams.removeAll()
        contacts.removeAll(keepingCapacity: true)
        isElsewhere.removeAll(keepingCapacity: true)
        stored.removeAll(keepingCapacity: true)
        elsewhere.removeAll(keepingCapacity: true)
    }
}
