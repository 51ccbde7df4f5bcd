internal import JSON

extension RoutingDecision {
    /// Tells what a decision that was recorded says otherwise than the one that is made again.
    ///
    /// - Parameter again: The one that the rules give now; nil where they give none.
    /// - Returns: The differences in words; none where both are the same.
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
        compare("policy", toldPolicy, again.toldPolicy)
        compare("policy's hash", policyHash, again.policyHash)
        compare("selection", toldSelection, again.toldSelection)
        compare("draw", toldDraw, again.toldDraw)
        compare("decided by", decidedBy?.rawValue, again.decidedBy?.rawValue)
        compare("trigger", trigger.rawValue, again.trigger.rawValue)
        compare("queue", queue, again.queue)
        compare("waited µs", "\(waited)", "\(again.waited)")
        compare("in queue", "\(inQueue)", "\(again.inQueue)")
        compare("ahead", "\(ahead)", "\(again.ahead)")
        compare("points", "\(points)", "\(again.points)")
        for place in 0..<max(rules.count, again.rules.count) {
            compare(
                "rule", rules.dropFirst(place).first?.told, again.rules.dropFirst(place).first?.told
            )
        }
        compare("candidates", "\(candidatesTotal)", "\(again.candidatesTotal)")
        compare("who could take it", "\(candidatesEligible)", "\(again.candidatesEligible)")
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

    private var toldPolicy: String {
        "\(policy) version \(policyVersion)"
    }

    private var toldSelection: String {
        selected.rawValue + (selectedID.map { " \($0)" } ?? "")
    }

    private var toldDraw: String? { drawKey.map { "\(draw ?? 0) by \($0)" } }
}

extension RuleTrace {
    fileprivate var told: String {
        let bounds = [after.map { "after \($0) µs" }, length.map { "behind \($0)" }]
        return ([kind.rawValue, title, result.rawValue, read, to] + bounds).compactMap(\.self)
            .joined(separator: " ")
    }
}
