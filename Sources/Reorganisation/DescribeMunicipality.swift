internal import ContactCentre
internal import EventLog
internal import JSON

/// The organisation of a municipality, as the events of its first moment tell it.
struct DescribeMunicipality {
    private var settings: [SettingKey: any Setting] = [:]
    private let municipality: Municipality
    private let queues: [QueuePlan]

    init(_ municipality: Municipality, _ queues: [QueuePlan]) {
        self.municipality = municipality
        self.queues = queues
        for service in municipality.services { describe(service) }
        for line in Set(queues.map(\.line)) { describePolicy(of: line) }
        for centre in Set(queues.map(\.centre)) { describe(centre: centre) }
        for place in queues.indices { describe(queueAt: place) }
    }

    var description: OrganisationDescription { OrganisationDescription(settings: settings) }

    private mutating func set(
        _ section: Section, _ thing: String, to setting: any Setting
    ) {
        settings[SettingKey(Facet.whole(of: section), of: thing)] = setting
    }

    /// Settles a part of a thing, by its key in descriptions.
    private mutating func set(
        _ section: Section, _ thing: String, part key: String, named name: String? = nil,
        to setting: any Setting
    ) {
        guard let facet = Facet.all.first(where: { $0.section == section && $0.partKey == key })
        else { preconditionFailure("\(section) have \(key)") }
        settings[SettingKey(facet, of: thing, part: name)] = setting
    }

    private mutating func describe(_ service: Municipality.Service) {
        var setting = ServiceSetting()
        setting.legalTermDays = service.procedure.map { Int64($0.termDays) }
        set(.services, service.name, to: setting)
        set(.skills, service.name, to: SkillSetting())
    }

    private mutating func describePolicy(of line: QueuePlan.Line) {
        var setting = PolicySetting()
        setting.rank = line == .second ? [.skill, .longestIdle] : [.longestIdle]
        setting.boosts = municipality.boosts
        setting.ageEvery = 60_000_000
        set(.policies, line.policy, to: setting)
    }

    private mutating func describe(centre: Int) {
        let name = Place.name(ofCentre: centre)
        var setting = CentreSetting()
        setting.zone = municipality.zone
        set(.centres, name, to: setting)
        var typology = TypologySetting()
        typology.typology = municipality.typology(ofCentre: centre)
        set(.centres, name, part: "typology", to: typology)
        let channels = queues.filter { $0.centre == centre }.map(\.channel)
        for channel in Set(channels + municipality.mailboxes.map(\.channel))
        where channel.otherText == nil {
            set(.centres, name, part: "channels", named: channel.spelling, to: ChannelSetting())
        }
        guard typology.typology == .networked else { return }
        for queue in queues where queue.centre == centre && queue.line == .front {
            var node = NodeSetting()
            node.body = queue.calendar
            node.services = queue.services.map { municipality.services[$0].name }
            set(.centres, name, part: "nodes", named: queue.calendar, to: node)
        }
    }

    private mutating func describe(queueAt place: Int) {
        let queue = queues[place]
        let centre = Place.name(ofCentre: queue.centre)
        let services = queue.services.map { municipality.services[$0].name }
        var calendar = CalendarSetting()
        calendar.zone = municipality.zone
        calendar.weekly = queue.openingWeek
        set(.calendars, queue.calendar, to: calendar)
        var setting = QueueSetting()
        setting.centre = centre
        setting.services = services
        setting.calendar = queue.calendar
        setting.policy = queue.line.policy
        setting.requiredSkills =
            queue.line.level.map { level in
                services.map { SkillNeed($0, atLeast: level) }
            } ?? []
        if let overflow = queue.overflow {
            var rule = Overflow()
            rule.queue = queues[overflow.queue.value].name
            rule.after = overflow.afterUs
            setting.overflow = [rule]
        }
        set(.queues, queue.name, to: setting)
        if queue.line != .second { describeEntry(to: queue, centre) }
        var team = TeamSetting()
        team.centre = centre
        set(.teams, queue.name, to: team)
        for (number, name) in queue.operatorNames.enumerated() {
            describe(operator: name, number, of: queue, services, centre)
        }
    }

    private mutating func describeEntry(to queue: QueuePlan, _ centre: String) {
        var entry = EntryPointSetting()
        entry.centre = centre
        entry.queue = queue.name
        entry.calendar = queue.calendar
        entry.kind =
            switch queue.channel {
            case .phone: .localNumber
            case .counter: .desk
            default: .url
            }
        set(.entryPoints, queue.name, to: entry)
    }

    private mutating func describe(
        operator name: String, _ number: Int, of queue: QueuePlan, _ services: [String],
        _ centre: String
    ) {
        var setting = StaffSetting()
        setting.centre = centre
        setting.role = queue.line == .second ? .secondLine : .firstLine
        set(.operators, name, to: setting)
        var membership = TeamMembership()
        membership.team = queue.name
        set(.operators, name, part: "team", to: membership)
        set(.operators, name, part: "queues", named: queue.name, to: QueueMembership())
        for service in services {
            var skill = GrantedSkillSetting()
            // Of any three, each knows more than the one before.
            skill.level = queue.line.level.map { $0 + Int64(number % 3) } ?? 1
            set(.operators, name, part: "skills", named: service, to: skill)
        }
        var shifts = ShiftSetting()
        shifts.weekly = queue.week(ofOperator: number)
        shifts.zone = municipality.zone
        set(.operators, name, part: "shifts", to: shifts)
    }
}

extension QueuePlan.Line {
    /// The policy of queues of this kind.
    fileprivate var policy: String {
        switch self {
        case .ofService, .front: "by-turn"
        case .second: "experts-first"
        }
    }

    /// The level of a service's skill that its contacts need; nil where any will do.
    fileprivate var level: Int64? {
        switch self {
        case .front: nil
        case .ofService: 2
        case .second: 3
        }
    }
}

extension DescribeMunicipality {
    /// Who describes what is made up.
    private static let author = "generator"

    /// The events that tell it, all at one moment.
    func events(
        _ identities: Identities, seed: UInt64, at time: Instant
    ) throws(EventError) -> [NewEvent] {
        let steps = OrganisationDescription().steps(to: description, in: Set(Section.allCases))
        var events: [NewEvent] = []
        for step in steps {
            let key = step.key
            var told = OrganisationEvent(.set(key.facet, part: key.part, step.after))
            told.author = Self.author
            let centre = centre(of: key)
            var tags: [Tag] = []
            if let centre { tags.append(try Tag("\(TagKey.centre):\(centre)")) }
            if key.facet.section == .operators {
                tags.append(try Tag("\(TagKey.operator):\(key.thing)"))
            }
            let name = "\(key.stream) \(step.kind.type) \(key.part ?? "")"
            events.append(
                NewEvent(
                    id: EventID(namespace: identities.namespace, name: name.utf8),
                    type: try EventType(step.kind.type), schema: step.kind.schema,
                    stream: try StreamName(key.stream), tags: try Tags(tags),
                    source: try Generator.source(ofCentre: centre, seed: seed), time: time,
                    data: .json(told.payload[...])))
        }
        return events
    }

    /// The centre that a thing belongs to; nil for what the municipality has as a whole.
    private func centre(of key: SettingKey) -> String? {
        if key.facet.section == .centres { return key.thing }
        return settings[key.whole].flatMap {
            JSONPayload(checked: $0.payload[...])?.string("centreId")
        }
    }
}
