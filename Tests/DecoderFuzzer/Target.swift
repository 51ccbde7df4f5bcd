import EventLog
import Foundation
import JSON

/// What is held against mutated bytes.
enum Target: Equatable {
    case stored(StoredValue)
    /// A canonical line.
    case line
    /// An event as producers send it.
    case cloudEvent
    case json

    init?(rawValue name: String) {
        switch name {
        case "line": self = .line
        case "cloudEvent": self = .cloudEvent
        case "json": self = .json
        default:
            guard let kind = StoredValue(rawValue: name) else { return nil }
            self = .stored(kind)
        }
    }

    /// Whether a decoder takes a value, and what it takes comes back; never a trap.
    func judge(_ value: [UInt8], key: [UInt8]) -> Result<Void, any Error> {
        Result {
            switch self {
            case .stored(let kind): try Self.judge(kind, value, key: key)
            case .line: try Self.judge(line: value[...])
            case .cloudEvent: try Self.judge(cloudEvent: value[...])
            case .json: try Self.judge(json: value[...])
            }
        }
    }

    private static func judge(_ kind: StoredValue, _ value: [UInt8], key: [UInt8]) throws {
        let said = try kind.read(value, key: key)
        switch kind {
        case .headRecord, .headSlot, .tile, .runKey:
            try require(try kind.read(said, key: key) == said, "it reads otherwise when written")
        case .tail:
            for line in said.split(separator: 0x0A) { try judge(line: line) }
        case .block, .subframe, .payload, .hashPage, .timePage:
            break
        }
    }

    private static func judge(line: ArraySlice<UInt8>) throws {
        let event = try Event(line: line)
        let again = try? Event(line: event.line[...])
        try require(again == event, "a line comes back as another event")
        try require(event.leaf.count > 2, "an event without a leaf")
    }

    private static func judge(cloudEvent: ArraySlice<UInt8>) throws {
        let sent = try NewEvent(cloudEvent: cloudEvent, logMembers: .dropped)
        let event = Event(
            position: Position(1), revision: Revision(0), recorded: Instant(microseconds: 0),
            id: sent.id ?? EventID(high: 1, low: 1), type: sent.type, schema: sent.schema,
            stream: sent.stream, tags: sent.tags, source: sent.source, time: sent.time,
            cause: sent.cause, correlation: sent.correlation, attributes: sent.attributes,
            data: sent.data)
        let again = try? Event(line: event.line[...])
        try require(again == event, "an event as sent comes back as another")
    }

    private static func judge(json: ArraySlice<UInt8>) throws {
        try checkJSON(json)
        guard let object = JSONPayload(checked: json) else { return }
        object.forEachMember { name, value in
            _ = (name, value.string, value.integer, value.boolean, value.kind)
        }
    }

    private static func require(_ promise: Bool, _ what: String) throws {
        if !promise { throw BrokenPromise(what: what) }
    }
}
