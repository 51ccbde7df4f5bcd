internal import ContactCentre
internal import JSON

/// The queue of one service in one centre: its demand, its shifts and its operators.
struct LinePlan {
    let service: Municipality.Service
    let place: Place
    let queue: QueueIndex
    /// Expected contacts by weekday (Monday first) and hour of the local day.
    private let contacts: [[Double]]
    /// By weekday, in the order of the day.
    private let shifts: [[ShiftPlan]]
    /// The operators of the first, second… shift of a day; the same people on every day.
    private let crews: [[OperatorIndex]]
    /// Names in the order of the crews' indexes.
    let operatorNames: [String]

    /// Which service of which centre, counted from 0.
    struct Place {
        let centre: Int
        let service: Int

        /// The name of the centre, such as `c1`.
        var centreName: String { "c\(centre + 1)" }
    }

    private struct ShiftPlan {
        let hours: Range<Int>
        let operatorCount: Int
        /// Minutes beyond the hours, for those who called just before closing.
        let closingMinutes: Int
    }

    /// Plans a line that receives `weeklyContacts` on average and whose first operator is `first`.
    init(
        service: Municipality.Service, place: Place, queue: QueueIndex, weeklyContacts: Double,
        firstOperator first: Int
    ) {
        self.service = service
        self.place = place
        self.queue = queue
        let contacts = Self.contacts(of: service.week, total: weeklyContacts)
        self.contacts = contacts
        shifts = service.week.days.enumerated().map { weekday, day in
            day.map { Self.shifts(service, openHours: $0.openHours, contacts[weekday]) } ?? []
        }
        var crews: [[OperatorIndex]] = []
        var names: [String] = []
        for shift in 0..<(shifts.map(\.count).max() ?? 0) {
            let count = shifts.compactMap { $0.dropFirst(shift).first?.operatorCount }.max() ?? 0
            crews.append((0..<count).map { OperatorIndex(first + names.count + $0) })
            let letter = String("abcdefghijklmnopqrstuvwx".dropFirst(shift).prefix(1))
            names += (1...count).map {
                "\(place.centreName).\(service.name).\(letter)\(padded($0, to: 2))"
            }
        }
        self.crews = crews
        operatorNames = names
    }

    /// The name of the queue, such as `c1.anagrafe`.
    var queueName: String { "\(place.centreName).\(service.name)" }

    private static func contacts(of week: Municipality.Week, total: Double) -> [[Double]] {
        let weights = week.days.reduce(0) { $0 + ($1?.weight ?? 0) }
        return week.days.map { day in
            guard let day, weights > 0 else { return Array(repeating: 0, count: 24) }
            let open = day.openHours.reduce(0) { $0 + Municipality.hourWeights[$1] }
            return (0..<24).map { hour in
                guard day.openHours.contains(hour) else { return 0 }
                return total * day.weight / weights * Municipality.hourWeights[hour] / open
            }
        }
    }

    /// Shifts of equal length, at most six hours, each staffed for its busiest hour.
    ///
    /// Operators = load + grade · √load, the square-root rule (Halfin and Whitt 1981).
    private static func shifts(
        _ service: Municipality.Service, openHours: Range<Int>, _ contacts: [Double]
    ) -> [ShiftPlan] {
        let count = (openHours.count + 5) / 6
        let handleHours = (service.talk.meanUs + service.afterWork.meanUs) / 3_600e6
        return (0..<count).map { shift in
            let from = openHours.lowerBound + openHours.count * shift / count
            let to = openHours.lowerBound + openHours.count * (shift + 1) / count
            let busiest = (from..<to).map { contacts[$0] }.max() ?? 0
            let load = busiest * (1 - service.hangUpRatio) * handleHours
            let needed = (load + service.staffingGrade * load.squareRoot()).rounded(.up)
            return ShiftPlan(
                hours: from..<to,
                operatorCount: max(1, Int(needed)) + service.additionalOperators,
                closingMinutes: to == openHours.upperBound && to < 24 ? 5 : 0)
        }
    }

    /// The shifts of the date, each operator's with its moments in `zone`.
    func shifts(on date: CivilDate, in zone: Zone) -> [Shift] {
        var planned: [Shift] = []
        for (crew, shift) in zip(crews, shifts[date.weekday]) {
            let start = zone.instant(
                date: date, microsecondOfDay: Int64(shift.hours.lowerBound) * hourUs)
            let end = zone.instant(
                date: date,
                microsecondOfDay: Int64(shift.hours.upperBound) * hourUs
                    + Int64(shift.closingMinutes) * 60_000_000)
            planned += crew.prefix(shift.operatorCount).map {
                Shift(worker: $0, start: start, end: end)
            }
        }
        return planned
    }

    /// The contacts that arrive on the date, by a Poisson process whose rate follows the hour.
    ///
    /// Thinning (Lewis and Shedler 1979): candidates at the highest rate, each kept with the
    /// ratio of the rate at its moment to the highest.
    func arrivals(on date: CivilDate, in zone: Zone, _ draws: Draws) -> [ContactNeed] {
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
        var needs: [ContactNeed] = []
        for candidate in 0..<Self.candidatesMax {
            let number = number(date, candidate: candidate)
            moment = moment + gap.duration(at: draws.unit(.arrivalGap, entity: number))
            guard moment < end else { break }
            let acceptance = hourly[zone.hour(at: moment)] / busiest
            if draws.unit(.arrivalAcceptance, entity: number) < acceptance {
                needs.append(need(ContactNumber(number), arrival: moment, draws))
            }
        }
        return needs
    }

    /// Candidates of one line and day that have a number of their own.
    private static let candidatesMax: UInt64 = 1 << 24

    /// Centre, service, date and candidate in one number, so that no two contacts share a draw.
    private func number(_ date: CivilDate, candidate: UInt64) -> UInt64 {
        UInt64(place.centre) << 52 | UInt64(place.service) << 46
            | UInt64(date.daysSince1970) << 24 | candidate
    }

    private func need(
        _ number: ContactNumber, arrival: Instant, _ draws: Draws
    ) -> ContactNeed {
        func duration(_ law: DurationLaw, _ purpose: Draws.Purpose) -> Int64 {
            law.duration(at: draws.unit(purpose, entity: number.value))
        }
        let hangsUp =
            draws.unit(.selfServiceResult, entity: number.value) < service.hangUpRatio
        return ContactNeed(
            number: number, queue: queue, arrival: arrival,
            selfService: .init(
                durationUs: duration(service.selfService, .selfServiceDuration),
                ending: hangsUp ? .hungUp : .toOperator),
            patienceUs: duration(service.patience, .patience),
            talkUs: duration(service.talk, .talk),
            afterWorkUs: duration(service.afterWork, .afterWork))
    }
}

private let hourUs: Int64 = 3_600_000_000

extension CivilDate {
    /// 0 for Monday to 6 for Sunday; 1970-01-01 was a Thursday.
    var weekday: Int { (daysSince1970 % 7 + 10) % 7 }
}

extension Zone {
    /// The hour that a clock on the wall shows, 0 to 23.
    fileprivate func hour(at moment: Instant) -> Int {
        let local = moment.microseconds + Int64(offsetSeconds(at: moment)) * 1_000_000
        return Int(local.flooredDivision(by: 24 * hourUs).remainder / hourUs)
    }
}
