internal import ContactCentre
internal import JSON

/// How the contacts of one queue or mailbox arrive over a week.
struct Arrivals {
    /// Expected contacts by weekday (Monday first) and hour of the local day.
    let contacts: [[Double]]
    private let origin: Origin

    /// Which channel of which service of which centre, each counted from 0.
    struct Origin {
        let centre: Int
        let service: Int
        let channel: Int
    }

    /// Spreads `weekly` contacts over the open hours of the week, as the curve of a day has it.
    init(weekly: Double, week: Municipality.Week, curve: [Double], origin: Origin) {
        self.origin = origin
        let weights = week.days.reduce(0) { $0 + ($1?.weight ?? 0) }
        contacts = week.days.map { day in
            guard let day, weights > 0 else { return Array(repeating: 0, count: 24) }
            let open = day.openHours.reduce(0) { $0 + curve[$1] }
            return (0..<24).map { hour in
                guard day.openHours.contains(hour) else { return 0 }
                return weekly * day.weight / weights * curve[hour] / open
            }
        }
    }

    /// The contacts that arrive on the date, by a Poisson process whose rate follows the hour.
    ///
    /// Thinning (Lewis and Shedler 1979): candidates at the highest rate, each kept with the
    /// ratio of the rate at its moment to the highest.
    func arrivals(
        on date: CivilDate, in zone: Zone, _ draws: Draws
    ) -> [(number: ContactNumber, time: Instant)] {
        let hourly = contacts[date.weekday]
        let busiest = hourly.max() ?? 0
        guard busiest > 0 else { return [] }
        // Days differ by more than a Poisson process of the expected rate explains.
        let volume = DurationLaw.logNormal(meanUs: 1e6, variation: 0.1).duration(
            at: draws.unit(.dayVolume, entity: number(date, candidate: 0)))
        let gap = DurationLaw.exponential(
            meanUs: Double(hourUs) / (busiest * Double(volume) / 1e6))
        let end = zone.start(of: CivilDate(daysSince1970: date.daysSince1970 + 1))
        var moment = zone.start(of: date)
        var found: [(number: ContactNumber, time: Instant)] = []
        for candidate in 0..<Self.candidatesMax {
            let number = number(date, candidate: candidate)
            moment = moment + gap.duration(at: draws.unit(.arrivalGap, entity: number))
            guard moment < end else { break }
            let acceptance = hourly[zone.hour(at: moment)] / busiest
            if draws.unit(.arrivalAcceptance, entity: number) < acceptance {
                found.append((ContactNumber(number), moment))
            }
        }
        return found
    }

    /// Candidates of one channel and day that have a number of their own.
    private static let candidatesMax: UInt64 = 1 << 24

    /// Origin, date and candidate in one number, so that no two contacts share a draw.
    private func number(_ date: CivilDate, candidate: UInt64) -> UInt64 {
        UInt64(origin.channel) << 59 | UInt64(origin.centre) << 52 | UInt64(origin.service) << 46
            | UInt64(date.daysSince1970) << 24 | candidate
    }
}

let hourUs: Int64 = 3_600_000_000

extension Zone {
    /// The hour that a clock on the wall shows, 0 to 23.
    fileprivate func hour(at moment: Instant) -> Int {
        let local = moment.microseconds + Int64(offsetSeconds(at: moment)) * 1_000_000
        return Int(local.flooredDivision(by: 24 * hourUs).remainder / hourUs)
    }
}
