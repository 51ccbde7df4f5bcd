internal import ContactCentre
internal import Foundation
internal import JSON
internal import ProjectionKit
internal import Projections

@testable internal import EventLog

/// A generator of random numbers that gives the same ones for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func chance(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &self) == 0 }
}

/// A directory that is removed when the test ends.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("ascolto-projections-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

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

/// One event of a contact, before it is in a log.
struct Told {
    let stream: String
    let event: ContactEvent
    let time: Instant
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

    func adding(_ event: ContactEvent, _ seconds: Double) -> Story {
        var story = self
        story.told.append(
            Told(stream: stream, event: event, time: start.plus(seconds: seconds)))
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

/// A log of told events, each recorded one second after the one before.
struct ToldLog {
    var id = EventID(high: 1, low: 2)
    var zone = "UTC"
    var told: [Told]

    static let firstRecording = Instant(microseconds: 1_800_000_000_000_000)

    static func recorded(_ position: Int) -> Instant {
        Instant(microseconds: firstRecording.microseconds + Int64(position) * second)
    }

    func source() throws -> EventSource {
        let source = try Source("//test")
        let events = try told.enumerated().map { index, told in
            try Event(
                position: Position(UInt64(index)), revision: Revision(0),
                recorded: Self.recorded(index), id: eventID(index),
                type: EventType(told.event.kind?.rawValue ?? "meta.note"), schema: 1,
                stream: StreamName(told.stream), tags: .none, source: source, time: told.time,
                attributes: .none, data: .json(checking: told.event.payload[...]))
        }
        return EventSource(
            log: LogReference(id: id, zone: zone), size: { UInt64(events.count) },
            read: { range, visit in
                for event in events[Int(range.first.value)...Int(range.last.value)] {
                    if try visit(event) == .stop { return }
                }
            })
    }

    private func eventID(_ index: Int) -> EventID {
        EventID(high: id.low, low: UInt64(index) << 8 | UInt64(told[index].time.microseconds & 255))
    }

    /// The log as it was when it had `count` events.
    func first(_ count: Int) -> ToldLog {
        var log = self
        log.told = Array(told.prefix(count))
        return log
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
        _ query: Query, of projection: OperatorQueues = OperatorQueues()
    ) throws -> QueryResult {
        let directory = try TemporaryDirectory()
        _ = try Projector(projection, in: directory.path).bringUpToDate(from: source())
        return try ReadModel(of: projection, in: directory.path).answer(query)
    }
}
