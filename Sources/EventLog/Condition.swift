/// What must be true of a stream for an append to succeed.
package enum StreamExpectation: Hashable, Sendable {
    case exists
    case doesNotExist
    /// The stream's last event has this revision.
    case isAt(Revision)
}

/// Which events are meant: those that one item or another matches; without items, none.
package struct EventQuery: Equatable, Sendable {
    package var items: [Item]

    /// Matches an event that has one of the types, all of the tags, and the stream.
    ///
    /// Where no types, tags or stream are given, they do not matter; an item of nothing matches
    /// every event.
    package struct Item: Equatable, Sendable {
        package var types: Set<EventType>
        package var tags: [Tag]
        package var stream: StreamName?

        package init(
            types: Set<EventType> = [], tags: [Tag] = [], stream: StreamName? = nil
        ) {
            self.types = types
            self.tags = tags
            self.stream = stream
        }
    }

    package init(_ items: [Item]) {
        self.items = items
    }

    func matches(_ event: Event) -> Bool { items.contains { $0.matches(event) } }
}

extension EventQuery.Item {
    func matches(_ event: Event) -> Bool {
        if let stream, event.stream != stream { return false }
        if !types.isEmpty, !types.contains(event.type) { return false }
        return tags.allSatisfy { event.tags.contains($0) }
    }
}

/// That no event behind a position matches a query; a decision that rests on it is still right.
package struct Absence: Equatable, Sendable {
    package var query: EventQuery
    /// The last position that the caller has seen; nil asks of the whole log.
    package var after: Position?

    package init(of query: EventQuery, after: Position? = nil) {
        self.query = query
        self.after = after
    }
}

/// What must still be true for an append to succeed; empty asks for nothing.
package struct Condition: Equatable, Sendable {
    package var streams: [StreamName: StreamExpectation]
    package var absences: [Absence]

    package static let nothing = Condition()

    package init(streams: [StreamName: StreamExpectation] = [:], absences: [Absence] = []) {
        self.streams = streams
        self.absences = absences
    }

    package var asksForNothing: Bool { streams.isEmpty && absences.isEmpty }
}

/// What stands in the way of a condition.
package enum Conflict: Equatable, Sendable {
    /// A stream is not as expected; `found` is its last event, or nil where it does not exist.
    case stream(StreamName, expected: StreamExpectation, found: StreamEnd?)
    /// The newest event that matches a query of which none was to match.
    case match(Position, EventType, StreamName)

    /// The position of the event that stands in the way, where there is one.
    package var position: Position? {
        switch self {
        case .stream(_, _, let found): found?.position
        case .match(let position, _, _): position
        }
    }
}

/// The last event of a stream.
package struct StreamEnd: Equatable, Sendable {
    package let revision: Revision
    package let position: Position

    package init(revision: Revision, position: Position) {
        self.revision = revision
        self.position = position
    }
}

extension Conflict: CustomStringConvertible {
    package var description: String {
        switch self {
        case .match(let position, let type, let stream):
            return "position \(position) stands in the way: \(type) of the stream \(stream)"
        case .stream(let stream, let expected, let found):
            let wanted =
                switch expected {
                case .exists: "exist"
                case .doesNotExist: "not exist"
                case .isAt(let revision): "be at revision \(revision)"
                }
            let state =
                if let found { "is at revision \(found.revision), position \(found.position)" } else
                { "does not exist" }
            return "the stream \(stream) should \(wanted); it \(state)"
        }
    }
}
