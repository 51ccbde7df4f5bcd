internal import ContactCentre

extension Municipality {
    static let servicesMax = 64
    /// Desks of one service besides the telephone.
    ///
    /// Desks and mailboxes number the channels of a service, and contacts have 32 such numbers.
    static let desksMax = 7
    static let mailboxesMax = 24
    static let attributesMax = 16
    static let typologiesMax = 100

    /// Refuses what no municipality can be; names that do not fit into events come out later.
    func check() throws(GeneratorError) {
        try Self.check(services.count, in: 1...Self.servicesMax, "services")
        try Self.check(mailboxes.count, in: 0...Self.mailboxesMax, "mailboxes")
        try Self.check(attributes.count, in: 0...Self.attributesMax, "attributes")
        try Self.check(typologies.count, in: 1...Self.typologiesMax, "typologies")
        var names: Set<String> = []
        for service in services {
            guard names.insert(service.name).inserted else { throw .duplicateService(service.name) }
            try service.check()
        }
        for mailbox in mailboxes {
            let channel = mailbox.channel.name
            try Self.check(ratio: mailbox.containedRatio, "contained ratio of \(channel)")
            try Self.check(amount: mailbox.contactsPerCall, "contacts per call of \(channel)")
        }
        for (channel, habits) in habits.sorted(by: { $0.key.name < $1.key.name }) {
            try habits.check(channel.name)
        }
        try offices.check()
        try checkGroups()
    }

    private func checkGroups() throws(GeneratorError) {
        for attribute in attributes {
            try Self.check(weights: attribute.groups, "groups of \(attribute.name)")
        }
        if let areaAttribute, !attributes.contains(where: { $0.name == areaAttribute }) {
            throw .unknownGroup(areaAttribute)
        }
        for boost in boosts {
            let groups = attributes.first { $0.name == boost.attribute }?.groups ?? []
            for group in boost.groups where !groups.contains(where: { $0.value == group }) {
                throw .unknownGroup("\(boost.attribute):\(group)")
            }
        }
        guard let disparity else { return }
        try Self.check(amount: disparity.resolutionFactor, "resolution factor of the disparity")
        let groups = attributes.first { $0.name == disparity.attribute }?.groups ?? []
        guard groups.contains(where: { $0.value == disparity.group }) else {
            throw .unknownGroup("\(disparity.attribute):\(disparity.group)")
        }
    }

    fileprivate static func check(
        _ count: Int, in allowed: ClosedRange<Int>, _ setting: String
    ) throws(GeneratorError) {
        guard allowed.contains(count) else {
            throw .outOfRange(
                setting: setting, allowed: "\(allowed.lowerBound) to \(allowed.upperBound)")
        }
    }

    fileprivate static func check(ratio: Double, _ setting: String) throws(GeneratorError) {
        guard (0...1).contains(ratio) else {
            throw .outOfRange(setting: setting, allowed: "0 to 1")
        }
    }

    fileprivate static func check(amount: Double, _ setting: String) throws(GeneratorError) {
        guard (0...1_000).contains(amount) else {
            throw .outOfRange(setting: setting, allowed: "0 to 1000")
        }
    }

    fileprivate static func check<Value>(
        weights: [Weighted<Value>], _ setting: String
    ) throws(GeneratorError) {
        guard !weights.isEmpty, weights.allSatisfy({ $0.weight > 0 && $0.weight.isFinite }) else {
            throw .outOfRange(setting: setting, allowed: "at least one, with weights above 0")
        }
    }
}

extension Municipality.Service {
    fileprivate func check() throws(GeneratorError) {
        try Municipality.check(desks.count, in: 0...Municipality.desksMax, "desks of \(name)")
        for desk in desks {
            try Municipality.check(
                ratio: desk.hangUpRatio + desk.containedRatio, "self-service ratios of \(name)")
            try Municipality.check(amount: desk.contactsPerCall, "contacts per call of \(name)")
        }
        if let experts {
            try Municipality.check(ratio: experts.ratio, "ratio for experts of \(name)")
        }
        guard let procedure else { return }
        try Municipality.check(procedure.termDays, in: 1...365, "term days of \(name)")
        try Municipality.check(ratio: procedure.secondLineRatio, "second line ratio of \(name)")
        try Municipality.check(ratio: procedure.backOfficeRatio, "back office ratio of \(name)")
        try Municipality.check(
            ratio: procedure.waitsForCitizenRatio, "waits for citizen ratio of \(name)")
    }
}

extension Municipality.Habits {
    fileprivate func check(_ channel: String) throws(GeneratorError) {
        try Municipality.check(ratio: declaredRatio, "declared ratio of \(channel)")
        try Municipality.check(ratio: caseRatio, "case ratio of \(channel)")
        try Municipality.check(ratio: invitedRatio, "invited ratio of \(channel)")
        try Municipality.check(ratio: undeliverableRatio, "undeliverable ratio of \(channel)")
        try Municipality.check(ratio: responseRatio, "response ratio of \(channel)")
        guard fairWaitUs > 0, fairWaitUs.isFinite else {
            throw .outOfRange(setting: "fair wait of \(channel)", allowed: "above 0")
        }
    }
}

extension Municipality.Offices {
    fileprivate func check() throws(GeneratorError) {
        guard (0..<24).contains(hours.lowerBound), hours.upperBound <= 24, !hours.isEmpty else {
            throw .outOfRange(setting: "hours of the offices", allowed: "within a day")
        }
        try Municipality.check(
            ratio: openedByOperatorRatio + openedBySystemRatio, "ratio of cases opened by staff")
        try Municipality.check(ratio: returnedRatio, "returned ratio")
        try Municipality.check(ratio: favourableRatio, "favourable ratio")
        try Municipality.check(ratio: reopenedRatio, "reopened ratio")
        try Municipality.check(amount: reworkFactor, "rework factor")
        try Municipality.check(weights: favourable, "favourable outcomes")
        try Municipality.check(weights: unfavourable, "unfavourable outcomes")
        try Municipality.check(caseworkers, in: 1...10_000, "caseworkers")
    }
}
