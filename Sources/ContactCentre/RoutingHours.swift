package import JSON

// When queues are open, as the organisation has it.
extension RoutingState {
    /// For how many days a plan knows opening hours.
    private static let daysOfHours = 7

    /// Writes into the plan when queues are open.
    ///
    /// - Returns: Until when that is known.
    mutating func readHours(of description: OrganisationDescription, at now: Int64) -> Int64 {
        let end = later(now, by: Int64(Self.daysOfHours) * Instant.microsecondsOfDay)
        var holds = Int64.max
        for (key, setting) in description.settings {
            guard let setting = setting as? QueueSetting, let name = setting.calendar,
                let queue = names.queues.known(key.thing), queue < plan.queues.count,
                let calendar = calendar(name)
            else { continue }
            plan.queues[queue].hours = calendar.openTimes(around: now...end, in: logZone)
            holds = end
        }
        return holds
    }

    /// For how long a queue was closed between two moments, in µs; nil where it has no hours, or
    /// where they are not known here.
    package mutating func closedTime(
        ofQueue name: String, from start: Instant, to end: Instant
    ) -> Int64? {
        let key = SettingKey(Facet.whole(of: .queues), of: name)
        guard start <= end,
            let setting = organisation.description(at: end).settings[key] as? QueueSetting,
            let calendar = setting.calendar.flatMap({ self.calendar($0) })
        else { return nil }
        let open = calendar.openTimes(
            around: start.microseconds...end.microseconds, in: logZone)
        return end.microseconds - start.microseconds - open.microseconds(from: start, to: end)
    }

    private mutating func calendar(_ name: String) -> OpeningCalendar? {
        if let known = calendars[ExactText(name)] { return known }
        let calendar = try? organisation.calendar(name, otherwiseIn: logZone)
        calendars[ExactText(name)] = .some(calendar)
        return calendar
    }
}

extension OpeningCalendar {
    /// When it is open at any of some moments, in µs since 1970, and about two days on both sides.
    ///
    /// A date on which no hours are in force closes nothing: it is open all day, by `zone`.
    package func openTimes(around moments: ClosedRange<Int64>, in zone: Zone) -> OpenTimes {
        // Wherever on earth: no zone is a day away from UTC, and hours may end on the next day.
        func date(_ moment: Int64, _ days: Int) -> CivilDate {
            let moment = min(
                max(moment, Instant.earliest.microseconds), Instant.latest.microseconds)
            let day = moment.flooredDivision(by: Instant.microsecondsOfDay).quotient
            return CivilDate(daysSince1970: Int(day) + days)
        }
        return openTimes(
            on: date(moments.lowerBound, -2)...date(moments.upperBound, 2),
            openWithoutHoursIn: zone)
    }
}
