package import ContactCentre
package import EventLog
package import JSON

/// What to generate.
package struct GeneratorSettings: Sendable {
    /// Days from ``firstDay`` on, 1...3,660.
    package var days: Int
    /// Calls to all centres on a day, averaged over a week; 1...100,000.
    ///
    /// Contacts on other channels come on top, in the municipality's proportions.
    package var contactsPerDay: Int
    package var seed: UInt64
    /// Centres with queues and operators of their own, 1...100.
    package var centres: Int
    /// In the years 1970 to 2080.
    package var firstDay: CivilDate

    package init(
        days: Int = 30, contactsPerDay: Int = 1_000, seed: UInt64 = 1, centres: Int = 1,
        firstDay: CivilDate = CivilDate(daysSince1970: 20_513)
    ) {
        self.days = days
        self.contactsPerDay = contactsPerDay
        self.seed = seed
        self.centres = centres
        self.firstDay = firstDay
    }
}

/// Why nothing can be generated.
package enum GeneratorError: Error, Equatable, Sendable {
    case outOfRange(setting: String, allowed: String)
    case unknownZone(String)
    case duplicateService(String)
    /// The disparity or the area is about a group that the municipality does not have.
    case unknownGroup(String)
    /// A name of the municipality does not fit into an event.
    case event(EventError)
}

extension GeneratorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .outOfRange(let setting, let allowed): "\(setting) must be \(allowed)"
        case .unknownZone(let zone):
            "the time zone \(jsonString(zone)) is not in the system's database; "
                + "use an IANA name like Europe/Rome"
        case .duplicateService(let name): "two services are called \(jsonString(name))"
        case .unknownGroup(let name):
            "no attribute of citizens has a group \(jsonString(name)): add it to the attributes"
        case .event(let error): "\(error)"
        }
    }
}

/// Makes the events of a synthetic municipality, day by day.
///
/// The same settings give the same events to the last byte. Every event's source begins with
/// ``sourcePrefix``. Memory is that of one day and of the cases and requests that are open.
package struct Generator {
    /// What the source of every generated event begins with.
    package static let sourcePrefix = "urn:ascolto:synthetic:"

    private let settings: GeneratorSettings
    private let zone: Zone
    private let society: Society
    private let demands: [Demand]
    private let queues: [QueuePlan]
    private let mailboxes: [PlanMessages]
    private let cases: PlanCases
    private var simulation: Simulation
    private var answers = NoteAnswers()
    private var narrator: Narrator
    private var stories: TellStories
    private var chronicle = Chronicle()
    private let beginning: [NewEvent]
    /// The organisation that the municipality has.
    package let organisation: OrganisationDescription
    private var daysDone = 0

    /// A municipality at the beginning of its first day.
    package init(
        _ settings: GeneratorSettings, municipality: Municipality = .standard
    ) throws(GeneratorError) {
        try settings.check()
        guard let zone = Zone(identifier: municipality.zone) else {
            throw .unknownZone(municipality.zone)
        }
        try municipality.check()
        self.settings = settings
        self.zone = zone
        let society = Society(
            municipality: municipality, draws: Draws(seed: settings.seed),
            identities: Identities(of: settings))
        let working = WorkingTime(hours: municipality.offices.hours, zone: zone)
        let places = Self.places(of: municipality, settings)
        let centres = PlanCentres(municipality, places)
        self.society = society
        demands = centres.demands
        queues = centres.queues
        mailboxes = Self.mailboxes(society, places, working)
        cases = PlanCases(society, working, in: zone)
        let description = DescribeMunicipality(municipality, centres.queues)
        organisation = description.description
        simulation = Simulation(
            RoutingPlan(
                description, of: centres.queues,
                until: CivilDate(daysSince1970: settings.firstDay.daysSince1970 + settings.days),
                from: settings.firstDay, in: zone))
        do throws(EventError) {
            narrator = try Narrator(centres, society, seed: settings.seed)
            stories = try TellStories(
                places, services: municipality.services.count, society, seed: settings.seed)
            beginning = try description.events(
                society.identities, seed: settings.seed, at: zone.start(of: settings.firstDay))
        } catch {
            throw .event(error)
        }
    }

    /// The events of the next day in order of time, or nil after the last; those that follow from
    /// a decision are to be appended together with it.
    ///
    /// The first day begins with the organisation.
    ///
    /// The talks that the last day began come to their end within its chunk; messages, cases and
    /// requests for opinions stay as they are when it ends.
    package mutating func nextDay() throws(GeneratorError) -> [[NewEvent]]? {
        guard daysDone < settings.days else { return nil }
        let date = CivilDate(daysSince1970: settings.firstDay.daysSince1970 + daysDone)
        if daysDone == 0 { for event in beginning { chronicle.add(event) } }
        daysDone += 1
        let end = zone.start(of: CivilDate(daysSince1970: date.daysSince1970 + 1))
        let occurrences = simulate(date, before: daysDone < settings.days ? end : nil)
        do throws(EventError) {
            try beginMessages(on: date)
            for occurrence in occurrences {
                stories.tell(before: min(occurrence.time, end), to: &chronicle)
                try narrator.tell(occurrence, to: &chronicle)
                if let contact = answers.note(occurrence, demands) { try follow(contact) }
            }
            stories.tell(before: end, to: &chronicle)
        } catch {
            throw .event(error)
        }
        return chronicle.take()
    }

    private mutating func simulate(_ date: CivilDate, before end: Instant?) -> [Occurrence] {
        for (origin, demand) in demands.enumerated() {
            for need in demand.needs(on: date, in: zone, society, as: origin) {
                simulation.add(need)
            }
        }
        for queue in queues {
            for shift in queue.shifts(on: date, in: zone) { simulation.add(shift) }
        }
        var occurrences: [Occurrence] = []
        simulation.run(before: end) { [demands, society] in
            demands[$0.origin].handedOn($0, society.draws)
        } _: {
            occurrences.append($0)
        }
        return occurrences
    }

    private mutating func beginMessages(on date: CivilDate) throws(EventError) {
        for mailbox in mailboxes {
            for message in mailbox.messages(on: date, in: zone) {
                try stories.begin(message.story)
                if let contact = message.answered { try follow(contact) }
            }
        }
    }

    private mutating func follow(_ contact: AnsweredContact) throws(EventError) {
        for story in cases.stories(after: contact) { try stories.begin(story) }
    }

    /// The source of a centre's events, or of those of the municipality as a whole.
    static func source(ofCentre centre: String?, seed: UInt64) throws(EventError) -> Source {
        try Source("\(sourcePrefix)seed-\(seed)" + (centre.map { ":\($0)" } ?? ""))
    }

    private static func places(
        of municipality: Municipality, _ settings: GeneratorSettings
    ) -> [Place] {
        let shares = municipality.services.reduce(0) { $0 + $1.share }
        let weeklyCalls = Double(settings.contactsPerDay) * 7 / Double(settings.centres)
        return (0..<settings.centres).flatMap { centre in
            municipality.services.enumerated().map { number, service in
                Place(
                    centre: centre, service: number, serviceName: service.name,
                    weeklyCalls: weeklyCalls * service.share / shares)
            }
        }
    }

    private static func mailboxes(
        _ society: Society, _ places: [Place], _ working: WorkingTime
    ) -> [PlanMessages] {
        places.flatMap { place in
            society.municipality.mailboxes.enumerated().compactMap { number, mailbox in
                QueueID(place.messageQueue).map { queue in
                    PlanMessages(
                        mailbox, number: Municipality.desksMax + 1 + number, place: place,
                        queue: queue, society, working)
                }
            }
        }
    }
}

/// How long those who are being served have waited.
private struct NoteAnswers {
    private var queued: [ContactNumber: Instant] = [:]
    /// In all queues that a contact has been in.
    private var waits: [ContactNumber: Int64] = [:]

    /// Takes in what happened; the contact where an operator has finished it.
    mutating func note(_ occurrence: Occurrence, _ demands: [Demand]) -> AnsweredContact? {
        switch occurrence.kind {
        case .queued(let contact): queued[contact.number] = occurrence.time
        case .gaveUpWaiting(let contact):
            queued[contact.number] = nil
            waits[contact.number] = nil
        case .connected(let contact, _):
            if let since = queued.removeValue(forKey: contact.number) {
                waits[contact.number, default: 0] +=
                    occurrence.time.microseconds - since.microseconds
            }
        case .afterWorkEnded(let contact, _):
            guard let waited = waits.removeValue(forKey: contact.number) else { return nil }
            let demand = demands[contact.origin]
            return AnsweredContact(
                number: contact.number, place: demand.place, channel: demand.desk.channel,
                end: occurrence.time, waitedUs: waited)
        case .received, .selfServiceEnded, .foundNobody, .overflowed, .handedOn, .disconnected,
            .loggedIn, .loggedOut:
            break
        }
        return nil
    }
}

extension RoutingPlan {
    /// What the organisation says to routing, with the queues' places as their numbers, and the
    /// operators' places in the order of the queues as theirs.
    fileprivate init(
        _ organisation: DescribeMunicipality, of queues: [QueuePlan], until end: CivilDate,
        from start: CivilDate, in zone: Zone
    ) {
        var names = RoutingNames()
        for queue in queues { _ = names.queues.number(queue.name) }
        for name in queues.flatMap(\.operatorNames) { _ = names.operators.number(name) }
        // Nothing that is settled here ever runs out, and nobody reads the hashes.
        self.init(
            organisation.description, at: Instant(microseconds: 0), &names, hash: { _ in "" })
        let moments = zone.start(of: start).microseconds...zone.start(of: end).microseconds
        for (number, queue) in queues.enumerated() {
            let key = SettingKey(Facet.whole(of: .calendars), of: queue.calendar)
            guard
                let calendar = organisation.description.settings[key] as? CalendarSetting
            else { continue }
            var hours = OpeningCalendar()
            hours.publish(calendar.hours(otherwiseIn: zone), from: start)
            self.queues[number].hours = hours.openTimes(around: moments, in: zone)
        }
    }
}

extension GeneratorSettings {
    fileprivate func check() throws(GeneratorError) {
        guard (1...3_660).contains(days) else {
            throw .outOfRange(setting: "days", allowed: "1 to 3660")
        }
        guard (1...100_000).contains(contactsPerDay) else {
            throw .outOfRange(setting: "contacts per day", allowed: "1 to 100000")
        }
        guard (1...100).contains(centres) else {
            throw .outOfRange(setting: "centres", allowed: "1 to 100")
        }
        guard (1970...2080).contains(firstDay.year) else {
            throw .outOfRange(setting: "the first day", allowed: "in the years 1970 to 2080")
        }
    }
}
