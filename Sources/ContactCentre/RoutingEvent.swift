package import JSON

/// Where a contact was to go, and why: what the router saw, by which rules, and who else there was.
///
/// It stands in the contact's stream. The same rules give the same of the same state, so it can be
/// made again from the events that it knew: those up to one with an id, and some right before it.
package struct RoutingDecision: Setting, Equatable {
    package var trigger = RoutingTrigger.contactArrived
    /// The id of the last event of the log that it knew; nil where it knew none.
    package var knewUpTo: String?
    /// How many events right before it, appended together with it, it knew as well.
    package var alsoKnew: Int64 = 0
    package var policy = ""
    package var policyVersion: Int64 = 1
    /// SHA-256 of the policy's payload as this version writes it, in hexadecimal digits.
    package var policyHash = ""
    package var engineVersion = RoutingRules.present.rawValue
    package var queue = ""
    /// How long the contact has been in the queue, in µs.
    package var waited: Int64 = 0
    /// Its points of priority: its own, and those of the rules.
    package var points: Int64 = 0
    /// Contacts that wait in the queue, this one included.
    package var inQueue: Int64 = 0
    /// How many of them are more urgent.
    package var ahead: Int64 = 0
    package var rules: [RuleTrace] = []
    /// All members of the queue; ``candidates`` tells of the first of them.
    package var candidatesTotal: Int64 = 0
    /// How many of them could take it.
    package var candidatesEligible: Int64 = 0
    /// SHA-256 of all of them with all their reasons, as they would be written, in hexadecimal
    /// digits; nil where they are.
    package var candidatesDigest: String?
    /// Who could take it, best first, and then who could not, by name.
    package var candidates: [RoutingCandidate] = []
    package var selected = SelectedKind.none
    /// The operator or queue.
    package var selectedID: String?
    /// What told the operator from the next best one.
    package var decidedBy: DecidedBy?
    /// What the draw was made of; nil where nothing was drawn.
    package var drawKey: String?
    /// 53 bits.
    package var draw: Int64?

    /// Of more candidates than these, the record holds the digest only.
    package static let candidatesMax = 20
    /// So it does of more reasons against one of them.
    package static let reasonsMax = 8

    package enum Kind: String, CaseIterable, KnownType {
        case decided = "routing.decided"

        package var meaning: String { "where a contact is to go was decided, and why" }
        package var past: [PastVersion] { Self.past }

        private static let past = [PastVersion(FirstRoutingDecision.self, of: Kind.decided.type)]
    }

    package init() {}

    /// Reads what an event of the type says.
    ///
    /// - Returns: Nil where its schema version is none that is read here.
    /// - Throws: ``PayloadError`` where its payload is wrong.
    package init?(schema: UInt16, payload: JSONPayload?) throws(PayloadError) {
        guard Kind.decided.reads(schema) else { return nil }
        try self.init(from: Kind.decided.reader(of: payload, in: schema))
    }

    /// What a recorded decision knew of the log, where it says so: the least of it that is read,
    /// and the same in all versions.
    package static func knowledge(
        in payload: JSONPayload?
    ) -> (upTo: String?, alsoKnew: Int64)? {
        let reader = PayloadReader(type: Kind.decided.type, payload: payload)
        do throws(PayloadError) {
            return (
                try reader.optional("knewUpTo", .id),
                try reader.required("alsoKnew", .integer(in: 0 ... .max))
            )
        } catch {
            return nil
        }
    }

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try exchangeSituation(with: &members)
        try members.objects("ruleTrace", &rules)
        try exchangeCounts(with: &members)
        try members.objects("candidates", &candidates)
        try exchangeSelection(with: &members)
    }

    // MARK: What the first version has as well

    mutating func exchangeSituation(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("trigger", .choice(blank: .contactArrived), &trigger)
        try members.optional("knewUpTo", .id, &knewUpTo)
        try members.required("alsoKnew", .integer(in: 0 ... .max), &alsoKnew)
        try members.required("policyId", .reference(to: .policies), &policy)
        try members.required("policyVersion", .integer(in: publishedVersions), &policyVersion)
        try members.required("policyHash", .name, &policyHash)
        try members.required("engineVersion", .integer(in: 1 ... .max), &engineVersion)
        try members.required("queueId", .reference(to: .queues), &queue)
        try members.required("waitedUs", .duration, &waited)
        try members.required("points", .integer(), &points)
        try members.required("inQueue", .integer(in: 0 ... .max), &inQueue)
        try members.required("ahead", .integer(in: 0 ... .max), &ahead)
    }

    mutating func exchangeCounts(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("candidatesTotal", .integer(in: 0 ... .max), &candidatesTotal)
        try members.required("candidatesEligible", .integer(in: 0 ... .max), &candidatesEligible)
        try members.optional("candidatesDigest", .name, &candidatesDigest)
    }

    mutating func exchangeSelection(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("selected", .choice(blank: .none), &selected)
        try members.optional("selectedId", .name, &selectedID)
        try members.optional("decidedBy", .choice(blank: .onlyOne), &decidedBy)
        try members.optional("drawKey", .name, &drawKey)
        try members.optional("draw", .integer(in: 0...Self.greatestDraw), &draw)
    }

    private static let greatestDraw: Int64 = 1 << 53 - 1
}

extension RoutingDecision {
    /// As it is recorded: with the digest of all candidates, where it does not hold them with all
    /// their reasons.
    func bounded(by hash: ([UInt8]) -> [UInt8]) -> RoutingDecision {
        let isWhole =
            candidates.count <= Self.candidatesMax
            && candidates.allSatisfy { $0.reasons.count <= Self.reasonsMax }
        guard !isWhole else { return self }
        var bounded = self
        bounded.candidatesDigest = hexadecimal(hash(RoutingCandidate.text(of: candidates)))
        bounded.candidates = candidates.prefix(Self.candidatesMax).map(\.bounded)
        return bounded
    }
}

extension RoutingCandidate {
    fileprivate var bounded: RoutingCandidate {
        guard reasons.count > RoutingDecision.reasonsMax else { return self }
        var bounded = self
        bounded.reasonsTotal = Int64(reasons.count)
        bounded.reasons = Array(reasons.prefix(RoutingDecision.reasonsMax))
        return bounded
    }
}

/// The versions of the rules by which policies are applied: another one may decide otherwise.
package enum RoutingRules: Int64, CaseIterable, Sendable {
    /// A policy's language is the one that a contact asks for, byte by byte.
    case exactLanguages = 1
    /// Languages are tags, and a policy's is found by looking up (RFC 4647, section 3.4).
    case languageTags = 2

    /// What people change about a contact that waits is heeded: its priority, and where it goes.
    case interventions = 3

    /// Nobody goes over to a queue that is closed.
    case openingHours = 4

    package static let present = RoutingRules.openingHours

    var heedInterventions: Bool { rawValue >= RoutingRules.interventions.rawValue }
    var heedHours: Bool { rawValue >= RoutingRules.openingHours.rawValue }
}

/// What made the router look at a contact.
package enum RoutingTrigger: String, CaseIterable, Hashable, Sendable {
    case contactArrived = "contact_arrived"
    /// It came over from another queue.
    case overflow
    /// Its time to be called back has come.
    case callback
    /// Whom it was offered to did not take it.
    case offerEnded = "offer_ended"
    case operatorFreed = "operator_freed"
    /// It has waited long enough for a rule to ask less, or the organisation has changed.
    case timer
}

package enum SelectedKind: String, CaseIterable, Hashable, Sendable {
    case `operator`
    case overflowQueue = "overflow_queue"
    /// Nobody can take it now, and it is offered to be called back.
    case callback
    /// Nobody can take it now.
    case none
}

/// What told the operator who takes a contact from the next best one.
package enum DecidedBy: String, CaseIterable, Hashable, Sendable {
    case onlyOne = "only_one"
    case tier, skill
    case leastSkilled = "least_skilled"
    case longestIdle = "longest_idle"
    case fewestContacts = "fewest_contacts"
    case leastBusy = "least_busy"
    case draw
    /// The criteria left both equal, and one became free earlier in the log.
    case freedEarlier = "freed_earlier"

    init(_ criterion: RankCriterion) {
        self =
            switch criterion {
            case .tier: .tier
            case .skill: .skill
            case .leastSkilled: .leastSkilled
            case .longestIdle: .longestIdle
            case .fewestContacts: .fewestContacts
            case .leastBusy: .leastBusy
            case .random: .draw
            }
    }
}

/// What became of one rule.
package struct RuleTrace: Setting, Equatable {
    package var kind = RuleKind.boost
    /// The name that a boost has in its policy; nil for others.
    package var name: String?
    /// Where the rule stands among those of its kind, from 0; nil for boosts, and for what there is
    /// one of.
    package var place: Int64?
    package var result = RuleResult.skipped
    /// What it read of the contact: a group or a language.
    package var read: String?
    /// The queue to which an overflow leads.
    package var to: String?
    /// After how long in the queue it applies, in µs: of overflow, which is the queue's own.
    package var after: Int64?
    /// Before how many others it applies: of overflow.
    package var length: Int64?

    package init() {}

    init(
        _ kind: RuleKind, name: String? = nil, place: Int? = nil, _ result: RuleResult,
        read: String? = nil
    ) {
        self.kind = kind
        self.name = name
        self.place = place.map { Int64($0) }
        self.result = result
        self.read = read
    }

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("rule", .choice(blank: .boost), &kind)
        try members.optional("name", .name, &name)
        try members.optional("place", .integer(in: 0 ... .max), &place)
        try members.required("result", .choice(blank: .skipped), &result)
        try members.optional("read", .name, &read)
        try members.optional("to", .reference(to: .queues), &to)
        try members.optional("afterUs", .duration, &after)
        try members.optional("length", .integer(in: 0 ... .max), &length)
    }
}

/// Where a rule stands: in which list of a policy, or of a queue.
package enum RuleKind: String, CaseIterable, Hashable, Sendable {
    case boost, relaxation, role, language, overflow, callback
}

package enum RuleResult: String, CaseIterable, Hashable, Sendable {
    case matched, skipped
}

/// A member of the queue, and what speaks for or against them.
package struct RoutingCandidate: Setting, Equatable {
    package var `operator` = ""
    /// None where the operator could take the contact.
    package var reasons: [ReasonExcluded] = []
    /// How many reasons there are, where not all are told.
    package var reasonsTotal: Int64?
    /// By what those are compared who could take it.
    package var scores: [ScorePart] = []

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try exchangeOperator(with: &members)
        try members.objects("reasonsExcluded", &reasons)
        try members.optional("reasonsTotal", .integer(in: 0 ... .max), &reasonsTotal)
        try exchangeScores(with: &members)
    }

    mutating func exchangeOperator(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("operatorId", .reference(to: .operators), &`operator`)
    }

    mutating func exchangeScores(with members: inout MemberExchange) throws(PayloadError) {
        try members.objects("scoreParts", &scores)
    }
}

package enum ExclusionKind: String, CaseIterable, Hashable, Sendable {
    case notLoggedIn = "not_logged_in"
    case paused
    case onContact = "on_contact"
    case capacityFull = "capacity_full"
    case missingSkill = "missing_skill"
    case role
    case rejectedRecently = "agent_rejected_recently"
    case teamCap = "cap_per_team"
}

/// Why an operator could not take a contact.
package struct ReasonExcluded: Setting, Equatable {
    package var reason = ExclusionKind.notLoggedIn
    /// The skill, status, role or team that it is about.
    package var of: String?
    /// The contact that the operator has had at hand for longest: what stands behind `contact/` in
    /// the name of its stream.
    package var contact: String?
    package var need: Int64?
    /// A level, or contacts at hand; nil where the operator has not got the skill at all.
    package var have: Int64?
    /// When it no longer holds, where that is known.
    package var until: Instant?

    package init() {}

    init(_ reason: ExclusionKind, of: String? = nil) {
        self.reason = reason
        self.of = of
    }

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try exchangeSubject(with: &members)
        try members.optional("contactId", .name, &contact)
        try exchangeBounds(with: &members)
    }

    mutating func exchangeSubject(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("reason", .choice(blank: .notLoggedIn), &reason)
        try members.optional("of", .name, &of)
    }

    mutating func exchangeBounds(with members: inout MemberExchange) throws(PayloadError) {
        try members.optional("need", .integer(), &need)
        try members.optional("have", .integer(), &have)
        try members.optional("until", .time, &until)
    }
}

package struct ScorePart: Setting, Equatable {
    package var criterion = RankCriterion.tier
    /// A tier, a sum of levels, µs without contacts, or a number of contacts.
    package var value: Int64 = 0

    package init() {}

    init(_ criterion: RankCriterion, _ value: Int64) {
        self.criterion = criterion
        self.value = value
    }

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("name", .choice(blank: .tier), &criterion)
        try members.required("value", .integer(), &value)
    }
}
