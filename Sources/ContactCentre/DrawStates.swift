/// Which event may follow which, as a graph that is found by trying out the state machine itself.
package struct StateGraph: Equatable, Sendable {
    /// The state before the first event.
    package let beginning: String
    package let edges: [Edge]
    /// The states in which a stream may rest for ever.
    package let endings: [String]

    /// What leads from one state to another.
    package struct Edge: Hashable, Sendable {
        package let from: String
        package let to: String
        /// The events that do, each by its name and, where that matters, its word.
        package let events: [String]
    }

    /// The graph as a state diagram of Mermaid.
    package var mermaid: String {
        var lines = ["stateDiagram-v2", "    [*] --> \(beginning)"]
        for edge in edges {
            lines.append(
                "    \(edge.from) --> \(edge.to): \(edge.events.joined(separator: ", "))")
        }
        lines += endings.map { "    \($0) --> [*]" }
        return lines.joined(separator: "\n")
    }
}

/// The state machines that judge events.
package enum StateMachine: String, CaseIterable, Sendable {
    case contact
    case queueVisit = "queue_visit"
    case `operator`

    package var graph: StateGraph {
        switch self {
        case .contact:
            StateGraph(of: ContactState(), by: Self.contactEvents) { state, event in
                state.apply(event) == .accepted
            } told: { state in
                (state.phase.name, state.phase.mayEnd)
            }
        case .queueVisit:
            StateGraph(of: QueueVisit(in: Self.queue), by: Self.visitEvents) { state, event in
                state.apply(event) == nil
            } told: { state in
                (state.phase.name, state.phase == .left)
            }
        case .operator:
            StateGraph(of: OperatorState(), by: Self.operatorEvents) { state, event in
                state.apply(event) == .accepted
            } told: { state in
                (state.phase.name, state.phase == .loggedOut)
            }
        }
    }

    /// An event of every kind, with every word that the machine may look at.
    private static let contactEvents: [Sample<ContactEvent>] =
        Direction.allCases.map {
            Sample("received", $0.rawValue, .received(.init(channel: .phone, direction: $0)))
        }
        + samples("self_service_ended") { .selfServiceEnded($0) }
        + samples("blocked") { .blocked(.init($0)) }
        + samples("queued") { .queued(.init(queue: queue, reason: $0)) }
        + visitEvents
        + callbackEvents
        + samples("abandoned") { .abandoned($0) }
        + [
            Sample("connected", "unnamed", .connected(nil)),
            Sample("connected", "named", .connected(OperatorID("operator"))),
        ]
        + samples("held") { .held($0) }
        + [Sample("resumed", nil, .resumed)]
        + samples("transferred") { .transferred($0) }
        + samples("disconnected") { .disconnected(by: $0) }
        + [
            Sample("after_work_ended", "of whoever spoke last", .afterWorkEnded(nil)),
            Sample("after_work_ended", "of another", .afterWorkEnded(OperatorID("another"))),
        ]
        + samples("outcome_recorded") { .outcomeRecorded(.init($0)) }
        + [Sample("closed", nil, .closed)]

    private static let queue: QueueID = {
        guard let queue = QueueID("queue") else { preconditionFailure("it is a name") }
        return queue
    }()

    private static let visitEvents: [Sample<ContactEvent>] = {
        guard let name = OperatorID("operator") else { return [] }
        let ends: [Sample<ContactEvent>] = [
            Sample("offer_accepted", nil, .offerEnded(.accepted, name)),
            Sample("offer_declined", nil, .offerEnded(.declined, name)),
            Sample("offer_missed", nil, .offerEnded(.missed, name)),
            Sample("offer_rescinded", nil, .offerEnded(.rescinded, name)),
        ]
        return [
            Sample("wait_announced", nil, .waitAnnounced(.init([.callback]))),
            Sample("offer_made", nil, .offerMade(.init(to: name))),
        ] + ends
            + samples("left_queue") { .leftQueue(.init(queue: queue, reason: $0)) }
    }()

    private static let callbackEvents: [Sample<ContactEvent>] =
        [
            Sample("callback_requested", nil, .callbackRequested(.init(queue: queue))),
            Sample("callback_attempted", nil, .callbackAttempted(nil)),
            Sample("callback_reached", nil, .callbackReached),
        ]
        + samples("callback_failed") { .callbackFailed($0) }
        + [Sample("callback_expired", nil, .callbackExpired)]

    private static let operatorEvents: [Sample<OperatorEvent>] =
        [Sample("logged_in", nil, .loggedIn), Sample("logged_out", nil, .loggedOut)]
        + samples("status_changed") { .statusChanged(.init(from: $0, to: $0)) }

    private static func samples<Meaning: Vocabulary, Event>(
        _ name: String, _ event: (Meaning) -> Event
    ) -> [Sample<Event>] {
        let other = Meaning.other("something else")
        return (Meaning.words.map(\.meaning) + [other]).map { meaning in
            Sample(name, meaning.spelling, event(meaning))
        }
    }
}

/// An event to try a state machine with.
private struct Sample<Event: Sendable>: Sendable {
    let name: String
    /// Which of several events of this name it is.
    let word: String?
    let event: Event

    init(_ name: String, _ word: String?, _ event: Event) {
        self.name = name
        self.word = word
        self.event = event
    }
}

extension StateGraph {
    /// Goes on from each state that is reached, with each event that is accepted there.
    fileprivate init<State: Hashable, Event: Sendable>(
        of start: State, by samples: [Sample<Event>],
        accept: (inout State, Event) -> Bool, told: (State) -> (name: String, mayEnd: Bool)
    ) {
        var edges: [(from: String, to: String, samples: [Sample<Event>])] = []
        var endings: [String] = []
        var reached: Set<State> = [start]
        var next = [start]
        while !next.isEmpty {
            let state = next.removeFirst()
            let (from, mayEnd) = told(state)
            if mayEnd, !endings.contains(from) { endings.append(from) }
            for sample in samples {
                var following = state
                guard accept(&following, sample.event) else { continue }
                if reached.insert(following).inserted { next.append(following) }
                let to = told(following).name
                if let index = edges.firstIndex(where: { $0.from == from && $0.to == to }) {
                    edges[index].samples.append(sample)
                } else {
                    edges.append((from, to, [sample]))
                }
            }
        }
        beginning = told(start).name
        self.edges = edges.map { edge in
            Edge(from: edge.from, to: edge.to, events: Self.told(edge.samples, of: samples))
        }
        self.endings = endings
    }

    /// Each kind of event once, with its words where not any word leads there.
    private static func told<Event: Sendable>(
        _ found: [Sample<Event>], of all: [Sample<Event>]
    ) -> [String] {
        var names: [String] = []
        for sample in found where !names.contains(sample.name) { names.append(sample.name) }
        return names.map { name in
            let words = Set(found.filter { $0.name == name }.map(\.word))
            let possible = all.filter { $0.name == name }.map(\.word)
            if words.count == possible.count { return name }
            let told = possible.filter(words.contains).compactMap(\.self)
            return "\(name) (\(told.joined(separator: ", ")))"
        }
    }
}

extension ContactState.Phase {
    /// Whether a contact may rest here for ever: nothing more is owed to it.
    fileprivate var mayEnd: Bool {
        switch self {
        case .contained, .hungUp, .gaveUp, .blocked, .callbackFailed, .disconnected, .abandoned,
            .over, .closed:
            true
        case .absent, .received, .placed, .pastSelfService, .waiting, .answered, .redirected,
            .callbackRequested, .callbackTaken, .callingBack, .connected, .held, .transferred,
            .abandonedInConversation:
            false
        }
    }

    /// The state in one word.
    package var name: String {
        switch self {
        case .absent: "absent"
        case .received: "received"
        case .placed: "placed"
        case .pastSelfService: "past_self_service"
        case .contained: "contained"
        case .hungUp: "hung_up"
        case .blocked: "blocked"
        case .waiting(let visit):
            visit.purpose == .callback ? "callback_\(visit.phase.name)" : visit.phase.name
        case .answered: "answered"
        case .gaveUp: "gave_up"
        case .redirected: "redirected"
        case .callbackRequested: "callback_requested"
        case .callbackTaken: "callback_taken"
        case .callingBack: "calling_back"
        case .callbackFailed: "callback_failed"
        case .connected: "connected"
        case .held: "held"
        case .transferred: "transferred"
        case .disconnected: "disconnected"
        case .abandoned: "abandoned"
        case .abandonedInConversation: "abandoned_in_conversation"
        case .over: "over"
        case .closed: "closed"
        }
    }
}

extension QueueVisit.Phase {
    /// The state in one word; to whom a contact is offered is not told.
    package var name: String {
        switch self {
        case .waiting: "waiting"
        case .offered: "offered"
        case .accepted: "accepted"
        case .left: "left"
        }
    }
}

extension OperatorState.Phase {
    /// The state in one word; which status a change led to is not told.
    package var name: String {
        switch self {
        case .loggedOut: "absent"
        case .loggedIn(nil): "logged_in"
        case .loggedIn: "in_a_status"
        }
    }
}
