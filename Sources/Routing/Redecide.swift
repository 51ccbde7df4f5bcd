internal import ContactCentre
package import EventLog
internal import JSON

/// A recorded decision, made again from the events that it knew.
package struct Redecision: Sendable {
    package let position: Position
    package let id: EventID
    package let stream: StreamName
    package let verdict: Verdict

    package enum Verdict: Equatable, Sendable {
        case same
        /// What is otherwise, in words; at least one of them.
        case differs([String])
        /// It was made by other rules than those that are known here.
        case otherEngine(Int64)
        /// It is told in a schema version that is not read here.
        case otherSchema(UInt16)
    }
}

extension EventLog {
    /// Makes the decisions again that stand in a range of positions, in their order.
    ///
    /// Linear in the events before the end of the range. In memory are the open contacts, and as
    /// many states as there were routers that had not seen each other's appends.
    /// - Returns: The positions of events of the organisation that are not understood here, so that
    ///   what they settle was not followed.
    /// - Throws: ``LogError``, and whatever `visit` throws.
    package func redecide(
        _ range: Range<UInt64>, _ visit: (Redecision) throws -> Void
    ) throws -> [UInt64] {
        let end = min(range.upperBound, try head().size)
        guard range.lowerBound < end else { return [] }
        var replay = ReplayDecisions(
            try knowledge(ofDecisionsIn: range.lowerBound..<end), of: self)
        var selection = Selection()
        selection.types = FollowRouting.types
        selection.to = Position(end - 1)
        try read(selection) { event in
            replay.open(before: event.position.value)
            if range.contains(event.position.value) {
                for redecision in replay.judge(event) { try visit(redecision) }
            }
            try replay.take(event, of: self)
            return .next
        }
        let isWhole = try end == head().size
        if let last = isWhole ? replay.settle(nil) : replay.unsettled { try visit(last) }
        return replay.notUnderstood
    }

    /// What each decision in a range knew, where it can be read.
    private func knowledge(
        ofDecisionsIn range: Range<UInt64>
    ) throws -> [UInt64: ReplayDecisions.Knowledge] {
        var selection = Selection()
        selection.types = [try EventType(RoutingDecision.Kind.decided.type)]
        selection.from = Position(range.lowerBound)
        selection.to = Position(range.upperBound - 1)
        var knowledge: [UInt64: ReplayDecisions.Knowledge] = [:]
        var unresolved: [(position: UInt64, alsoKnew: UInt64, id: EventID)] = []
        func resolve() throws {
            let events = try events(withIDs: Set(unresolved.map(\.id)))
            for (position, alsoKnew, id) in unresolved {
                guard let last = events[id]?.position.value, last < position else { continue }
                knowledge[position] = .init(next: last + 1, alsoKnew: alsoKnew)
            }
            unresolved = []
        }
        try read(selection) { event in
            // The rest of it is read when it is judged.
            guard let known = RoutingDecision.knowledge(in: event.data.object) else {
                return .next
            }
            let alsoKnew = UInt64(known.alsoKnew)
            if let id = known.upTo.flatMap({ EventID($0) }) {
                unresolved.append((event.position.value, alsoKnew, id))
            } else {
                knowledge[event.position.value] = .init(next: 0, alsoKnew: alsoKnew)
            }
            if unresolved.count == 4_096 { try resolve() }
            return .next
        }
        try resolve()
        return knowledge
    }
}

/// The log once more, and beside it what routers saw who had not seen all of it.
private struct ReplayDecisions {
    /// The events that a decision knew: those before `next`, and some right before itself.
    struct Knowledge {
        let next: UInt64
        let alsoKnew: UInt64
    }

    /// The state of a router whose append came behind others that it had not seen.
    private struct Aside {
        var routing: FollowRouting
        /// Where its append begins, and the last decision in it.
        let begin: UInt64
        let end: UInt64
    }

    private var routing: FollowRouting
    private let knowledge: [UInt64: Knowledge]
    /// States that are still to be kept, the next one last.
    private var planned: [(next: UInt64, begin: UInt64, end: UInt64)] = []
    private var asides: [Aside] = []
    /// What has to follow right behind the last decision, as long as it has not.
    private var nextPlace: UInt64 = 0
    private var pending: (decision: Event, followUps: [FollowUp])?

    /// An event that follows from a decision.
    fileprivate enum FollowUp: Equatable {
        case offer(to: String, by: EventID, ring: Int64?)
        case leave(String)
        case enter(String)
        case offerCallback(by: EventID)
    }

    var notUnderstood: [UInt64] { routing.state.notUnderstood }

    init(_ knowledge: [UInt64: Knowledge], of log: EventLog) {
        routing = FollowRouting(of: log)
        self.knowledge = knowledge
        var appends: [UInt64: (next: UInt64, end: UInt64)] = [:]
        for (position, known) in knowledge where known.alsoKnew <= position {
            let begin = position - known.alsoKnew
            guard known.next < begin else { continue }
            appends[begin] = (known.next, max(position, appends[begin]?.end ?? 0))
        }
        planned = appends.map { ($0.value.next, $0.key, $0.value.end) }
        planned.sort { ($0.next, $0.begin) > ($1.next, $1.begin) }
    }

    /// Keeps the states that are known up to here, and forgets those that nobody needs any more.
    mutating func open(before position: UInt64) {
        asides.removeAll { $0.end < position }
        while let plan = planned.last, plan.next <= position {
            asides.append(Aside(routing: routing, begin: plan.begin, end: plan.end))
            planned.removeLast()
        }
    }

    mutating func take(_ event: Event, of log: EventLog) throws {
        try routing.take(event, of: log)
        for place in asides.indices
        where (asides[place].begin...asides[place].end).contains(event.position.value) {
            try asides[place].routing.take(event, of: log)
        }
    }

    /// What is known of decisions now that an event stands next: of one that it follows from, and
    /// of itself where it is one from which nothing has to follow.
    mutating func judge(_ event: Event) -> [Redecision] {
        var found: [Redecision] = []
        if let settled = settle(event) { found.append(settled) }
        if event.type.text == RoutingDecision.Kind.decided.type {
            let verdict = verdict(on: event)
            if pending == nil { found.append(Redecision(event, verdict)) }
        }
        return found
    }

    /// Holds the next event that means something to routing against what has to follow from the
    /// last decision.
    ///
    /// - Parameter event: That event; nil at the end of the log.
    /// - Returns: What has become of the decision, where that is settled now.
    mutating func settle(_ event: Event?) -> Redecision? {
        guard let (decision, followUps) = pending, let next = followUps.first else { return nil }
        let isNext = event.map { $0.position.value == nextPlace } ?? false
        guard isNext, let event, event.stream == decision.stream, next == FollowUp(event) else {
            pending = nil
            let words = "what follows from it is not there, or is otherwise: \(next.words)"
            return Redecision(decision, .differs([words]))
        }
        nextPlace += 1
        let others = Array(followUps.dropFirst())
        pending = others.isEmpty ? nil : (decision, others)
        return others.isEmpty ? Redecision(decision, .same) : nil
    }

    /// The last decision of a range behind which nothing is looked at.
    var unsettled: Redecision? { pending.map { Redecision($0.decision, .same) } }

    private mutating func expect(
        _ decision: RoutingDecision, of event: Event, by routing: FollowRouting
    ) {
        nextPlace = event.position.value + 1
        switch (decision.selected, decision.selectedID) {
        case (.operator, let name?):
            let ring = routing.state.terms(ofOffersBy: decision.policy, to: name).ring
            pending = (event, [.offer(to: name, by: event.id, ring: ring)])
        case (.overflowQueue, let target?):
            pending = (event, [.leave(decision.queue), .enter(target)])
        case (.callback, _): pending = (event, [.offerCallback(by: event.id)])
        default: pending = nil
        }
    }

    private mutating func verdict(on event: Event) -> Redecision.Verdict {
        let recorded: RoutingDecision
        do throws(PayloadError) {
            guard
                let read = try RoutingDecision(schema: event.schema, payload: event.data.object)
            else { return .otherSchema(event.schema) }
            recorded = read
        } catch {
            return .differs(["it cannot be read: \(error)"])
        }
        guard let rules = RoutingRules(rawValue: recorded.engineVersion) else {
            return .otherEngine(recorded.engineVersion)
        }
        let position = event.position.value
        guard let known = knowledge[position], known.alsoKnew <= position,
            known.next <= position - known.alsoKnew
        else {
            return .differs([
                "what it knew, up to the event \(recorded.knewUpTo ?? "none") and "
                    + "\(recorded.alsoKnew) before it, does not stand before it in this log"
            ])
        }
        let begin = position - known.alsoKnew
        let aside = asides.firstIndex { $0.begin == begin && known.next < begin }
        var again =
            if let aside { asides[aside].routing.decision(on: event, by: rules) } else {
                routing.decision(on: event, by: rules)
            }
        again?.knewUpTo = recorded.knewUpTo
        again?.alsoKnew = recorded.alsoKnew
        let differences = recorded.differences(from: again)
        guard differences.isEmpty else { return .differs(differences) }
        expect(recorded, of: event, by: aside.map { asides[$0].routing } ?? routing)
        return .same
    }
}

extension ReplayDecisions.FollowUp {
    /// Nil for other events.
    fileprivate init?(_ event: Event) {
        let told = try? ContactEvent(
            type: event.type.text, schema: event.schema, payload: event.data.object)
        switch told {
        case .offerMade(let offer):
            guard let id = offer.decision.flatMap({ EventID($0) }) else { return nil }
            self = .offer(to: offer.operator.text, by: id, ring: offer.ring)
        case .leftQueue(let left):
            guard left.reason == .overflowed else { return nil }
            self = .leave(left.queue.text)
        case .queued(let queued):
            guard queued.reason == .overflow else { return nil }
            self = .enter(queued.queue.text)
        case .waitAnnounced(let announcement):
            guard announcement.alternatives == [.callback],
                let id = announcement.decision.flatMap({ EventID($0) })
            else { return nil }
            self = .offerCallback(by: id)
        default: return nil
        }
    }

    fileprivate var words: String {
        switch self {
        case .offer(let name, _, let ring):
            "the offer to \(name)" + (ring.map { " for \($0) µs" } ?? "")
        case .leave(let queue): "leaving the queue \(queue)"
        case .enter(let queue): "going over to the queue \(queue)"
        case .offerCallback: "the offer to call back"
        }
    }
}

extension FollowRouting {
    fileprivate mutating func decision(
        on event: Event, by rules: RoutingRules
    ) -> RoutingDecision? {
        ask { state in
            state.rules = rules
            defer { state.rules = .present }
            return state.decision(
                for: event.stream.text, at: event.occurred, .all, toldIn: event.schema)
        }
    }
}

extension Redecision {
    fileprivate init(_ event: Event, _ verdict: Verdict) {
        self.init(position: event.position, id: event.id, stream: event.stream, verdict: verdict)
    }
}
