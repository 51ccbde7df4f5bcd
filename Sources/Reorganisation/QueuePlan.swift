internal import ContactCentre
internal import JSON

/// One queue of one centre: who serves it, in which shifts.
struct QueuePlan {
    /// Such as `c1.anagrafe`, `c1.anagrafe.counter`, `c2.front` or `c3.anagrafe.second`.
    let name: String
    /// Counted from 0.
    let centre: Int
    let line: Line
    /// The services whose contacts wait here, by their places.
    let services: [Int]
    let channel: Channel
    /// What the calendar of its opening hours is called.
    let calendar: String
    /// Monday first; nil where it is closed.
    let openHours: [Range<Int>?]
    /// Where its contacts go over to, and after which wait.
    var overflow: (queue: QueueIndex, afterUs: Int64)?
    /// Names in the order of the crews' indexes.
    let operatorNames: [String]
    /// By weekday, in the order of the day.
    private let shifts: [[ShiftPlan]]
    /// The operators of the first, second… shift of a day; the same people on every day.
    private let crews: [[OperatorIndex]]

    /// Whom contacts find there.
    enum Line: Hashable {
        /// Operators of one service.
        case ofService
        /// Operators of all services, who answer first.
        case front
        /// Experts of one service, to whom contacts are handed on.
        case second
    }

    /// Work that comes to a queue from one kind of contacts.
    struct Load {
        /// Operators who are busy with it, by weekday and hour.
        let operators: [[Double]]
        let week: Municipality.Week
        /// Operators beyond the load, in square roots of it at the busiest hour.
        let staffingGrade: Double
        /// Operators on every shift beyond those that the load asks for.
        let additionalOperators: Int

        /// The hours alone.
        var withoutWork: Load {
            Load(
                operators: operators.map { $0.map { _ in 0 } }, week: week,
                staffingGrade: staffingGrade, additionalOperators: 0)
        }
    }

    private struct ShiftPlan {
        let hours: Range<Int>
        let operatorCount: Int
        /// Minutes beyond the hours, for those who called just before closing.
        let closingMinutes: Int
    }

    /// Plans a queue whose first operator is `first`.
    init(
        _ name: String, centre: Int, _ line: Line, services: [Int], channel: Channel,
        calendar: String, _ loads: [Load], firstOperator first: Int
    ) {
        self.name = name
        self.centre = centre
        self.line = line
        self.services = services
        self.channel = channel
        self.calendar = calendar
        let openHours = (0..<7).map { weekday in Self.openHours(on: weekday, loads) }
        let shifts = openHours.enumerated().map { weekday, hours in
            hours.map { Self.shifts(on: weekday, from: $0, loads) } ?? []
        }
        var crews: [[OperatorIndex]] = []
        var names: [String] = []
        for shift in 0..<(shifts.map(\.count).max() ?? 0) {
            let count = shifts.compactMap { $0.dropFirst(shift).first?.operatorCount }.max() ?? 0
            crews.append((0..<count).map { OperatorIndex(first + names.count + $0) })
            let letter = String("abcdefghijklmnopqrstuvwx".dropFirst(shift).prefix(1))
            for number in 1...count {
                names.append("\(name).\(letter)\(padded(number, to: 2))")
            }
        }
        self.openHours = openHours
        self.shifts = shifts
        self.crews = crews
        operatorNames = names
    }

    private static func openHours(on weekday: Int, _ loads: [Load]) -> Range<Int>? {
        let hours = loads.compactMap { $0.week.days[weekday]?.openHours }
        guard let first = hours.map(\.lowerBound).min(), let last = hours.map(\.upperBound).max()
        else { return nil }
        return first..<last
    }

    /// Shifts of equal length, at most six hours, each staffed for its busiest hour.
    ///
    /// Operators = load + grade · √load, the square-root rule (Halfin and Whitt 1981).
    private static func shifts(
        on weekday: Int, from openHours: Range<Int>, _ loads: [Load]
    ) -> [ShiftPlan] {
        let count = (openHours.count + 5) / 6
        return (0..<count).map { shift in
            let from = openHours.lowerBound + openHours.count * shift / count
            let to = openHours.lowerBound + openHours.count * (shift + 1) / count
            let hourly = (from..<to).map { hour in
                loads.reduce(0) { $0 + $1.operators[weekday][hour] }
            }
            let load = hourly.max() ?? 0
            let needed = (load + grade(loads) * load.squareRoot()).rounded(.up)
            let additional = loads.reduce(0) { $0 + $1.additionalOperators }
            return ShiftPlan(
                hours: from..<to, operatorCount: max(1, Int(needed)) + additional,
                closingMinutes: to == openHours.upperBound && to < 24 ? 5 : 0)
        }
    }

    /// The grades of all loads, each as much as it weighs.
    private static func grade(_ loads: [Load]) -> Double {
        let weights = loads.map { load in load.operators.joined().reduce(0, +) }
        let all = weights.reduce(0, +)
        guard loads.count > 1, all > 0 else { return loads.first?.staffingGrade ?? 0 }
        return zip(loads, weights).reduce(0) { $0 + $1.0.staffingGrade * $1.1 } / all
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

    /// When an operator, by the place among the names, is to be at work.
    func week(ofOperator place: Int) -> Week {
        var week = Week()
        var first = 0
        for (number, crew) in crews.enumerated() {
            for (weekday, day) in zip(Weekday.allCases, shifts) where number < day.count {
                let shift = day[number]
                guard place >= first, place - first < shift.operatorCount else { continue }
                week[weekday] = [
                    DailyHours(
                        from: shift.hours.lowerBound * 60,
                        to: shift.hours.upperBound * 60 + shift.closingMinutes)
                ]
            }
            first += crew.count
        }
        return week
    }

    /// The hours in which contacts can come.
    var openingWeek: Week {
        var week = Week()
        for (weekday, hours) in zip(Weekday.allCases, openHours) {
            guard let hours else { continue }
            week[weekday] = [
                DailyHours(from: hours.lowerBound * 60, to: hours.upperBound * 60)
            ]
        }
        return week
    }
}
