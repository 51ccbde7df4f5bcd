/// Consecutive positions, both ends included.
package struct PositionRange: Hashable, Sendable {
    package let first: Position
    package let last: Position

    package init(first: Position, last: Position) {
        self.first = first
        self.last = last
    }

    package var count: Int { Int(last.value - first.value) + 1 }
}

/// Events that are written together at consecutive positions, or not at all.
package struct Append: Sendable {
    package var events: [NewEvent]
    package var condition: Condition

    package init(_ events: [NewEvent], condition: Condition = .nothing) {
        self.events = events
        self.condition = condition
    }
}

/// What became of an append.
package enum AppendOutcome: Equatable, Sendable {
    /// The events are on disk at these positions and survive a power cut.
    case appended(PositionRange)
    /// The very same events were there before; nothing was written.
    case alreadyAppended(PositionRange)
    /// The condition does not hold; nothing was written.
    case conflict(Conflict)
    /// The append can never succeed as it is; nothing was written.
    case rejected(Rejection)
}

/// Why an append is refused for good.
package enum Rejection: Equatable, Sendable {
    case noEvents
    case tooManyEvents(Int)
    case tooManyBytes(Int)
    /// The id stands twice in one append.
    case repeatedID(EventID)
    /// Some ids are known, others are not, or not consecutive in this order.
    case someIDsKnown([EventID])
    /// The id is known with other content.
    case idKnownWithOtherContent(EventID, at: Position)
    /// A type that only the log itself may write.
    case reservedType(EventType)
    /// The time of the event with this id lies outside the years 0 to 9999.
    case impossibleTime(EventID)
    /// The event cannot follow where its stream stands, by the rules of the log.
    case impossibleStep(EventID, StreamName, BrokenRule)
}

extension Rejection: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noEvents: "an append needs at least one event"
        case .tooManyEvents(let count):
            "\(count) events in one append; at most \(LogLimits.appendEventsMax) are allowed"
        case .tooManyBytes(let bytes):
            "\(bytes) bytes in one append; at most \(LogLimits.appendBytesMax) are allowed"
        case .repeatedID(let id): "the id \(id) stands twice in this append"
        case .someIDsKnown(let ids):
            "some ids are in the log already, but not all of them as one append: "
                + ids.prefix(5).map(\.description).joined(separator: ", ")
        case .idKnownWithOtherContent(let id, let position):
            "the id \(id) is in the log at position \(position) with other content; "
                + "give a new event a new id"
        case .reservedType(let type): "an event of type \(type) is written by the log only"
        case .impossibleTime(let id):
            "the time of the event \(id) lies outside the years 0000 to 9999, "
                + "which is all that RFC 3339 can write"
        case .impossibleStep(let id, let stream, let rule):
            "the event \(id) of the stream \(stream): \(rule.reason)"
        }
    }
}
