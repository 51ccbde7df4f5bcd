package import JSON

/// Opening hours, under a version.
package struct CalendarSetting: Setting {
    package var version: Int64 = 1
    package var zone: String?
    package var weekly = Week()
    package var exceptions: [CivilDate: [DailyHours]] = [:]
    package var holidaySet: String?
    package var holidaySetVersion: Int64?
    package var ownHolidays: [OwnHoliday] = []

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("version", .integer(in: publishedVersions), &version)
        try members.optional("zone", .zone, &zone)
        try members.required("weekly", .week, &weekly)
        try members.filled("exceptions", .exceptions, &exceptions)
        try members.optional("holidaysSet", .name, &holidaySet)
        try members.optional(
            "holidaysVersion", .integer(in: publishedVersions), &holidaySetVersion)
        try members.objects("ownHolidays", &ownHolidays)
    }

    package var publishedVersion: Int64? { version }

    package var flaw: (member: String, problem: PayloadError.Problem)? {
        if let unknown = unknownZone(zone) { return unknown }
        if weekly.overlaps { return ("weekly", .overlappingHours) }
        if exceptions.values.contains(where: DailyHours.overlap) {
            return ("exceptions", .overlappingHours)
        }
        // Of a leap year, so that 29 February can be one.
        for (place, own) in ownHolidays.enumerated()
        where CivilDate(year: 2000, month: own.month, day: own.day) == nil {
            let last = CivilDate.daysInMonth(own.month, of: 2000)
            return ("ownHolidays[\(place)].day", .outOfRange(1...Int64(last)))
        }
        if holidaySet == nil {
            return holidaySetVersion == nil ? nil : ("holidaysSet", .missing)
        }
        guard holidays == nil else { return nil }
        guard holidaySetVersion != nil else { return ("holidaysVersion", .missing) }
        let known = HolidaySet.all.map { "\($0.name) \($0.version)" }
        let set = "\(holidaySet ?? "") \(holidaySetVersion.map { "\($0)" } ?? "")"
        return ("holidaysVersion", .unknownHolidays(set, known: known))
    }

    /// Those of the set and the centre's own; nil where the set is not known here.
    private var holidays: [Holiday]? {
        let own = ownHolidays.map { Holiday.fixed($0.name, month: $0.month, day: $0.day) }
        guard let holidaySet else { return own }
        let set = HolidaySet.all.first {
            $0.name == holidaySet && Int64($0.version) == holidaySetVersion
        }
        return set.map { $0.holidays + own }
    }

    /// The hours, in the log's zone where the calendar names none.
    ///
    /// - Returns: Nil where time zone or holidays are not known here.
    package func hours(otherwiseIn zone: Zone) -> OpeningHours? {
        guard let holidays else { return nil }
        let named = self.zone.map { Zone(identifier: $0) } ?? zone
        return named.map {
            OpeningHours(in: $0, week: weekly, holidays: holidays, exceptions: exceptions)
        }
    }
}

/// Of the centre's own place, such as that of its patron saint.
package struct OwnHoliday: Setting {
    package var name = ""
    package var month = 1
    package var day = 1

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        var (month, day) = (Int64(month), Int64(day))
        try members.required("name", .name, &name)
        try members.required("month", .integer(in: 1...12), &month)
        try members.required("day", .integer(in: 1...31), &day)
        (self.month, self.day) = (Int(month), Int(day))
    }
}

/// What a centre has to reach.
package struct ServiceLevelSetting: Setting {
    package var version: Int64 = 1
    package var metric = ""
    package var target = 0.0
    package var threshold: Int64?
    /// Whom it is measured for.
    package var population: String?
    package var calendar: String?
    package var penalty: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("version", .integer(in: publishedVersions), &version)
        try members.required("metricId", .name, &metric)
        try members.required("target", .number, &target)
        try members.optional("thresholdUs", .duration, &threshold)
        try members.optional("population", .text, &population)
        try members.optional("calendarId", .reference(to: .calendars), &calendar)
        try members.optional("penaltyRef", .name, &penalty)
    }

    package var publishedVersion: Int64? { version }
}

/// How a figure is counted.
package struct MetricSetting: Setting {
    package var version: Int64 = 1
    package var formula = ""
    package var unit: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("version", .integer(in: publishedVersions), &version)
        try members.required("formula", .text, &formula)
        try members.optional("unit", .name, &unit)
    }

    package var publishedVersion: Int64? { version }
}

/// What somebody watches over, and how often.
package struct AgreementSetting: Setting {
    package var body = ""
    package var centres: [String] = []
    package var metrics: [String] = []
    package var everyDays: Int64?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("body", .name, &body)
        try members.filled("centres", .references(to: .centres), &centres)
        try members.filled("metrics", .names, &metrics)
        try members.optional("everyDays", .integer(in: 1...100_000), &everyDays)
    }
}

let publishedVersions: ClosedRange<Int64> = 1 ... .max

/// A change that was decided, and what is expected of it.
package struct Decision: Setting {
    package var sponsor: String?
    package var objectives: [String] = []
    package var expectedEffects: [ExpectedEffect] = []
    package var reviewAt: CivilDate?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.optional("sponsor", .name, &sponsor)
        try members.filled("objectives", .names, &objectives)
        try members.objects("expectedEffects", &expectedEffects)
        try members.optional("reviewAt", .date, &reviewAt)
    }
}

package enum EffectDirection: String, CaseIterable, Hashable, Sendable {
    case up, down
}

package struct ExpectedEffect: Setting {
    package var metric = ""
    package var direction = EffectDirection.up
    /// By so much, in the metric's unit.
    package var amount: Double?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("metricId", .name, &metric)
        try members.required("direction", .choice(blank: .up), &direction)
        try members.optional("amount", .number, &amount)
    }
}
