internal import ContactCentre
internal import Description
package import EventLog
package import JSON

/// Who answered a contact and was not decided to, beside whom the policy would have chosen.
package struct Assignment: Sendable {
    package let position: Position
    package let stream: StreamName
    package let moment: Instant
    package let queue: String
    package let `operator`: String
    package let verdict: Verdict
    /// Who could take it by the policy.
    package let eligible: Int64
    /// Why, by the policy, who answered could not.
    package let hindrances: [String]
    package let turn: Turn

    package enum Verdict: Hashable, Sendable {
        case same
        case other(String)
        case nobody
        case overflow(String)
        /// Its queue has no policy, or nothing is known to wait.
        case unrouted
    }

    package enum Turn: Hashable, Sendable {
        case inTurn
        /// Somebody more urgent waited whom the operator could have taken.
        case outOfTurn
    }
}

extension EventLog {
    /// Holds who answered and was not decided to against the policies, as Routing.md describes.
    ///
    /// Linear but for sorting; in memory are the events of contacts and operators before the end of
    /// the range.
    ///
    /// - Parameters:
    ///   - range: The positions at which contacts leave queues.
    ///   - idleCut: How long operators may have nothing to do who are still at work, in µs.
    ///   - visit: Takes in each assignment, in the order of their moments.
    /// - Returns: Of how many operators it was inferred when they were at work.
    /// - Throws: ``LogError``, and whatever `visit` throws.
    package func compareAssignments(
        _ range: Range<UInt64>, idleCut: Int64, _ visit: (Assignment) throws -> Void
    ) throws -> Int {
        let end = min(range.upperBound, try head().size)
        guard range.lowerBound < end else { return 0 }
        var history = AnsweredHistory()
        var selection = Selection()
        selection.types = FollowRouting.types
        selection.to = Position(end - 1)
        try read(selection) { event in
            history.take(event)
            return .next
        }
        let inferred = history.inferWork(idleCut: idleCut)
        var routing = FollowRouting(of: self)
        routing.replace(try organisation(before: end).organisation)
        try history.replay(&routing, judging: range, visit)
        return inferred
    }
}

/// The events of contacts and operators, and who answered what.
private struct AnsweredHistory {
    private struct Entry {
        /// In the order of which they happened where they did at one moment.
        let moment: (time: Int64, rank: Rank, position: UInt64)
        let fact: RoutingFact
    }

    private enum Rank: Int {
        case begin, told, end
    }

    /// From leaving the queue until the last that was told of the contact, with their positions.
    private struct Conversation {
        var begin: (time: Int64, position: UInt64)
        var end: (time: Int64, position: UInt64)
    }

    /// How a contact stands whose answer nobody has decided.
    private struct Visit {
        /// Whom the last decision selected.
        var selected: String?
        /// The position and moment of leaving the queue as answered.
        var answered: (position: UInt64, time: Int64)?
        /// Who speaks with it, and the place among the conversations of that operator.
        var talk: (operator: String, place: Int)?
        /// The end of the conversation, as long as no after-work is told.
        var disconnected: RoutingFact?
    }

    /// Conversations behind which no after-work is told, by their ends, and whose they were.
    private var withoutAfterWork: [(end: RoutingFact, operator: String)] = []

    private var entries: [Entry] = []
    /// The last moment of each stream.
    private var clocks: [String: Int64] = [:]
    private var visits: [String: Visit] = [:]
    private var conversations: [String: [Conversation]] = [:]
    private var presenceIsTold: Set<String> = []
    /// Who answered what left its queue at a position.
    private var answers: [UInt64: String] = [:]

    mutating func take(_ event: Event) {
        let time = max(clocks[event.stream.text] ?? .min, event.occurred.microseconds)
        let fact = RoutingFact(event).moved(to: Instant(microseconds: time))
        // The organisation is known as a whole.
        let (schema, payload) = (fact.schema, fact.payload)
        if let kind = ContactEvent.Kind(rawValue: fact.type) {
            guard let told = try? ContactEvent(kind, schema: schema, payload: payload) else {
                return
            }
            note(told, fact)
        } else if let kind = OperatorEvent.Kind(rawValue: fact.type) {
            guard kind.reads(schema) else { return }
            presenceIsTold.insert(fact.stream)
        } else if fact.type == RoutingDecision.Kind.decided.type {
            guard let decision = try? RoutingDecision(schema: schema, payload: payload) else {
                return
            }
            let name = decision.selected == .operator ? decision.selectedID : nil
            visits[fact.stream, default: Visit()].selected = name
        } else {
            return
        }
        clocks[fact.stream] = time
        add(fact, .told)
    }

    private mutating func add(_ fact: RoutingFact, _ rank: Rank) {
        entries.append(
            Entry(moment: (fact.occurred.microseconds, rank, fact.position), fact: fact))
    }

    private mutating func note(_ told: ContactEvent, _ fact: RoutingFact) {
        let now = fact.occurred.microseconds
        switch told {
        case .queued:
            noteAfterWork(of: fact.stream)
            visits[fact.stream] = Visit()
        case .leftQueue(let left) where left.reason == .answered:
            visits[fact.stream, default: Visit()].answered = (fact.position, now)
        case .leftQueue: visits[fact.stream]?.answered = nil
        case .connected(let name?): connect(name.text, fact)
        case .connected(nil):
            noteAfterWork(of: fact.stream)
            visits[fact.stream]?.answered = nil
            visits[fact.stream]?.talk = nil
        case .transferred: end(fact)
        case .disconnected:
            end(fact)
            visits[fact.stream]?.disconnected = fact
        case .afterWorkEnded(let name):
            // Who handed the contact on is not the one who speaks with it, or did last.
            if let name, let talk = visits[fact.stream]?.talk, talk.operator != name.text { break }
            end(fact)
            visits[fact.stream]?.disconnected = nil
        default: break
        }
    }

    private mutating func connect(_ name: String, _ fact: RoutingFact) {
        noteAfterWork(of: fact.stream)
        var visit = visits[fact.stream] ?? Visit()
        let begin =
            visit.answered.map { ($0.time, $0.position) }
            ?? (fact.occurred.microseconds, fact.position)
        if let answered = visit.answered, visit.selected != name {
            answers[answered.position] = name
        }
        visit.answered = nil
        visit.talk = (name, conversations[name]?.count ?? 0)
        conversations[name, default: []].append(Conversation(begin: begin, end: begin))
        visits[fact.stream] = visit
    }

    private mutating func end(_ fact: RoutingFact) {
        guard let (name, place) = visits[fact.stream]?.talk else { return }
        conversations[name]?[place].end = (fact.occurred.microseconds, fact.position)
    }

    /// Keeps the end of a conversation when something else begins for the contact.
    private mutating func noteAfterWork(of stream: String) {
        guard let visit = visits[stream], let talk = visit.talk, let end = visit.disconnected
        else { return }
        withoutAfterWork.append((end, talk.operator))
        visits[stream]?.disconnected = nil
    }

    /// Tells when those operators were at work of whom no event does.
    mutating func inferWork(idleCut: Int64) -> Int {
        for stream in Array(visits.keys) { noteAfterWork(of: stream) }
        visits = [:]
        let silent = conversations.keys.filter { !presenceIsTold.contains(Self.stream(of: $0)) }
        for name in silent {
            for spell in spells(of: name, idleCut) {
                tell(.loggedIn, of: name, at: spell.begin, .begin)
                tell(.loggedOut, of: name, at: spell.end, .end)
            }
        }
        let names = Set(silent)
        for (end, name) in withoutAfterWork where names.contains(name) {
            tellAfterWork(behind: end)
        }
        return silent.count
    }

    private func spells(of name: String, _ idleCut: Int64) -> [Conversation] {
        var spells: [Conversation] = []
        for talk in (conversations[name] ?? []).sorted(by: { $0.begin < $1.begin }) {
            if let last = spells.last, talk.begin.time - last.end.time <= idleCut {
                spells[spells.count - 1].end = last.end < talk.end ? talk.end : last.end
            } else {
                spells.append(talk)
            }
        }
        return spells
    }

    private static func stream(of name: String) -> String {
        StreamPrefix.operator + percentEncoded(name, .stream)
    }

    private mutating func tell(
        _ event: OperatorEvent, of name: String, at moment: (time: Int64, position: UInt64),
        _ rank: Rank
    ) {
        guard let kind = event.kind else { return }
        add(
            RoutingFact(
                type: kind.rawValue, schema: kind.schema, stream: Self.stream(of: name),
                position: moment.position, occurred: Instant(microseconds: moment.time),
                payload: JSONPayload(checked: event.payload[...]), groups: []), rank)
    }

    private mutating func tellAfterWork(behind fact: RoutingFact) {
        let event = ContactEvent.afterWorkEnded(nil)
        let kind = ContactEvent.Kind.afterWorkEnded
        add(
            RoutingFact(
                type: kind.type, schema: kind.schema,
                stream: fact.stream, position: fact.position, occurred: fact.occurred,
                payload: JSONPayload(checked: event.payload[...]), groups: []), .told)
    }

    /// Lets all happen once more, in the order of time.
    mutating func replay(
        _ routing: inout FollowRouting, judging range: Range<UInt64>,
        _ visit: (Assignment) throws -> Void
    ) throws {
        // The order of entries stays where all else is equal: after-work follows its conversation.
        let order = entries.indices.sorted { left, right in
            let (one, other) = (entries[left].moment, entries[right].moment)
            return (one.time, one.rank.rawValue, one.position, left)
                < (other.time, other.rank.rawValue, other.position, right)
        }
        for (number, place) in order.enumerated() {
            let (fact, rank) = (entries[place].fact, entries[place].moment.rank)
            if rank == .told, fact.type == ContactEvent.Kind.leftQueue.rawValue,
                range.contains(fact.position), let name = answers[fact.position]
            {
                try visit(try routing.assignment(of: fact, to: name))
            }
            routing.apply(fact, at: UInt64(number))
        }
    }
}

extension RoutingFact {
    /// The same at another moment or place.
    fileprivate func moved(to moment: Instant, position: UInt64? = nil) -> RoutingFact {
        RoutingFact(
            type: type, schema: schema, stream: stream, position: position ?? self.position,
            occurred: moment, payload: payload, groups: groups)
    }
}

extension FollowRouting {
    fileprivate mutating func replace(_ organisation: Organisation) {
        ask { $0.replace(organisation) }
    }

    /// Takes in a fact in another order than that of the log.
    fileprivate mutating func apply(_ fact: RoutingFact, at place: UInt64) {
        ask { $0.apply(fact.moved(to: fact.occurred, position: place)) }
    }

    /// Who answers has been offered the contact, so that would decide everything.
    private mutating func askAsIfNotOffered<Answer>(
        _ stream: String, _ question: (inout RoutingState) -> Answer
    ) -> Answer {
        ask { $0.asIfNotOffered(stream, question) }
    }

    fileprivate mutating func assignment(
        of fact: RoutingFact, to name: String
    ) throws(EventError) -> Assignment {
        let now = fact.occurred
        let decision = askAsIfNotOffered(fact.stream) {
            $0.decision(for: fact.stream, at: now, .all)
        }
        let verdict: Assignment.Verdict =
            switch (decision?.selected, decision?.selectedID) {
            case (nil, _): .unrouted
            case (.operator, name): .same
            case (.operator, let other?): .other(other)
            case (.overflowQueue, let queue?): .overflow(queue)
            default: .nobody
            }
        let hindrances = decision.map { _ in
            askAsIfNotOffered(fact.stream) {
                $0.hindrances(of: name, toTake: fact.stream, at: now)
            }
        }
        let isOutOfTurn = askAsIfNotOffered(fact.stream) {
            $0.hasMoreUrgent(than: fact.stream, for: name, at: now)
        }
        let queue = fact.payload?.string("queueId") ?? ""
        return Assignment(
            position: Position(fact.position), stream: try StreamName(fact.stream), moment: now,
            queue: queue, operator: name, verdict: verdict,
            eligible: decision?.candidatesEligible ?? 0,
            hindrances: hindrances ?? [], turn: isOutOfTurn ? .outOfTurn : .inTurn)
    }
}
