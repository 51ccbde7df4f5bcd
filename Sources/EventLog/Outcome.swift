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

/// What must be true of a stream for an append to succeed.
package enum StreamExpectation: Hashable, Sendable {
    case exists
    case doesNotExist
    /// The stream's last event has this revision.
    case isAt(Revision)
}

/// What must still be true for an append to succeed; empty asks for nothing.
package struct Condition: Sendable {
    package var streams: [StreamName: StreamExpectation]

    package static let nothing = Condition(streams: [:])

    package init(streams: [StreamName: StreamExpectation]) {
        self.streams = streams
    }
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

/// What stands in the way of a condition.
package struct Conflict: Equatable, Sendable {
    package let stream: StreamName
    package let expected: StreamExpectation
    /// The last event of the stream, or nil where the stream does not exist.
    package let found: Found?

    package struct Found: Equatable, Sendable {
        package let revision: Revision
        package let position: Position

        package init(revision: Revision, position: Position) {
            self.revision = revision
            self.position = position
        }
    }

    package init(stream: StreamName, expected: StreamExpectation, found: Found?) {
        self.stream = stream
        self.expected = expected
        self.found = found
    }
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
        }
    }
}

extension Conflict: CustomStringConvertible {
    package var description: String {
        let wanted =
            switch expected {
            case .exists: "exist"
            case .doesNotExist: "not exist"
            case .isAt(let revision): "be at revision \(revision)"
            }
        let state =
            if let found { "is at revision \(found.revision), position \(found.position)" } else {
                "does not exist"
            }
        return "the stream \(stream) should \(wanted); it \(state)"
    }
}
