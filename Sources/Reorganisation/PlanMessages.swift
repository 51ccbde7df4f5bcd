internal import ContactCentre
internal import JSON

/// The messages of one mailbox to one service of one centre.
struct PlanMessages {
    private let mailbox: Municipality.Mailbox
    private let place: Place
    private let queue: QueueID
    private let zoneName: String
    private let arrivals: Arrivals
    private let society: Society
    private let working: WorkingTime

    /// One message and, where somebody answered it, the contact that this ended.
    struct Message {
        let story: Story
        let answered: AnsweredContact?
    }

    /// Plans the mailbox of this number; the numbers of desks come before.
    init(
        _ mailbox: Municipality.Mailbox, number: Int, place: Place, queue: QueueID,
        _ society: Society, _ working: WorkingTime
    ) {
        self.mailbox = mailbox
        self.place = place
        self.queue = queue
        self.society = society
        self.working = working
        zoneName = society.municipality.zone
        arrivals = Arrivals(
            weekly: place.weeklyCalls * mailbox.contactsPerCall, week: .writing,
            curve: Municipality.DayCurve.writing,
            origin: .init(centre: place.centre, service: place.service, channel: number))
    }

    func messages(on date: CivilDate, in zone: Zone) -> [Message] {
        arrivals.arrivals(on: date, in: zone, society.draws).map(message)
    }

    private func message(_ number: ContactNumber, arrival: Instant) -> Message {
        let lot = Lot(society.draws, of: number)
        let received = ContactEvent.Received(
            channel: mailbox.channel, direction: .incoming, queue: queue, zone: zoneName)
        var story = Story(
            subject: .message, number: number, place: place,
            declared: society.citizen(of: number, on: mailbox.channel).declared,
            steps: [.init(time: arrival, said: .contact(.received(received)))])
        var sent = arrival
        if let law = mailbox.selfService {
            sent = arrival + lot.duration(law, .selfServiceDuration)
            let isContained = lot.happens(.selfServiceResult, ratio: mailbox.containedRatio)
            let result: SelfServiceResult = isContained ? .contained : .toOperator
            story.steps.append(.init(time: sent, said: .contact(.selfServiceEnded(result))))
            if isContained { return Message(story: story, answered: nil) }
        }
        let end = working.moment(after: lot.duration(mailbox.reply, .reply), since: sent)
        story.steps.append(.init(time: end, said: .contact(.disconnected(by: .operator))))
        return Message(
            story: story,
            answered: AnsweredContact(
                number: number, place: place, channel: mailbox.channel, end: end,
                waitedUs: end.microseconds - sent.microseconds))
    }
}
