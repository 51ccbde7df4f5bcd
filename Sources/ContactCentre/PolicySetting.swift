internal import JSON

/// How contacts of queues find operators, under a version.
///
/// It is a declaration: ``RoutingFloor`` interprets it, and what it does not say is not done.
package struct PolicySetting: Setting, Equatable {
    package var version: Int64 = 1
    /// By what operators who may take a contact are compared, the first that tells them apart
    /// decides; where none does, whoever became free earlier in the log takes it.
    package var rank: [RankCriterion] = []
    /// How needed levels fall while a contact waits.
    package var relaxation: [Relaxation] = []
    /// Which roles take contacts, and from when on; all of them at once where none is named.
    package var roles: [RoleStep] = []
    /// Which skill answers in which language.
    package var languages: [LanguageSkill] = []
    /// Waiting that counts as much as a point of priority, in µs; nil where no wait outweighs one.
    package var ageEvery: Int64?
    /// Groups of citizens who are served before others, and by how much.
    package var boosts: [PriorityBoost] = []
    package var teamCaps: [TeamCap] = []
    /// How long an offer stands, in µs; nil where it stands until somebody ends it.
    package var ring: Int64?
    /// For how long who did not take a contact is not asked again for it, in µs.
    package var askAgain: Int64?

    /// After which wait a callback is offered, in µs; nil where none is.
    package var callbackAfter: Int64?
    /// Within which time who asked to be called back is called, in µs, where they have not said
    /// until when; nil where that is open.
    package var callbackWithin: Int64?
    /// How often a citizen is called who is not reached; once where it is not said.
    package var callAttemptsMax: Int64?
    /// How long after a call that reached nobody comes the next one, in µs.
    package var callAgain: Int64?

    /// Where a policy does not say when the next call comes: 10 minutes.
    package static let callAgainUs: Int64 = 600_000_000

    /// Where a policy does not say when somebody is asked again.
    package static let askAgainUs: Int64 = 30_000_000

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("version", .integer(in: publishedVersions), &version)
        try members.filled("rank", .choices(), &rank)
        try members.objects("relaxation", &relaxation)
        try members.objects("roles", &roles)
        try members.objects("languages", &languages)
        try members.optional("ageEveryUs", .integer(in: 1...Self.longestAge), &ageEvery)
        try members.objects("boosts", &boosts)
        try members.objects("teamCaps", &teamCaps)
        try members.optional("ringUs", .integer(in: 1 ... .max), &ring)
        try members.optional("askAgainUs", .duration, &askAgain)
        try members.optional("callbackAfterUs", .duration, &callbackAfter)
        try members.optional("callbackWithinUs", .duration, &callbackWithin)
        try members.optional("callAttemptsMax", .integer(in: 1...1_000), &callAttemptsMax)
        try members.optional("callAgainUs", .duration, &callAgain)
    }

    package var publishedVersion: Int64? { version }

    package var flaw: (member: String, problem: PayloadError.Problem)? {
        if let place = rank.firstIndex(of: .random), place != rank.count - 1 {
            // Whatever stands behind it would never be asked.
            return ("rank", .notLast(RankCriterion.random.rawValue))
        }
        return repeated("roles", roles.map(\.role.rawValue))
            ?? repeated("languages", languages.map(\.language))
            ?? repeated("boosts", boosts.map(\.rule)) ?? repeated("teamCaps", teamCaps.map(\.team))
    }

    private func repeated(
        _ member: String, _ names: [String]
    ) -> (member: String, problem: PayloadError.Problem)? {
        var known: Set<ExactText> = []
        return names.first { !known.insert(ExactText($0)).inserted }.map { (member, .repeated($0)) }
    }

    /// What a point of priority is worth, in µs of waiting.
    package var pointUs: Int64 { ageEvery ?? Self.longestAge }

    /// No citizen waits for so long, so a point outweighs any wait: 30 days.
    private static let longestAge: Int64 = 30 * 86_400_000_000
}

/// What operators are compared by.
package enum RankCriterion: String, CaseIterable, Hashable, Sendable {
    /// The lower tier in the queue first.
    case tier
    /// The highest levels of the skills that are needed first.
    case skill
    /// The lowest levels that still do first, so that experts stay free.
    case leastSkilled = "least_skilled"
    /// Who has had nothing to do for longest first.
    case longestIdle = "longest_idle"
    /// Who has answered fewest contacts since logging in first.
    case fewestContacts = "fewest_contacts"
    /// Who has fewest contacts at hand first.
    case leastBusy = "least_busy"
    /// By a draw.
    case random
}

/// From a wait on, levels are lower that a contact needs.
package struct Relaxation: Setting, Hashable {
    package var after: Int64 = 0
    package var lowerBy: Int64 = 1
    /// All skills, where none is named.
    package var skill: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("afterUs", .duration, &after)
        try members.required("lowerBy", .integer(in: GrantedSkillSetting.levels), &lowerBy)
        try members.optional("skill", .reference(to: .skills), &skill)
    }
}

/// From a wait on, operators of a role take contacts.
package struct RoleStep: Setting, Hashable {
    package var role = StaffRole.firstLine
    package var after: Int64?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("role", .choice(blank: .firstLine), &role)
        try members.optional("afterUs", .duration, &after)
    }
}

/// Who wants to be answered in a language needs an operator with a skill.
package struct LanguageSkill: Setting, Hashable {
    package var language = ""
    package var skill = ""
    package var minimum: Int64 = 1

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("language", .name, &language)
        try members.required("skill", .reference(to: .skills), &skill)
        try members.required("minLevel", .integer(in: GrantedSkillSetting.levels), &minimum)
    }
}

/// A rule that serves groups of citizens before others; it names what it reads about them.
package struct PriorityBoost: Setting, Hashable {
    package var rule = ""
    /// The attribute that it reads, such as `age`, of the groups that contacts declare.
    package var attribute = ""
    package var groups: [String] = []
    /// Points of priority.
    package var add: Int64 = 1

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("ruleId", .name, &rule)
        try members.required("attribute", .name, &attribute)
        try members.required("groups", .names, &groups)
        try members.required("add", .integer(in: ContactEvent.Queued.priorities), &add)
    }
}

/// How many contacts a team has at hand before the policy gives it no more.
package struct TeamCap: Setting, Hashable {
    package var team = ""
    package var most: Int64 = 1

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("teamId", .reference(to: .teams), &team)
        try members.required("most", .integer(in: 0...1_000_000), &most)
    }
}
