/// Why an operator cannot take a contact, as bits; nobody is excluded by none of them.
package struct Exclusions: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let notLoggedIn = Exclusions(rawValue: 1)
    package static let paused = Exclusions(rawValue: 2)
    package static let onContact = Exclusions(rawValue: 4)
    package static let capacityFull = Exclusions(rawValue: 8)
    package static let missingSkill = Exclusions(rawValue: 16)
    package static let role = Exclusions(rawValue: 32)
    package static let rejectedRecently = Exclusions(rawValue: 64)
    package static let teamCap = Exclusions(rawValue: 128)
}

/// Where a contact goes.
package enum RoutingChoice: Equatable, Sendable {
    /// To a member of its queue, by the place among the members.
    case member(Int)
    /// To another queue, by the place of the rule that says so.
    case overflow(rule: Int)
    /// Nowhere yet.
    case none
}

extension RoutingFloor {
    /// Finds who takes a contact.
    ///
    /// Pure: the same floor, plan, moment and draw give the same answer. Linear in the members of
    /// the queue who may take anything, and without allocations where nothing is drawn.
    ///
    /// - Precondition: The floor was fitted to the plan.
    /// - Parameters:
    ///   - visit: A contact that waits, in a queue with a policy.
    ///   - ahead: How many wait there before it.
    ///   - now: The moment, in µs since 1970.
    ///   - plan: The rules.
    ///   - draw: A number of 53 random bits, asked for only where a draw decides.
    /// - Returns: An operator; or, where none can take it, the queue that it goes over to.
    package func choose(
        for visit: Visit, behind ahead: Int64, at now: Int64, by plan: RoutingPlan,
        draw: () -> UInt64
    ) -> RoutingChoice {
        choose(
            for: visit.plain, visit.particulars, behind: ahead, at: now, by: plan, draw: draw)
    }

    /// The same for the parts of a visit.
    package func choose(
        for visit: PlainVisit, _ particulars: Particulars?, behind ahead: Int64, at now: Int64,
        by plan: RoutingPlan, draw: () -> UInt64
    ) -> RoutingChoice {
        let queue = seating.queues[visit.queue]
        guard let policy = queue.policy else { return .none }
        var best: Int?
        var equals: [Int] = []
        for word in queue.words {
            var bits = openMembers[word]
            let first = (word - queue.words.lowerBound) * UInt64.bitWidth
            while bits != 0 {
                let place = first + bits.trailingZeroBitCount
                bits &= bits &- 1
                guard canTake(visit, particulars, member: place, at: now, by: plan) else {
                    continue
                }
                guard let other = best else {
                    best = place
                    continue
                }
                let order = compare(place, other, for: visit, particulars, policy, plan)
                if order == 0, plan.policies[policy].isDrawn {
                    if equals.isEmpty { equals = [other] }
                    equals.append(place)
                } else if order < 0 || order == 0 && isFree(place, before: other, of: visit.queue) {
                    best = place
                    equals = []
                }
            }
        }
        guard let best else {
            return overflow(of: visit, particulars, behind: ahead, at: now, plan)
        }
        guard !equals.isEmpty else { return .member(best) }
        let inOrder = equals.sorted { isFree($0, before: $1, of: visit.queue) }
        return .member(inOrder[Self.place(of: draw(), among: inOrder.count)])
    }

    /// The place that a draw of 53 bits means among so many.
    static func place(of draw: UInt64, among count: Int) -> Int {
        Int((draw << 11).multipliedFullWidth(by: UInt64(count)).high)
    }

    /// Whether a member of the queue can take a contact: there are no
    /// ``exclusions(ofMember:for:at:by:)``, but it ends with the first one.
    package func canTake(
        _ visit: PlainVisit, _ particulars: Particulars?, member place: Int, at now: Int64,
        by plan: RoutingPlan
    ) -> Bool {
        let seated = seating.queues[visit.queue]
        let number = seating.members[seated.firstMember + place]
        guard hasRoom(number, channel: visit.channel, plan), let policy = seated.policy else {
            return false
        }
        if seated.asksNothing, particulars == nil { return true }
        return fulfils(number, visit, particulars, at: now, plan.policies[policy], plan)
    }

    /// Whether an operator can take one more contact of a channel, whatever a policy says.
    func hasRoom(_ number: Int, channel: Int, _ plan: RoutingPlan) -> Bool {
        if desks[number].takesOneAtATime {
            return desks[number].presence == .ready && desks[number].atHandCount == 0
        }
        return deskExclusion(of: number, channel: channel, plan).isEmpty
    }

    private func fulfils(
        _ number: Int, _ visit: PlainVisit, _ particulars: Particulars?, at now: Int64,
        _ policy: RoutingPlan.Policy, _ plan: RoutingPlan
    ) -> Bool {
        let waited = max(0, now - visit.since)
        return !lacksSkill(number, for: visit, particulars, waited, policy, plan)
            && policy.takes(plan.staff[number].role, after: waited) == .now
            && !hasRefused(particulars, number, at: now, policy) && !isCapped(number, policy, plan)
    }

    /// Why a member of the queue cannot take a contact.
    package func exclusions(
        ofMember place: Int, for visit: Visit, at now: Int64, by plan: RoutingPlan
    ) -> Exclusions {
        let number = member(place, of: visit.queue)
        guard let policy = plan.queues[visit.queue].policy.map({ plan.policies[$0] }) else {
            return .notLoggedIn
        }
        let waited = max(0, now - visit.since)
        var found = deskExclusion(of: number, channel: visit.channel, plan)
        if lacksSkill(number, for: visit.plain, visit.particulars, waited, policy, plan) {
            found.insert(.missingSkill)
        }
        if policy.takes(plan.staff[number].role, after: waited) != .now { found.insert(.role) }
        if hasRefused(visit.particulars, number, at: now, policy) {
            found.insert(.rejectedRecently)
        }
        if isCapped(number, policy, plan) { found.insert(.teamCap) }
        return found
    }

    private func lacksSkill(
        _ number: Int, for visit: PlainVisit, _ particulars: Particulars?, _ waited: Int64,
        _ policy: RoutingPlan.Policy, _ plan: RoutingPlan
    ) -> Bool {
        lacks(number, plan.queues[visit.queue].needs, waited, policy, plan)
            || lacks(number, particulars?.needs ?? [], waited, policy, plan)
    }

    private func hasRefused(
        _ particulars: Particulars?, _ number: Int, at now: Int64, _ policy: RoutingPlan.Policy
    ) -> Bool {
        refusal(in: particulars, by: number, policy).map { now < $0 } ?? false
    }

    private func isCapped(
        _ number: Int, _ policy: RoutingPlan.Policy, _ plan: RoutingPlan
    ) -> Bool {
        guard !policy.caps.isEmpty, let team = plan.staff[number].team else { return false }
        return policy.caps.contains { $0.team == team && load(ofTeam: team) >= $0.most }
    }

    /// Until when an operator is not asked again for a contact; nil where they have not refused it.
    func refusal(
        in particulars: Particulars?, by number: Int, _ policy: RoutingPlan.Policy
    ) -> Int64? {
        let last = particulars?.refusals.last { $0.operator == number }
        return last.map { later($0.at, by: policy.setting.askAgain ?? PolicySetting.askAgainUs) }
    }

    private func deskExclusion(
        of number: Int, channel: Int, _ plan: RoutingPlan
    ) -> Exclusions {
        switch desks[number].presence {
        case .away: return .notLoggedIn
        case .paused: return .paused
        // Contacts tell what is at hand, as far as there are any.
        case .busy: if desks[number].atHandCount == 0 { return .onContact }
        case .ready: break
        }
        if desks[number].atHandCount > 0 {
            let channels = desks[number].channelsAtHand | UInt64(1) << UInt64(channel)
            if channels & plan.staff[number].exclusiveChannels != 0 { return .onContact }
        }
        let hasRoom = load(of: number, channel: channel) < plan.staff[number].capacities[channel]
        return hasRoom ? [] : .capacityFull
    }

    private func lacks(
        _ number: Int, _ needs: [RoutingPlan.Need], _ waited: Int64,
        _ policy: RoutingPlan.Policy, _ plan: RoutingPlan
    ) -> Bool {
        for need in needs
        where plan.staff[number].level(need.skill) < policy.minimum(need, after: waited) {
            return true
        }
        return false
    }

    /// Negative where the first of two members comes before the other, by all criteria of the
    /// policy but a draw.
    private func compare(
        _ place: Int, _ other: Int, for visit: PlainVisit, _ particulars: Particulars?,
        _ policy: Int, _ plan: RoutingPlan
    ) -> Int64 {
        for criterion in plan.policies[policy].rank {
            let left = score(criterion, ofMember: place, for: visit, particulars, by: plan)
            let right = score(criterion, ofMember: other, for: visit, particulars, by: plan)
            if left != right { return left < right ? -1 : 1 }
        }
        return 0
    }

    /// By what a criterion compares members of a queue: the lower one comes first.
    func score(
        _ criterion: RankCriterion, ofMember place: Int, for visit: PlainVisit,
        _ particulars: Particulars?, by plan: RoutingPlan
    ) -> Int64 {
        let number = member(place, of: visit.queue)
        return switch criterion {
        case .tier: plan.queues[visit.queue].members[place].tier
        case .skill: -levels(of: number, for: visit, particulars, plan)
        case .leastSkilled: levels(of: number, for: visit, particulars, plan)
        case .longestIdle: desks[number].freeSince
        case .fewestContacts: desks[number].answered
        case .leastBusy: desks[number].atHandCount
        case .random: 0
        }
    }

    private func levels(
        of number: Int, for visit: PlainVisit, _ particulars: Particulars?, _ plan: RoutingPlan
    ) -> Int64 {
        var sum: Int64 = 0
        for need in plan.queues[visit.queue].needs { sum += plan.staff[number].level(need.skill) }
        for need in particulars?.needs ?? [] { sum += plan.staff[number].level(need.skill) }
        return sum
    }

    /// Whether a member became free before another one, as the log has it: no two did at once.
    ///
    /// So names decide nothing, and nobody is favoured by theirs.
    private func isFree(_ place: Int, before other: Int, of queue: Int) -> Bool {
        desks[member(place, of: queue)].freeOrder < desks[member(other, of: queue)].freeOrder
    }

    /// The first rule by which a contact goes over to another queue.
    private func overflow(
        of visit: PlainVisit, _ particulars: Particulars?, behind ahead: Int64, at now: Int64,
        _ plan: RoutingPlan
    ) -> RoutingChoice {
        for (place, rule) in plan.queues[visit.queue].overflow.enumerated() {
            if rule.queue == visit.queue
                || particulars?.leftBehind.contains(rule.queue) ?? false
            {
                continue
            }
            if let after = rule.after, now - visit.since >= after { return .overflow(rule: place) }
            // Length is for who comes, and those before them: nobody who waits is sent away because
            // others have come.
            guard let length = rule.length, visit.decidedAt == nil else { continue }
            if ahead >= length { return .overflow(rule: place) }
        }
        return .none
    }
}
