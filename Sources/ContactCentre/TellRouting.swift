internal import JSON

// Routing decisions in a supervisor's language.

extension RoutingDecision {
    /// The decision in one sentence.
    package var sentence: String {
        let by = "the policy \(policy) (version \(policyVersion))"
        switch (selected, selectedID) {
        case (.operator, let name?):
            let of = candidatesEligible > 1 ? ", of \(candidatesEligible) who could take it" : ""
            let why = decidedBy.map { ": \($0.words)\(of)" } ?? ""
            return "when \(trigger.words), \(by) chose the operator \(name)\(why)"
        case (.overflowQueue, let queue?):
            return "\(moment), \(by) sent it over to the queue \(queue): \(nobody)"
        case (.callback, _):
            return "\(moment), \(by) offered to call the citizen back: " + nobody + standing
        default: return "when \(trigger.words), by \(by) \(nobody)\(standing)"
        }
    }

    /// What the citizen waited for is what time brings.
    private var moment: String {
        trigger == .timer ? "after \(duration(waited)) in the queue" : "when \(trigger.words)"
    }

    private var standing: String {
        inQueue > 1 ? "; \(ahead) of \(inQueue) in the queue were before it" : ""
    }

    private static let toldMax = 5

    private var nobody: String {
        guard candidatesTotal > 0 else {
            return "nobody could take it: the queue has no operators" + closed
        }
        let told = candidates.prefix(Self.toldMax).map { "\($0.operator) \($0.words)" }
        let others = Int(candidatesTotal) - told.count
        let rest =
            others > 0
            ? [others == 1 ? "1 other could not either" : "\(others) others could not either"] : []
        return "nobody could take it: " + (told + rest).joined(separator: "; ") + closed
    }

    /// The queues that it would have gone over to.
    private var closed: String {
        let queues = rules.filter(\.isClosed).compactMap(\.to)
        guard !queues.isEmpty else { return "" }
        return queues.count == 1
            ? "; the queue \(queues[0]) was closed"
            : "; the queues " + queues.joined(separator: ", ") + " were closed"
    }
}

extension RuleTrace {
    /// What the rule is called: a boost by its own name, others by their list and place there.
    package var title: String {
        let place = place.map { "[\($0)]" } ?? ""
        return switch kind {
        case .boost: name ?? "boost"
        case .relaxation: "relaxation\(place)"
        case .role: "roles\(place)"
        case .language: "languages"
        case .overflow: "overflow\(place)"
        case .callback: "callback"
        }
    }

    package var words: String {
        let read = read.map { ", having read \($0)" } ?? ""
        if isClosed { return "did not apply: that queue was closed" }
        return (result == .matched ? "applied" : "did not apply") + read
    }

    /// Whether it is an overflow that does not apply since the other queue is closed.
    fileprivate var isClosed: Bool { kind == .overflow && result == .skipped }

    /// What the rule says.
    ///
    /// - Parameter policy: The one that was applied, where it is known.
    /// - Returns: Words; nil where the policy that has the rule is not known.
    package func says(in policy: PolicySetting?) -> String? {
        switch kind {
        case .language: return "who answers in the language"
        case .overflow: return to.map { overflowWords(to: $0) }
        case .boost: return policy?.boosts.first { isSame($0.rule) }?.words
        case .relaxation: return policy.flatMap { own($0.relaxation) }?.words
        case .role: return policy.flatMap { own($0.roles) }?.words
        case .callback:
            return policy?.callbackAfter.map {
                "after \(duration($0)), it is offered to be called back"
            }
        }
    }

    private func isSame(_ other: String) -> Bool { name.map(ExactText.init) == ExactText(other) }

    private func own<Rule>(_ rules: [Rule]) -> Rule? {
        guard let place, place < rules.count else { return nil }
        return rules[Int(place)]
    }

    private func overflowWords(to queue: String) -> String {
        let conditions = [
            after.map { "after \(duration($0))" },
            length.map { $0 == 1 ? "behind another one" : "behind \($0) others" },
        ].compactMap(\.self)
        return "to the queue \(queue)"
            + (conditions.isEmpty ? "" : ", " + conditions.joined(separator: " or "))
    }
}

extension PriorityBoost {
    fileprivate var words: String {
        "\(add) points for \(attribute) of " + groups.joined(separator: ", ")
    }
}

extension Relaxation {
    fileprivate var words: String {
        "after \(duration(after)), " + (skill.map { "the level of \($0)" } ?? "levels")
            + " lower by \(lowerBy)"
    }
}

extension RoleStep {
    fileprivate var words: String {
        "\(role.rawValue) take contacts" + (after.map { " after \(duration($0))" } ?? "")
    }
}

extension RoutingCandidate {
    /// What speaks for or against the operator.
    package var words: String {
        if !reasons.isEmpty {
            let untold = (reasonsTotal ?? 0) - Int64(reasons.count)
            let rest =
                untold > 0 ? ", and for \(untold) more reason" + (untold == 1 ? "" : "s") : ""
            return reasons.map(\.words).joined(separator: ", ") + rest
        }
        let scores = scores.map(\.words)
        return scores.isEmpty
            ? "could take it" : "could take it: " + scores.joined(separator: ", ")
    }
}

extension ReasonExcluded {
    /// In a supervisor's language.
    package var words: String {
        let until = until.map { ", until \($0)" } ?? ""
        return switch reason {
        case .notLoggedIn: "is not at work"
        case .paused: "is not available (\(of ?? ""))"
        case .onContact:
            of.map { "is busy, by their own status (\($0))" } ?? atHand
        case .capacityFull:
            "has \(have ?? 0) contacts of this channel at hand, of at most \(need ?? 0)"
        case .missingSkill:
            have.map { "has \(of ?? "") at level \($0), not \(need ?? 0)" }
                ?? "has not got the skill \(of ?? ""), of which level \(need ?? 0) is needed"
        case .role:
            "does not take such contacts" + (self.until == nil ? "" : " yet")
                + (of.map { ", as \($0)" } ?? "") + until
        case .rejectedRecently: "did not take it when it was offered" + until
        case .teamCap:
            "is of the team \(of ?? ""), which has \(have ?? 0) at hand, of at most \(need ?? 0)"
        }
    }
}

extension ReasonExcluded {
    private var atHand: String {
        guard let contact else { return "has a contact at hand" }
        let others = (have ?? 1) - 1
        return "has the contact \(contact)" + (others > 0 ? " and \(others) more" : "")
            + " at hand"
    }
}

extension ScorePart {
    package var words: String {
        switch criterion {
        case .tier: "tier \(value)"
        case .skill, .leastSkilled: "levels \(value) in all"
        case .longestIdle: "free for \(duration(value))"
        case .fewestContacts: value == 1 ? "1 contact so far" : "\(value) contacts so far"
        case .leastBusy: "\(value) at hand"
        case .random: "\(value)"
        }
    }
}

extension DecidedBy {
    /// What told the chosen one from the next best one.
    package var words: String {
        switch self {
        case .onlyOne: "nobody else could take it"
        case .tier: "of the lowest tier"
        case .skill: "with the highest levels"
        case .leastSkilled: "with the lowest levels that do"
        case .longestIdle: "free for longest"
        case .fewestContacts: "with the fewest contacts so far"
        case .leastBusy: "with the fewest contacts at hand"
        case .draw: "by a draw between equals"
        case .freedEarlier: "free before the others, as the log has it"
        }
    }
}

extension RoutingTrigger {
    package var words: String {
        switch self {
        case .contactArrived: "it had come"
        case .overflow: "it had come over from another queue"
        case .callback: "its time to be called back had come"
        case .offerEnded: "the operator whom it was offered to had not taken it"
        case .operatorFreed: "the operator had become free, or had room again"
        case .timer: "its wait, the rules or what a team had at hand had changed"
        }
    }
}
