package import EventLog
internal import JSON

/// Synthetic calls of a contact centre, event by event, as an import of real call records makes
/// them.
///
/// Many calls are under way at a time, so that the events of one lie scattered among those of
/// others. Ids are random UUIDs of version 4, which no compression can shorten. The same seed gives
/// the same events, and another seed shares neither ids nor streams with it.
package struct CallLives: EventSupply {
    /// Streams drawn uniformly from those of all calls that have an event so far.
    package private(set) var sampledStreams: [StreamName] = []

    private var numbers: SeededNumbers
    private let seed: UInt64
    private let names: Names
    private var calls: [Call] = []
    private var begun = 0
    private var received = 0
    private var now = Instant(microseconds: 1_772_434_800_000_000)

    private static let callsUnderWay = 24
    private static let sampledStreamsMax = 4_096

    private struct Call {
        let stream: StreamName
        let queue: Int
        let operatorNumber: Int
        let path: [Step]
        var done = 0
    }

    private enum Step {
        case received, toOperator, hungUp, abandoned, queued, answered, leftWaiting, connected
        case disconnected
    }

    private static let answeredPath: [Step] = [
        .received, .toOperator, .queued, .answered, .connected, .disconnected,
    ]
    private static let impatientPath: [Step] = [.received, .toOperator, .queued, .leftWaiting]
    private static let selfServedPath: [Step] = [.received, .hungUp, .abandoned]

    package init(seed: UInt64) throws {
        self.seed = seed
        numbers = SeededNumbers(seed: seed)
        names = try Names()
        calls = try (0..<Self.callsUnderWay).map { _ in try nextCall() }
    }

    /// The next events in the order of their times.
    package mutating func next(_ count: Int) throws -> [NewEvent] {
        var events: [NewEvent] = []
        events.reserveCapacity(count)
        for _ in 0..<count { events.append(try next()) }
        return events
    }

    private mutating func next() throws -> NewEvent {
        let place = numbers.below(calls.count)
        now = Instant(microseconds: now.microseconds + Int64(numbers.below(8)) * 1_000_000)
        let call = calls[place]
        let event = event(call.path[call.done], of: call)
        if call.done == 0 { sample(call.stream) }
        calls[place].done += 1
        if calls[place].done == call.path.count { calls[place] = try nextCall() }
        return event
    }

    private mutating func nextCall() throws -> Call {
        let path =
            switch numbers.below(20) {
            case 0..<15: Self.answeredPath
            case 15..<18: Self.impatientPath
            default: Self.selfServedPath
            }
        let stream = try StreamName(
            "contact/AA\(numbers.below(20))-\(begun)-\(String(seed, radix: 16))")
        begun += 1
        return Call(
            stream: stream, queue: numbers.below(Names.queues.count),
            operatorNumber: numbers.below(Names.operators), path: path)
    }

    /// Keeps every stream with the same chance, however many there will be.
    private mutating func sample(_ stream: StreamName) {
        received += 1
        if sampledStreams.count < Self.sampledStreamsMax {
            sampledStreams.append(stream)
        } else if case let place = numbers.below(received), place < Self.sampledStreamsMax {
            sampledStreams[place] = stream
        }
    }

    private mutating func event(_ step: Step, of call: Call) -> NewEvent {
        let (type, data, tags) = names.content(step, queue: call.queue, by: call.operatorNumber)
        return NewEvent(
            id: .random(using: &numbers), type: type, schema: 1, stream: call.stream, tags: tags,
            source: names.source, time: now, data: data)
    }

    /// What events have in common, made once.
    private struct Names {
        static let queues = ["PS", "NW", "NE", "IN", "PE", "TT"]
        static let operators = 40

        let source: Source
        private let received, selfServiceEnded, abandoned, queued, leftQueue: EventType
        private let connected, disconnected: EventType
        private let toOperator, hungUp, inSelfService, nothing: EventData
        private let arrivals, entries, answers, losses: [EventData]
        private let takings: [EventData]
        private let queueTags, operatorTags: [Tags]

        init() throws {
            source = try Source("urn:ascolto:synthetic:bench")
            received = try EventType("contact.received")
            selfServiceEnded = try EventType("contact.self_service_ended")
            abandoned = try EventType("contact.abandoned")
            queued = try EventType("contact.queued")
            leftQueue = try EventType("contact.left_queue")
            connected = try EventType("contact.connected")
            disconnected = try EventType("contact.disconnected")
            toOperator = try Self.data(#"{"result":"to_operator"}"#)
            hungUp = try Self.data(#"{"result":"hung_up"}"#)
            inSelfService = try Self.data(#"{"stage":"self_service"}"#)
            nothing = try Self.data("{}")
            arrivals = try Self.queues.map {
                let call = #""channel":"phone","direction":"in","zone":"Europe/Rome""#
                return try Self.data(#"{\#(call),"queueId":"\#($0)"}"#)
            }
            entries = try Self.queues.map { try Self.data(#"{"queueId":"\#($0)"}"#) }
            answers = try Self.queues.map {
                try Self.data(#"{"queueId":"\#($0)","reason":"answered"}"#)
            }
            losses = try Self.queues.map {
                try Self.data(#"{"queueId":"\#($0)","reason":"abandoned"}"#)
            }
            let operators = (0..<Self.operators).map { "operator-\($0)" }
            takings = try operators.map { try Self.data(#"{"operatorId":"\#($0)"}"#) }
            queueTags = try Self.queues.map { try Tags([Tag("queue:\($0)")]) }
            operatorTags = try operators.map { try Tags([Tag("operator:\($0)")]) }
        }

        func content(
            _ step: Step, queue: Int, by operatorNumber: Int
        ) -> (EventType, EventData, Tags) {
            switch step {
            case .received: (received, arrivals[queue], queueTags[queue])
            case .toOperator: (selfServiceEnded, toOperator, .none)
            case .hungUp: (selfServiceEnded, hungUp, .none)
            case .abandoned: (abandoned, inSelfService, .none)
            case .queued: (queued, entries[queue], queueTags[queue])
            case .answered: (leftQueue, answers[queue], queueTags[queue])
            case .leftWaiting: (leftQueue, losses[queue], queueTags[queue])
            case .connected: (connected, takings[operatorNumber], operatorTags[operatorNumber])
            case .disconnected: (disconnected, nothing, .none)
            }
        }

        private static func data(_ text: String) throws -> EventData {
            try .json(checking: Array(text.utf8)[...])
        }
    }
}

extension EventID {
    /// A UUID of version 4 (RFC 9562, 5.4).
    static func random(using numbers: inout SeededNumbers) -> EventID {
        EventID(
            high: numbers.next() & ~0xF000 | 0x4000, low: 0b10 << 62 | numbers.next() >> 2)
    }
}
