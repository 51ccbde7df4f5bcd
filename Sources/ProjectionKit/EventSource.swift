package import EventLog
package import JSON

/// Which log a read model belongs to, and the zone of contacts that state none.
package struct LogReference: Equatable, Sendable {
    package let id: EventID
    /// An IANA name.
    package let zone: String

    package init(id: EventID, zone: String) {
        self.id = id
        self.zone = zone
    }
}

/// The events of one log in their order, as projecting needs them.
package struct EventSource: Sendable {
    package let log: LogReference
    /// How many events there are.
    package let size: @Sendable () throws -> UInt64
    /// Visits a range of positions in order, in bounded memory: units of events, and which of
    /// their places lie in the range.
    package let read: @Sendable (PositionRange, ColumnsVisit) throws -> Void

    /// The corrections that stand at a range of positions, up to a moment of recording.
    package let corrections: @Sendable (Range<UInt64>, Instant?) throws -> Corrections

    package typealias ColumnsVisit = (EventColumns, Range<Int>) throws -> ReadStep

    package init(
        log: LogReference, size: @escaping @Sendable () throws -> UInt64,
        read: @escaping @Sendable (PositionRange, ColumnsVisit) throws -> Void,
        corrections: @escaping @Sendable (Range<UInt64>, Instant?) throws -> Corrections
    ) {
        self.log = log
        self.size = size
        self.read = read
        self.corrections = corrections
    }

    package init(_ log: EventLog) {
        self.init(
            log: LogReference(id: log.identity.id, zone: log.identity.zone),
            size: { try log.head().size },
            read: { range, visit in try log.readColumns(range, visit) },
            corrections: { range, moment in
                try log.corrections(in: range, recordedBy: moment)
            })
    }

    /// The event at a position, or nil where the log does not reach so far.
    func event(at position: Position) throws -> Event? {
        var found: Event?
        guard position.value < (try size()) else { return nil }
        try read(PositionRange(first: position, last: position)) { columns, places in
            found = columns.events(at: Array(places)).first
            return .stop
        }
        return found
    }
}
