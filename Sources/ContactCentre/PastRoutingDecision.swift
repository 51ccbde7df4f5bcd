/// A routing decision in version 1 of its schema.
///
/// A rule has one text: the name of a boost, or its list and place there, such as `relaxation[0]`.
/// All reasons against a candidate stand there, skills before roles, refusals and teams, and no
/// contact that one has at hand is named.
struct FirstRoutingDecision: PastSetting {
    /// What both versions have; no rules and candidates.
    private var decision = RoutingDecision()
    private var rules: [FirstRuleTrace] = []
    private var candidates: [FirstRoutingCandidate] = []

    init() {}

    /// What this version would have told of a decision that says everything.
    init(telling whole: RoutingDecision, hash: ([UInt8]) -> [UInt8]) {
        decision = whole
        decision.rules = []
        decision.candidates = []
        rules = whole.rules.map(FirstRuleTrace.init)
        candidates = whole.candidates.map(FirstRoutingCandidate.init)
        if candidates.count > RoutingDecision.candidatesMax {
            decision.candidatesDigest = hexadecimal(
                hash(FirstRoutingCandidate.text(of: candidates)))
            candidates.removeLast(candidates.count - RoutingDecision.candidatesMax)
        }
    }

    mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try decision.exchangeSituation(with: &members)
        try members.objects("ruleTrace", &rules)
        try decision.exchangeCounts(with: &members)
        try members.objects("candidates", &candidates)
        try decision.exchangeSelection(with: &members)
    }

    var next: RoutingDecision {
        var next = decision
        next.rules = rules.map { rule in
            var trace = rule.next
            if trace.kind == .overflow { trace.to = decision.selectedID }
            return trace
        }
        next.candidates = candidates.map(\.next)
        return next
    }
}

private struct FirstRuleTrace: PastSetting {
    private var rule = ""
    private var result = RuleResult.skipped
    private var read: String?

    init() {}

    init(_ trace: RuleTrace) {
        result = trace.result
        read = trace.read
        rule = trace.title
    }

    mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("ruleId", .name, &rule)
        try members.required("result", .choice(blank: .skipped), &result)
        try members.optional("read", .name, &read)
    }

    /// The rule that is meant by its text.
    ///
    /// A boost may have the name of another rule. What was read, and whether it applied, tells the
    /// two apart: boosts that apply read a group, and only languages read something else; overflow
    /// and callback stand there only where they apply. One named `relaxation[0]` or `roles[0]` that
    /// did not apply is taken for that, and so is a language with a colon for a boost.
    var next: RuleTrace {
        let lists: [(name: String, kind: RuleKind)] = [
            ("relaxation", .relaxation), ("roles", .role), ("overflow", .overflow),
        ]
        for list in lists where read == nil && (list.kind != .overflow || result == .matched) {
            if let place = Self.place(in: list.name, rule) {
                return RuleTrace(list.kind, place: place, result)
            }
        }
        // Boosts read a group, which has a colon before its name.
        if rule == "languages", let read, !read.contains(":") {
            return RuleTrace(.language, result, read: read)
        }
        if rule == "callback", result == .matched, read == nil {
            return RuleTrace(.callback, result)
        }
        return RuleTrace(.boost, name: rule, result, read: read)
    }

    private static func place(in list: String, _ rule: String) -> Int? {
        guard rule.hasPrefix(list + "["), rule.hasSuffix("]") else { return nil }
        let digits = rule.dropFirst(list.utf8.count + 1).dropLast()
        guard let place = Int(digits), "\(place)" == digits, place >= 0 else { return nil }
        return place
    }
}

private struct FirstRoutingCandidate: PastSetting {
    /// Without reasons.
    private var candidate = RoutingCandidate()
    private var reasons: [FirstReasonExcluded] = []

    init() {}

    init(_ candidate: RoutingCandidate) {
        self.candidate = candidate
        self.candidate.reasons = []
        // Skills stood before what is no matter of the desk.
        let later: Set<ExclusionKind> = [.role, .rejectedRecently, .teamCap]
        reasons =
            (candidate.reasons.filter { !later.contains($0.reason) }
            + candidate.reasons.filter { later.contains($0.reason) })
            .map(FirstReasonExcluded.init)
    }

    mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try candidate.exchangeOperator(with: &members)
        try members.objects("reasonsExcluded", &reasons)
        try candidate.exchangeScores(with: &members)
    }

    var next: RoutingCandidate {
        var next = candidate
        next.reasons = reasons.map(\.next)
        return next
    }
}

private struct FirstReasonExcluded: PastSetting {
    /// Without what is told of contacts at hand.
    private var reason = ReasonExcluded()

    init() {}

    init(_ reason: ReasonExcluded) {
        self.reason = reason
        self.reason.contact = nil
        if reason.reason == .onContact { self.reason.have = nil }
    }

    mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try reason.exchangeSubject(with: &members)
        try reason.exchangeBounds(with: &members)
    }

    var next: ReasonExcluded { reason }
}
