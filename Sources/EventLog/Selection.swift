package import JSON

/// Which events a reader wants; the empty selection means all of them.
package struct Selection: Sendable {
    /// First position, included.
    package var from: Position?
    /// Last position, included.
    package var to: Position?
    package var stream: StreamName?
    /// Any of these types; empty means every type.
    package var types: Set<EventType> = []
    /// All of these tags.
    package var tags: [Tag] = []
    /// Event time, from this moment on.
    ///
    /// Events without a time count at their recording.
    package var since: Instant?
    /// Event time, before this moment.
    package var until: Instant?
    package var recordedSince: Instant?
    package var recordedUntil: Instant?
    /// What was known by then: a prefix of the log.
    package var asOf: AsOf?
    package var direction: Direction = .forward
    package var limit: Int?

    package enum Direction: Sendable {
        case forward
        case backward
    }

    package init() {}

    /// Whether every event between its bounds is wanted, in the order of positions.
    package var isWholeRange: Bool {
        stream == nil && types.isEmpty && tags.isEmpty && since == nil && until == nil
            && recordedSince == nil && recordedUntil == nil && asOf == nil && limit == nil
            && direction == .forward
    }
}

/// A prefix of the log, named by its last position or by a moment of recording.
package enum AsOf: Equatable, Sendable {
    /// Everything up to this position, included.
    case position(Position)
    /// Everything recorded by this moment, included.
    case recorded(Instant)
}

/// What a reader answers after each event.
package enum ReadStep: Sendable {
    case next
    case stop
}
