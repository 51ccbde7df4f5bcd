internal import ContactCentre
internal import JSON

/// The bounds within which local dates and half-hours have labels that sort as they follow.
enum LocalTime {
    private static let dayMicroseconds: Int64 = 86_400_000_000

    /// Moments with a local date within the years 0000 to 9999, in whatever zone.
    ///
    /// No zone is, or was, a day away from UTC.
    static let readable =
        Instant(
            microseconds: Instant.earliest.microseconds + dayMicroseconds)...Instant(
            microseconds: Instant.latest.microseconds - dayMicroseconds)

    /// The dates of the years 0000 to 9999, as days since 1970.
    static let days =
        Int(
            Instant.earliest.microseconds.flooredDivision(by: dayMicroseconds).quotient)...Int(
            Instant.latest.microseconds.flooredDivision(by: dayMicroseconds).quotient)
}

/// A half-hour of the UTC grid, with the offset that its label shows.
struct HalfHour: Hashable, Sendable {
    let start: Instant
    let offsetMinutes: Int

    private static let length: Int64 = 1_800_000_000

    /// The first moment behind it.
    var end: Instant { Instant(microseconds: start.microseconds + Self.length) }

    /// The half-hour that `moment` lies in, labelled in `zone`.
    init(of moment: Instant, in zone: Zone) {
        let index = moment.microseconds.flooredDivision(by: Self.length).quotient
        start = Instant(microseconds: index * Self.length)
        offsetMinutes = zone.offsetMinutes(at: start)
    }

    /// RFC 3339 with the offset, `2026-10-25T02:30:00+02:00`.
    var label: String { start.rfc3339(offsetMinutes: offsetMinutes) }
}

/// The local dates on which a visit waits, as days since 1970.
struct WaitingDays: Equatable {
    let from: Int
    /// Nil while the visit waits.
    let to: Int?

    /// Nil where the visit never waits: it was not offered, or left no later than it came.
    init?(of visit: ContactFacts.Visit, in zone: Zone) {
        guard let queued = visit.queued else { return nil }
        if visit.ending != nil, (visit.span ?? 0) == 0 { return nil }
        from = zone.date(at: queued).daysSince1970
        // A clock set back over midnight shows a date twice; a wait never ends before its date.
        to = visit.left.map { [from] in max(from, zone.date(at: $0).daysSince1970) }
    }
}
