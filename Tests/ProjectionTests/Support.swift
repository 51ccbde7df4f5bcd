internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport

/// The moment that an RFC 3339 text names.
func at(_ text: String) throws -> Instant {
    struct NotATime: Error { let text: String }
    guard let moment = Instant(rfc3339: text) else { throw NotATime(text: text) }
    return moment
}

let second: Int64 = 1_000_000

extension Instant {
    func plus(seconds: Double) -> Instant {
        Instant(microseconds: microseconds + Int64(seconds * 1e6))
    }
}

/// One event, before it is in a log.
struct Told {
    let stream: String
    let type: String
    /// Where it stands among the others.
    let time: Instant
    /// The time that the event states.
    let stated: Instant?
    var schema: UInt16 = 1
    var tags: [String] = []
    let payload: [UInt8]

    /// An event of any type, with data as they are given.
    init(
        stream: String, type: String, time: Instant?, tags: [String] = [], data: String = "{}"
    ) {
        self.stream = stream
        self.type = type
        self.time = time ?? .earliest
        stated = time
        self.tags = tags
        payload = Array(data.utf8)
    }

    init(
        stream: String, event: ContactEvent, time: Instant, schema: UInt16 = 1,
        payload: String? = nil, precision: OccurredPrecision? = nil
    ) {
        self.stream = stream
        type = event.kind?.rawValue ?? "lift.arrived"
        self.time = time
        stated = time
        self.schema = schema
        let payload = payload.map { Array($0.utf8) } ?? event.payload
        guard let precision else {
            self.payload = payload
            return
        }
        // The last brace gives way to one more member.
        let comma = payload.count > 2 ? "," : ""
        let member = "\(comma)\"occurredPrecision\":\"\(precision.rawValue)\"}"
        self.payload = payload.dropLast() + Array(member.utf8)
    }

    init(stream: String, event: CaseEvent, time: Instant) {
        self.stream = stream
        type = event.kind?.rawValue ?? "lift.arrived"
        self.time = time
        stated = time
        payload = event.payload
    }

    init(stream: String, event: SurveyEvent, time: Instant, tags: [String] = []) {
        self.stream = stream
        type = event.kind?.rawValue ?? "lift.arrived"
        self.time = time
        stated = time
        self.tags = tags
        payload = event.payload
    }

    func newEvent() throws -> NewEvent {
        NewEvent(
            id: nil, type: try EventType(type), schema: schema, stream: try StreamName(stream),
            tags: try Tags(tags.map { try Tag($0) }), source: try Source("//test"), time: stated,
            data: try .json(checking: payload[...]))
    }
}

/// The events of several contacts in the order of their times; equal times keep their order.
func inOrderOfTime(_ stories: [[Told]]) -> [Told] {
    stories.joined().enumerated().sorted {
        ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
    }.map(\.element)
}

func queue(_ name: String) throws -> QueueID {
    struct Empty: Error {}
    guard let queue = QueueID(name) else { throw Empty() }
    return queue
}

/// Everything that one contact went through, with its times in seconds after `start`.
struct Story {
    let stream: String
    let start: Instant
    var told: [Told] = []

    init(_ id: String, from start: Instant) {
        stream = "contact/" + id
        self.start = start
    }

    func adding(
        _ event: ContactEvent, _ seconds: Double, _ precision: OccurredPrecision? = nil
    ) -> Story {
        var story = self
        story.told.append(
            Told(
                stream: stream, event: event, time: start.plus(seconds: seconds),
                precision: precision))
        return story
    }

    func received(queue: String? = nil, zone: String? = nil, after seconds: Double = 0) -> Story {
        adding(
            .received(
                ContactEvent.Received(
                    channel: .phone, direction: .incoming,
                    queue: queue.flatMap { QueueID($0) }, zone: zone)), seconds)
    }

    func queued(_ name: String, after seconds: Double) throws -> Story {
        adding(.queued(ContactEvent.Queued(queue: try queue(name))), seconds)
    }

    func left(_ name: String, _ reason: LeaveReason, after seconds: Double) throws -> Story {
        adding(
            .leftQueue(ContactEvent.LeftQueue(queue: try queue(name), reason: reason)), seconds)
    }

    func connected(_ name: String?, after seconds: Double) -> Story {
        adding(.connected(name.flatMap { OperatorID($0) }), seconds)
    }

    func disconnected(after seconds: Double) -> Story {
        adding(.disconnected(by: nil), seconds)
    }
}

/// What is appended to a log of its own, in parts that are each recorded at one moment.
struct ToldLog {
    var zone = "UTC"
    var parts: [[Told]]

    static let firstRecording = Instant(microseconds: 1_800_000_000_000_000)

    init(zone: String = "UTC", told: [Told]) {
        self.zone = zone
        parts = [told]
    }

    init(zone: String, parts: [[Told]]) {
        self.zone = zone
        self.parts = parts
    }

    /// Events in the log: those told, after the one that the log begins with.
    var size: Int { parts.reduce(1) { $0 + $1.count } }

    /// When a part, counted from 0, is recorded; the log itself is created a minute before.
    static func recording(ofPart part: Int) -> Instant {
        firstRecording.plus(seconds: Double(part) * 7)
    }

    /// Writes the log in a directory of its own, which goes when the source does.
    func source() async throws -> EventSource {
        let directory = try Scratch()
        try await write(to: directory.log)
        let source = EventSource(
            try EventLog.open(at: directory.log, access: .reading))
        return EventSource(
            log: source.log,
            size: { [directory] in
                try withExtendedLifetime(directory) { try source.size() }
            },
            read: source.read, corrections: source.corrections)
    }

    func write(to path: String) async throws {
        try EventLog.create(
            at: path, zone: zone, clock: .fixed(Self.firstRecording.plus(seconds: -60)))
        for (index, told) in parts.enumerated() {
            try await Self.append(told, to: path, clock: .fixed(Self.recording(ofPart: index)))
        }
    }

    static func append(_ told: [Told], to path: String, clock: LogClock) async throws {
        let log = try EventLog.open(at: path, access: .writing, clock: clock)
        for start in stride(from: 0, to: told.count, by: LogLimits.appendEventsMax) {
            let events = try told[start...].prefix(LogLimits.appendEventsMax).map {
                try $0.newEvent()
            }
            guard case .appended = try await log.append(Append(events)) else {
                throw NotAppended()
            }
        }
        log.close()
    }

    private struct NotAppended: Error {}
}

extension EventSource {
    /// The log as it was when it had `size` events.
    func first(_ size: Int) -> EventSource {
        EventSource(log: log, size: { UInt64(size) }, read: read, corrections: corrections)
    }
}

extension QueryValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(stringLiteral value: String) { self = .text(value) }
}

/// A row of a result by its column names.
typealias ShownRow = [String: QueryValue]

extension QueryResult {
    var shownRows: [ShownRow] {
        rows.map { Dictionary(uniqueKeysWithValues: zip(columns, $0)) }
    }
}

extension ToldLog {
    /// Builds a read model of this log and answers from it.
    func answer(
        _ query: Query, of projection: any Projection = OperatorQueues()
    ) async throws -> QueryResult {
        let directory = try Scratch()
        _ = try Projector(projection, in: directory.path).bringUpToDate(from: await source())
        return try ReadModel(of: projection, in: directory.path).answer(query)
    }
}
