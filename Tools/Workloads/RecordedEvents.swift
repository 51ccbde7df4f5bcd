package import EventLog
internal import JSON
internal import Storage

/// Events of a file, repeated as often as it takes.
///
/// The first time they are as recorded. Each further time they have other ids, random UUIDs of
/// version 4, streams of their own and times behind those of the time before, so that the lives in
/// them stay whole. The file's events are held in memory.
package struct RecordedEvents: EventSupply {
    package private(set) var sampledStreams: [StreamName] = []

    private let recorded: [NewEvent]
    /// Whether an event is the first of its stream.
    private let isFirst: [Bool]
    private let span: Int64
    private var numbers: SeededNumbers
    private var given = 0
    private var begun = 0

    private static let lineBytesMax = 4 << 20
    private static let sampledStreamsMax = 4_096

    /// Reads a file of CloudEvents, one a line; members that a log sets are dropped.
    package init(at path: String, seed: UInt64) throws {
        var lines = LineReader(try InputFile(at: path), bytesMax: Self.lineBytesMax)
        var events: [NewEvent] = []
        while let line = try lines.next() {
            guard case .whole(let bytes, _) = line else { throw UnusableInput(path: path) }
            if bytes.isEmpty { continue }
            let event = try NewEvent(cloudEvent: bytes, logMembers: .dropped)
            // Only a log itself writes its first event.
            if event.type.text != "meta.log_created" { events.append(event) }
        }
        let times = events.compactMap(\.time)
        guard !events.isEmpty, let first = times.min(), let last = times.max() else {
            throw UnusableInput(path: path)
        }
        recorded = events
        var seen = Set<StreamName>()
        isFirst = events.map { seen.insert($0.stream).inserted }
        span = last.microseconds - first.microseconds + 1_000_000
        numbers = SeededNumbers(seed: seed)
    }

    package mutating func next(_ count: Int) throws -> [NewEvent] {
        var events: [NewEvent] = []
        events.reserveCapacity(count)
        for _ in 0..<count {
            var event = recorded[given % recorded.count]
            let pass = given / recorded.count
            if pass > 0 {
                event.id = .random(using: &numbers)
                event.stream = try StreamName("\(event.stream)~\(pass)")
                event.time = event.time.map {
                    Instant(microseconds: $0.microseconds + Int64(pass) * span)
                }
            }
            if isFirst[given % recorded.count] { sample(event.stream) }
            given += 1
            events.append(event)
        }
        return events
    }

    /// Keeps every stream with the same chance, however many there will be.
    private mutating func sample(_ stream: StreamName) {
        begun += 1
        if sampledStreams.count < Self.sampledStreamsMax {
            sampledStreams.append(stream)
        } else if case let place = numbers.below(begun), place < Self.sampledStreamsMax {
            sampledStreams[place] = stream
        }
    }
}

/// A file that gives no events to measure with.
package struct UnusableInput: Error, CustomStringConvertible {
    package let path: String

    package var description: String { "\(path) has no CloudEvents with a time, one a line" }
}

/// Where the events of a measured log come from.
package protocol EventSupply {
    /// Streams drawn at random from those given so far; the first ones are as random as the last.
    var sampledStreams: [StreamName] { get }
    /// The next events in the order in which they are to be appended.
    mutating func next(_ count: Int) throws -> [NewEvent]
}
