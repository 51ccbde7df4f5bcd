internal import ContactCentre
internal import JSON

/// The queue of one desk of a service in one centre: its demand, its shifts and its operators.
struct LinePlan {
    let desk: Municipality.Desk
    let place: Place
    let queue: QueueIndex
    private let arrivals: Arrivals
    /// By weekday, in the order of the day.
    private let shifts: [[ShiftPlan]]
    /// The operators of the first, second… shift of a day; the same people on every day.
    private let crews: [[OperatorIndex]]
    /// The name of the queue, such as `c1.anagrafe` or `c1.anagrafe.counter`.
    let queueName: String
    /// Names in the order of the crews' indexes.
    let operatorNames: [String]

    private struct ShiftPlan {
        let hours: Range<Int>
        let operatorCount: Int
        /// Minutes beyond the hours, for those who called just before closing.
        let closingMinutes: Int
    }

    /// Plans the desk of this number, where the first operator of the line is `first`.
    init(
        desk: Municipality.Desk, number: Int, place: Place, queue: QueueIndex,
        firstOperator first: Int
    ) {
        self.desk = desk
        self.place = place
        self.queue = queue
        arrivals = Arrivals(
            weekly: place.weeklyCalls * desk.contactsPerCall, week: desk.week,
            curve: Municipality.DayCurve.speaking,
            origin: .init(centre: place.centre, service: place.service, channel: number))
        let contacts = arrivals.contacts
        shifts = desk.week.days.enumerated().map { weekday, day in
            day.map { Self.shifts(desk, openHours: $0.openHours, contacts[weekday]) } ?? []
        }
        queueName = desk.name.map { "\(place.name).\($0)" } ?? place.name
        var crews: [[OperatorIndex]] = []
        var names: [String] = []
        for shift in 0..<(shifts.map(\.count).max() ?? 0) {
            let count = shifts.compactMap { $0.dropFirst(shift).first?.operatorCount }.max() ?? 0
            crews.append((0..<count).map { OperatorIndex(first + names.count + $0) })
            let letter = String("abcdefghijklmnopqrstuvwx".dropFirst(shift).prefix(1))
            for number in 1...count {
                names.append("\(queueName).\(letter)\(padded(number, to: 2))")
            }
        }
        self.crews = crews
        operatorNames = names
    }

    /// Shifts of equal length, at most six hours, each staffed for its busiest hour.
    ///
    /// Operators = load + grade · √load, the square-root rule (Halfin and Whitt 1981).
    private static func shifts(
        _ desk: Municipality.Desk, openHours: Range<Int>, _ contacts: [Double]
    ) -> [ShiftPlan] {
        let count = (openHours.count + 5) / 6
        let handleHours = (desk.talk.meanUs + desk.afterWork.meanUs) / 3_600e6
        return (0..<count).map { shift in
            let from = openHours.lowerBound + openHours.count * shift / count
            let to = openHours.lowerBound + openHours.count * (shift + 1) / count
            let busiest = (from..<to).map { contacts[$0] }.max() ?? 0
            let load = busiest * (1 - desk.hangUpRatio - desk.containedRatio) * handleHours
            let needed = (load + desk.staffingGrade * load.squareRoot()).rounded(.up)
            return ShiftPlan(
                hours: from..<to,
                operatorCount: max(1, Int(needed)) + desk.additionalOperators,
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

    /// The contacts that arrive on the date, with what each brings along.
    func needs(on date: CivilDate, in zone: Zone, _ draws: Draws) -> [ContactNeed] {
        arrivals.arrivals(on: date, in: zone, draws).map { number, time in
            let lot = Lot(draws, of: number)
            return ContactNeed(
                number: number, queue: queue, arrival: time, selfService: selfService(lot),
                patienceUs: lot.duration(desk.patience, .patience),
                talkUs: lot.duration(desk.talk, .talk),
                afterWorkUs: lot.duration(desk.afterWork, .afterWork))
        }
    }

    private func selfService(_ lot: Lot) -> ContactNeed.SelfService? {
        guard let law = desk.selfService else { return nil }
        let result = lot.unit(.selfServiceResult)
        let ending: ContactNeed.SelfService.Ending =
            if result < desk.hangUpRatio {
                .hungUp
            } else if result < desk.hangUpRatio + desk.containedRatio {
                .contained
            } else {
                .toOperator
            }
        return .init(durationUs: lot.duration(law, .selfServiceDuration), ending: ending)
    }
}
