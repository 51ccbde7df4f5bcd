package import JSON

// What explains a wait, as the state has it at one place of the log.
extension RoutingState {
    /// How a contact stands that waits.
    package struct Standing: Sendable {
        package let queue: String
        /// When it entered the queue.
        package let entered: Instant
        /// When it began to wait at all.
        package let since: Instant
        /// Its points of priority: its own, and those of the rules.
        package let points: Int64
        /// Contacts in the queue that are more urgent; nil where no policy says what that is.
        package let ahead: Int?
        /// How many operators serve the queue; nil where no such queue is described.
        package let members: Int?
        /// Nil where the policy decides about it.
        package let held: Held?

        /// Whom it waits for, since somebody has chosen that.
        package struct Held: Equatable, Sendable {
            /// Of the event that says so.
            package let position: UInt64
            package let `operator`: String

            init(position: UInt64, for operator: String) {
                self.position = position
                self.operator = `operator`
            }
        }
    }

    /// What keeps an operator from contacts, or does not.
    package enum Occupation: Hashable, Sendable {
        case notAtWork
        /// Not available, by their own status.
        case paused(String)
        case withContacts
        case free
    }

    /// How a contact waits; nil where it does not.
    package mutating func standing(of stream: String, at now: Instant) -> Standing? {
        plan(for: now)
        guard let contact = contacts[ExactText(stream)], let visit = contact.visit else {
            return nil
        }
        let ahead = lines.flatMap { lines in
            contact.place.map { lines.ahead(of: $0, in: visit.queue) }
        }
        return Standing(
            queue: names.queues.names[visit.queue], entered: Instant(microseconds: visit.since),
            since: Instant(microseconds: visit.seniority),
            points: policy(of: visit).map { points(of: contact, visit, $0) }
                ?? contact.heededPriority,
            ahead: ahead,
            members: describedQueue(visit.queue)?.members.count,
            held: held(contact))
    }

    private func describedQueue(_ number: Int) -> RoutingPlan.Queue? {
        guard number < plan.queues.count, plan.queues[number].centre != nil else { return nil }
        return plan.queues[number]
    }

    private func held(_ contact: Contact) -> Standing.Held? {
        guard let position = contact.override?.position, let choice = override(of: contact) else {
            return nil
        }
        switch choice {
        case .operator(let number):
            return Standing.Held(position: position, for: names.operators.names[number])
        // It goes over with the next look of a router.
        case .queue: return nil
        }
    }

    /// What those do who serve a queue, by the names of the operators.
    package mutating func occupations(
        inQueue name: String, at now: Instant
    ) -> [(operator: String, occupation: Occupation)] {
        plan(for: now)
        guard let queue = names.queues.known(name), queue < plan.queues.count else { return [] }
        return plan.queues[queue].members.map { member in
            (names.operators.names[member.operator], occupation(of: member.operator))
        }
    }

    /// What an operator does; not at work, where nobody has heard of them.
    package func occupation(of name: String) -> Occupation {
        names.operators.known(name).map { occupation(of: $0) } ?? .notAtWork
    }

    private func occupation(of number: Int) -> Occupation {
        guard number < floor.desks.count else { return .notAtWork }
        let desk = floor.desks[number]
        if desk.presence == .away { return .notAtWork }
        if desk.atHandCount > 0 { return .withContacts }
        return desk.presence == .ready ? .free : .paused(desk.status?.name ?? "")
    }

    /// An operator as a decision about a contact would tell of them, with all reasons; nil where
    /// they do not serve its queue, and where there is nothing to decide.
    package mutating func candidate(
        named name: String, for stream: String, at now: Instant
    ) -> RoutingCandidate? {
        wholeDecision(for: stream, at: now, .all)?.candidates.first {
            ExactText($0.operator) == ExactText(name)
        }
    }
}
