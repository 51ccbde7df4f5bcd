package import JSON

/// How precisely it is known when something happened: of letters and faxes often only the day is.
package enum OccurredPrecision: String, CaseIterable, Comparable, Sendable {
    case microsecond = "µs"
    case millisecond = "ms"
    case second = "s"
    case minute = "min"
    case day

    /// What an event of a type says of it; where it says nothing, its time means what it says.
    ///
    /// - Throws: ``PayloadError`` where it says something else than one of these.
    package init(of payload: JSONPayload?, type: String) throws(PayloadError) {
        try self.init(from: PayloadReader(type: type, payload: payload))
    }

    init(from reader: PayloadReader) throws(PayloadError) {
        self =
            try reader.optional("occurredPrecision", .choice(blank: .microsecond)) ?? .microsecond
    }

    package static func < (left: OccurredPrecision, right: OccurredPrecision) -> Bool {
        left.step < right.step
    }

    /// From one time that is told to the next, in µs.
    package var step: Int64 {
        switch self {
        case .microsecond: 1
        case .millisecond: 1_000
        case .second: 1_000_000
        case .minute: 60_000_000
        case .day: 86_400_000_000
        }
    }
}
