/// Which event may follow which, as a graph that is found by trying out the state machine itself.
package struct StateGraph: Equatable, Sendable {
    package let edges: [Edge]

    /// What leads from one state to another.
    package struct Edge: Hashable, Sendable {
        package let from: String
        package let to: String
        /// The events that do, each by its name and, where that matters, its word.
        package let events: [String]
    }

    /// The graph as a state diagram of Mermaid.
    package var mermaid: String {
        var lines = ["stateDiagram-v2", "    [*] --> \(Self.beginning)"]
        for edge in edges {
            lines.append(
                "    \(edge.from) --> \(edge.to): \(edge.events.joined(separator: ", "))")
        }
        let left = Set(edges.map(\.from))
        var ends: [String] = []
        for edge in edges where !left.contains(edge.to) && !ends.contains(edge.to) {
            ends.append(edge.to)
        }
        lines += ends.map { "    \($0) --> [*]" }
        return lines.joined(separator: "\n")
    }

    private static let beginning = "absent"
}

/// The state machines that judge events.
package enum StateMachine: String, CaseIterable, Sendable {
    case contact
    case `operator`

    package var graph: StateGraph {
        switch self {
        case .contact:
            StateGraph(of: ContactState(), by: Self.contactEvents) { state, event in
                state.apply(event) == .accepted
            } name: {
                $0.phase.name
            }
        case .operator:
            StateGraph(of: OperatorState(), by: Self.operatorEvents) { state, event in
                state.apply(event) == .accepted
            } name: {
                $0.phase.name
            }
        }
    }

    /// An event of every kind; of words that the machine takes alike one stands for the others, as
    /// `overflowed` does for whatever leads on to another queue.
    private static let contactEvents: [Sample<ContactEvent>] = {
        guard let queue = QueueID("queue") else { return [] }
        return [
            Sample("received", nil, .received(.init(channel: .phone, direction: .incoming))),
            Sample("self_service_ended", "contained", .selfServiceEnded(.contained)),
            Sample("self_service_ended", "hung_up", .selfServiceEnded(.hungUp)),
            Sample("self_service_ended", "to_operator", .selfServiceEnded(.toOperator)),
            Sample("queued", "first", .queued(.init(queue: queue, reason: .first))),
            Sample("queued", "transfer", .queued(.init(queue: queue, reason: .transfer))),
            Sample("left_queue", "answered", .leftQueue(.init(queue: queue, reason: .answered))),
            Sample("left_queue", "abandoned", .leftQueue(.init(queue: queue, reason: .abandoned))),
            Sample(
                "left_queue", "overflowed", .leftQueue(.init(queue: queue, reason: .overflowed))),
            Sample("abandoned", "self_service", .abandoned(.selfService)),
            Sample("abandoned", "queue", .abandoned(.queue)),
            Sample("abandoned", "hold", .abandoned(.hold)),
            Sample("connected", nil, .connected(nil)),
            Sample("transferred", nil, .transferred(nil)),
            Sample("disconnected", nil, .disconnected(by: nil)),
            Sample("after_work_ended", nil, .afterWorkEnded(nil)),
        ]
    }()

    private static let operatorEvents: [Sample<OperatorEvent>] = [
        Sample("logged_in", nil, .loggedIn), Sample("logged_out", nil, .loggedOut),
        Sample("status_changed", nil, .statusChanged(.init(from: .available, to: .available))),
    ]
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
        accept: (inout State, Event) -> Bool, name: (State) -> String
    ) {
        var edges: [(from: String, to: String, samples: [Sample<Event>])] = []
        var reached: Set<State> = [start]
        var next = [start]
        while !next.isEmpty {
            let state = next.removeFirst()
            for sample in samples {
                var following = state
                guard accept(&following, sample.event) else { continue }
                if reached.insert(following).inserted { next.append(following) }
                let (from, to) = (name(state), name(following))
                if let index = edges.firstIndex(where: { $0.from == from && $0.to == to }) {
                    edges[index].samples.append(sample)
                } else {
                    edges.append((from, to, [sample]))
                }
            }
        }
        self.edges = edges.map { edge in
            Edge(from: edge.from, to: edge.to, events: Self.told(edge.samples, of: samples))
        }
    }

    /// An event without its word where any word leads there.
    private static func told<Event: Sendable>(
        _ found: [Sample<Event>], of all: [Sample<Event>]
    ) -> [String] {
        var told: [String] = []
        for sample in found {
            let isAny =
                found.count { $0.name == sample.name } == all.count { $0.name == sample.name }
            let text = isAny ? sample.name : "\(sample.name) (\(sample.word ?? ""))"
            if !told.contains(text) { told.append(text) }
        }
        return told
    }
}

extension ContactState.Phase {
    /// The state in one word.
    package var name: String {
        switch self {
        case .absent: "absent"
        case .received: "received"
        case .pastSelfService: "past_self_service"
        case .contained: "contained"
        case .hungUp: "hung_up"
        case .waiting: "waiting"
        case .answered: "answered"
        case .gaveUp: "gave_up"
        case .redirected: "redirected"
        case .connected: "connected"
        case .transferred: "transferred"
        case .disconnected: "disconnected"
        case .abandoned: "abandoned"
        case .abandonedInConversation: "abandoned_in_conversation"
        case .over: "over"
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
