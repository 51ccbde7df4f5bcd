package import ContactCentre
internal import Description
package import EventLog
package import JSON

/// A router at work: it follows a log and appends where contacts go.
///
/// Each append holds decisions and what follows from them, under the condition that nothing was
/// said meanwhile of the contacts and operators that they are about. So no contact is offered
/// twice, and nobody is given more than they can take, whatever other routers do. All that a
/// router knows is in the log: one that is started anew goes on where the last one was, with what
/// that has kept beside the log from time to time, so that it reads what is new since.
package struct Router: Sendable {
    private let log: EventLog
    private let source: Source
    private let append: @Sendable (Append) async throws -> RouterAppend
    private let limits: RouterLimits
    private var known: FollowRouting
    private var snapshots: RoutingSnapshots
    /// What kept the last snapshot from being written; nil where nothing did.
    ///
    /// It costs whoever starts next the time to read more of the log.
    package private(set) var snapshotProblem: String?
    /// Until when there is nothing to do, if nothing comes; nil where that is not known.
    private var restsUntil: Int64?
    /// Contacts of which the log takes nothing, by their streams, with how much of the log had been
    /// looked at then: until something is told of them, they are as if they did not wait.
    private var leftAside: [String: UInt64] = [:]

    /// - Parameters:
    ///   - log: What it follows.
    ///   - name: Told in the source of what it appends; other routers have other names.
    ///   - limits: Of one append.
    ///   - append: Appends to that log.
    /// - Throws: ``EventError`` where the name cannot be in a source, or ``LogError``.
    package init(
        _ log: EventLog, name: String, limits: RouterLimits = RouterLimits(),
        append: @escaping @Sendable (Append) async throws -> RouterAppend
    ) throws {
        self.log = log
        self.append = append
        self.limits = limits
        source = try Source("urn:ascolto:router:\(name)")
        snapshots = RoutingSnapshots(of: log, limits)
        known = try snapshots.nearest(to: try log.head().size, in: log)
    }

    /// How many contacts are left aside.
    package var leftAsideCount: Int { leftAside.count }

    /// The positions of events of the organisation that are not understood here, among what was
    /// looked at: what they settle is not followed.
    package var notUnderstood: [UInt64] { known.state.notUnderstood }

    /// Who waits, as far as the log was looked at.
    package mutating func waiting(at now: Instant) -> RoutingState.WaitingTally {
        known.ask { $0.waitingTally(at: now) }
    }

    /// What came of a look at the log.
    package enum Step: Equatable, Sendable {
        /// So many decisions were appended.
        case decided(Int)
        /// Offers were ended that were over, callbacks moved or overrides followed, and nothing was
        /// decided.
        case settled
        /// Somebody was faster; what they said is looked at next.
        case overtaken
        /// The log takes nothing of this contact, for this reason: its stream tells what cannot
        /// follow or cannot be read, as imports and corrections bring it. The others are routed.
        case leftAside(stream: String, reason: String)
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
    /// - Parameter now: The moment.
    /// - Returns: What came of it.
    /// - Throws: ``LogError``, and whatever appending throws.
    package mutating func step(at now: Instant) async throws -> Step {
        let news = try follow()
        if news == 0, let restsUntil, now.microseconds < restsUntil {
            return .nothing(until: restsUntil == .max ? nil : Instant(microseconds: restsUntil))
        }
        restsUntil = nil
        if news > 0 { try takeUpAgain() }
        var plan = PlannedRouting(known, source: source, now: now, limits) { _ in
            .timeOrdered(at: now)
        }
        for stream in leftAside.keys { plan.leaveAside(stream) }
        try plan.endOffers()
        try plan.moveCallbacks()
        try plan.followOverrides()
        try plan.decide()
        guard !plan.events.isEmpty else {
            let next = plan.nextMoment
            restsUntil = next?.microseconds ?? .max
            return .nothing(until: next)
        }
        switch try await append(Append(plan.events, condition: plan.condition)) {
        case .at(let range):
            // Nothing came in between: what was foreseen is what is, where nobody was left aside.
            if range.first.value == known.next, leftAside.isEmpty {
                known = plan.routing
                keepSnapshot()
            }
            return plan.decisions > 0 ? .decided(plan.decisions) : .settled
        case .overtaken: return .overtaken
        case .refused(let stream, let reason):
            guard leftAside.updateValue(known.next, forKey: stream) == nil else {
                throw RoutingRefused(reason: reason)
            }
            return .leftAside(stream: stream, reason: reason)
        }
    }
}

extension Router {
    /// Looks again at contacts that were left aside, where something was told of them since.
    private mutating func takeUpAgain() throws {
        for (stream, size) in leftAside {
            var selection = Selection()
            selection.stream = try StreamName(stream)
            selection.from = Position(size)
            try log.read(selection) { _ in
                leftAside[stream] = nil
                return .stop
            }
        }
    }

    /// Takes in what there is, and tells how much of it there was.
    private mutating func follow() throws -> Int {
        let size = try log.head().size
        var news = 0
        while known.next < size {
            let end = min(size, known.next + limits.snapshotInterval)
            news += try log.follow(&known, to: end)
            keepSnapshot()
        }
        return news
    }

    private mutating func keepSnapshot() {
        do {
            try snapshots.keep(known, of: log)
            snapshotProblem = nil
        } catch {
            snapshotProblem = "\(error)"
        }
    }
}

/// How much a router puts into one append, and how much of the log it reads anew when it starts.
package struct RouterLimits: Sendable {
    package var events = 256
    /// Of payloads.
    package var bytes = 4 << 20
    /// Of the names in its condition.
    package var conditionBytes = Int.max
    /// From one snapshot of what it knows to the next, in events of the log.
    ///
    /// Reading as many takes about half a second.
    package var snapshotInterval: UInt64 = 100_000
    /// At least so many events lie between two snapshots for each contact that is open.
    ///
    /// To read a contact takes as long as to replay ten events, so whoever starts gains by a
    /// snapshot, and whoever routes seldom stops for one.
    package var snapshotEventsPerContact: UInt64 = 50

    package init() {}
}

/// What became of a router's append.
package enum RouterAppend: Sendable {
    /// It is durable at these positions.
    case at(PositionRange)
    /// Its condition does not hold any more.
    case overtaken
    /// An event of this stream cannot follow there.
    case refused(stream: String, reason: String)
}

extension EventLog {
    /// Appends what a router decided.
    ///
    /// - Throws: ``LogError``, or ``RoutingRefused``.
    package func appendRouted(_ append: Append) async throws -> RouterAppend {
        switch try await self.append(append) {
        case .appended(let range): return .at(range)
        case .alreadyAppended, .conflict: return .overtaken
        case .rejected(.impossibleStep(_, let stream, let rule)):
            return .refused(stream: stream.text, reason: rule.reason)
        case .rejected(let rejection): throw RoutingRefused(reason: "\(rejection)")
        }
    }
}

/// The log does not take what a router wants to append.
package struct RoutingRefused: Error, CustomStringConvertible {
    let reason: String

    package var description: String {
        "the router's own events are refused, which should not be: \(reason)"
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
    private let limits: RouterLimits
    /// Gives the next event of a type its id.
    private let makeID: (String) -> EventID
    private var bytes = 0
    private var conditionBytes = 0
    private var watched: Set<String> = []

    init(
        _ known: consuming FollowRouting, source: Source, now: Instant, _ limits: RouterLimits,
        ids makeID: @escaping (String) -> EventID
    ) {
        knewUpTo = known.last
        after = known.next > 0 ? Position(known.next - 1) : nil
        // Nothing else has it from here on, so that changes need not copy it.
        routing = known
        self.source = source
        self.now = now
        self.limits = limits
        self.makeID = makeID
    }

    private var hasRoom: Bool {
        events.count < limits.events && bytes < limits.bytes
            && conditionBytes < limits.conditionBytes
    }

    /// When there may be more to do, if nothing comes before.
    var nextMoment: Instant? {
        var state = routing.state
        return state.nextMoment(after: now)
    }

    /// Plans nothing for a contact.
    mutating func leaveAside(_ stream: String) { routing.ask { $0.leaveAside(stream) } }

    /// Ends the offers that are over although nobody says so.
    mutating func endOffers() throws(EventError) {
        for offer in routing.ask({ $0.offersToEnd(at: now) }) where hasRoom {
            try expectNothing(inStream: offer.contact.stream)
            try add(
                .offerEnded(offer.end, offer.operator), to: offer.contact.stream,
                tags: tags([(.operator, offer.operator.text)]))
        }
    }

    /// Queues who is to be called back once the time has come, and has what is too late expire.
    mutating func moveCallbacks() throws(EventError) {
        for callback in routing.ask({ $0.callbacksToMove(at: now) }) where hasRoom {
            let stream = callback.contact.stream
            try expectNothing(inStream: stream)
            switch callback.move {
            case .queue(let entry): try queue(entry, stream)
            case .expire(let promiser, let queue):
                if let queue { try leave(queue, .timeout, stream) }
                try add(.callbackExpired, to: stream, tags: queueTags(promiser.text))
            }
        }
    }

    /// Does what somebody has chosen against the policy, as far as it can be done now.
    mutating func followOverrides() throws(EventError) {
        // One at a time: each may take the room that another one was to have.
        while hasRoom, let override = routing.ask({ $0.overrideToFollow(at: now) }) {
            let stream = override.contact.stream
            try expectNothing(inStream: stream)
            switch override.move {
            case .offer(let to, let policy):
                try offer(
                    to: to, by: policy, decided: nil, inQueue: override.queue.text, stream)
            case .goOver(let target): try goOver(from: override.queue, to: target, stream)
            }
        }
    }

    mutating func decide() throws(EventError) {
        while hasRoom, try decideInOrder() == .anew {}
    }

    private enum Order { case whole, anew }

    /// Decides the contacts in the order of their urgency, as long as that holds: one that goes
    /// over to another queue may be the most urgent one there.
    private mutating func decideInOrder() throws(EventError) -> Order {
        for contact in routing.ask({ $0.waitingInOrder(at: now) }) where hasRoom {
            if try decide(contact.stream)?.selected == .overflowQueue { return .anew }
        }
        return .whole
    }

    /// Decides one contact, where there is anything to say.
    mutating func decide(_ stream: String) throws(EventError) -> RoutingDecision? {
        guard var decision = routing.ask({ $0.decision(for: stream, at: now) }) else { return nil }
        decision.knewUpTo = knewUpTo?.description
        decision.alsoKnew = Int64(events.count)
        try expectNothing(inStream: stream)
        try add(decision, to: stream)
        decisions += 1
        return decision
    }

    /// Nothing may have been said in a stream since.
    private mutating func expectNothing(inStream stream: String) throws(EventError) {
        expectNothing(stream, EventQuery.Item(stream: try StreamName(stream)))
    }

    /// Nothing may have been said since that is tagged so.
    private mutating func expectNothing(taggedWith tag: Tag) {
        expectNothing(tag.text, EventQuery.Item(tags: [tag]))
    }

    private mutating func expectNothing(_ name: String, _ item: EventQuery.Item) {
        guard watched.insert(name).inserted else { return }
        conditionBytes += name.utf8.count
        condition.absences.append(Absence(of: EventQuery([item]), after: after))
    }

    private mutating func add(_ decision: RoutingDecision, to stream: String) throws(EventError) {
        var told = tags([(.queue, decision.queue), (.policy, decision.policy)])
        told += centreTags(ofQueue: decision.queue)
        let name = decision.selectedID
        if decision.selected == .operator, let name { told += tags([(.operator, name)]) }
        let id = try append(RoutingDecision.Kind.decided, decision.payload, to: stream, told)
        switch (decision.selected, name) {
        case (.operator, let name?):
            guard let to = OperatorID(name) else { return }
            try offer(
                to: to, by: decision.policy, decided: id, inQueue: decision.queue, stream)
        case (.overflowQueue, let target?):
            guard let from = QueueID(decision.queue), let to = QueueID(target) else { return }
            try goOver(from: from, to: to, stream)
        case (.callback, _):
            try add(
                .waitAnnounced(.init([.callback], decision: id.description)), to: stream,
                tags: queueTags(decision.queue))
        default: break
        }
    }

    private mutating func offer(
        to operator: OperatorID, by policy: String?, decided id: EventID?, inQueue queue: String,
        _ stream: String
    ) throws(EventError) {
        let name = `operator`.text
        let terms = routing.state.terms(ofOffersBy: policy, to: name)
        try expectNothing(
            inStream: StreamPrefix.operator + percentEncoded(name, .stream))
        var told = tags([(.operator, name)])
        if let team = terms.cappedTeam { told += tags([(.team, team)]) }
        for tag in told { expectNothing(taggedWith: tag) }
        told += queueTags(queue)
        let offer = ContactEvent.Offer(
            to: `operator`, decision: id?.description, ring: terms.ring)
        try add(.offerMade(offer), to: stream, tags: told)
    }

    private mutating func goOver(
        from: QueueID, to: QueueID, _ stream: String
    ) throws(EventError) {
        let needs = routing.state.declared(of: stream)
        try leave(from, .overflowed, stream)
        let entry = ContactEvent.Queued(
            queue: to, reason: .overflow, priority: needs.priority, needs: needs.skills)
        try queue(entry, stream)
    }

    private mutating func queue(_ entry: ContactEvent.Queued, _ stream: String) throws(EventError) {
        try add(.queued(entry), to: stream, tags: queueTags(entry.queue.text))
    }

    private mutating func leave(
        _ queue: QueueID, _ reason: LeaveReason, _ stream: String
    ) throws(EventError) {
        try add(
            .leftQueue(.init(queue: queue, reason: reason)), to: stream,
            tags: queueTags(queue.text))
    }

    private mutating func add(_ event: ContactEvent, to stream: String, tags: [Tag])
        throws(EventError)
    {
        guard let kind = event.kind else { return }
        _ = try append(kind, event.payload, to: stream, tags)
    }

    private mutating func append(
        _ kind: some KnownType, _ payload: [UInt8], to stream: String, _ tags: [Tag]
    ) throws(EventError) -> EventID {
        let place = routing.next
        let id = makeID(kind.type)
        let event = NewEvent(
            id: id, type: try EventType(kind.type), schema: kind.schema,
            stream: try StreamName(stream),
            tags: try Tags(tags), source: source, time: now, data: .json(payload[...]))
        routing.foresee(Event(event, id: id, position: Position(place), recorded: now))
        events.append(event)
        bytes += payload.count
        return id
    }

    private func queueTags(_ queue: String) -> [Tag] {
        tags([(.queue, queue)]) + centreTags(ofQueue: queue)
    }

    private func centreTags(ofQueue queue: String) -> [Tag] {
        routing.state.centre(ofQueue: queue).map { tags([(.centre, $0)]) } ?? []
    }

    private enum Key { case centre, queue, `operator`, team, policy }

    /// Without those of names that are too long for a tag.
    private func tags(_ parts: [(key: Key, value: String)]) -> [Tag] {
        parts.compactMap { part in
            let key =
                switch part.key {
                case .centre: TagKey.centre
                case .queue: TagKey.queue
                case .operator: TagKey.operator
                case .team: TagKey.team
                case .policy: TagKey.policy
                }
            return try? Tag("\(key):\(percentEncoded(part.value, .tag))")
        }
    }
}

extension Event {
    /// The event as it will be at a place, but for its revision, which says nothing to routing.
    init(
        _ event: NewEvent, id: EventID, position: Position, recorded: Instant
    ) {
        self.init(
            position: position, revision: Revision(0), recorded: recorded, id: id, type: event.type,
            schema: event.schema, stream: event.stream, tags: event.tags, source: event.source,
            time: event.time, cause: event.cause, correlation: event.correlation,
            attributes: event.attributes, data: event.data)
    }
}
