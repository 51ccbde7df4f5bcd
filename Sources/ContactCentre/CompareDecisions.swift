internal import JSON

extension RoutingDecision {
    /// What a decision that was recorded says otherwise than the one that is made again, in words;
    /// empty where both are the same.
    ///
    /// - Parameter again: The one that the rules give now; nil where they give none.
    package func differences(from again: RoutingDecision?) -> [String] {
        guard let again else {
            return [
                "nothing was to be decided: the contact does not wait, or is being offered, or its "
                    + "queue has no policy"
            ]
        }
        var found: [String] = []
        func compare(_ what: String, _ recorded: String?, _ now: String?) {
            guard recorded.map(ExactText.init) != now.map(ExactText.init) else { return }
            found.append("\(what): recorded \(recorded ?? "nothing"), now \(now ?? "nothing")")
        }
        compare("policy", told(policy, policyVersion, policyHash), again.toldPolicy)
        compare("selection", toldSelection, again.toldSelection)
        compare("draw", drawKey.map { "\(draw ?? 0) by \($0)" }, again.toldDraw)
        compare("decided by", decidedBy?.rawValue, again.decidedBy?.rawValue)
        compare("trigger", trigger.rawValue, again.trigger.rawValue)
        compare("queue", queue, again.queue)
        compare("waited µs", "\(waited)", "\(again.waited)")
        compare("points", "\(points)", "\(again.points)")
        for place in 0..<max(rules.count, again.rules.count) {
            compare(
                "rule", rules.dropFirst(place).first?.told, again.rules.dropFirst(place).first?.told
            )
        }
        compare("candidates", "\(candidatesTotal)", "\(again.candidatesTotal)")
        found += differencesOfCandidates(from: again)
        if found.isEmpty {
            // Behind the last candidate that is told.
            compare("digest of candidates", candidatesDigest, again.candidatesDigest)
        }
        if found.isEmpty, payload != again.payload {
            found.append("the order or form of what is recorded, as in other members of its data")
        }
        return found
    }

    private func differencesOfCandidates(from again: RoutingDecision) -> [String] {
        let names = Set((candidates + again.candidates).map { ExactText($0.operator) }).sorted()
        return names.compactMap { name in
            let recorded = candidates.first { ExactText($0.operator) == name }
            let now = again.candidates.first { ExactText($0.operator) == name }
            guard recorded != now else { return nil }
            let words = [recorded, now].map { $0.map(\.words) ?? "not told of" }
            return "operator \(name.text): recorded: \(words[0]); now: \(words[1])"
        }
    }

    private func told(_ name: String, _ version: Int64, _ hash: String) -> String {
        "\(name) version \(version) (\(hash.prefix(16)))"
    }

    private var toldPolicy: String { told(policy, policyVersion, policyHash) }

    private var toldSelection: String {
        selected.rawValue + (selectedID.map { " \($0)" } ?? "")
    }

    private var toldDraw: String? { drawKey.map { "\(draw ?? 0) by \($0)" } }
}

extension RuleTrace {
    fileprivate var told: String { "\(rule) \(result.rawValue)" + (read.map { " (\($0))" } ?? "") }
}

extension RoutingCandidate {
    /// What speaks for or against the operator.
    package var words: String {
        if !reasons.isEmpty { return reasons.map(\.words).joined(separator: ", ") }
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
        case .onContact: "has a contact at hand"
        case .capacityFull: "has as many contacts of this channel as can be (\(have ?? 0))"
        case .missingSkill:
            have.map { "has \(of ?? "") at level \($0), not \(need ?? 0)" }
                ?? "has not got the skill \(of ?? ""), of which level \(need ?? 0) is needed"
        case .role:
            "does not take such contacts" + (self.until == nil ? "" : " yet")
                + (of.map { ", as \($0)" } ?? "") + until
        case .rejectedRecently: "did not take it when it was offered" + until
        case .teamCap:
            "is of the team \(of ?? ""), which has \(have ?? 0) contacts of at most \(need ?? 0)"
        }
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
        case .offerEnded: "whom it was offered to had not taken it"
        case .operatorFreed: "the operator had become free"
        case .timer: "it had waited long enough, or the rules had changed"
        }
    }
}
