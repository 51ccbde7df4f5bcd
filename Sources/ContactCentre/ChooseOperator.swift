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
    ///
    /// Most look at nobody or at one member. What only others need is not inlined, and takes no
    /// registers from them.
    package func choose(
        for visit: PlainVisit, _ particulars: Particulars?, behind ahead: Int64, at now: Int64,
        by plan: RoutingPlan, draw: () -> UInt64
    ) -> RoutingChoice {
        let queue = seating.queues[visit.queue]
        guard queue.policy != nil else { return .none }
        let asksForRoomOnly = queue.asksForRoomOnly && particulars == nil
        var best: Candidate?
        for word in queue.words {
            var bits = openMembers[word]
            let first = (word - queue.words.lowerBound) * UInt64.bitWidth
            while bits != 0 {
                let candidate = candidate(first + bits.trailingZeroBitCount, of: queue)
                bits &= bits &- 1
                if !asksForRoomOnly {
                    guard canTake(visit, particulars, candidate, at: now, by: plan) else {
                        continue
                    }
                }
                guard let other = best else {
                    best = candidate
                    continue
                }
                if precedes(candidate, other, for: visit, particulars, plan) { best = candidate }
            }
        }
        guard let best else {
            guard queue.hasOverflow else { return .none }
            return overflow(of: visit, particulars, behind: ahead, at: now, plan)
        }
        guard queue.isDrawn else { return .member(best.place) }
        let equals = equals(of: best, for: visit, particulars, at: now, plan)
        guard equals.count > 1 else { return .member(best.place) }
        return .member(equals[Self.place(of: draw(), among: equals.count)].place)
    }

    /// A member of a queue, by the place among its members and the number of the operator.
    struct Candidate {
        let place: Int
        let number: Int
    }

    private func candidate(_ place: Int, of queue: SeatedQueue) -> Candidate {
        Candidate(place: place, number: seating.members[queue.firstMember + place])
    }

    /// The members who can take a contact and whom no criterion tells from the best one, in the
    /// order in which they became free.
    @inline(never)
    private func equals(
        of best: Candidate, for visit: PlainVisit, _ particulars: Particulars?, at now: Int64,
        _ plan: RoutingPlan
    ) -> [Candidate] {
        let queue = seating.queues[visit.queue]
        return plan.queues[visit.queue].members.indices.map { candidate($0, of: queue) }.filter {
            canTake(visit, particulars, $0, at: now, by: plan)
                && compare($0, best, for: visit, particulars, plan) == 0
        }.sorted { desks[$0.number].freeOrder < desks[$1.number].freeOrder }
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
        let candidate = candidate(place, of: seating.queues[visit.queue])
        return canTake(visit, particulars, candidate, at: now, by: plan)
    }

    @inline(never)
    private func canTake(
        _ visit: PlainVisit, _ particulars: Particulars?, _ candidate: Candidate, at now: Int64,
        by plan: RoutingPlan
    ) -> Bool {
        let number = candidate.number
        guard hasRoom(number, channel: visit.channel, plan),
            let policy = seating.queues[visit.queue].policy
        else { return false }
        if seating.queues[visit.queue].asksNothing, particulars == nil { return true }
        return fulfils(number, visit, particulars, at: now, plan.policies[policy], plan)
    }

    /// Whether an operator can take one more contact of a channel, whatever a policy says.
    func hasRoom(_ number: Int, channel: Int, _ plan: RoutingPlan) -> Bool {
        if desks[number].takesOneAtATime { return desks[number].isOpen }
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

    /// Whether the first of two members comes before the other.
    ///
    /// Where no criterion tells them apart, it does who became free before the other, as the log
    /// has it: no two did at once. So names decide nothing, and nobody is favoured by theirs.
    @inline(never)
    private func precedes(
        _ candidate: Candidate, _ other: Candidate, for visit: PlainVisit,
        _ particulars: Particulars?, _ plan: RoutingPlan
    ) -> Bool {
        let order = compare(candidate, other, for: visit, particulars, plan)
        guard order == 0 else { return order < 0 }
        return desks[candidate.number].freeOrder < desks[other.number].freeOrder
    }

    /// Negative where the first of two members comes before the other, by all criteria of the
    /// policy but a draw.
    private func compare(
        _ candidate: Candidate, _ other: Candidate, for visit: PlainVisit,
        _ particulars: Particulars?, _ plan: RoutingPlan
    ) -> Int64 {
        for rank in seating.queues[visit.queue].ranks {
            let criterion = seating.ranks[rank]
            let left = score(criterion, of: candidate, for: visit, particulars, by: plan)
            let right = score(criterion, of: other, for: visit, particulars, by: plan)
            if left != right { return left < right ? -1 : 1 }
        }
        return 0
    }

    /// By what a criterion compares members of a queue: the lower one comes first.
    func score(
        _ criterion: RankCriterion, ofMember place: Int, for visit: PlainVisit,
        _ particulars: Particulars?, by plan: RoutingPlan
    ) -> Int64 {
        let candidate = candidate(place, of: seating.queues[visit.queue])
        return score(criterion, of: candidate, for: visit, particulars, by: plan)
    }

    private func score(
        _ criterion: RankCriterion, of candidate: Candidate, for visit: PlainVisit,
        _ particulars: Particulars?, by plan: RoutingPlan
    ) -> Int64 {
        switch criterion {
        case .tier: plan.queues[visit.queue].members[candidate.place].tier
        case .skill: -levels(of: candidate.number, for: visit, particulars, plan)
        case .leastSkilled: levels(of: candidate.number, for: visit, particulars, plan)
        case .longestIdle: desks[candidate.number].freeSince
        case .fewestContacts: desks[candidate.number].answered
        case .leastBusy: desks[candidate.number].atHandCount
        case .random: 0
        }
    }

    @inline(never)
    private func levels(
        of number: Int, for visit: PlainVisit, _ particulars: Particulars?, _ plan: RoutingPlan
    ) -> Int64 {
        var sum: Int64 = 0
        for need in plan.queues[visit.queue].needs { sum += plan.staff[number].level(need.skill) }
        for need in particulars?.needs ?? [] { sum += plan.staff[number].level(need.skill) }
        return sum
    }

    /// The first rule by which a contact goes over to another queue.
    @inline(never)
    private func overflow(
        of visit: PlainVisit, _ particulars: Particulars?, behind ahead: Int64, at now: Int64,
        _ plan: RoutingPlan
    ) -> RoutingChoice {
        for place in plan.queues[visit.queue].overflow.indices {
            let rule = plan.queues[visit.queue].overflow[place]
            guard applies(rule, to: visit, particulars, behind: ahead, at: now),
                plan.queues[rule.queue].isOpen(at: now)
            else { continue }
            return .overflow(rule: place)
        }
        return .none
    }

    /// Whether a contact goes over by a rule where the other queue is open.
    func applies(
        _ rule: RoutingPlan.Overflow, to visit: PlainVisit, _ particulars: Particulars?,
        behind ahead: Int64, at now: Int64
    ) -> Bool {
        if rule.queue == visit.queue || particulars?.leftBehind.contains(rule.queue) ?? false {
            return false
        }
        if let after = rule.after, now - visit.since >= after { return true }
        // Length is for who comes, and those before them: nobody who waits is sent away because
        // others have come.
        guard let length = rule.length, visit.decidedAt == nil else { return false }
        return ahead >= length
    }
}
