package import JSON

/// A day on which a centre is closed by law or custom, year after year.
package struct Holiday: Hashable, Sendable {
    package let name: String
    private let rule: Rule
    /// The first year in which it is one; nil for always.
    private let since: Int?

    private enum Rule: Hashable {
        case fixed(month: Int, day: Int)
        /// So many days after Easter Sunday.
        case easter(days: Int)
    }

    private init(_ name: String, _ rule: Rule, since: Int?) {
        self.name = name
        self.rule = rule
        self.since = since
    }

    package static func fixed(
        _ name: String, month: Int, day: Int, since: Int? = nil
    ) -> Holiday {
        Holiday(name, .fixed(month: month, day: day), since: since)
    }

    package static func easter(_ name: String, days: Int) -> Holiday {
        Holiday(name, .easter(days: days), since: nil)
    }

    package func falls(on date: CivilDate) -> Bool {
        if let since, date.year < since { return false }
        return switch rule {
        case .fixed(let month, let day): date.month == month && date.day == day
        case .easter(let days):
            date.daysSince1970 == CivilDate.easterSunday(of: date.year).daysSince1970 + days
        }
    }
}

/// The holidays of a country, as its law had them when this version of the set was made.
///
/// A version never changes: what was decided by it years ago is decided alike today.
package struct HolidaySet: Hashable, Sendable {
    package let name: String
    package let version: Int
    package let holidays: [Holiday]

    /// The newest version of each set comes last.
    package static let all = [
        // Law 260 of 1949 as it stands; Saint Francis by law 151 of 2025, from 2026 on.
        HolidaySet(
            name: "it", version: 1,
            holidays: [
                .fixed("Capodanno", month: 1, day: 1), .fixed("Epifania", month: 1, day: 6),
                .easter("Pasqua", days: 0), .easter("Lunedì dell'Angelo", days: 1),
                .fixed("Liberazione", month: 4, day: 25), .fixed("Lavoro", month: 5, day: 1),
                .fixed("Repubblica", month: 6, day: 2), .fixed("Assunzione", month: 8, day: 15),
                .fixed("San Francesco", month: 10, day: 4, since: 2026),
                .fixed("Ognissanti", month: 11, day: 1),
                .fixed("Immacolata", month: 12, day: 8), .fixed("Natale", month: 12, day: 25),
                .fixed("Santo Stefano", month: 12, day: 26),
            ])
    ]
}

extension CivilDate {
    /// Easter Sunday of the Gregorian calendar.
    ///
    /// Source: the anonymous algorithm of 1876 in Nature, as J. Meeus gives it in
    /// "Astronomical Algorithms", chapter 8.
    package static func easterSunday(of year: Int) -> CivilDate {
        let (century, yearOfCentury) = (year / 100, year % 100)
        let golden = year % 19
        let moonShift = (century - (century + 8) / 25 + 1) / 3
        let epact = (19 * golden + century - century / 4 - moonShift + 15) % 30
        let weekday =
            (32 + 2 * (century % 4) + 2 * (yearOfCentury / 4) - epact - yearOfCentury % 4) % 7
        let late = (golden + 11 * epact + 22 * weekday) / 451
        let days = epact + weekday - 7 * late + 114
        guard let date = CivilDate(year: year, month: days / 31, day: days % 31 + 1) else {
            preconditionFailure("Easter lies in March or April")
        }
        return date
    }
}
