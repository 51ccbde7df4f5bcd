internal import ContactCentre
internal import Crypto
internal import Description
internal import EventLog
internal import JSON

/// What routing decides upon, as the first events of a log tell it.
struct FollowRouting: Sendable {
    private(set) var state: RoutingState
    /// The first position that has not been taken in.
    private(set) var next: UInt64 = 0
    /// The id of the last event before it; nil before the first one.
    private(set) var last: EventID?
    /// The latest moment at which anything happened of what was taken in.
    private(set) var clock = Instant.earliest

    /// Nothing, yet; calendars that name no zone are in this one.
    init(in zone: Zone = .utc) {
        state = RoutingState(in: zone, hash: Self.hash)
    }

    /// Nothing, yet, of a log.
    init(of log: EventLog) { self.init(in: Zone(identifier: log.identity.zone) ?? .utc) }

    static let hash: @Sendable ([UInt8]) -> [UInt8] = { Array(SHA256.hash(data: $0)) }

    /// What was known before an event.
    init(_ state: RoutingState, before next: UInt64, last: EventID, clock: Instant) {
        (self.state, self.next, self.last, self.clock) = (state, next, last, clock)
    }

    /// What is read of a log: what routing looks at, and what corrects the organisation.
    static let types: Set<EventType> = {
        let names = RoutingState.types
        return Set(names.compactMap { try? EventType($0) })
            .union([Corrections.correctedType, Corrections.voidedType])
    }()

    /// Takes in an event that follows on those before it, with whatever lies between them.
    ///
    /// Contacts and operators are as events told of them then, but for requests of callbacks that
    /// were voided, and for what people have changed about where a contact goes; the organisation
    /// is as corrections have it that stand before.
    mutating func take(_ event: Event, of log: EventLog) throws {
        if !event.isCorrection {
            state.apply(RoutingFact(event))
        } else if event.stream.isOfOrganisation {
            state.replace(
                try log.organisation(before: event.position.value + 1).organisation)
        } else {
            try withdrawPromise(event, in: log)
            try correctInterventions(event, in: log)
        }
        took(event)
    }

    /// Nobody is called back on a request that never was.
    private mutating func withdrawPromise(_ correction: Event, in log: EventLog) throws {
        guard correction.type == Corrections.voidedType,
            let id = correction.data.object?.string(Corrections.Member.target)
                .flatMap({ EventID($0) }),
            let target = try log.events(withIDs: [id])[id],
            target.type.text == ContactEvent.Kind.callbackRequested.rawValue
        else { return }
        state.withdrawPromise(at: target.position.value, to: correction.stream.text)
    }

    /// What people change holds as it has been corrected.
    private mutating func correctInterventions(_ correction: Event, in log: EventLog) throws {
        var selection = Selection()
        selection.stream = correction.stream
        selection.types = Self.correctedTypes
        selection.to = correction.position
        var told: [Event] = []
        try log.read(selection) { event in
            told.append(event)
            return .next
        }
        let targets = Dictionary(told.map { ($0.id, $0) }) { first, _ in first }
        let corrections = Corrections(told) { _ in targets }
        for event in told where !event.isCorrection {
            let corrected = corrections.applied(to: event).flatMap { event in
                try? RoutingIntervention(
                    type: event.type.text, schema: event.schema, payload: event.data.object)
            }
            state.correct(
                event.position.value, of: event.stream.text, to: corrected)
        }
    }

    private static let correctedTypes: Set<EventType> = {
        let names = RoutingIntervention.Kind.allCases.map(\.type)
        return Set(names.compactMap { try? EventType($0) })
            .union([Corrections.correctedType, Corrections.voidedType])
    }()

    /// Takes in what the router itself is about to append at the positions that come next.
    mutating func foresee(_ event: Event) {
        state.apply(RoutingFact(event))
        took(event)
    }

    private mutating func took(_ event: Event) {
        passed(event)
        clock = max(clock, event.occurred)
    }

    /// Events up to this one have been taken in; those between had nothing to say.
    mutating func passed(_ event: Event) {
        next = event.position.value + 1
        last = event.id
    }

    /// Asks what the state says at a moment, which may have it look at the organisation anew.
    mutating func ask<Answer>(_ question: (inout RoutingState) throws -> Answer) rethrows -> Answer
    {
        try question(&state)
    }
}

extension EventLog {
    /// Takes in the events before a position, `size` at most the log's.
    ///
    /// - Returns: How many there were that mean something to routing.
    func follow(_ routing: inout FollowRouting, to size: UInt64) throws -> Int {
        guard routing.next < size else { return 0 }
        var count = 0
        var selection = Selection()
        selection.types = FollowRouting.types
        selection.from = Position(routing.next)
        selection.to = Position(size - 1)
        try read(selection) { event in
            try routing.take(event, of: self)
            count += 1
            return .next
        }
        // The last event is known by its id, also where routing has no use for it.
        if routing.next < size, let end = try event(at: Position(size - 1)) { routing.passed(end) }
        return count
    }
}

extension Event {
    var isCorrection: Bool {
        type == Corrections.correctedType || type == Corrections.voidedType
    }
}

extension StreamName {
    var isOfOrganisation: Bool {
        text.utf8.starts(with: StreamPrefix.organisation.utf8)
            || text.utf8.starts(with: StreamPrefix.operator.utf8)
    }
}

extension RoutingFact {
    init(_ event: Event) {
        self.init(
            type: event.type.text, schema: event.schema, stream: event.stream.text,
            position: event.position.value, occurred: event.moment,
            payload: event.data.object,
            groups: event.tags.texts.compactMap { GroupTag(tag: $0) })
    }
}

extension Event {
    /// When it happened, as far as routing is concerned.
    ///
    /// Where only the day is known it states some moment of that, and that is no later than when it
    /// was put down.
    fileprivate var moment: Instant {
        guard occurred > recorded else { return occurred }
        let precision = try? OccurredPrecision(of: data.object, type: type.text)
        return precision.map { $0 < .minute } ?? true ? occurred : recorded
    }
}
