internal import JSON

/// What the columns of an event are made of.
protocol EventRow {
    var revision: Revision { get }
    var recorded: Instant { get }
    var id: EventID { get }
    var type: EventType { get }
    var schema: UInt16 { get }
    var stream: StreamName { get }
    var tags: Tags { get }
    var source: Source { get }
    var time: Instant? { get }
    var cause: EventID? { get }
    var correlation: EventID? { get }
    var attributes: Attributes { get }
    var data: EventData { get }
}

extension EventRow {
    /// Bytes of the event once decoded.
    ///
    /// Long data count too, though a block only refers to them: whoever works on a block has them
    /// all in memory.
    var decodedByteCount: Int {
        64 + type.text.utf8.count + stream.text.utf8.count + tags.joined.utf8.count
            + source.text.utf8.count + attributes.fragment.utf8.count + data.byteCount
    }
}

extension Event: EventRow {}

extension EventData {
    /// Whether a block keeps the data as a value of their own.
    var isExternal: Bool { byteCount > LogLimits.inlineDataBytesMax }
}

/// An event as it was sent, with what its caller has worked out for the writer.
///
/// An object, so that it goes from hand to hand without its members being counted one by one.
final class SentEvent: Sendable {
    let id: EventID
    let content: NewEvent
    let terms: EventTerms
    let streamHash: UInt64

    init(_ content: NewEvent, id: EventID) {
        self.id = id
        self.content = content
        terms = EventTerms(
            id: id, stream: content.stream, type: content.type, tags: content.tags)
        streamHash = content.stream.keyedHash
    }
}

/// An event in its place that no index has yet.
struct PendingEvent: EventRow, Sendable {
    let sent: SentEvent
    let position: Position
    let revision: Revision
    let recorded: Instant

    var id: EventID { sent.id }
    var type: EventType { sent.content.type }
    var schema: UInt16 { sent.content.schema }
    var stream: StreamName { sent.content.stream }
    var tags: Tags { sent.content.tags }
    var source: Source { sent.content.source }
    var time: Instant? { sent.content.time }
    var cause: EventID? { sent.content.cause }
    var correlation: EventID? { sent.content.correlation }
    var attributes: Attributes { sent.content.attributes }
    var data: EventData { sent.content.data }

    /// The whole event.
    var event: Event {
        let content = sent.content
        return Event(
            position: position, revision: revision, recorded: recorded, id: sent.id,
            type: content.type, schema: content.schema, stream: content.stream,
            tags: content.tags, source: content.source, time: content.time,
            cause: content.cause, correlation: content.correlation,
            attributes: content.attributes, data: content.data)
    }
}
