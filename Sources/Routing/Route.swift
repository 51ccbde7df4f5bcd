internal import ContactCentre
internal import Description
package import EventLog
package import JSON

/// A router at work: it follows a log and appends where contacts go.
///
/// Each append holds decisions and what follows from them, under the condition that nothing was
/// said meanwhile of the contacts and operators that they are about. So no contact is offered
/// twice, and nobody is given more than they can take, whatever other routers do. All that a
/// router knows is in the log: one that is started anew goes on where the last one was.
package struct Router: Sendable {
    private let log: EventLog
    private let source: Source
    private let append: @Sendable (Append) async throws -> RouterAppend
    private var known = FollowRouting()

    /// - Parameters:
    ///   - log: What it follows.
    ///   - name: Told in the source of what it appends; other routers have other names.
    ///   - append: Appends to that log.
    /// - Throws: ``EventError`` where the name cannot be in a source.
    package init(
        _ log: EventLog, name: String,
        append: @escaping @Sendable (Append) async throws -> RouterAppend
    ) throws {
        self.log = log
        self.append = append
        source = try Source("urn:ascolto:router:\(name)")
    }

    /// What came of a look at the log.
    package enum Step: Equatable, Sendable {
        /// So many decisions were appended.
        case decided(Int)
        /// Offers were ended that were over, and nothing was decided.
        case endedOffers
        /// Somebody was faster; what they said is looked at next.
        case overtaken
        /// There is nothing to do; looking again makes sense at this moment, where there is one.
        case nothing(until: Instant?)
    }

    /// Returns when there is more in the log than was looked at, or at a moment, or when cancelled.
    ///
    /// - Parameter patience: How long it waits at most; nil for ever.
    package func waitForNews(atMost patience: Duration?) async {
        let size = known.next
        await withTaskGroup(of: Void.self) { group in
            // What cannot be read is told by the next look at the log.
            group.addTask { [log] in _ = try? await log.size(beyond: size) }
            if let patience { group.addTask { try? await Task.sleep(for: patience) } }
            await group.next()
            group.cancelAll()
        }
    }

    /// Looks at what there is, decides, and appends it durably.
    ///
    /// - Parameters:
    ///   - now: The moment.
    ///   - limit: Events in one append, roughly.
    /// - Returns: What came of it.
    /// - Throws: ``LogError``, and whatever appending throws.
    package mutating func step(at now: Instant, limit: Int = 256) async throws -> Step {
        try log.follow(&known, to: try log.head().size)
        var plan = PlannedRouting(known, source: source, now: now)
        try plan.endOffers()
        try plan.decide(limit: limit)
        guard !plan.events.isEmpty else { return .nothing(until: plan.nextMoment) }
        switch try await append(Append(plan.events, condition: plan.condition)) {
        case .at(let range):
            // Nothing came in between: what was foreseen is what is.
            if range.first.value == known.next { known = plan.routing }
            return plan.decisions > 0 ? .decided(plan.decisions) : .endedOffers
        case .overtaken: return .overtaken
        }
    }
}

/// What became of a router's append.
package enum RouterAppend: Sendable {
    /// It is durable at these positions.
    case at(PositionRange)
    /// Its condition does not hold any more.
    case overtaken
}

extension EventLog {
    /// Appends what a router decided.
    ///
    /// - Throws: ``LogError``, or ``RoutingRefused``.
    package func appendRouted(_ append: Append) async throws -> RouterAppend {
        switch try await self.append(append) {
        case .appended(let range): return .at(range)
        case .alreadyAppended, .conflict: return .overtaken
        case .rejected(let rejection): throw RoutingRefused(rejection: rejection)
        }
    }
}

/// The log does not take what a router wants to append.
package struct RoutingRefused: Error, CustomStringConvertible {
    package let rejection: Rejection

    package var description: String {
        "the router's own events are refused, which should not be: \(rejection)"
    }
}

/// Events that a router wants to append, and under which condition.
struct PlannedRouting {
    private(set) var events: [NewEvent] = []
    private(set) var condition = Condition()
    private(set) var decisions = 0
    /// What will be known when they are appended.
    private(set) var routing: FollowRouting
    private let knewUpTo: EventID?
    private let after: Position?
    private let source: Source
    private let now: Instant
    private var watched: Set<Tag> = []

    init(_ known: FollowRouting, source: Source, now: Instant) {
        routing = known
        knewUpTo = known.last
        after = known.next > 0 ? Position(known.next - 1) : nil
        self.source = source
        self.now = now
    }

    /// When there may be more to do, if nothing comes before.
    var nextMoment: Instant? {
        var state = routing.state
        return state.nextMoment(after: now)
    }

    /// Ends the offers that are over although nobody says so.
    mutating func endOffers() throws {
        for offer in routing.state.offersToEnd(at: now) {
            try expect(offer.contact)
            try add(
                .offerEnded(offer.end, offer.operator), to: offer.contact.stream,
                tags: [try tag(.operator, offer.operator.text)])
        }
    }

    mutating func decide(limit: Int) throws {
        for contact in routing.ask({ $0.waitingInOrder(at: now) }) where events.count < limit {
            guard var decision = routing.ask({ $0.decision(for: contact.stream, at: now) })
            else { continue }
            decision.knewUpTo = knewUpTo?.description
            decision.alsoKnew = Int64(events.count)
            try expect(contact)
            try add(decision, to: contact.stream)
            decisions += 1
        }
    }

    /// Nothing may have been said of the contact.
    private mutating func expect(_ contact: WaitingContact) throws {
        let stream = try StreamName(contact.stream)
        if condition.streams[stream] == nil {
            condition.streams[stream] = .isAt(Revision(contact.revision))
        }
    }

    /// Nothing may have been said of what has a tag, nor in a stream.
    private mutating func expectNothing(of tag: Tag, stream: String? = nil) throws {
        guard watched.insert(tag).inserted else { return }
        var items = [EventQuery.Item(tags: [tag])]
        if let stream { items.append(EventQuery.Item(stream: try StreamName(stream))) }
        condition.absences.append(Absence(of: EventQuery(items), after: after))
    }

    private mutating func add(_ decision: RoutingDecision, to stream: String) throws {
        let queue = try tag(.queue, decision.queue)
        let name = decision.selectedID
        var tags = [queue, try tag(.policy, decision.policy)]
        tags += try centreTags(ofQueue: decision.queue)
        if decision.selected == .operator, let name { tags.append(try tag(.operator, name)) }
        let id = try append(
            RoutingDecision.type, RoutingDecision.schema, decision.payload, to: stream, tags)
        switch (decision.selected, name) {
        case (.operator, let name?): try offer(decision, to: name, of: id, stream, queue)
        case (.overflowQueue, let target?): try goOver(decision, to: target, stream, queue)
        default: break
        }
    }

    private mutating func offer(
        _ decision: RoutingDecision, to name: String, of id: EventID, _ stream: String, _ queue: Tag
    ) throws {
        guard let to = OperatorID(name) else { return }
        let person = try tag(.operator, name)
        let operatorStream = StreamPrefix.operator + percentEncoded(name, .stream)
        try expectNothing(of: person, stream: operatorStream)
        var tags = [queue, person] + (try centreTags(ofQueue: decision.queue))
        let terms = routing.state.terms(ofOffersBy: decision.policy, to: name)
        if let team = terms.cappedTeam {
            let tag = try tag(.team, team)
            tags.append(tag)
            try expectNothing(of: tag)
        }
        let offer = ContactEvent.Offer(to: to, decision: id.description, ring: terms.ring)
        try add(.offerMade(offer), to: stream, tags: tags)
    }

    private mutating func goOver(
        _ decision: RoutingDecision, to target: String, _ stream: String, _ queue: Tag
    ) throws {
        guard let from = QueueID(decision.queue), let to = QueueID(target) else { return }
        let needs = routing.state.declared(of: stream)
        try add(
            .leftQueue(.init(queue: from, reason: .overflowed)), to: stream,
            tags: [queue] + (try centreTags(ofQueue: decision.queue)))
        let entry = ContactEvent.Queued(
            queue: to, reason: .overflow, priority: needs.priority, needs: needs.skills)
        try add(
            .queued(entry), to: stream,
            tags: [try tag(.queue, target)] + (try centreTags(ofQueue: target)))
    }

    private mutating func add(_ event: ContactEvent, to stream: String, tags: [Tag]) throws {
        guard let kind = event.kind else { return }
        _ = try append(kind.rawValue, ContactEvent.schema, event.payload, to: stream, tags)
    }

    private mutating func append(
        _ type: String, _ schema: UInt16, _ payload: [UInt8], to stream: String, _ tags: [Tag]
    ) throws -> EventID {
        let place = routing.next
        let id = EventID.timeOrdered(at: now)
        let event = NewEvent(
            id: id, type: try EventType(type), schema: schema, stream: try StreamName(stream),
            tags: try Tags(tags), source: source, time: now, data: .json(payload[...]))
        routing.foresee(
            Event(
                event, id: id, position: Position(place),
                revision: Revision(routing.state.revision(of: stream) + 1), recorded: now))
        events.append(event)
        return id
    }

    private func centreTags(ofQueue queue: String) throws -> [Tag] {
        try routing.state.centre(ofQueue: queue).map { [try tag(.centre, $0)] } ?? []
    }

    private enum Key { case centre, queue, `operator`, team, policy }

    private func tag(_ key: Key, _ value: String) throws -> Tag {
        let key =
            switch key {
            case .centre: TagKey.centre
            case .queue: TagKey.queue
            case .operator: TagKey.operator
            case .team: TagKey.team
            case .policy: TagKey.policy
            }
        return try Tag("\(key):\(percentEncoded(value, .tag))")
    }
}

extension Event {
    /// The event as it will be at a place.
    fileprivate init(
        _ event: NewEvent, id: EventID, position: Position, revision: Revision, recorded: Instant
    ) {
        self.init(
            position: position, revision: revision, recorded: recorded, id: id, type: event.type,
            schema: event.schema, stream: event.stream, tags: event.tags, source: event.source,
            time: event.time, cause: event.cause, correlation: event.correlation,
            attributes: event.attributes, data: event.data)
    }
}
