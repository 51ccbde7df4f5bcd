internal import ContactCentre
internal import JSON

/// Time as offices have it: it passes from Monday to Friday within their hours alone.
struct WorkingTime {
    private let zone: Zone
    private let opening: Int64
    private let closing: Int64

    init(hours: Range<Int>, zone: Zone) {
        self.zone = zone
        opening = Int64(hours.lowerBound) * hourUs
        closing = Int64(hours.upperBound) * hourUs
    }

    /// The moment at which `durationUs` of working time have passed since `start`.
    ///
    /// No time at all leaves the start as it is, outside of working time too.
    func moment(after durationUs: Int64, since start: Instant) -> Instant {
        guard durationUs > 0 else { return start }
        let local = start.microseconds + Int64(zone.offsetSeconds(at: start)) * 1_000_000
        let (day, timeOfDay) = local.flooredDivision(by: 24 * hourUs)
        var date = CivilDate(daysSince1970: Int(day))
        var from = max(timeOfDay, opening)
        var rest = durationUs
        let dayUs = closing - opening
        // Whole weeks first: a year of work must not cost a step for each of its days.
        let weeks = (rest - 1) / (5 * dayUs)
        rest -= weeks * 5 * dayUs
        date = CivilDate(daysSince1970: date.daysSince1970 + Int(weeks) * 7)
        while true {
            let left = date.weekday < 5 ? max(0, closing - from) : 0
            if rest <= left { return zone.instant(date: date, microsecondOfDay: from + rest) }
            rest -= left
            date = CivilDate(daysSince1970: date.daysSince1970 + 1)
            from = opening
        }
    }
}
