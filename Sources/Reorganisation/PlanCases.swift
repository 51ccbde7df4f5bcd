internal import ContactCentre
internal import JSON

/// What answered contacts lead to: cases, and requests for opinions on cases and contacts.
struct PlanCases {
    private let society: Society
    private let zone: Zone
    private let working: WorkingTime
    /// Who draws the disparity and whose group is the area, as places of attributes and groups.
    private let slowed: Declaration?
    private let areaAttribute: Int?

    init(_ society: Society, _ working: WorkingTime, in zone: Zone) {
        self.society = society
        self.working = working
        self.zone = zone
        let attributes = society.municipality.attributes
        slowed = society.municipality.disparity.flatMap { disparity in
            guard let attribute = attributes.firstIndex(where: { $0.name == disparity.attribute }),
                let group = attributes[attribute].groups.firstIndex(where: {
                    $0.value == disparity.group
                })
            else { return nil }
            return Declaration(attribute: attribute, group: group)
        }
        areaAttribute = society.municipality.areaAttribute.flatMap { name in
            attributes.firstIndex { $0.name == name }
        }
    }

    private var offices: Municipality.Offices { society.municipality.offices }

    /// The case that the contact opens, if any, and the request for an opinion, if any.
    func stories(after contact: AnsweredContact) -> [Story] {
        let lot = Lot(society.draws, of: contact.number)
        let habits = society.habits(on: contact.channel)
        let requests = PlanSurveys(society)
        guard
            let procedure = society.municipality.services[contact.place.service].procedure,
            lot.happens(.caseOpening, ratio: habits.caseRatio)
        else {
            let opinion = PlanSurveys.Opinion(
                about: .contact, end: contact.end, slowness: slowness(contact, habits),
                isFavourable: lot.happens(.outcome, ratio: offices.favourableRatio))
            return [requests.story(of: opinion, contact, lot)].compactMap(\.self)
        }
        let life = caseLife(contact, procedure, lot)
        return [life.story, requests.story(of: life.opinion, contact, lot)].compactMap(\.self)
    }

    private func slowness(
        _ contact: AnsweredContact, _ habits: Municipality.Habits
    ) -> Double {
        Double(contact.waitedUs) / habits.fairWaitUs
    }

    private struct Life {
        var story: Story
        let opinion: PlanSurveys.Opinion
    }

    private func caseLife(
        _ contact: AnsweredContact, _ procedure: Municipality.Procedure, _ lot: Lot
    ) -> Life {
        let citizen = society.citizen(of: contact.number, on: contact.channel)
        let date = zone.date(at: contact.end).daysSince1970 + procedure.termDays + 1
        let target = zone.start(of: CivilDate(daysSince1970: date))
        var steps = [
            Story.Step(
                time: contact.end,
                said: .case(.opened(opening(contact, citizen, target: target, lot))))
        ]
        var duration = Double(lot.duration(procedure.resolution, .resolution))
        if let disparity = society.municipality.disparity, let slowed,
            citizen.groups[slowed.attribute] == slowed.group
        {
            duration *= disparity.resolutionFactor
        }
        let pace = Pace(working: working, start: contact.end, duration: duration)
        let owner = work(contact.place, procedure, pace, lot, &steps)
        let resolved = pace.moment(1)
        if resolved > target {
            let place = steps.firstIndex { $0.time > target } ?? steps.count
            steps.insert(.init(time: target, said: .case(.termBreached)), at: place)
        }
        let end = finish(owner, pace, lot, &steps)
        let opinion = PlanSurveys.Opinion(
            about: .case, end: end.time,
            slowness: Double(resolved.microseconds - contact.end.microseconds)
                / Double(target.microseconds - contact.end.microseconds),
            isFavourable: end.isFavourable)
        return Life(
            story: Story(
                subject: .case, number: contact.number, place: contact.place,
                declared: citizen.declared, steps: steps),
            opinion: opinion)
    }

    private func opening(
        _ contact: AnsweredContact, _ citizen: Citizen, target: Instant, _ lot: Lot
    ) -> CaseEvent.Opened {
        let party = lot.unit(.openingParty)
        let opener: Party =
            if party < offices.openedByOperatorRatio {
                .operator
            } else if party < offices.openedByOperatorRatio + offices.openedBySystemRatio {
                .system
            } else {
                .citizen
            }
        let area = citizen.declared.first { $0.attribute == areaAttribute }.map {
            society.municipality.attributes[$0.attribute].groups[$0.group].value
        }
        return CaseEvent.Opened(
            channel: contact.channel, service: contact.place.serviceName, area: area,
            openedBy: opener, target: target, agreement: "\(contact.place.serviceName)-term",
            zone: society.municipality.zone)
    }

    /// The time of a resolution, by its part that has passed.
    private struct Pace {
        let working: WorkingTime
        let start: Instant
        let duration: Double

        func moment(_ part: Double) -> Instant {
            working.moment(after: Int64((duration * part).rounded()), since: start)
        }
    }

    /// The lines that work on a case until it is resolved; the last of them has it then.
    private func work(
        _ place: Place, _ procedure: Municipality.Procedure, _ pace: Pace, _ lot: Lot,
        _ steps: inout [Story.Step]
    ) -> CaseEvent.Owner {
        func add(_ event: CaseEvent, at part: Double) {
            steps.append(.init(time: pace.moment(part), said: .case(event)))
        }
        let touch = 0.02 + 0.13 * lot.unit(.firstTouch)
        let lines = lines(procedure, lot)
        let length = (1 - touch) / Double(lines.count)
        var owner = CaseEvent.Owner()
        for (number, line) in lines.enumerated() {
            let start = touch + length * Double(number)
            add(.assigned(line.unit(of: place)), at: number == 0 ? 0 : start)
            let worker = Int(
                lot.unit(.caseworker, index: line.rawValue) * Double(offices.caseworkers))
            owner = line.person(of: place, worker: worker + 1)
            add(.takenInCharge(owner), at: number == 0 ? touch : start + 0.3 * length)
        }
        if lot.happens(.waitingForCitizen, ratio: procedure.waitsForCitizenRatio) {
            add(.waitingStarted(on: .citizen, owner), at: 1 - 0.5 * length)
            add(.waitingEnded, at: 1 - 0.15 * length)
        }
        return owner
    }

    private func lines(_ procedure: Municipality.Procedure, _ lot: Lot) -> [CaseLine] {
        guard lot.happens(.secondLine, ratio: procedure.secondLineRatio) else { return [.front] }
        guard lot.happens(.backOffice, ratio: procedure.backOfficeRatio) else {
            return [.front, .second]
        }
        return lot.happens(.returning, ratio: offices.returnedRatio)
            ? [.front, .second, .backOffice, .second] : [.front, .second, .backOffice]
    }

    /// From the resolution to the closing, perhaps through a reopening and a second resolution.
    private func finish(
        _ owner: CaseEvent.Owner, _ pace: Pace, _ lot: Lot, _ steps: inout [Story.Step]
    ) -> (time: Instant, isFavourable: Bool) {
        var now = pace.moment(1)
        var outcome = outcome(lot, of: 0)
        func add(_ event: CaseEvent) { steps.append(.init(time: now, said: .case(event))) }
        add(.resolved(outcome.resolution, owner))
        now = working.moment(after: lot.duration(offices.closing, .closing), since: now)
        if lot.happens(.reopening, ratio: offices.reopenedRatio) {
            add(.reopened)
            add(.takenInCharge(owner))
            let rework = pace.duration * offices.reworkFactor
            now = working.moment(after: Int64(rework.rounded()), since: now)
            outcome = self.outcome(lot, of: 1)
            add(.resolved(outcome.resolution, owner))
            now = working.moment(after: lot.duration(offices.closing, .secondClosing), since: now)
        }
        add(.closed(owner))
        return (now, outcome.isFavourable)
    }

    private func outcome(
        _ lot: Lot, of resolution: Int
    ) -> (resolution: Resolution, isFavourable: Bool) {
        let isFavourable = lot.unit(.outcome, index: resolution) < offices.favourableRatio
        let words = isFavourable ? offices.favourable : offices.unfavourable
        let word = words.place(at: lot.unit(.outcomeWord, index: resolution))
        return (words[word].value, isFavourable)
    }
}

/// A line that works on cases; the values are part of what a seed means.
private enum CaseLine: Int {
    case front = 0
    case second = 1
    case backOffice = 2

    /// The team or office of the line, such as `c1.tributi.front`.
    func unit(of place: Place) -> CaseEvent.Owner {
        .init(kind: self == .backOffice ? .office : .team, id: name(in: place), line: level)
    }

    /// One person of the line, a pseudonym such as `c1.tributi.front.p3`.
    func person(of place: Place, worker: Int) -> CaseEvent.Owner {
        .init(kind: .operator, id: "\(name(in: place)).p\(worker)", line: level)
    }

    private func name(in place: Place) -> String {
        switch self {
        case .front: "\(place.name).front"
        case .second: "\(place.name).second"
        case .backOffice: "\(place.name).office"
        }
    }

    private var level: LineLevel {
        switch self {
        case .front: .first
        case .second: .second
        case .backOffice: .backoffice
        }
    }
}
