package import JSON

/// Clock times of one date between which something is open.
package struct DailyHours: Hashable, Sendable {
    /// Minutes behind the midnight that begins the date, 0 to 1,439.
    package let from: Int
    /// Minutes behind the same midnight, more than `from`, and beyond 1,440 where it closes on the
    /// next date.
    package let to: Int

    /// Reads hours such as `08:00-20:00`.
    ///
    /// Where it closes no later than it opens, as `20:00-02:00`, it does so on the next date. Nil
    /// where it is no such text, or both are the same.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let from = Self.minutes(parts[0]), let to = Self.minutes(parts[1]),
            from < Self.dayMinutes, from != to
        else { return nil }
        self.from = from
        self.to = to > from ? to : to + Self.dayMinutes
    }

    /// - Precondition: `from` lies within the date, and `to` behind it, at most a day later.
    package init(from: Int, to: Int) {
        precondition(
            (0..<Self.dayMinutes).contains(from) && from < to && to - from <= Self.dayMinutes,
            "hours begin on their date and end at most a day later")
        self.from = from
        self.to = to
    }

    fileprivate static let dayMinutes = 1_440

    /// Whether some of a date begin before those before them have ended.
    package static func overlap(_ hours: [DailyHours]) -> Bool {
        zip(hours, hours.dropFirst()).contains { $1.from < $0.to }
    }

    /// The two texts of ``description``.
    package var ends: (from: String, to: String) {
        let closes = to > Self.dayMinutes ? to - Self.dayMinutes : to
        return (Self.text(from), Self.text(closes))
    }

    private static func minutes(_ text: Substring) -> Int? {
        let digits = Array(text.utf8)
        guard digits.count == 5, digits[2] == UInt8(ascii: ":"),
            [0, 1, 3, 4].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digits[$0]) }
            ),
            let hours = Int(text.prefix(2)), let minutes = Int(text.suffix(2)), minutes < 60,
            hours < 24 || hours == 24 && minutes == 0
        else { return nil }
        return hours * 60 + minutes
    }

    fileprivate func interval(on date: CivilDate, in zone: Zone) -> Range<Int64>? {
        let (opens, closes) = (moment(from, on: date, in: zone), moment(to, on: date, in: zone))
        // In spring, a time that a clock skips means as much later; then it may close before it
        // opens.
        return opens < closes ? opens..<closes : nil
    }

    private func moment(_ minutes: Int, on date: CivilDate, in zone: Zone) -> Int64 {
        let (days, minute) = minutes.quotientAndRemainder(dividingBy: Self.dayMinutes)
        return zone.instant(
            date: CivilDate(daysSince1970: date.daysSince1970 + days),
            microsecondOfDay: Int64(minute) * 60_000_000
        ).microseconds
    }
}

extension DailyHours: CustomStringConvertible {
    package var description: String {
        "\(ends.from)-\(ends.to)"
    }

    private static func text(_ minutes: Int) -> String {
        padded(minutes / 60, to: 2) + ":" + padded(minutes % 60, to: 2)
    }
}

package enum Weekday: String, CaseIterable, Hashable, Sendable {
    case monday, tuesday, wednesday, thursday, friday, saturday, sunday
}

/// The hours of each day of a week; none where it is closed.
package struct Week: Hashable, Sendable {
    private var hours: [Weekday: [DailyHours]] = [:]

    package init() {}

    package subscript(day: Weekday) -> [DailyHours] {
        get { hours[day] ?? [] }
        set { hours[day] = newValue.isEmpty ? nil : newValue }
    }

    /// Whether some begin before those before them have ended, also over midnight.
    package var overlaps: Bool {
        let days = Weekday.allCases.map { self[$0] }
        return days.contains { DailyHours.overlap($0) }
            || zip(days, days.dropFirst() + days.prefix(1)).contains { day, next in
                guard let last = day.last, let first = next.first else { return false }
                return first.from + DailyHours.dayMinutes < last.to
            }
    }
}

/// When something is open: week by week, but for holidays and exceptions.
package struct OpeningHours: Sendable {
    package let zone: Zone
    package let week: Week
    package let holidays: [Holiday]
    /// Of dates on which neither the week nor a holiday decides; none where it is closed.
    package let exceptions: [CivilDate: [DailyHours]]

    package init(
        in zone: Zone, week: Week, holidays: [Holiday] = [],
        exceptions: [CivilDate: [DailyHours]] = [:]
    ) {
        self.zone = zone
        self.week = week
        self.holidays = holidays
        self.exceptions = exceptions
    }

    /// Why a date has its hours.
    package enum Reason: Equatable, Sendable {
        case week
        case holiday(String)
        case exception
    }

    /// The hours that begin on a date, those that end on the next among them.
    package func hours(on date: CivilDate) -> (hours: [DailyHours], reason: Reason) {
        if let hours = exceptions[date] { return (hours, .exception) }
        if let holiday = holidays.first(where: { $0.falls(on: date) }) {
            return ([], .holiday(holiday.name))
        }
        return (week[Weekday.allCases[date.weekday]], .week)
    }
}

extension CivilDate {
    /// 0 for Monday to 6 for Sunday; 1970-01-01 was a Thursday.
    package var weekday: Int {
        let (_, remainder) = Int64(daysSince1970 + 3).flooredDivision(by: 7)
        return Int(remainder)
    }
}

/// The opening hours of one thing in the course of time.
///
/// A date has the hours of the version that is in force on it: later ones do not change the past.
package struct OpeningCalendar: Sendable {
    /// By the first date of each, ascending.
    private var versions: [(first: CivilDate, hours: OpeningHours?)] = []

    package init() {}

    /// Puts hours in force from a date on, or none, in the place of what was to come then or later.
    package mutating func publish(_ hours: OpeningHours?, from first: CivilDate) {
        versions.removeAll { $0.first >= first }
        versions.append((first, hours))
    }

    /// The hours that are in force on a date; nil before the first, and where none are.
    package func hours(on date: CivilDate) -> OpeningHours? {
        versions.last { $0.first <= date }?.hours
    }

    /// When it is open, of all hours that begin on these dates.
    ///
    /// - Parameters:
    ///   - dates: The dates.
    ///   - zone: Where dates without hours in force are open all day; nil where they are closed.
    /// - Returns: The intervals.
    package func openTimes(
        on dates: ClosedRange<CivilDate>, openWithoutHoursIn zone: Zone? = nil
    ) -> OpenTimes {
        var intervals: [Range<Int64>] = []
        for day in dates.lowerBound.daysSince1970...dates.upperBound.daysSince1970 {
            let date = CivilDate(daysSince1970: day)
            guard let hours = hours(on: date) else {
                if let zone {
                    let next = CivilDate(daysSince1970: day + 1)
                    intervals.append(
                        zone.start(of: date).microseconds..<zone.start(of: next).microseconds)
                }
                continue
            }
            intervals += hours.hours(on: date).hours.compactMap {
                $0.interval(on: date, in: hours.zone)
            }
        }
        return OpenTimes(intervals)
    }
}

/// When something is open in a stretch of time, so that open time is found without calendars.
package struct OpenTimes: Sendable {
    /// Microseconds since 1970; they do not touch each other, and ascend.
    package let intervals: [Range<Int64>]
    /// Open microseconds before each interval.
    private let before: [Int64]
    /// Open microseconds in all.
    package let total: Int64

    init(_ found: [Range<Int64>]) {
        var merged: [Range<Int64>] = []
        for interval in found.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, interval.lowerBound <= last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, interval.upperBound)
            } else {
                merged.append(interval)
            }
        }
        intervals = merged
        var open: Int64 = 0
        before = merged.map { interval in
            defer { open += interval.upperBound - interval.lowerBound }
            return open
        }
        total = open
    }

    /// Open microseconds between two moments; 0 where the second is not later.
    ///
    /// O(log n) in the number of intervals.
    package func microseconds(from start: Instant, to end: Instant) -> Int64 {
        max(0, open(before: end.microseconds) - open(before: start.microseconds))
    }

    /// Whether it is open at a moment, in µs since 1970; O(log n) in the number of intervals.
    package func contains(_ moment: Int64) -> Bool {
        let begun = begun(before: later(moment, by: 1))
        return begun > 0 && intervals[begun - 1].contains(moment)
    }

    /// When it opens next after a moment, in µs since 1970; nil where that is not known.
    package func opening(after moment: Int64) -> Int64? {
        let begun = begun(before: later(moment, by: 1))
        return begun < intervals.count ? intervals[begun].lowerBound : nil
    }

    private func open(before moment: Int64) -> Int64 {
        let begun = begun(before: moment)
        guard begun > 0 else { return 0 }
        let interval = intervals[begun - 1]
        return before[begun - 1] + min(moment, interval.upperBound) - interval.lowerBound
    }

    /// How many intervals begin before a moment.
    private func begun(before moment: Int64) -> Int {
        var (low, high) = (0, intervals.count)
        while low < high {
            let middle = (low + high) / 2
            if intervals[middle].lowerBound < moment { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
