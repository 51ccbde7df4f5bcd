package import JSON

/// Which decisions are made.
package enum DecisionScope: Sendable {
    /// Those about contacts of which nothing has been decided, and those that come to something.
    case news
    case all
}

/// A contact that waits.
package struct WaitingContact: Hashable, Sendable {
    package let stream: String
}

extension RoutingState {
    /// The contacts that wait for a decision, the most urgent first.
    ///
    /// Urgency is waiting, in µs, with as much for each point of priority as the policy says; of
    /// two who have the same, who was queued earlier in the log. Contacts that are being offered to
    /// somebody are not among them.
    package mutating func waitingInOrder(at now: Instant) -> [WaitingContact] {
        plan(for: now)
        guard let lines else { return [] }
        return lines.inOrder.compactMap { place in
            guard let stream = waiting[UInt64(place.contact)], let contact = contacts[stream],
                contact.hand == nil
            else { return nil }
            return WaitingContact(stream: stream.text)
        }
    }

    /// Where a contact stands in line; nil where nobody routes its queue here.
    func place(
        of contact: Contact, _ visit: RoutingFloor.Visit
    ) -> WaitingLines.Place? {
        policy(of: visit).map { policy in
            PointWorth(policy).place(
                of: Int(visit.order), since: visit.seniority,
                points: points(of: contact, visit, policy), order: visit.order)
        }
    }

    /// Decides where a contact goes that waits.
    ///
    /// - Parameters:
    ///   - stream: The contact's.
    ///   - now: The moment.
    ///   - scope: Whether it is made also where it comes to nothing that is not known.
    ///   - schema: The schema version that tells of it: an earlier one says less, which is said
    ///     here in the words of the last one.
    /// - Returns: The decision as it is recorded, but for what it knew of the log; nil where there
    ///   is nothing to say: the contact is not waiting, no policy is settled, or it is known that
    ///   nobody can take it.
    package mutating func decision(
        for stream: String, at now: Instant, _ scope: DecisionScope = .news,
        toldIn schema: UInt16 = RoutingDecision.Kind.decided.schema
    ) -> RoutingDecision? {
        guard let whole = wholeDecision(for: stream, at: now, scope) else { return nil }
        switch schema {
        case 1: return FirstRoutingDecision(telling: whole, hash: hash).next
        case RoutingDecision.Kind.decided.schema: return whole.bounded(by: hash)
        default: preconditionFailure("version \(schema) of decisions is not told here")
        }
    }

    /// A decision with all candidates and all reasons against them.
    mutating func wholeDecision(
        for stream: String, at now: Instant, _ scope: DecisionScope
    ) -> RoutingDecision? {
        plan(for: now)
        guard let contact = contacts[ExactText(stream)], contact.hand == nil,
            let visit = visitWithLanguage(of: stream), let policy = policy(of: visit),
            !rules.heedInterventions || override(of: contact) == nil
        else { return nil }
        var decision = RoutingDecision()
        decision.engineVersion = rules.rawValue
        let ahead = ahead(of: contact, visit)
        let choice = floor.choose(for: visit, behind: ahead, at: now.microseconds, by: plan) {
            let key = "\(policy.hash) \(stream) \(contact.decisions)"
            let bits = hash(Array(key.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            decision.drawKey = key
            decision.draw = Int64(bits >> 11)
            return bits >> 11
        }
        let offer = callbackOffer(to: contact, visit, by: policy)
        let offersCallback = choice == .none && offer.map { $0 <= now.microseconds } ?? false
        if choice == .none, !offersCallback, visit.decidedAt != nil, scope == .news { return nil }
        decision.trigger = trigger(of: choice, contact, visit)
        decision.policy = policy.name
        decision.policyVersion = policy.setting.version
        decision.policyHash = policy.hash
        decision.queue = names.queues.names[visit.queue]
        decision.waited = max(0, now.microseconds - visit.since)
        decision.points = points(of: contact, visit, policy)
        decision.inQueue = floor.queueLengths[visit.queue]
        decision.ahead = ahead
        decision.rules = traces(contact, visit, policy, decision.waited)
        let (best, others) = members(for: visit, at: now.microseconds, policy)
        switch choice {
        case .member(let place):
            decision.selected = .operator
            decision.selectedID = name(ofMember: place, visit)
            decision.decidedBy = decidedBy(place, best, policy, drawn: decision.draw)
        case .overflow(let rule):
            decision.selected = .overflowQueue
            decision.selectedID = names.queues.names[plan.queues[visit.queue].overflow[rule].queue]
            decision.rules += closed(before: rule, visit, ahead, at: now.microseconds)
            decision.rules.append(trace(ofOverflow: rule, visit, .matched))
        case .none where offersCallback:
            decision.selected = .callback
            decision.rules += closed(before: nil, visit, ahead, at: now.microseconds)
            decision.rules.append(RuleTrace(.callback, .matched))
        case .none: decision.rules += closed(before: nil, visit, ahead, at: now.microseconds)
        }
        tell(best, others, for: visit, at: now.microseconds, policy, in: &decision)
        return decision
    }

    /// The rules of overflow before another one, or all, by which the contact would go over if the
    /// other queue were not closed.
    private func closed(
        before rule: Int?, _ visit: RoutingFloor.Visit, _ ahead: Int64, at now: Int64
    ) -> [RuleTrace] {
        let rules = plan.queues[visit.queue].overflow
        return rules.indices.prefix(rule ?? rules.count).filter { place in
            !plan.queues[rules[place].queue].isOpen(at: now)
                && floor.applies(
                    rules[place], to: visit.plain, visit.particulars, behind: ahead, at: now)
        }.map { trace(ofOverflow: $0, visit, .skipped) }
    }

    private func trace(
        ofOverflow rule: Int, _ visit: RoutingFloor.Visit, _ result: RuleResult
    ) -> RuleTrace {
        let overflow = plan.queues[visit.queue].overflow[rule]
        var trace = RuleTrace(.overflow, place: rule, result)
        trace.to = names.queues.names[overflow.queue]
        trace.after = overflow.after
        trace.length = overflow.length
        return trace
    }

    func policy(of visit: RoutingFloor.Visit) -> RoutingPlan.Policy? {
        policy(ofQueue: visit.queue)
    }

    func policy(ofQueue queue: Int) -> RoutingPlan.Policy? {
        guard queue < plan.queues.count else { return nil }
        return plan.queues[queue].policy.map { plan.policies[$0] }
    }

    /// How many are before it in its queue.
    private func ahead(of contact: Contact, _ visit: RoutingFloor.Visit) -> Int64 {
        guard let lines, let place = contact.place else { return 0 }
        return Int64(lines.ahead(of: place, in: visit.queue))
    }

    private func name(ofMember place: Int, _ visit: RoutingFloor.Visit) -> String {
        names.operators.names[plan.queues[visit.queue].members[place].operator]
    }

    private func trigger(
        of choice: RoutingChoice, _ contact: Contact, _ visit: RoutingFloor.Visit
    ) -> RoutingTrigger {
        guard visit.decidedAt != nil, let last = contact.lastDecision else {
            return switch contact.enqueued {
            case .overflow: .overflow
            case .callback where contact.callback != nil: .callback
            default: .contactArrived
            }
        }
        if let end = contact.lastOfferEnd, end > last { return .offerEnded }
        guard case .member(let place) = choice else { return .timer }
        let number = plan.queues[visit.queue].members[place].operator
        let desk = floor.desks[number]
        return max(desk.freeOrder, desk.roomOrder) > last ? .operatorFreed : .timer
    }

    // MARK: Rules

    /// Points of a contact's own, and those that the rules give it.
    func points(
        of contact: Contact, _ visit: RoutingFloor.Visit, _ policy: RoutingPlan.Policy
    ) -> Int64 {
        var total = rules.heedInterventions ? contact.heededPriority : visit.priority
        for boost in policy.setting.boosts where group(of: contact, for: boost) != nil {
            total += boost.add
        }
        return total
    }

    /// The group by which a rule serves a contact before others; nil where it has none of them.
    private func group(of contact: Contact, for boost: PriorityBoost) -> GroupTag? {
        contact.groups.first { group in
            ExactText(group.attribute) == ExactText(boost.attribute)
                && boost.groups.contains { ExactText($0) == ExactText(group.group) }
        }
    }

    /// What became of the rules, but for those of overflow, of which only those are told whose
    /// condition is met: the one that applies, and others that do not since a queue is closed.
    private func traces(
        _ contact: Contact, _ visit: RoutingFloor.Visit, _ policy: RoutingPlan.Policy,
        _ waited: Int64
    ) -> [RuleTrace] {
        var traces = policy.setting.boosts.map { boost in
            let group = group(of: contact, for: boost)
            return RuleTrace(
                .boost, name: boost.rule, group == nil ? .skipped : .matched,
                read: group.map { "\(boost.attribute):\($0.group)" })
        }
        for (place, step) in policy.setting.relaxation.enumerated() {
            let hasCome = step.after <= waited
            traces.append(RuleTrace(.relaxation, place: place, hasCome ? .matched : .skipped))
        }
        for (place, step) in policy.setting.roles.enumerated() {
            let hasCome = (step.after ?? 0) <= waited
            traces.append(RuleTrace(.role, place: place, hasCome ? .matched : .skipped))
        }
        if let language = contact.language, policy.hasLanguages {
            let isKnown = policy.need(ofLanguage: language, by: rules) != nil
            traces.append(
                RuleTrace(.language, isKnown ? .matched : .skipped, read: language.text))
        }
        return traces
    }

    // MARK: Candidates

    /// A member who can take a contact, as the policy compares them.
    private struct Scored: Comparable {
        let place: Int
        /// By the criteria of the policy, the lower one comes first.
        let scores: [Int64]
        let freeOrder: UInt64

        static func < (left: Scored, right: Scored) -> Bool {
            for (own, other) in zip(left.scores, right.scores) where own != other {
                return own < other
            }
            return left.freeOrder < right.freeOrder
        }
    }

    /// The members who can take a contact, best first, and those who cannot, by name.
    private func members(
        for visit: RoutingFloor.Visit, at now: Int64, _ policy: RoutingPlan.Policy
    ) -> (best: [Scored], others: [(place: Int, Exclusions)]) {
        var best: [Scored] = []
        var others: [(place: Int, Exclusions)] = []
        for (place, member) in plan.queues[visit.queue].members.enumerated() {
            let found = floor.exclusions(ofMember: place, for: visit, at: now, by: plan)
            guard found.isEmpty else {
                others.append((place, found))
                continue
            }
            let scores = policy.setting.rank.map { criterion in
                floor.score(
                    criterion, ofMember: place, for: visit.plain, visit.particulars, by: plan)
            }
            let freeOrder = floor.desks[member.operator].freeOrder
            best.append(Scored(place: place, scores: scores, freeOrder: freeOrder))
        }
        best.sort()
        return (best, others)
    }

    private func decidedBy(
        _ chosen: Int, _ best: [Scored], _ policy: RoutingPlan.Policy, drawn: Int64?
    ) -> DecidedBy {
        if drawn != nil { return .draw }
        guard let own = best.first(where: { $0.place == chosen }),
            let next = best.first(where: { $0.place != chosen })
        else { return .onlyOne }
        let criterion = policy.setting.rank.indices.first { own.scores[$0] != next.scores[$0] }
        return criterion.map { DecidedBy(policy.setting.rank[$0]) } ?? .freedEarlier
    }

    private func tell(
        _ best: [Scored], _ others: [(place: Int, exclusions: Exclusions)],
        for visit: RoutingFloor.Visit, at now: Int64, _ policy: RoutingPlan.Policy,
        in decision: inout RoutingDecision
    ) {
        var candidates: [RoutingCandidate] = []
        candidates.reserveCapacity(best.count + others.count)
        for member in best {
            var candidate = RoutingCandidate()
            candidate.operator = name(ofMember: member.place, visit)
            for (criterion, score) in zip(policy.setting.rank, member.scores)
            where criterion != .random {
                candidate.scores.append(ScorePart(criterion, natural(criterion, score, at: now)))
            }
            candidates.append(candidate)
        }
        for (place, exclusions) in others {
            var candidate = RoutingCandidate()
            candidate.operator = name(ofMember: place, visit)
            candidate.reasons = reasons(exclusions, place, visit, decision.waited, policy)
            candidates.append(candidate)
        }
        decision.candidatesTotal = Int64(candidates.count)
        decision.candidatesEligible = Int64(best.count)
        decision.candidates = candidates
    }

    /// A score as people read it.
    private func natural(_ criterion: RankCriterion, _ score: Int64, at now: Int64) -> Int64 {
        switch criterion {
        case .longestIdle: max(0, now - score)
        case .skill: -score
        case .tier, .leastSkilled, .fewestContacts, .leastBusy, .random: score
        }
    }

    private func reasons(
        _ exclusions: Exclusions, _ place: Int, _ visit: RoutingFloor.Visit, _ waited: Int64,
        _ policy: RoutingPlan.Policy
    ) -> [ReasonExcluded] {
        let queue = plan.queues[visit.queue]
        let number = queue.members[place].operator
        let staff = plan.staff[number]
        var reasons: [ReasonExcluded] = []
        if exclusions.contains(.notLoggedIn) { reasons.append(ReasonExcluded(.notLoggedIn)) }
        if exclusions.contains(.paused) {
            reasons.append(ReasonExcluded(.paused, of: floor.desks[number].status?.name))
        }
        if exclusions.contains(.onContact) {
            var reason = ReasonExcluded(.onContact)
            let count = floor.desks[number].atHandCount
            if count == 0 {
                reason.of = floor.desks[number].status?.name
            } else {
                reason.contact = firstAtHand(of: number)
                reason.have = Int64(count)
            }
            reasons.append(reason)
        }
        if exclusions.contains(.capacityFull) {
            var reason = ReasonExcluded(.capacityFull)
            reason.need = staff.capacities[visit.channel]
            reason.have = floor.load(of: number, channel: visit.channel)
            reasons.append(reason)
        }
        if exclusions.contains(.role) {
            var reason = ReasonExcluded(.role, of: staff.role?.rawValue)
            if case .later(let after) = policy.takes(staff.role, after: waited) {
                reason.until = told(later(visit.since, by: after))
            }
            reasons.append(reason)
        }
        if exclusions.contains(.rejectedRecently) {
            var reason = ReasonExcluded(.rejectedRecently)
            reason.until = floor.refusal(in: visit.particulars, by: number, policy).map(told)
            reasons.append(reason)
        }
        if exclusions.contains(.teamCap), let team = staff.team {
            var reason = ReasonExcluded(.teamCap, of: names.teams.names[team])
            reason.have = floor.load(ofTeam: team)
            reason.need = policy.caps.first { $0.team == team }?.most
            reasons.append(reason)
        }
        // There may be many of them, and the record holds the first reasons only.
        if exclusions.contains(.missingSkill) {
            reasons += missing(queue.needs + visit.needs, staff, waited, policy)
        }
        return reasons
    }

    /// A moment that can be written.
    private func told(_ moment: Int64) -> Instant {
        min(Instant(microseconds: moment), .latest)
    }

    private func missing(
        _ needs: [RoutingPlan.Need], _ staff: RoutingPlan.Staff, _ waited: Int64,
        _ policy: RoutingPlan.Policy
    ) -> [ReasonExcluded] {
        needs.compactMap { need in
            let minimum = policy.minimum(need, after: waited)
            let level = staff.level(need.skill)
            guard level < minimum else { return nil }
            var reason = ReasonExcluded(.missingSkill, of: names.skills.names[need.skill])
            reason.need = minimum
            reason.have = level == RoutingPlan.noLevel ? nil : level
            return reason
        }
    }
}
