import ContactCentre
import JSON
import TestSupport
import Testing

/// Random walks over the state machines, in which it must not matter how a history is cut.
@Suite struct WalkTests {
    private static let steps = 60_000 * patience

    @Test(
        "come to the same state in one pass, in parts and from the last step that tells all",
        arguments: [11, 12, 13] as [UInt64])
    func walks(seed: UInt64) throws {
        var generator = SeededNumbers(seed: seed)
        var streams = [Stream](repeating: Stream(), count: 40)
        var refused = 0
        for step in 0..<Self.steps {
            let story: Comment = "seed \(seed), step \(step)"
            let number = Int.random(in: 0..<streams.count, using: &generator)
            let event = try streams[number].kind.event(&generator)
            let name = streams[number].state?.name ?? "absent"
            if let impossible = streams[number].take(event) {
                refused += 1
                try #require(impossible.event == event.type, story)
                let words = "\(impossible)"
                try #require(
                    words.hasPrefix("\(event.type) cannot follow in the state \(name), where ")
                        && words.hasSuffix(": \(impossible.meaning) (\(impossible.rule))"), story)
                try #require(Stream.rules.contains(impossible.rule), story)
            }
            if generator.happens(oneIn: 50) { try streams[number].check(story, &generator) }
            if generator.happens(oneIn: 300) { streams[number] = Stream(.random(&generator)) }
        }
        #expect(refused > Self.steps / 10 && refused < Self.steps * 96 / 100, "seed \(seed)")
    }
}

extension WalkTests {
    @Test("of a queue visit alone come to the same, whole and in parts", arguments: [21, 22])
    func visits(seed: UInt64) throws {
        var generator = SeededNumbers(seed: seed)
        let start = QueueVisit(in: QueueID("anagrafe"))
        var (refused, left) = (0, 0)
        for walk in 0..<Self.steps / 60 {
            var visit = start
            var accepted: [ContactEvent] = []
            var states = [start]
            for _ in 0..<60 {
                let event = try ContactEvent.randomOfVisit(&generator)
                var next = visit
                if let rule = next.apply(event) {
                    refused += 1
                    let known: [ContactState.Rule] = [
                        .offeredWhileWaiting, .endsOwnOffer, .leavesAfterQueued, .leavesSameQueue,
                        .announcedWhileWaiting,
                    ]
                    try #require(known.contains(rule), "seed \(seed), walk \(walk)")
                    continue
                }
                visit = next
                accepted.append(event)
                states.append(visit)
            }
            if visit.phase == .left { left += 1 }
            let cut = Int.random(in: 0...accepted.count, using: &generator)
            for from in [0, cut] {
                var again = states[from]
                for event in accepted[from...] {
                    try #require(again.apply(event) == nil, "seed \(seed), walk \(walk)")
                }
                try #require(again == visit, "seed \(seed), walk \(walk)")
            }
        }
        #expect(refused > Self.steps / 4 && left > Self.steps / 120, "seed \(seed)")
    }
}

/// A stream of which only what can follow is kept.
private struct Stream {
    var kind = Kind.contact
    private(set) var state: StreamState?
    private var accepted: [JudgedEvent] = []

    enum Kind: CaseIterable {
        case contact
        case `operator`
        case published

        static func random(_ generator: inout SeededNumbers) -> Kind {
            allCases.randomElement(using: &generator) ?? .contact
        }

        func event(_ generator: inout SeededNumbers) throws -> JudgedEvent {
            switch self {
            case .contact: .contact(try .random(&generator))
            case .operator: .operator(try .random(&generator))
            case .published:
                .published(
                    Publication(
                        type: "org.opening_hours_published",
                        version: .random(in: 1...4, using: &generator),
                        content: [.random(in: 1...2, using: &generator)]))
            }
        }
    }

    static let rules = Set(
        ContactState.Rule.allCases.map(\.rawValue) + OperatorState.Rule.allCases.map(\.rawValue)
            + ["one_content_per_version"])

    init(_ kind: Kind = .contact) { self.kind = kind }

    mutating func take(_ event: JudgedEvent) -> ImpossibleStep? {
        var next = state
        if let impossible = StreamState.move(&next, by: event) { return impossible }
        state = next
        accepted.append(event)
        return nil
    }

    /// Goes through what was accepted again, in three ways.
    func check(_ story: Comment, _ generator: inout SeededNumbers) throws {
        var whole: StreamState?
        var states = [whole]
        for event in accepted {
            try #require(StreamState.move(&whole, by: event) == nil, story)
            states.append(whole)
        }
        try #require(whole == state, story)
        let cut = Int.random(in: 0...accepted.count, using: &generator)
        var rest = states[cut]
        for event in accepted[cut...] { _ = StreamState.move(&rest, by: event) }
        try #require(rest == state, story)
        let known = accepted.lastIndex { !$0.dependsOnPast } ?? 0
        var last: StreamState?
        for event in accepted[known...] { _ = StreamState.move(&last, by: event) }
        try #require(last == state, story)
    }
}

extension ContactEvent {
    /// Any event of a stay in a queue.
    fileprivate static func randomOfVisit(
        _ generator: inout SeededNumbers
    ) throws -> ContactEvent {
        let queues = ["anagrafe", "anagrafe", "tributi"]
        let queue = try #require(QueueID(queues.randomElement(using: &generator) ?? ""))
        let name = try #require(OperatorID(["a", "b"].randomElement(using: &generator) ?? ""))
        let end = OfferEnd.allCases.randomElement(using: &generator) ?? .accepted
        return switch Int.random(in: 0..<20, using: &generator) {
        case 0..<7: .offerMade(.init(to: name))
        case 7..<17: .offerEnded(end, name)
        case 17, 18: .waitAnnounced(.init([.callback]))
        default: .leftQueue(.init(queue: queue, reason: try .random(&generator)))
        }
    }

    /// Any event, wherever the walk stands.
    static func random(_ generator: inout SeededNumbers) throws -> ContactEvent {
        let names = ["anagrafe", "tributi"]
        let queue = try #require(QueueID(names.randomElement(using: &generator) ?? ""))
        let name = try #require(OperatorID(["a", "b"].randomElement(using: &generator) ?? ""))
        return switch Int.random(in: 0..<25, using: &generator) {
        case 0: .received(.init(channel: .phone, direction: .incoming))
        case 1: .selfServiceEnded(try .random(&generator))
        case 2, 3: .queued(.init(queue: queue, reason: try .random(&generator)))
        case 4: .leftQueue(.init(queue: queue, reason: try .random(&generator)))
        case 5: .abandoned(try .random(&generator))
        case 6: .connected(generator.happens(oneIn: 2) ? name : nil)
        case 7: .transferred(try .random(&generator))
        case 8: .disconnected(by: try .random(&generator))
        case 9, 10: .offerMade(.init(to: name))
        case 11:
            .offerEnded(
                ContactEvent.OfferEnd.allCases.randomElement(using: &generator) ?? .accepted, name)
        case 12: .waitAnnounced(.init([.callback]))
        case 13, 14: .callbackRequested(.init(queue: queue))
        case 15: .callbackAttempted(nil)
        case 16: .callbackReached
        case 17: .callbackFailed(try .random(&generator))
        case 18: .callbackExpired
        case 19: .blocked(.init(try .random(&generator)))
        case 20: .held(try .random(&generator))
        case 21: .resumed
        case 22: .outcomeRecorded(.init(try .random(&generator)))
        case 23: .closed
        default: .afterWorkEnded(generator.happens(oneIn: 2) ? name : nil)
        }
    }
}

extension OperatorEvent {
    fileprivate static func random(_ generator: inout SeededNumbers) throws -> OperatorEvent {
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: .loggedIn
        case 1: .loggedOut
        default: .statusChanged(.init(from: try .random(&generator), to: try .random(&generator)))
        }
    }
}

extension Vocabulary {
    fileprivate static func random(_ generator: inout SeededNumbers) throws -> Self {
        if generator.happens(oneIn: 10) { return .other("something else") }
        return try #require(words.randomElement(using: &generator)).meaning
    }
}
