package import ContactCentre
package import EventLog
package import JSON

/// A wait of a contact in one queue, and what happened there meanwhile.
package struct WaitTold: Sendable {
    package let queue: String
    /// The positions of what began and what ended it; nil where it waits still.
    package let begun: Position
    package private(set) var ended: Position?
    package let entered: Instant
    /// When it ended, or until when it is told.
    package private(set) var until: Instant
    /// Until when it is known what operators did.
    private var watched: Instant
    /// How precisely its beginning and end are known.
    package private(set) var precision: OccurredPrecision
    /// How many operators served the queue when it began; nil where no such queue was described.
    package let members: Int?
    /// How long it was held for an operator whom somebody had chosen, in µs, and by which event.
    package private(set) var held: [Held] = []
    /// Its points of priority when it entered, and how many were more urgent then.
    package let points: Int64
    package let ahead: Int?
    /// Others of the queue that were answered meanwhile.
    package private(set) var answered: [Other] = []
    /// Others that somebody was asked to answer meanwhile and that had not left the queue when the
    /// wait ended, by their streams: the last time of each.
    private var offers: [String: Other] = [:]
    package var offered: [Other] { offers.values.sorted { $0.position < $1.position } }
    /// For how long the queue was closed meanwhile, in µs; nil where it has no hours.
    package private(set) var closed: Int64?
    /// Others that left the queue otherwise: they gave up, or went over to another one.
    package private(set) var leftOtherwise = 0
    /// What those did who serve the queue, in µs, by the names of the operators.
    package private(set) var occupations: [String: [RoutingState.Occupation: Int64]] = [:]

    /// A time in which the policy did not decide about it.
    package struct Held: Sendable {
        package let choice: RoutingState.Standing.Held
        package fileprivate(set) var span: Int64
    }

    /// Another contact that had its turn in the meantime, and where.
    package struct Other: Sendable {
        package let position: Position
        package let stream: StreamName
        package let turn: Turn
        package let points: Int64
    }

    /// Why another contact had its turn.
    package enum Turn: String, Sendable {
        /// It had begun to wait before.
        case earlier
        /// It had begun to wait later, with more points.
        case morePoints = "more_points"
        /// It had begun to wait later, without more points: somebody took it who could not take
        /// this one, or did not ask whose turn it was.
        case outOfTurn = "out_of_turn"
    }

    /// One that begins with an event; `clock` is the latest time of the events before it, since
    /// what is told late of a contact says nothing of what operators did then.
    fileprivate init(_ standing: RoutingState.Standing, begun event: Event, clock: Instant) {
        queue = standing.queue
        begun = event.position
        entered = standing.entered
        until = event.occurred
        watched = max(event.occurred, clock)
        precision = event.precision
        members = standing.members
        points = standing.points
        ahead = standing.ahead
    }

    /// What has been so until a moment.
    fileprivate mutating func pass(
        to now: Instant, _ stream: StreamName, _ routing: inout FollowRouting
    ) {
        until = max(until, now)
        let span = now.microseconds - watched.microseconds
        // A clock that ran backward is taken to have stood still.
        guard span > 0 else { return }
        let then = watched
        let held = routing.ask { $0.standing(of: stream.text, at: then)?.held }
        if let held { note(held, for: span, &routing) }
        for (name, occupation) in routing.ask({ [queue] in
            $0.occupations(inQueue: queue, at: then)
        }) {
            occupations[name, default: [:]][occupation, default: 0] += span
        }
        watched = now
    }

    private mutating func note(
        _ choice: RoutingState.Standing.Held, for span: Int64, _ routing: inout FollowRouting
    ) {
        if held.last?.choice != choice { held.append(Held(choice: choice, span: 0)) }
        held[held.count - 1].span += span
        // Who is among the members is counted with them.
        let (name, then) = (choice.operator, watched)
        let isMember = routing.ask { [queue] state in
            state.occupations(inQueue: queue, at: then).contains {
                $0.operator.utf8.elementsEqual(name.utf8)
            }
        }
        guard !isMember else { return }
        let occupation = routing.ask { $0.occupation(of: name) }
        occupations[name, default: [:]][occupation, default: 0] += span
    }

    fileprivate mutating func end(with event: Event, _ routing: inout FollowRouting) {
        ended = event.position
        precision = max(precision, event.precision)
        noteHours(&routing)
    }

    fileprivate mutating func noteHours(_ routing: inout FollowRouting) {
        closed = routing.ask { [queue, entered, until] in
            $0.closedTime(ofQueue: queue, from: entered, to: until)
        }
    }

    fileprivate mutating func note(
        _ event: Event, _ other: RoutingState.Standing, beside own: RoutingState.Standing
    ) {
        let told = try? ContactEvent(
            type: event.type.text, schema: event.schema, payload: event.data.object)
        let turn: Turn =
            other.since < own.since
            ? .earlier : other.points > own.points ? .morePoints : .outOfTurn
        let found = Other(
            position: event.position, stream: event.stream, turn: turn, points: other.points)
        switch told {
        case .offerMade: offers[event.stream.text] = found
        case .leftQueue(let left):
            offers[event.stream.text] = nil
            if left.reason == .answered { answered.append(found) } else { leftOtherwise += 1 }
        default: break
        }
    }
}

extension EventLog {
    /// What happened in the queues of a contact while it waited, wait by wait.
    ///
    /// Linear in the events from the last snapshot of a router before it, or from the beginning, to
    /// the end of its last wait.
    /// - Parameters:
    ///   - id: The contact's.
    ///   - size: How many events of the log are known.
    ///   - now: Until when a wait is told that goes on.
    /// - Returns: In the order in which they began; the last may go on.
    /// - Throws: ``LogError``, or ``EventError`` where no contact can have the id.
    package func waits(
        ofContact id: String, before size: UInt64, at now: Instant
    ) throws -> [WaitTold] {
        let stream = try StreamName(StreamPrefix.contact + id)
        guard let (first, last) = try bounds(of: stream, before: size) else { return [] }
        var snapshots = RoutingSnapshots(of: self)
        var routing = try snapshots.nearest(to: first.value, in: self)
        var waits: [WaitTold] = []
        var current: WaitTold?
        var selection = Selection()
        selection.types = FollowRouting.types
        selection.from = Position(routing.next)
        selection.to = Position(size - 1)
        try read(selection) { event in
            let clock = routing.clock
            guard current != nil || event.position <= last else { return .stop }
            let before = routing.ask { $0.standing(of: stream.text, at: event.occurred) }
            current?.pass(to: event.occurred, stream, &routing)
            if let before, event.stream != stream {
                let other = routing.ask { $0.standing(of: event.stream.text, at: event.occurred) }
                if let other, other.queue == before.queue {
                    current?.note(event, other, beside: before)
                }
            }
            try routing.take(event, of: self)
            guard event.stream == stream else { return .next }
            let after = routing.ask { $0.standing(of: stream.text, at: event.occurred) }
            if var wait = current, after?.queue != wait.queue || after?.entered != wait.entered {
                wait.end(with: event, &routing)
                waits.append(wait)
                current = nil
            }
            if current == nil, let after {
                current = WaitTold(after, begun: event, clock: clock)
            }
            return .next
        }
        if var wait = current {
            wait.pass(to: now, stream, &routing)
            wait.noteHours(&routing)
            waits.append(wait)
        }
        return waits
    }

    /// The first and the last event of a stream; nil where it has none.
    private func bounds(
        of stream: StreamName, before size: UInt64
    ) throws -> (first: Position, last: Position)? {
        guard size > 0 else { return nil }
        var selection = Selection()
        selection.stream = stream
        selection.to = Position(size - 1)
        var bounds: (first: Position, last: Position)?
        try read(selection) { event in
            bounds = (bounds?.first ?? event.position, event.position)
            return .next
        }
        return bounds
    }

    /// An operator as a routing decision knew them, also one of whom it does not tell.
    ///
    /// Linear in the events from the last snapshot of a router, or from the beginning, to the
    /// decision.
    /// - Returns: Nil where it does not follow from what stands before it, or was made by rules
    ///   that are not known here.
    /// - Throws: ``LogError``.
    package func told(
        of name: String, by decision: Event, recorded: RoutingDecision
    ) throws -> (candidate: RoutingCandidate?, occupation: RoutingState.Occupation)? {
        guard let rules = RoutingRules(rawValue: recorded.engineVersion) else { return nil }
        let position = decision.position.value
        var next: UInt64 = 0
        if let id = recorded.knewUpTo.flatMap({ EventID($0) }) {
            guard let last = try event(withID: id)?.position.value else { return nil }
            next = last + 1
        }
        guard let alsoKnew = UInt64(exactly: recorded.alsoKnew), alsoKnew <= position,
            next <= position - alsoKnew, position > 0
        else { return nil }
        var snapshots = RoutingSnapshots(of: self)
        var routing = try snapshots.nearest(to: next, in: self)
        var selection = Selection()
        selection.types = FollowRouting.types
        selection.from = Position(routing.next)
        selection.to = Position(position - 1)
        try read(selection) { event in
            let place = event.position.value
            if place < next || place >= position - alsoKnew { try routing.take(event, of: self) }
            return .next
        }
        let (stream, now) = (decision.stream.text, decision.occurred)
        return routing.ask {
            $0.rules = rules
            return ($0.candidate(named: name, for: stream, at: now), $0.occupation(of: name))
        }
    }
}

extension Event {
    /// How precisely it is known when it happened, as far as it says so.
    fileprivate var precision: OccurredPrecision {
        (try? OccurredPrecision(of: data.object, type: type.text)) ?? .microsecond
    }
}
