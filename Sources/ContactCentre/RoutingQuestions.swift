package import JSON

// What a router asks of the state besides decisions.
extension RoutingState {
    /// Offers that are over although nobody says so, in the order of the contacts' streams.
    ///
    /// Nobody answered in the time that they were to stand, whom they were made to has logged out,
    /// or somebody has chosen otherwise and that can be done at once. What an operator has accepted
    /// stays with them.
    package mutating func offersToEnd(at now: Instant) -> [OfferToEnd] {
        plan(for: now)
        return waiting.values.compactMap { stream -> OfferToEnd? in
            guard let hand = contacts[stream]?.hand,
                let name = OperatorID(names.operators.names[hand.operator])
            else { return nil }
            let end: ContactEvent.OfferEnd
            switch hand.stage {
            case .offered(let until?) where until <= now.microseconds: end = .missed
            case .gone: end = .rescinded
            case .offered where isForSomebodyElse(stream): end = .rescinded
            case .offered, .accepted, .talking, .afterWork: return nil
            }
            return OfferToEnd(
                contact: WaitingContact(stream: stream.text), operator: name, end: end)
        }.sorted { ExactText($0.contact.stream) < ExactText($1.contact.stream) }
    }

    /// Asks something as if a contact that waits were not being offered to anybody.
    package mutating func asIfNotOffered<Answer>(
        _ stream: String, _ question: (inout RoutingState) -> Answer
    ) -> Answer {
        let stream = ExactText(stream)
        guard contacts[stream]?.visit != nil, let hand = contacts[stream]?.hand else {
            return question(&self)
        }
        let held = atHand[hand.operator]
        contacts[stream]?.hand = nil
        atHand[hand.operator]?.removeAll { $0 == stream }
        floor.takeBack(hand.operator, channel: hand.channel)
        defer {
            contacts[stream]?.hand = hand
            atHand[hand.operator] = held
            floor.take(hand.operator, channel: hand.channel)
        }
        return question(&self)
    }

    /// The name of the contact that an operator has had at hand for longest.
    func firstAtHand(of number: Int) -> String? {
        atHand[number]?.first.map { stream in
            let (text, prefix) = (stream.text.utf8, StreamPrefix.contact.utf8)
            let isNamed = text.count > prefix.count && text.starts(with: prefix)
            return isNamed
                ? String(Substring(text.dropFirst(prefix.count))) : stream.text
        }
    }

    /// Whether somebody has chosen otherwise, and that can be done now.
    private func isForSomebodyElse(_ stream: ExactText) -> Bool {
        guard let contact = contacts[stream], let visit = contact.visit else { return false }
        return move(of: contact, visit) != nil
    }

    /// An offer that a router ends.
    package struct OfferToEnd: Sendable {
        package let contact: WaitingContact
        package let `operator`: OperatorID
        package let end: ContactEvent.OfferEnd
    }

    /// How long an offer by a policy stands, and the team of the operator where any policy counts
    /// what it has at hand.
    package func terms(
        ofOffersBy policy: String?, to name: String
    ) -> (ring: Int64?, cappedTeam: String?) {
        let policy = policy.map { ExactText($0) }
        let own = plan.policies.first { ExactText($0.name) == policy }
        let team = names.operators.known(name).flatMap { number in
            number < plan.staff.count ? plan.staff[number].team : nil
        }
        let isCapped = plan.policies.contains { policy in
            policy.caps.contains { $0.team == team }
        }
        return (own?.setting.ring, isCapped ? team.map { names.teams.names[$0] } : nil)
    }

    /// What a contact that waits has declared of itself.
    package func declared(of stream: String) -> (priority: Int64, skills: [SkillNeed]) {
        let contact = contacts[ExactText(stream)]
        return (contact?.priority ?? 0, contact?.needs ?? [])
    }

    /// The centre of a queue, where it is settled.
    package func centre(ofQueue name: String) -> String? {
        names.queues.known(name).flatMap { $0 < plan.queues.count ? plan.queues[$0].centre : nil }
    }

    /// The next moment at which time alone may change what is decided; nil where it does not.
    package mutating func nextMoment(after now: Instant) -> Instant? {
        plan(for: now)
        var next = planEnds ?? .max
        func note(_ moment: Int64) { if moment > now.microseconds { next = min(next, moment) } }
        noteCallbacks(note)
        for stream in waiting.values {
            guard let contact = contacts[stream], let visit = contact.visit else { continue }
            if case .offered(let until?) = contact.hand?.stage { note(until) }
            guard contact.hand == nil, let policy = policy(of: visit) else { continue }
            callbackOffer(to: contact, visit, by: policy).map { note($0) }
            for step in policy.steps { note(later(visit.since, by: step)) }
            for rule in plan.queues[visit.queue].overflow {
                guard let after = rule.after else { continue }
                note(later(visit.since, by: after))
                guard let hours = plan.queues[rule.queue].hours else { continue }
                note(hours.opening(after: now.microseconds) ?? hoursEnd)
            }
            for refusal in visit.refusals {
                floor.refusal(in: visit.particulars, by: refusal.operator, policy).map { note($0) }
            }
        }
        return next == .max ? nil : Instant(microseconds: next)
    }

    /// Contacts that wait, also those that are being offered to somebody.
    package struct WaitingTally: Equatable, Sendable {
        package var total = 0
        /// In queues without a policy, which nobody routes.
        package var withoutPolicy = 0
        /// In queues with a policy that no operator serves.
        package var unserved = 0
        /// In queues with a policy of whose operators nobody is at work.
        package var unstaffed = 0
        /// The queues without a policy, in the order of their names' bytes.
        package var queuesWithoutPolicy: [String] = []
    }

    /// How many contacts wait, and of how many of them routing can make nothing.
    package mutating func waitingTally(at now: Instant) -> WaitingTally {
        plan(for: now)
        var tally = WaitingTally()
        var queues: Set<ExactText> = []
        for stream in waiting.values {
            guard let visit = contacts[stream]?.visit else { continue }
            tally.total += 1
            if policy(of: visit) == nil {
                tally.withoutPolicy += 1
                queues.insert(ExactText(names.queues.names[visit.queue]))
            } else if plan.queues[visit.queue].members.isEmpty {
                tally.unserved += 1
            } else if plan.queues[visit.queue].members.allSatisfy({ member in
                floor.desks[member.operator].presence == .away
            }) {
                tally.unstaffed += 1
            }
        }
        tally.queuesWithoutPolicy = queues.sorted().map(\.text)
        return tally
    }

    /// How many contacts are open.
    package var openCount: Int { contacts.count }

    /// How many decisions have been made about a contact that is open.
    package func decisions(about stream: String) -> UInt64 {
        contacts[ExactText(stream)]?.decisions ?? 0
    }

    /// Why an operator could not take a contact that waits, in the words of decisions; none where
    /// they could.
    package mutating func hindrances(
        of name: String, toTake stream: String, at now: Instant
    ) -> [String] {
        plan(for: now)
        guard let visit = visitWithLanguage(of: stream) else { return [] }
        guard let place = place(of: name, amongMembersOf: visit.queue) else {
            return ["not_a_member"]
        }
        let found = floor.exclusions(ofMember: place, for: visit, at: now.microseconds, by: plan)
        return found.kinds.map(\.rawValue)
    }

    /// Whether somebody waits who is more urgent than a contact and whom an operator could take.
    package mutating func hasMoreUrgent(
        than stream: String, for name: String, at now: Instant
    ) -> Bool {
        plan(for: now)
        guard let lines, let own = contacts[ExactText(stream)]?.place else { return false }
        for queue in plan.queues.indices {
            guard let member = place(of: name, amongMembersOf: queue) else { continue }
            for index in 0..<lines.count(in: queue) {
                guard let standing = lines.place(index, in: queue), standing < own else { break }
                guard let other = waiting[UInt64(standing.contact)],
                    let contact = contacts[other], contact.hand == nil,
                    override(of: contact) == nil, let visit = visitWithLanguage(of: other.text)
                else { continue }
                let found = floor.exclusions(
                    ofMember: member, for: visit, at: now.microseconds, by: plan)
                if found.isEmpty { return true }
            }
        }
        return false
    }

    /// What a contact waits for, its language among the needs.
    func visitWithLanguage(of stream: String) -> RoutingFloor.Visit? {
        guard let contact = contacts[ExactText(stream)], var visit = contact.visit,
            let policy = policy(of: visit)
        else { return nil }
        if let need = contact.language.flatMap({ policy.need(ofLanguage: $0, by: rules) }) {
            visit.needs.append(need)
        }
        return visit
    }

    private func place(of name: String, amongMembersOf queue: Int) -> Int? {
        names.operators.known(name).flatMap { number in
            plan.queues[queue].members.firstIndex { $0.operator == number }
        }
    }
}

extension Exclusions {
    /// In the order in which decisions tell them.
    fileprivate var kinds: [ExclusionKind] {
        let all: [(Exclusions, ExclusionKind)] = [
            (.notLoggedIn, .notLoggedIn), (.paused, .paused), (.onContact, .onContact),
            (.capacityFull, .capacityFull), (.missingSkill, .missingSkill), (.role, .role),
            (.rejectedRecently, .rejectedRecently), (.teamCap, .teamCap),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}
