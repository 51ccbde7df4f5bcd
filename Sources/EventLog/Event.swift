package import JSON
package import Merkle

/// The data of an event in one of the four forms that the log keeps.
package enum EventData: Equatable, Sendable {
    /// One JSON value on one line, as received but for line breaks, which became spaces.
    case json(ArraySlice<UInt8>)
    /// Anything else, byte for byte.
    case bytes(ArraySlice<UInt8>)
    case absent
    /// Data that were taken out later; the hash of what stood here remains.
    case removed(Hash)

    var isBytes: Bool { if case .bytes = self { true } else { false } }

    /// The JSON object in the data, or nil for every other content.
    package var object: JSONPayload? {
        if case .json(let bytes) = self { JSONPayload(checked: bytes) } else { nil }
    }

    /// The bytes that the data hash covers; nil where they were removed.
    package var content: ArraySlice<UInt8>? {
        switch self {
        case .json(let bytes), .bytes(let bytes): bytes
        case .absent: []
        case .removed: nil
        }
    }

    /// JSON data from text as received.
    ///
    /// Line breaks, legal only between tokens, become spaces.
    /// - Throws: ``EventError`` where the text is not JSON by ``checkJSON(_:)`` or over 1 MiB.
    package static func json(checking text: ArraySlice<UInt8>) throws(EventError) -> EventData {
        guard text.count <= EventLimits.dataBytesMax else {
            throw .dataTooLong(bytes: text.count)
        }
        do throws(JSONError) { try checkJSON(text) } catch { throw .json(error) }
        return .json(onOneLine(text))
    }
}

/// `text` with each CR and LF replaced by a space; shares the bytes where there is none.
func onOneLine(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard text.contains(where: { $0 == 0x0A || $0 == 0x0D }) else { return text }
    return text.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }[...]
}

/// CloudEvents attributes that the log keeps without reading them.
package struct Attributes: ByteExact, Sendable {
    /// Members as they stand in the line, each preceded by a comma, sorted by name.
    let fragment: String

    package var text: String { fragment }

    package static let none = Attributes(stored: "")

    init(stored fragment: String) { self.fragment = fragment }
}

/// A fact that a producer asks the log to keep; everything in it is the producer's.
package struct NewEvent: Equatable, Sendable {
    /// The idempotency key; nil lets the log assign a UUID of version 7.
    package var id: EventID?
    package var type: EventType
    /// The version of the payload's schema, 1 to 65,535; 0 where the producer states none.
    package var schema: UInt16
    package var stream: StreamName
    package var tags: Tags
    package var source: Source
    /// When it happened; nil makes readers use the time of recording.
    package var time: Instant?
    /// The event that caused this one.
    package var cause: EventID?
    /// The episode that this one belongs to.
    package var correlation: EventID?
    package var attributes: Attributes
    package var data: EventData

    package init(
        id: EventID?, type: EventType, schema: UInt16, stream: StreamName, tags: Tags = .none,
        source: Source, time: Instant?, cause: EventID? = nil, correlation: EventID? = nil,
        attributes: Attributes = .none, data: EventData
    ) {
        self.id = id
        self.type = type
        self.schema = schema
        self.stream = stream
        self.tags = tags
        self.source = source
        self.time = time
        self.cause = cause
        self.correlation = correlation
        self.attributes = attributes
        self.data = data
    }
}

/// A fact as the log keeps it.
package struct Event: Equatable, Sendable {
    package var position: Position
    package var revision: Revision
    /// When the log accepted it; never decreases along positions.
    package var recorded: Instant
    package var id: EventID
    package var type: EventType
    package var schema: UInt16
    package var stream: StreamName
    package var tags: Tags
    package var source: Source
    package var time: Instant?
    package var cause: EventID?
    package var correlation: EventID?
    package var attributes: Attributes
    package var data: EventData

    package init(
        position: Position, revision: Revision, recorded: Instant, id: EventID, type: EventType,
        schema: UInt16, stream: StreamName, tags: Tags, source: Source, time: Instant?,
        cause: EventID?, correlation: EventID?, attributes: Attributes, data: EventData
    ) {
        self.position = position
        self.revision = revision
        self.recorded = recorded
        self.id = id
        self.type = type
        self.schema = schema
        self.stream = stream
        self.tags = tags
        self.source = source
        self.time = time
        self.cause = cause
        self.correlation = correlation
        self.attributes = attributes
        self.data = data
    }

    /// When it happened, as far as the log knows.
    package var occurred: Instant { time ?? recorded }
}
