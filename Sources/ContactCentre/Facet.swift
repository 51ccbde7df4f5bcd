internal import JSON

/// One kind of setting of the things of a section: what they are, or something that they have.
package struct Facet: Hashable, Sendable {
    package let section: Section
    package let part: Part
    /// The types of its events.
    package let begun: EventKind
    package let changed: EventKind
    package let ended: EventKind
    /// A setting of it of which nothing is settled yet.
    package let blank: any Setting
    /// What payloads of its settings have, but for what all events of the organisation have.
    package let members: [MemberDeclaration]

    /// Where it stands in a description.
    package enum Part: Hashable, Sendable {
        /// It is the thing itself.
        case whole
        /// Each thing has one at most, under this key.
        case one(String)
        /// Each thing has any number, under names of their own.
        case several(String, named: PartName)
    }

    /// What tells the parts of a thing apart: the member of payloads that names them.
    package enum PartName: Hashable, Sendable {
        case name(String)
        case thing(String, Section)
        /// A listed channel.
        case channel(String)

        package var member: String {
            switch self {
            case .name(let member), .thing(let member, _), .channel(let member): member
            }
        }

        /// - Throws: Why the part cannot have this name.
        package func check(_ name: String) throws(PayloadError.Problem) {
            guard let value = JSONValue(checked: Array(jsonString(name).utf8)[...]) else { return }
            _ = try form.read(value)
        }

        var form: MemberForm<String> {
            switch self {
            case .name: .name
            case .thing(_, let section): .reference(to: section)
            case .channel: .channelWord
            }
        }
    }

    package struct EventKind: Hashable, KnownType {
        package let type: String
        package let meaning: String
    }

    private init(
        _ section: Section, part: Part = .whole, _ blank: any Setting,
        begun: (String, String), changed: (String, String)? = nil, ended: (String, String)
    ) {
        self.section = section
        self.part = part
        self.blank = blank
        members = type(of: blank).members
        self.begun = EventKind(type: begun.0, meaning: begun.1)
        self.changed = changed.map { EventKind(type: $0.0, meaning: $0.1) } ?? self.begun
        self.ended = EventKind(type: ended.0, meaning: ended.1)
    }

    package static func == (left: Facet, right: Facet) -> Bool { left.begun == right.begun }

    package func hash(into hasher: inout Hasher) { hasher.combine(begun) }

    /// The key of the part; nil for the thing itself.
    package var partKey: String? {
        switch part {
        case .whole: nil
        case .one(let key), .several(let key, _): key
        }
    }

    package var partName: PartName? {
        if case .several(_, let name) = part { name } else { nil }
    }
}

extension MemberForm where Value == String {
    fileprivate static var channelWord: Self {
        let words = Channel.words.map(\.spelling)
        return MemberForm(
            shape: .choice(words), blank: words.first ?? "",
            read: { value throws(PayloadError.Problem) in
                let text = try MemberForm.name.read(value)
                guard words.contains(text) else { throw .unknownWord(text, allowed: words) }
                return text
            }, write: { .text($0) })
    }
}

extension Facet {
    /// All of them: in the order of the sections, and each thing before its parts.
    ///
    /// A kind of setting enters the catalogue, the schemas and descriptions by its entry here.
    package static let all: [Facet] = Section.allCases.flatMap { section in
        (ofServices + ofCentres + ofStaff + ofPublications).filter { $0.section == section }
    }

    /// The things of a section themselves.
    package static func whole(of section: Section) -> Facet {
        guard let facet = all.first(where: { $0.section == section && $0.part == .whole }) else {
            preconditionFailure("every section has things")
        }
        return facet
    }

    private static let places = Dictionary(
        uniqueKeysWithValues: all.enumerated().map { ($0.element, $0.offset) })

    /// Its place among all.
    var place: Int { Self.places[self] ?? 0 }

    private static let ofServices = [
        Facet(
            .services, ServiceSetting(), begun: ("org.service_defined", "a service is offered"),
            changed: ("org.service_changed", "what a service is has changed"),
            ended: ("org.service_withdrawn", "a service is no longer offered")),
        Facet(
            .skills, SkillSetting(),
            begun: ("org.skill_defined", "a skill that operators can have is named"),
            ended: ("org.skill_retired", "a skill is no longer one")),
    ]

    private static let ofCentres = [
        Facet(
            .centres, CentreSetting(), begun: ("org.centre_opened", "a centre was opened"),
            changed: ("org.centre_changed", "what a centre is has changed"),
            ended: ("org.centre_closed", "a centre was closed")),
        Facet(
            .centres, part: .one("typology"), TypologySetting(),
            begun: ("org.centre_typology_declared", "how a centre is made is declared"),
            ended: ("org.centre_typology_withdrawn", "that declaration holds no longer")),
        Facet(
            .centres, part: .several("nodes", named: .name("nodeId")), NodeSetting(),
            begun: ("org.node_joined", "a body has joined a networked centre"),
            ended: ("org.node_left", "a body has left it")),
        Facet(
            .centres, part: .several("channels", named: .channel("channel")), ChannelSetting(),
            begun: ("org.channel_enabled", "a centre can be reached on a channel"),
            ended: ("org.channel_disabled", "it can no longer")),
        Facet(
            .queues, QueueSetting(), begun: ("org.queue_created", "a queue was created"),
            changed: ("org.queue_changed", "what a queue is has changed"),
            ended: ("org.queue_retired", "a queue takes no more contacts")),
        Facet(
            .entryPoints, EntryPointSetting(),
            begun: ("org.entry_point_opened", "a number, desk or mailbox was opened"),
            changed: ("org.entry_point_rerouted", "where it leads, or what it is, has changed"),
            ended: ("org.entry_point_closed", "it was closed")),
    ]

    private static let ofStaff = [
        Facet(
            .teams, TeamSetting(), begun: ("org.team_created", "a team was created"),
            changed: ("org.team_changed", "what a team is has changed"),
            ended: ("org.team_dissolved", "a team was dissolved")),
        Facet(
            .operators, StaffSetting(), begun: ("operator.hired", "somebody works for a centre"),
            changed: ("operator.role_changed", "as what, or for whom, has changed"),
            ended: ("operator.left", "they no longer do")),
        Facet(
            .operators, part: .one("team"), TeamMembership(),
            begun: ("operator.team_assigned", "an operator belongs to a team"),
            ended: ("operator.team_left", "an operator belongs to none")),
        Facet(
            .operators, part: .several("skills", named: .thing("skill", .skills)),
            GrantedSkillSetting(),
            begun: ("operator.skill_granted", "an operator has a skill"),
            changed: ("operator.skill_revised", "how well, or how it is known, has changed"),
            ended: ("operator.skill_revoked", "an operator no longer has it")),
        Facet(
            .operators, part: .several("queues", named: .thing("queueId", .queues)),
            QueueMembership(),
            begun: ("operator.queue_joined", "an operator serves a queue"),
            ended: ("operator.queue_left", "an operator serves it no longer")),
        Facet(
            .operators, part: .several("capacity", named: .channel("channel")), CapacitySetting(),
            begun: ("operator.capacity_changed", "how many contacts of a channel at a time"),
            ended: ("operator.capacity_withdrawn", "that is no longer said")),
        Facet(
            .operators, part: .one("shifts"), ShiftSetting(),
            begun: ("staffing.shift_planned", "when an operator is to be at work"),
            changed: ("staffing.shift_changed", "when has changed"),
            ended: ("staffing.shift_cancelled", "that is no longer planned")),
    ]

    private static let ofPublications = [
        Facet(
            .policies, PolicySetting(),
            begun: (
                "routing.policy_published", "how contacts find operators, under a version"
            ),
            ended: ("routing.policy_withdrawn", "contacts are no longer routed by it")),
        Facet(
            .calendars, CalendarSetting(),
            begun: ("org.opening_hours_published", "opening hours, under a version"),
            ended: ("org.opening_hours_withdrawn", "opening hours hold no longer")),
        Facet(
            .serviceLevels, ServiceLevelSetting(),
            begun: ("org.sla_published", "what is to be reached, under a version"),
            ended: ("org.sla_withdrawn", "that is no longer to be reached")),
        Facet(
            .metrics, MetricSetting(),
            begun: (
                "org.metric_definition_published", "how a figure is counted, under a version"
            ),
            ended: ("org.metric_definition_withdrawn", "that figure is no longer counted")),
        Facet(
            .agreements, AgreementSetting(),
            begun: ("org.monitoring_agreed", "somebody watches over centres"),
            ended: ("org.monitoring_ended", "they no longer do")),
    ]
}
