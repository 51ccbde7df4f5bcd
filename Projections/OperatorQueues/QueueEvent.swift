internal import ContactCentre
internal import EventLog
internal import JSON
internal import Storage

/// What an event of a contact says, as far as the figures need it.
enum QueueEvent: Sendable {
    case received(queue: Name?, zone: Name?)
    case queued(Name)
    case leftQueue(Name, ContactFacts.Ending)
    case abandonedInSelfService
    case connected(Name?)
    /// Who was called back did not answer.
    case notReached
    /// The conversation is over, because somebody hung up or handed the contact on.
    case conversationEnded
    /// Of whom; nil where that is not told.
    case afterWorkEnded(Name?)
    case nothing
}

/// How precisely it is known when something happened.
enum Timing: Int64 {
    /// To a second, at least.
    case fine = 0
    /// To a minute or a day: too coarse for waits and handle times.
    case coarse = 1

    init(_ precision: OccurredPrecision) { self = precision < .minute ? .fine : .coarse }

    /// How precisely a duration is known between two moments.
    func with(_ other: Timing) -> Timing { self == .fine ? other : .coarse }
}

/// What an event of a contact says, and how precisely it is known when that was.
struct QueueReading: Sendable {
    var event: QueueEvent
    var timing: Timing
}

/// Reads what the figures need from units of events.
///
/// Payloads repeat, since they hold no identifiers: one that was read before is recognised by its
/// bytes, and any other goes through ``ContactEvent``, so that both ways say the same.
struct QueueEventReader {
    var names = NameBook()
    private let zones: SharedZones
    private var types = ByteTable()
    private var payloads = ByteTable(slots: 1_024)
    /// What each known payload says as the data of each kind; nil where it was never read as that.
    private var readings: [QueueReading?] = []
    /// The number of the last payload of each kind, which the next one often equals; nil before it.
    private var last = [Int?](repeating: nil, count: Self.kinds.count)

    /// What to do with the events of one type and schema.
    enum Kind {
        case passedOver
        case unreadable(reason: String)
        case read(Int)
    }

    /// Longer payloads, or more of them, are not remembered.
    private static let payloadBytesMax = 512
    private static let payloadsMax = 4_096

    /// A type in one schema version: the same bytes say something else in another one.
    private struct VersionedKind {
        let kind: ContactEvent.Kind
        let schema: UInt16
    }

    private static let types = ContactEvent.Kind.allCases.filter { $0 != .selfServiceEnded }
    private static let kinds: [VersionedKind] = types.flatMap { kind in
        (1...kind.schema).map { VersionedKind(kind: kind, schema: $0) }
    }

    init(zones: SharedZones) {
        self.zones = zones
        for kind in Self.types { _ = types.number(of: Array(kind.type.utf8).span) }
    }

    func kind(_ kind: EventColumns.Kind, in columns: EventColumns) -> Kind {
        guard let number = types.find(columns.bytes.span.extracting(kind.type)) else {
            return .passedOver
        }
        let found = Self.types[number]
        let place = Self.kinds.firstIndex { $0.kind == found && $0.schema == kind.schema }
        return place.map { .read($0) }
            ?? .unreadable(reason: "\(found.type): schema \(kind.schema) is not known here")
    }

    /// Reads the event at a place, whose data are this JSON where there is any of it.
    ///
    /// - Throws: ``UnreadableEvent`` where it says nothing that this version understands.
    mutating func event(
        _ place: Int, of kind: Int, json: Span<UInt8>, in columns: EventColumns
    ) throws(UnreadableEvent) -> QueueReading {
        guard (1...Self.payloadBytesMax).contains(json.count) else {
            return try read(Self.kinds[kind], columns.payload(place))
        }
        if let number = last[kind], payloads.has(json, as: number),
            let known = readings[number * Self.kinds.count + kind]
        {
            return known
        }
        if readings.count == Self.payloadsMax * Self.kinds.count {
            payloads.removeAll()
            readings.removeAll(keepingCapacity: true)
            for kind in last.indices { last[kind] = nil }
        }
        let number = payloads.number(of: json)
        let index = number * Self.kinds.count + kind
        if index >= readings.count {
            readings += repeatElement(nil, count: Self.kinds.count)
        }
        last[kind] = number
        if let known = readings[index] { return known }
        let event = try read(Self.kinds[kind], columns.payload(place))
        readings[index] = event
        return event
    }

    /// Says that a moment has no local date.
    func untimely(_ moment: Instant, _ kind: Int) -> String {
        "\(Self.kinds[kind].kind.type): \(moment) has no local date within the "
            + "years 0000 to 9999 in every zone"
    }

    private mutating func read(
        _ versioned: VersionedKind, _ payload: JSONPayload?
    ) throws(UnreadableEvent) -> QueueReading {
        let event: ContactEvent
        let timing: Timing
        do throws(PayloadError) {
            event =
                try ContactEvent(versioned.kind, schema: versioned.schema, payload: payload)
                ?? .unknown
            timing = Timing(try OccurredPrecision(of: payload, type: versioned.kind.type))
        } catch {
            throw UnreadableEvent(reason: "\(error)")
        }
        if case .received(let arrival) = event, let name = arrival.zone, !zones.has(name) {
            throw UnreadableEvent(reason: "\(versioned.kind.type): \(UnknownZone(name: name))")
        }
        return QueueReading(event: queueEvent(event), timing: timing)
    }

    private mutating func queueEvent(_ event: ContactEvent) -> QueueEvent {
        switch event {
        case .received(let arrival):
            .received(
                queue: arrival.queue.map { names.name($0.text) },
                zone: arrival.zone.map { names.name($0) })
        case .queued(let entry): .queued(names.name(entry.queue.text))
        case .leftQueue(let exit):
            .leftQueue(names.name(exit.queue.text), ContactFacts.Ending(exit.reason))
        case .abandoned(let stage): stage == .selfService ? .abandonedInSelfService : .nothing
        case .connected(let name): .connected(name.map { names.name($0.text) })
        case .transferred, .disconnected: .conversationEnded
        case .afterWorkEnded(let name): .afterWorkEnded(name.map { names.name($0.text) })
        case .callbackFailed: .notReached
        case .selfServiceEnded, .blocked, .waitAnnounced, .offerMade, .offerEnded,
            .callbackRequested, .callbackAttempted, .callbackReached, .callbackExpired, .held,
            .resumed, .outcomeRecorded, .closed, .unknown:
            .nothing
        }
    }
}

/// Why an event that should count does not.
struct UnreadableEvent: Error {
    let reason: String
}
