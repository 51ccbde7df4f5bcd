internal import Foundation
package import JSON

/// A time zone as a table of its offsets, so that civil time is a search and no calendar work.
///
/// The table covers 1900 to 2100 and comes from the system's time zone database; outside it the
/// nearest offset holds.
package struct Zone: Sendable {
    /// The release of the time zone database that offsets come from, such as `2025b`.
    package static var databaseRelease: String { TimeZone.timeZoneDataVersion }

    /// The IANA name, such as `Europe/Rome`.
    package let identifier: String
    /// When each offset begins, ascending; the first reaches back for ever.
    private let starts: [Int64]
    private let offsets: [Int]

    /// The zone with this IANA name, or nil where the database has none.
    package init?(identifier: String) {
        guard let zone = Self.find(identifier) else { return nil }
        self.identifier = identifier
        func offset(at second: Int64) -> Int {
            zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(second)))
        }
        // No zone has changed its offset twice within a week, so weekly samples miss nothing.
        let week: Int64 = 7 * 86_400
        var second: Int64 = -2_208_988_800
        var starts = [Int64.min]
        var offsets = [offset(at: second)]
        while second < 4_102_444_800 {
            let next = offset(at: second + week)
            if next != offsets[offsets.count - 1] {
                var (before, after) = (second, second + week)
                while after - before > 1 {
                    let middle = before + (after - before) / 2
                    if offset(at: middle) == next { after = middle } else { before = middle }
                }
                starts.append(after)
                offsets.append(next)
            }
            second += week
        }
        self.starts = starts
        self.offsets = offsets
    }

    /// Civil time that is UTC.
    package static let utc = Zone()

    private init() {
        identifier = "UTC"
        starts = [.min]
        offsets = [0]
    }

    /// Whether the database has a zone with this IANA name.
    package static func exists(identifier: String) -> Bool { find(identifier) != nil }

    private static func find(_ identifier: String) -> TimeZone? {
        guard identifier.utf8.allSatisfy({ $0 < 0x80 }),
            identifier == "UTC" || identifier.utf8.contains(UInt8(ascii: "/"))
        else { return nil }
        return TimeZone(identifier: identifier)
    }

    /// Seconds that civil time is ahead of UTC at `moment`.
    package func offsetSeconds(at moment: Instant) -> Int {
        let second = moment.microseconds.flooredDivision(by: 1_000_000).quotient
        var (low, high) = (0, starts.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= second { low = middle } else { high = middle }
        }
        return offsets[low]
    }

    /// Whole minutes that civil time is ahead of UTC at `moment`, which an offset of RFC 3339 has.
    ///
    /// Seconds, which some zones had before 1972, are cut off downward.
    package func offsetMinutes(at moment: Instant) -> Int {
        Int(Int64(offsetSeconds(at: moment)).flooredDivision(by: 60).quotient)
    }

    /// RFC 3339 as clocks show `moment`, such as `2026-10-25T02:30:00+02:00`.
    package func rfc3339(_ moment: Instant) -> String {
        moment.rfc3339(offsetMinutes: offsetMinutes(at: moment))
    }

    /// The date that a calendar on the wall shows at `moment`.
    package func date(at moment: Instant) -> CivilDate {
        let local = moment.microseconds + Int64(offsetSeconds(at: moment)) * 1_000_000
        return CivilDate(daysSince1970: Int(local.flooredDivision(by: 86_400_000_000).quotient))
    }

    /// The moment when clocks show `microsecondOfDay` on `date`.
    ///
    /// A clock time that is skipped in spring is shifted forward by the gap; one that occurs
    /// twice in autumn means the first.
    package func instant(date: CivilDate, microsecondOfDay: Int64) -> Instant {
        let local = Int64(date.daysSince1970) * 86_400_000_000 + microsecondOfDay
        func candidate(_ offset: Int) -> Instant {
            Instant(microseconds: local - Int64(offset) * 1_000_000)
        }
        let day: Int64 = 86_400_000_000
        let before = offsetSeconds(at: Instant(microseconds: local - day))
        let after = offsetSeconds(at: Instant(microseconds: local + day))
        let early = candidate(before)
        if offsetSeconds(at: early) == before { return early }
        let late = candidate(after)
        if offsetSeconds(at: late) == after { return late }
        return early
    }

    /// Local midnight that begins `date`; where it is skipped, the first moment of the date.
    package func start(of date: CivilDate) -> Instant {
        instant(date: date, microsecondOfDay: 0)
    }
}
