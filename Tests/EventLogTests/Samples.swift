import EventLog
import Foundation
import JSON
import TestSupport

extension NewEvent {
    /// An event with random content that stays within the limits of format version 1.
    static func random(using generator: inout SeededNumbers, streams: Int) throws -> NewEvent {
        let types = ["contact.received", "contact.queued", "contact.left_queue", "x.y\"z\\"]
        let data: EventData =
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: .absent
            case 1:
                .bytes(
                    (0..<Int.random(in: 1..<300, using: &generator)).map { _ in
                        UInt8.random(in: 0...255, using: &generator)
                    }[...])
            case 2:
                try .json(
                    checking: Array(
                        "{\"long\":\"\(String(repeating: "ab", count: 9_000))\"}".utf8)[...])
            case 3: try .json(checking: Array("null".utf8)[...])
            default:
                try .json(
                    checking: Array(
                        #"{"q":"\#(Int.random(in: 0..<9, using: &generator))", "n": [1, "è"]}"#
                            .utf8)[...])
            }
        let tags =
            try (0..<Int.random(in: 0..<4, using: &generator)).map {
                try Tag("k\($0):v\(Int.random(in: 0..<5, using: &generator))")
            }
        return NewEvent(
            id: EventID(high: generator.next(), low: generator.next()),
            type: try EventType(types[Int.random(in: 0..<4, using: &generator)]),
            schema: UInt16.random(in: 0...3, using: &generator),
            stream: try StreamName("contact/\(Int.random(in: 0..<streams, using: &generator))"),
            tags: try Tags(tags),
            source: try Source("urn:test:\(Int.random(in: 0..<3, using: &generator))"),
            time: Bool.random(using: &generator)
                ? Instant(microseconds: Int64.random(in: -1_000_000...1 << 50, using: &generator))
                : nil,
            cause: Bool.random(using: &generator)
                ? EventID(high: generator.next(), low: generator.next()) : nil,
            correlation: Bool.random(using: &generator) ? EventID(high: 1, low: 2) : nil,
            data: data)
    }
}

extension NewEvent {
    /// A small event of few kinds, for tests that need many.
    static func small(using generator: inout SeededNumbers, streams: Int) throws -> NewEvent {
        NewEvent(
            id: EventID(high: generator.next(), low: generator.next()),
            type: try EventType(["contact.queued", "x.y\"z\\"][Int(generator.next() % 2)]),
            schema: 1,
            stream: try StreamName("contact/\(Int.random(in: 0..<streams, using: &generator))"),
            tags: try Tags([try Tag("k1:v\(generator.next() % 5)")]),
            source: try Source("urn:test"), time: nil, data: .absent)
    }
}

extension EventLog {
    /// The selected events, all in memory.
    func events(_ selection: Selection = Selection()) throws -> [Event] {
        var events: [Event] = []
        try read(selection) { event in
            events.append(event)
            return .next
        }
        return events
    }
}

extension Event {
    /// What its producer sent.
    var sent: NewEvent {
        NewEvent(
            id: id, type: type, schema: schema, stream: stream, tags: tags, source: source,
            time: time, cause: cause, correlation: correlation, attributes: attributes, data: data)
    }
}
