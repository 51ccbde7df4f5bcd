internal import ContactCentre
internal import JSON

/// The contacts of one desk of a service in one centre, with what each brings along.
struct Demand {
    let desk: Municipality.Desk
    let place: Place
    /// In which they wait first.
    let queue: QueueIndex
    /// To whom some of them are handed on.
    let onward: Onward?
    private let arrivals: Arrivals

    struct Onward {
        let queue: QueueIndex
        let experts: Municipality.Experts
    }

    /// The contacts of the desk of this number.
    init(
        desk: Municipality.Desk, number: Int, place: Place, queue: QueueIndex,
        onward: Onward? = nil
    ) {
        self.desk = desk
        self.place = place
        self.queue = queue
        self.onward = onward
        arrivals = Self.arrivals(desk, number, place)
    }

    private static func arrivals(
        _ desk: Municipality.Desk, _ number: Int, _ place: Place
    ) -> Arrivals {
        Arrivals(
            weekly: place.weeklyCalls * desk.contactsPerCall, week: desk.week,
            curve: Municipality.DayCurve.speaking,
            origin: .init(centre: place.centre, service: place.service, channel: number))
    }

    /// The work that a desk of this number brings to those who answer first.
    static func load(
        of desk: Municipality.Desk, number: Int, in place: Place
    ) -> QueuePlan.Load {
        load(
            of: desk, number, place, ratio: 1, talk: desk.talk, afterWork: desk.afterWork,
            grade: desk.staffingGrade, additional: desk.additionalOperators)
    }

    /// The work that a desk of this number brings to experts.
    static func load(
        of desk: Municipality.Desk, number: Int, in place: Place,
        for experts: Municipality.Experts
    ) -> QueuePlan.Load {
        load(
            of: desk, number, place, ratio: experts.ratio, talk: experts.talk,
            afterWork: experts.afterWork, grade: experts.staffingGrade, additional: 0)
    }

    private static func load(
        of desk: Municipality.Desk, _ number: Int, _ place: Place, ratio: Double,
        talk: DurationLaw, afterWork: DurationLaw, grade: Double, additional: Int
    ) -> QueuePlan.Load {
        let handleHours = (talk.meanUs + afterWork.meanUs) / 3_600e6
        let queued = (1 - desk.hangUpRatio - desk.containedRatio) * ratio
        let operators = arrivals(desk, number, place).contacts.map { hours in
            hours.map { $0 * queued * handleHours }
        }
        return QueuePlan.Load(
            operators: operators, week: desk.week, staffingGrade: grade,
            additionalOperators: additional)
    }

    /// The contacts that arrive on the date.
    func needs(
        on date: CivilDate, in zone: Zone, _ society: Society, as origin: Int
    ) -> [ContactNeed] {
        arrivals.arrivals(on: date, in: zone, society.draws).map { number, time in
            let lot = Lot(society.draws, of: number)
            var need = ContactNeed(
                number: number, queue: queue, arrival: time, selfService: selfService(lot),
                patienceUs: lot.duration(desk.patience, .patience),
                talkUs: lot.duration(desk.talk, .talk),
                afterWorkUs: lot.duration(desk.afterWork, .afterWork))
            need.channel = RoutingNames.channel(desk.channel)
            need.priority = society.priority(of: number, on: desk.channel)
            need.origin = origin
            return need
        }
    }

    /// What is handed on of a contact that the first level has answered; nil where it has done all.
    func handedOn(_ contact: ContactNeed, _ draws: Draws) -> ContactNeed? {
        guard let onward, contact.queue != onward.queue else { return nil }
        let lot = Lot(draws, of: contact.number)
        guard lot.happens(.handingOn, ratio: onward.experts.ratio) else { return nil }
        var need = contact
        need.queue = onward.queue
        need.patienceUs = lot.duration(desk.patience, .expertPatience)
        need.talkUs = lot.duration(onward.experts.talk, .expertTalk)
        need.afterWorkUs = lot.duration(onward.experts.afterWork, .expertAfterWork)
        return need
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
