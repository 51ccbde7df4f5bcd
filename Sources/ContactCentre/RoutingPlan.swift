package import JSON

/// The numbers that routing has for names, given as the names come and never taken back.
package struct RoutingNames: Codable, Sendable {
    package struct Numbering: Codable, Sendable {
        package private(set) var names: [String] = []
        private var numbers: [ExactText: Int] = [:]

        /// The number of a name that has one.
        package func known(_ name: String) -> Int? { numbers[ExactText(name)] }

        package mutating func number(_ name: String) -> Int {
            if let known = numbers[ExactText(name)] { return known }
            numbers[ExactText(name)] = names.count
            names.append(name)
            return names.count - 1
        }

        package init() {}

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            for (place, name) in try container.decode([String].self).enumerated()
            where number(name) != place {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "a name stands twice")
            }
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(names)
        }
    }

    package var operators = Numbering()
    package var queues = Numbering()
    package var skills = Numbering()
    package var teams = Numbering()

    package init() {}

    /// Listed channels, and one more for all others.
    package static let channelCount = Channel.words.count + 1

    package static func channel(_ channel: Channel) -> Int {
        Channel.words.firstIndex { $0.meaning == channel } ?? Channel.words.count
    }
}

/// The organisation as routing sees it, by numbers: who serves which queue, with which skills and
/// capacity, under which policy.
package struct RoutingPlan: Sendable {
    package struct Need: Codable, Hashable, Sendable {
        package var skill: Int
        package var minimum: Int64
        /// Nobody learns a language while a citizen waits.
        package var relaxation: Relaxation

        package enum Relaxation: Codable, Hashable, Sendable { case overTime, never }

        package init(skill: Int, minimum: Int64, relaxed relaxation: Relaxation = .overTime) {
            self.skill = skill
            self.minimum = minimum
            self.relaxation = relaxation
        }
    }

    package struct Queue: Sendable {
        package var centre: String?
        /// In the order of their names' bytes, as decisions tell of them.
        package var members: [Member] = []
        package var needs: [Need] = []
        package var overflow: [Overflow] = []
        /// Its place among the policies; nil where nobody routes its contacts here.
        package var policy: Int?
        /// When it is open, as far as the plan reaches; nil where nothing is settled about that.
        package var hours: OpenTimes?

        package init() {}

        func isOpen(at moment: Int64) -> Bool { hours?.contains(moment) ?? true }
    }

    package struct Member: Sendable {
        package var `operator`: Int
        package var tier: Int64

        package init(operator: Int, tier: Int64) {
            self.operator = `operator`
            self.tier = tier
        }
    }

    package struct Overflow: Sendable {
        package var queue: Int
        package var after: Int64?
        package var length: Int64?

        package init(to queue: Int, after: Int64?, length: Int64?) {
            self.queue = queue
            self.after = after
            self.length = length
        }
    }

    package struct Staff: Sendable {
        package var role: StaffRole?
        package var team: Int?
        /// How many contacts of each channel at a time; 1 where nothing is settled.
        package var capacities = [Int64](repeating: 1, count: RoutingNames.channelCount)
        /// The channels, as bits, of which the operator takes one at a time, and nothing beside it.
        package var exclusiveChannels = UInt64.max
        /// By the numbers of skills; ``noLevel`` for those that the operator has not.
        package var levels: [Int64] = []

        package init() {}
    }

    /// A class, since every look at a candidate passes it on.
    package final class Policy: Sendable {
        package let name: String
        package let setting: PolicySetting
        package let hash: String
        let rank: [RankCriterion]
        let relaxation: [(after: Int64, lowerBy: Int64, skill: Int?)]
        let caps: [(team: Int, most: Int64)]
        private let languages: [ExactText: Need]
        private let languageTags: [ExactText: Need]
        /// After which waits a rule asks less, in µs.
        package let steps: [Int64]
        let isDrawn: Bool

        package init(
            _ name: String, _ setting: PolicySetting, hash: String, _ names: inout RoutingNames
        ) {
            self.name = name
            self.setting = setting
            self.hash = hash
            rank = setting.rank
            relaxation = setting.relaxation.map { step in
                (step.after, step.lowerBy, step.skill.map { names.skills.number($0) })
            }
            caps = setting.teamCaps.map { (names.teams.number($0.team), $0.most) }
            var languages: [ExactText: Need] = [:]
            var tags: [ExactText: Need] = [:]
            for language in setting.languages {
                let need = Need(
                    skill: names.skills.number(language.skill), minimum: language.minimum,
                    relaxed: .never)
                languages[ExactText(language.language)] = need
                // Of two spellings of one tag, the first counts.
                let tag = ExactText(Self.folded(language.language))
                if tags[tag] == nil { tags[tag] = need }
            }
            self.languages = languages
            languageTags = tags
            isDrawn = setting.rank.last == .random
            steps = setting.relaxation.map(\.after) + setting.roles.compactMap(\.after)
        }

        var hasLanguages: Bool { !languages.isEmpty }

        /// What a language that a contact asks for needs of operators; nil where the policy has
        /// nothing to say of it.
        func need(ofLanguage language: ExactText, by rules: RoutingRules) -> Need? {
            if rules == .exactLanguages { return languages[language] }
            // Lookup: what is not found goes on without its last part, as zh-Hant-TW without TW.
            var parts = Self.folded(language.text).split(
                separator: "-", omittingEmptySubsequences: false)
            while !parts.isEmpty {
                if let need = languageTags[ExactText(parts.joined(separator: "-"))] { return need }
                parts.removeLast()
                // One letter alone says nothing: what it begins has just gone.
                if parts.count > 1, parts.last?.utf8.count == 1 { parts.removeLast() }
            }
            return nil
        }

        /// A tag as tags are compared: letters of ASCII in lower case.
        private static func folded(_ tag: String) -> String {
            String(
                decoding: tag.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 0x20 : $0 },
                as: UTF8.self)
        }
    }

    /// The level of who has not got a skill: below the lowest.
    package static let noLevel: Int64 = -1

    package var queues: [Queue] = []
    package var staff: [Staff] = []
    package var policies: [Policy] = []

    package init() {}

    /// What a description says to routing.
    ///
    /// - Parameters:
    ///   - description: What is settled.
    ///   - moment: Skills that have expired by then count no more.
    ///   - names: Gets the names that it does not know yet.
    ///   - hash: The hexadecimal hash of a policy's payload.
    package init(
        _ description: OrganisationDescription, at moment: Instant, _ names: inout RoutingNames,
        hash: ([UInt8]) -> String
    ) {
        let settings = description.withoutStrays.settings.sorted { $0.key < $1.key }
        var places: [ExactText: Int] = [:]
        for (key, setting) in settings {
            guard let setting = setting as? PolicySetting else { continue }
            places[ExactText(key.thing)] = policies.count
            policies.append(
                Policy(key.thing, setting, hash: hash(setting.payload), &names))
        }
        for (key, setting) in settings {
            switch setting {
            case let setting as QueueSetting:
                let queue = queueNumber(key.thing, &names)
                queues[queue].policy = setting.policy.flatMap { places[ExactText($0)] }
                queues[queue].centre = setting.centre
                queues[queue].needs = setting.requiredSkills.map { Need($0, &names) }
                queues[queue].overflow = setting.overflow.map {
                    Overflow(
                        to: queueNumber($0.queue, &names), after: $0.after, length: $0.length)
                }
            case let setting as StaffSetting:
                staff[staffNumber(key.thing, &names)].role = setting.role
            case let setting as TeamMembership:
                staff[staffNumber(key.thing, &names)].team = names.teams.number(setting.team)
            case let setting as GrantedSkillSetting:
                guard let skill = key.part, setting.expires.map({ $0 > moment }) ?? true else {
                    continue
                }
                let number = names.skills.number(skill)
                grant(number, setting.level, to: staffNumber(key.thing, &names))
            case let setting as QueueMembership:
                guard let queue = key.part else { continue }
                let member = staffNumber(key.thing, &names)
                queues[queueNumber(queue, &names)].members.append(
                    Member(operator: member, tier: setting.tier ?? 0))
            case let setting as CapacitySetting:
                guard let word = key.part,
                    let channel = Channel.words.firstIndex(where: { $0.spelling == word })
                else { continue }
                staff[staffNumber(key.thing, &names)].set(setting.most, channel: channel)
            default: break
            }
        }
    }

    private mutating func queueNumber(_ name: String, _ names: inout RoutingNames) -> Int {
        let number = names.queues.number(name)
        while queues.count <= number { queues.append(Queue()) }
        return number
    }

    private mutating func staffNumber(_ name: String, _ names: inout RoutingNames) -> Int {
        let number = names.operators.number(name)
        while staff.count <= number { staff.append(Staff()) }
        return number
    }

    private mutating func grant(_ skill: Int, _ level: Int64, to number: Int) {
        while staff[number].levels.count <= skill { staff[number].levels.append(Self.noLevel) }
        staff[number].levels[skill] = level
    }
}

extension RoutingPlan.Need {
    package init(_ need: SkillNeed, _ names: inout RoutingNames) {
        self.init(skill: names.skills.number(need.skill), minimum: need.minimum)
    }
}

extension RoutingPlan.Staff {
    package mutating func set(_ most: Int64, channel: Int) {
        capacities[channel] = most
        let bit = UInt64(1) << UInt64(channel)
        if most == 1 { exclusiveChannels |= bit } else { exclusiveChannels &= ~bit }
    }

    /// Whether whatever is at hand leaves no room for anything else, and nothing at hand leaves
    /// room for everything.
    var takesOneAtATime: Bool { exclusiveChannels == .max }

    func level(_ skill: Int) -> Int64 {
        skill < levels.count ? levels[skill] : RoutingPlan.noLevel
    }
}

extension RoutingPlan.Policy {
    /// The level that a need has come down to after a wait.
    func minimum(_ need: RoutingPlan.Need, after waited: Int64) -> Int64 {
        guard need.relaxation == .overTime else { return need.minimum }
        var lowerBy: Int64 = 0
        for step in relaxation where step.after <= waited {
            if step.skill.map({ $0 == need.skill }) ?? true { lowerBy = max(lowerBy, step.lowerBy) }
        }
        return max(need.minimum - lowerBy, RoutingPlan.noLevel)
    }

    /// Whether operators of a role take contacts after a wait.
    func takes(_ role: StaffRole?, after waited: Int64) -> Turn {
        guard !setting.roles.isEmpty else { return .now }
        guard let step = setting.roles.first(where: { $0.role == role }) else { return .never }
        let after = step.after ?? 0
        return after <= waited ? .now : .later(after)
    }

    enum Turn: Equatable {
        case now
        /// From this wait on.
        case later(Int64)
        case never
    }
}

/// A moment later by a duration, or the last one, or the first, where 64 bits do not hold it.
package func later(_ moment: Int64, by duration: Int64) -> Int64 {
    let (sum, isBeyond) = moment.addingReportingOverflow(duration)
    return isBeyond ? (duration < 0 ? .min : .max) : sum
}
