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
    }
}

extension EventLog {
    /// Makes the decisions again that stand in a range of positions, in their order.
    ///
    /// Linear in the events before the end of the range. In memory are the open contacts, and as
    /// many states as there were routers that had not seen each other's appends.
    /// - Throws: ``LogError``, and whatever `visit` throws.
    package func redecide(
        _ range: Range<UInt64>, _ visit: (Redecision) throws -> Void
    ) throws {
        let end = min(range.upperBound, try head().size)
        guard range.lowerBound < end else { return }
        var replay = ReplayDecisions(try knowledge(ofDecisionsIn: range.lowerBound..<end))
        var selection = Selection()
        selection.types = FollowRouting.types
        selection.to = Position(end - 1)
        try read(selection) { event in
            replay.open(before: event.position.value)
            if range.contains(event.position.value), let redecision = replay.judge(event) {
                try visit(redecision)
            }
            try replay.take(event, of: self)
            return .next
        }
    }

    /// What each decision in a range knew, where it can be read.
    private func knowledge(
        ofDecisionsIn range: Range<UInt64>
    ) throws -> [UInt64: ReplayDecisions.Knowledge] {
        var selection = Selection()
        selection.types = [try EventType(RoutingDecision.type)]
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
            guard let decision = try? RoutingDecision(recorded: event) else { return .next }
            let alsoKnew = UInt64(decision.alsoKnew)
            if let id = decision.knewUpTo.flatMap({ EventID($0) }) {
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

    private var routing = FollowRouting()
    private let knowledge: [UInt64: Knowledge]
    /// States that are still to be kept, the next one last.
    private var planned: [(next: UInt64, begin: UInt64, end: UInt64)] = []
    private var asides: [Aside] = []
    /// The decision of a contact whose offer comes next.
    private var selected: (stream: StreamName, id: EventID, operator: String)?

    init(_ knowledge: [UInt64: Knowledge]) {
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

    /// What comes of the event where it is a decision, or an offer that follows from one.
    mutating func judge(_ event: Event) -> Redecision? {
        if event.type.text == RoutingDecision.type, event.schema == RoutingDecision.schema {
            return Redecision(event, verdict(on: event))
        }
        guard event.type.text == ContactEvent.Kind.offerMade.rawValue, let selected,
            selected.stream == event.stream
        else { return nil }
        self.selected = nil
        let event = event
        guard
            case .offerMade(let offer)? = try? ContactEvent(
                type: event.type.text, schema: event.schema, payload: event.data.object),
            offer.decision.flatMap({ EventID($0) }) == selected.id,
            ExactText(offer.operator.text) != ExactText(selected.operator)
        else { return nil }
        let words = "offer: decided for \(selected.operator), made to \(offer.operator)"
        return Redecision(event, .differs([words]))
    }

    private mutating func verdict(on event: Event) -> Redecision.Verdict {
        let recorded: RoutingDecision
        do throws(PayloadError) { recorded = try RoutingDecision(recorded: event) } catch {
            return .differs(["it cannot be read: \(error)"])
        }
        guard recorded.engineVersion == RoutingDecision.engine else {
            return .otherEngine(recorded.engineVersion)
        }
        if recorded.selected == .operator, let name = recorded.selectedID {
            selected = (event.stream, event.id, name)
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
        var again: RoutingDecision?
        if let place = asides.firstIndex(where: { $0.begin == begin }), known.next < begin {
            again = asides[place].routing.decision(on: event)
        } else {
            again = routing.decision(on: event)
        }
        again?.knewUpTo = recorded.knewUpTo
        again?.alsoKnew = recorded.alsoKnew
        let differences = recorded.differences(from: again)
        return differences.isEmpty ? .same : .differs(differences)
    }
}

extension FollowRouting {
    fileprivate mutating func decision(on event: Event) -> RoutingDecision? {
        ask { $0.decision(for: event.stream.text, at: event.occurred) }
    }
}

extension Redecision {
    fileprivate init(_ event: Event, _ verdict: Verdict) {
        self.init(position: event.position, id: event.id, stream: event.stream, verdict: verdict)
    }
}

extension RoutingDecision {
    /// - Throws: ``PayloadError`` where the event's data are none.
    init(recorded event: Event) throws(PayloadError) {
        guard let payload = event.data.object else {
            throw PayloadError(type: event.type.text, member: "data", problem: .noObject)
        }
        try self.init(checking: payload, type: event.type.text)
    }
}
