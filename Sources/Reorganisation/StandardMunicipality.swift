internal import ContactCentre

extension Municipality {
    /// Five services such as an Italian town of some 100,000 people has them.
    ///
    /// The figures are invented, but of the size that is seen in practice: service times near to
    /// log-normal, patience of a few minutes (Brown et al., JASA 100, 2005). Citizens who declare
    /// another language than Italian wait 1.4 times as long for the end of their cases. Who
    /// declares a disability counts as having waited two minutes longer, who is 65 or older one.
    package static let standard: Municipality = {
        var town = Municipality(
            zone: "Europe/Rome",
            services: [registry, taxes, localPolice, socialServices, publicRelations])
        town.mailboxes = mailboxes
        town.habits = habits
        town.attributes = attributes
        town.areaAttribute = "district"
        town.disparity = Disparity(
            attribute: "language", group: "other", resolutionFactor: 1.4)
        town.typologies = [
            .specialisedVertical, .centralisedFirstLevel, .centralisedFirstAndSecondLevel,
            .networked,
        ]
        town.boosts = [
            boost("accessibility", 2, "disability", "yes"), boost("age", 1, "age", "65+"),
        ]
        town.contactSurvey = Survey(
            name: "contact", questions: [satisfaction],
            invitation: minutes(20, variation: 1), answer: .exponential(meanUs: 10 * 3_600e6))
        town.caseSurvey = Survey(
            name: "case", questions: [satisfaction, effort],
            invitation: .logNormal(meanUs: 20 * 3_600e6, variation: 0.5),
            answer: .exponential(meanUs: 30 * 3_600e6))
        return town
    }()

    private static let registry = Service(
        name: "anagrafe", share: 0.33,
        week: Week(workingDays: 8..<18, saturday: 8..<13),
        selfService: seconds(24, variation: 0.5), hangUpRatio: 0.03,
        patience: seconds(260, variation: 1.1), talk: seconds(215, variation: 0.9),
        afterWork: seconds(35, variation: 0.8), staffingGrade: 0.45,
        desks: [counter(contactsPerCall: 0.5, minutes: 9)],
        procedure: procedure(days: 1.6, variation: 0.9, termDays: 5, toSecondLine: 0.25),
        experts: experts(ratio: 0.12, seconds: 260))
    private static let taxes = Service(
        name: "tributi", share: 0.22, week: Week(workingDays: 9..<17),
        selfService: seconds(33, variation: 0.5), hangUpRatio: 0.05,
        patience: .exponential(meanUs: 240e6), talk: seconds(330, variation: 1.0),
        afterWork: seconds(60, variation: 0.9), staffingGrade: -0.15,
        desks: [counter(contactsPerCall: 0.35, minutes: 13)],
        procedure: procedure(days: 5, variation: 0.9, termDays: 12, toSecondLine: 0.5),
        experts: experts(ratio: 0.3, seconds: 420))
    private static let localPolice = Service(
        name: "polizia_locale", share: 0.16, week: .always,
        selfService: seconds(9, variation: 0.4), hangUpRatio: 0.015,
        patience: .exponential(meanUs: 170e6), talk: seconds(150, variation: 1.0),
        afterWork: seconds(45, variation: 1.0), staffingGrade: 0.9,
        desks: [counter(contactsPerCall: 0.15, minutes: 8)],
        procedure: procedure(days: 2.5, variation: 1.1, termDays: 7, toSecondLine: 0.4),
        experts: experts(ratio: 0.1, seconds: 200))
    private static let socialServices = Service(
        name: "servizi_sociali", share: 0.10, week: Week(workingDays: 9..<16),
        selfService: seconds(21, variation: 0.5), hangUpRatio: 0.02,
        patience: seconds(420, variation: 1.0), talk: seconds(430, variation: 0.9),
        afterWork: seconds(120, variation: 0.8), staffingGrade: 0.1,
        desks: [counter(contactsPerCall: 0.45, minutes: 19)],
        procedure: procedure(days: 7, variation: 0.8, termDays: 16, toSecondLine: 0.6),
        experts: experts(ratio: 0.35, seconds: 560))
    private static let publicRelations = Service(
        name: "urp", share: 0.19, week: Week(workingDays: 8..<19, saturday: 8..<14),
        selfService: seconds(18, variation: 0.5), hangUpRatio: 0.025,
        patience: .exponential(meanUs: 210e6), talk: seconds(175, variation: 0.85),
        afterWork: seconds(25, variation: 0.8), staffingGrade: 0.6,
        desks: [counter(contactsPerCall: 0.3, minutes: 6), chat],
        procedure: procedure(days: 1, variation: 1.0, termDays: 4, toSecondLine: 0.3),
        experts: experts(ratio: 0.08, seconds: 220))

    /// Mornings, and two long days, as town halls have them.
    private static func counter(contactsPerCall: Double, minutes mean: Double) -> Desk {
        Desk(
            channel: .counter, name: "counter", contactsPerCall: contactsPerCall,
            week: Week(days: [
                Day(openHours: 8..<13, weight: 1.2), Day(openHours: 8..<17, weight: 1.35),
                Day(openHours: 8..<13, weight: 0.9), Day(openHours: 8..<17, weight: 1.3),
                Day(openHours: 8..<12, weight: 0.75), nil, nil,
            ]),
            patience: minutes(55, variation: 0.7), talk: minutes(mean, variation: 0.7),
            afterWork: minutes(1.5, variation: 0.8), staffingGrade: 0.15)
    }

    private static func experts(ratio: Double, seconds mean: Double) -> Experts {
        Experts(
            ratio: ratio, talk: seconds(mean, variation: 0.9),
            afterWork: seconds(mean / 4, variation: 0.8), staffingGrade: 0.4)
    }

    /// A point is worth a minute of waiting.
    private static func boost(
        _ rule: String, _ points: Int64, _ attribute: String, _ group: String
    ) -> PriorityBoost {
        var boost = PriorityBoost()
        boost.rule = rule
        boost.attribute = attribute
        boost.groups = [group]
        boost.add = points
        return boost
    }

    private static let chat = Desk(
        channel: .chat, name: "chat", contactsPerCall: 0.3, week: Week(workingDays: 9..<18),
        selfService: seconds(70, variation: 0.7), hangUpRatio: 0.06, containedRatio: 0.3,
        patience: seconds(200, variation: 1), talk: minutes(9, variation: 0.8),
        afterWork: seconds(30, variation: 0.8), staffingGrade: 0.4)

    private static let mailboxes = [
        Mailbox(
            channel: .email, contactsPerCall: 0.2, reply: workingHours(5, variation: 1.1)),
        Mailbox(
            channel: .webForm, contactsPerCall: 0.15, selfService: minutes(4, variation: 0.8),
            containedRatio: 0.35, reply: workingHours(3, variation: 1.1)),
        Mailbox(
            channel: .app, contactsPerCall: 0.08, selfService: minutes(2, variation: 0.8),
            containedRatio: 0.4, reply: workingHours(2, variation: 1)),
        Mailbox(
            channel: .letter, contactsPerCall: 0.02, reply: workingHours(20, variation: 0.8)),
        Mailbox(channel: .fax, contactsPerCall: 0.005, reply: workingHours(9, variation: 0.8)),
        Mailbox(
            channel: .other("kiosk"), contactsPerCall: 0.004,
            reply: workingHours(4, variation: 1)),
    ]

    private static let habits: [Channel: Habits] = [
        .phone: asking(0.18, declaring: 0.25, invited: 0.2, of: 0.14, fairMinutes: 1.5),
        .counter: asking(0.3, declaring: 0.8, invited: 0.25, of: 0.34, fairMinutes: 12),
        .chat: asking(0.15, declaring: 0.35, invited: 0.6, of: 0.25, fairMinutes: 1),
        .email: asking(0.45, declaring: 0.4, invited: 0.5, of: 0.2, fairMinutes: 1_440),
        .webForm: asking(0.6, declaring: 0.7, invited: 0.6, of: 0.27, fairMinutes: 1_440),
        .app: asking(0.6, declaring: 0.75, invited: 0.6, of: 0.31, fairMinutes: 1_440),
        .letter: asking(0.7, declaring: 0.3, invited: 0, of: 0, fairMinutes: 7_200),
        .fax: asking(0.7, declaring: 0.1, invited: 0, of: 0, fairMinutes: 2_880),
        .other("kiosk"): asking(0.3, declaring: 0.5, invited: 0, of: 0, fairMinutes: 1_440),
    ]

    private static let attributes = [
        Attribute(
            name: "language", groups: [Weighted("italian", 0.86), Weighted("other", 0.14)]),
        Attribute(
            name: "age",
            groups: [
                Weighted("18-34", 0.2), Weighted("35-64", 0.52), Weighted("65+", 0.28),
            ]),
        Attribute(
            name: "disability", groups: [Weighted("no", 0.93), Weighted("yes", 0.07)]),
        Attribute(
            name: "district",
            groups: [
                Weighted("centro", 0.3), Weighted("nord", 0.25), Weighted("sud", 0.28),
                Weighted("frazioni", 0.17),
            ]),
    ]

    private static let satisfaction = Question(
        name: "csat", best: 4.5, waitLoss: 0.8, outcomeLoss: 1.3, deviation: 0.9)
    private static let effort = Question(
        name: "effort", best: 4.2, waitLoss: 0.6, outcomeLoss: 0.7, deviation: 1)

    private static func procedure(
        days: Double, variation: Double, termDays: Int, toSecondLine: Double
    ) -> Procedure {
        Procedure(
            resolution: workingHours(8 * days, variation: variation), termDays: termDays,
            secondLineRatio: toSecondLine, backOfficeRatio: 0.45, waitsForCitizenRatio: 0.22)
    }

    /// Citizens of a channel: the part with cases, and `of` the invitations the part answered.
    private static func asking(
        _ caseRatio: Double, declaring: Double, invited: Double, of responseRatio: Double,
        fairMinutes: Double
    ) -> Habits {
        Habits(
            declaredRatio: declaring, caseRatio: caseRatio, invitedRatio: invited,
            undeliverableRatio: 0.04, responseRatio: responseRatio,
            fairWaitUs: fairMinutes * 60e6)
    }

    private static func seconds(_ mean: Double, variation: Double) -> DurationLaw {
        .logNormal(meanUs: mean * 1e6, variation: variation)
    }

    private static func minutes(_ mean: Double, variation: Double) -> DurationLaw {
        seconds(mean * 60, variation: variation)
    }

    private static func workingHours(_ mean: Double, variation: Double) -> DurationLaw {
        seconds(mean * 3_600, variation: variation)
    }
}
