import Admission
import ContactCentre
import EventLog
import JSON
import OwnThread
import TestSupport
import Testing

@Suite("A log under rules takes no event that cannot follow where its stream stands", .ownThread)
struct TransitionRulesTests {
    private static let appends = 6_000 * patience

    @Test(
        "whatever was appended, remembered, forgotten and read again",
        .timeLimit(.minutes(10)), arguments: [21, 22] as [UInt64])
    func walks(seed: UInt64) async throws {
        var generator = SeededNumbers(seed: seed)
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        var log: EventLog? = try .open(at: scratch.log, access: .writing, under: .contactCentre)
        var model: [StreamName: StreamState] = [:]
        var sent: [Append] = []
        var (taken, refused) = (0, 0)
        for step in 0..<Self.appends {
            let story: Comment = "seed \(seed), append \(step)"
            if generator.happens(oneIn: 400) {
                log?.close()
                log = nil
                log = try .open(at: scratch.log, access: .writing, under: .contactCentre)
            }
            if generator.happens(oneIn: 20), let old = sent.randomElement(using: &generator) {
                // A retry comes when its own step is past.
                let outcome = try await log?.append(old)
                guard case .alreadyAppended = outcome else {
                    Issue.record("a retry: \(String(describing: outcome)), \(story)")
                    return
                }
                continue
            }
            let append = Append(
                try (0..<(generator.happens(oneIn: 3) ? 3 : 1)).map { _ in
                    try event(at: step, &generator)
                })
            var next = model
            var impossible: ImpossibleStep?
            for event in append.events where impossible == nil {
                impossible = move(&next, by: event)
            }
            switch try await log?.append(append) {
            case .appended:
                try #require(impossible == nil, story)
                (model, taken) = (next, taken + 1)
                sent.append(append)
            case .rejected(.impossibleStep(_, let stream, let rule)):
                try #require(rule.name == impossible?.rule, story)
                try #require(rule.reason == impossible?.description, story)
                try #require(append.events.contains { $0.stream == stream }, story)
                refused += 1
            case let outcome: Issue.record("\(String(describing: outcome)), \(story)")
            }
        }
        #expect(taken > Self.appends / 10 && refused > Self.appends / 10, "seed \(seed)")
    }

    @Test("of many at once that could each follow alone, one follows")
    func race() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let log = try EventLog.open(at: scratch.log, access: .writing, under: .contactCentre)
        for round in 0..<50 {
            let stream = try StreamName("contact/\(round)")
            let outcomes = try await withThrowingTaskGroup(of: AppendOutcome.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await log.append(Append([try Self.received(in: stream)]))
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let taken = outcomes.count { if case .appended = $0 { true } else { false } }
            let refused = outcomes.count { outcome in
                guard case .rejected(.impossibleStep(_, stream, let rule)) = outcome else {
                    return false
                }
                return rule.name == ContactState.Rule.receivedOnce.rawValue
            }
            #expect(taken == 1 && refused == 7, "round \(round)")
        }
    }

    @Test("nothing of an append is written of which one event cannot follow")
    func whole() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let log = try EventLog.open(at: scratch.log, access: .writing, under: .contactCentre)
        let (one, two) = (try StreamName("contact/1"), try StreamName("contact/2"))
        let append = Append([
            try Self.received(in: one), try Self.received(in: two), try Self.received(in: one),
        ])
        #expect(try await log.append(append).isRefused)
        #expect(try log.head().size == 1)
        // And it has left no state behind.
        guard case .appended = try await log.append(Append([try Self.received(in: one)])) else {
            Issue.record("the first event of a stream was refused")
            return
        }
    }

    @Test("a log without rules takes all, and one with rules goes on from there")
    func history() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let stream = try StreamName("contact/1")
        do {
            let log = try EventLog.open(at: scratch.log, access: .writing)
            for _ in 0..<2 { _ = try await log.append(Append([try Self.received(in: stream)])) }
            #expect(try log.head().size == 3)
        }
        let log = try EventLog.open(at: scratch.log, access: .writing, under: .contactCentre)
        #expect(try await log.append(Append([try Self.received(in: stream)])).isRefused)
        let resumed = try Self.event(.resumed, in: stream)
        #expect(try await log.append(Append([resumed])).isRefused)
        let ended = try Self.event(.selfServiceEnded(.toOperator), in: stream)
        #expect(try await !log.append(Append([ended])).isRefused)
    }

    @Test("behind an event that cannot be read here, anything may follow, once")
    func unread() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let log = try EventLog.open(at: scratch.log, access: .writing, under: .contactCentre)
        for (number, schema) in [2, 0].enumerated() {
            let stream = try StreamName("contact/\(number)")
            var later = try Self.received(in: stream)
            later.schema = UInt16(schema)
            #expect(try await !log.append(Append([later])).isRefused)
            let connected = try Self.event(.connected(nil), in: stream)
            #expect(try await !log.append(Append([connected])).isRefused)
            #expect(try await log.append(Append([try Self.received(in: stream)])).isRefused)
        }
    }

    @Test("a published version does not come to mean something else, also after years")
    func publications() async throws {
        let scratch = try Scratch()
        try EventLog.create(at: scratch.log, zone: "Europe/Rome")
        let stream = try StreamName("calendar/office")
        func published(_ version: Int64, until: String) throws -> NewEvent {
            let day = #"{"weekday":"monday","from":"08:00","to":"\#(until)"}"#
            let text = #"{"version":\#(version),"weekly":[\#(day)]}"#
            return try NewEvent(
                id: .timeOrdered(at: LogClock.system.now),
                type: EventType("org.opening_hours_published"), schema: 1, stream: stream,
                source: Source("urn:test"), time: nil, data: .json(Array(text.utf8)[...]))
        }
        for turn in 0..<2 {
            let log = try EventLog.open(at: scratch.log, access: .writing, under: .contactCentre)
            for version in [Int64(1), 2] {
                // Once more the same is the same.
                let same = Append([try published(version, until: "12:00")])
                #expect(try await !log.append(same).isRefused, "\(turn)")
                let other = Append([try published(version, until: "13:00")])
                guard
                    case .rejected(.impossibleStep(_, stream, let rule)) =
                        try await log.append(other)
                else {
                    Issue.record("version \(version) means two things")
                    return
                }
                #expect(rule.name == "one_content_per_version")
                #expect(rule.reason.hasPrefix("org.opening_hours_published cannot follow"))
            }
        }
    }

    private static func received(in stream: StreamName) throws -> NewEvent {
        try event(.received(.init(channel: .phone, direction: .incoming)), in: stream)
    }

    private static func event(_ event: ContactEvent, in stream: StreamName) throws -> NewEvent {
        let kind = try #require(event.kind)
        return try NewEvent(
            id: .timeOrdered(at: LogClock.system.now), type: EventType(kind.type),
            schema: kind.schema, stream: stream, source: Source("urn:test"), time: nil,
            data: .json(event.payload[...]))
    }

    /// Mostly steps that can follow somewhere, and some events of which the rules say nothing.
    private func event(
        at step: Int, _ generator: inout SeededNumbers
    ) throws -> NewEvent {
        // Some streams end and others begin; some go on when long is past.
        let newest = step / 20 + 40
        let lowest = generator.happens(oneIn: 10) ? 0 : newest - 40
        let number = Int.random(in: lowest..<newest, using: &generator)
        let stream = try StreamName("contact/\(number)")
        let queue = try #require(QueueID("anagrafe"))
        let names = try ["one", "two"].map { try #require(OperatorID($0)) }
        let name = generator.happens(oneIn: 3) ? nil : names.randomElement(using: &generator)
        let steps: [ContactEvent] = [
            .received(.init(channel: .phone, direction: .incoming)), .selfServiceEnded(.toOperator),
            .queued(.init(queue: queue, reason: .transfer)),
            .leftQueue(.init(queue: queue, reason: .answered)),
            .leftQueue(.init(queue: queue, reason: .overflowed)), .connected(name),
            .callbackRequested(.init(queue: queue)),
            .queued(.init(queue: queue, reason: .callback)),
            .callbackAttempted(nil), .callbackFailed(.busy), .callbackReached,
            .transferred(nil), .abandoned(.hold), .disconnected(by: nil), .afterWorkEnded(name),
        ]
        if generator.happens(oneIn: 10) {
            return try NewEvent(
                id: .timeOrdered(at: LogClock.system.now),
                type: EventType(
                    generator.happens(oneIn: 3) ? "contact.queued" : "contact.never_heard_of"),
                schema: 7, stream: stream, source: Source("urn:test"), time: nil,
                data: .json([0x7B, 0x7D]))
        }
        return try Self.event(try #require(steps.randomElement(using: &generator)), in: stream)
    }

    private func move(
        _ states: inout [StreamName: StreamState], by event: NewEvent
    ) -> ImpossibleStep? {
        JudgedEvent(type: event.type.text, schema: event.schema, payload: event.data.object)
            .flatMap { StreamState.move(&states[event.stream], by: $0) }
    }
}

extension AppendOutcome {
    fileprivate var isRefused: Bool {
        if case .rejected(.impossibleStep) = self { true } else { false }
    }
}
