package import JSON
internal import Storage

/// Which events may follow which in a stream, for a log that is opened with rules.
///
/// The log has no opinion of what events mean. Where it was given rules, they are asked at the
/// moment when an append gets its place: so no two writers can each find an event possible, and one
/// of them be wrong.
package struct StreamRules: Sendable {
    /// What the rules know of a stream; nil before the first step.
    package typealias State = any Sendable

    /// What an event is to the rules.
    package struct Step: Sendable {
        let past: Past
        let take: @Sendable (inout State?) -> BrokenRule?

        /// - Parameters:
        ///   - past: Whether the state behind the step depends on the one before it.
        ///   - take: Moves the state on, and tells which rule that breaks, if any. A step that is
        ///     in the log already has happened, whatever it breaks.
        package init(past: Past, take: @escaping @Sendable (inout State?) -> BrokenRule?) {
            self.past = past
            self.take = take
        }
    }

    package enum Past: Sendable {
        case matters
        /// The stream need not be read beyond this step.
        case doesNotMatter
    }

    /// The step that an event is; nil where the rules say nothing of it.
    let step: @Sendable (EventType, _ schema: UInt16, JSONPayload?) -> Step?

    /// `step` is called by those who append, before their events meet the one who writes.
    package init(
        step: @escaping @Sendable (EventType, _ schema: UInt16, JSONPayload?) -> Step?
    ) {
        self.step = step
    }

    func step(of event: Event) -> Step? { step(event.type, event.schema, event.data.object) }
}

/// Why an event cannot follow where its stream stands.
package struct BrokenRule: Equatable, Sendable {
    package let name: String
    /// In words that name the state and the event.
    package let reason: String

    package init(name: String, reason: String) {
        self.name = name
        self.reason = reason
    }
}

/// The rules of a log, and the states of streams that they have met lately.
struct JudgedStreams: Sendable {
    let rules: StreamRules?
    /// Nil of a stream that has no step.
    private var states = BoundedCache<StreamName, StreamRules.State?>(
        bytesMax: LogLimits.judgedStreamsBytesMax)

    init(_ rules: StreamRules?) { self.rules = rules }

    /// Nil where nobody remembers.
    subscript(stream: StreamName) -> StreamRules.State?? { mutating get { states[stream] } }

    mutating func keep(_ state: StreamRules.State?, of stream: StreamName) {
        states.keep(state, bytes: stream.text.utf8.count + 200, for: stream)
    }
}

extension WriterState {
    /// Why the events of an append cannot follow in their streams; nil where they can, and then
    /// their states are those behind it.
    mutating func impossibleStep(
        in append: PreparedAppend, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Rejection? {
        guard let rules = judged.rules else { return nil }
        var states: [StreamName: StreamRules.State] = [:]
        for event in append.events {
            guard let step = event.step else { continue }
            let stream = event.sent.content.stream
            var state: StreamRules.State? =
                if let known = states[stream] { known } else {
                    try self.state(of: stream, rules, in: transaction)
                }
            if let rule = step.take(&state) { return .impossibleStep(event.sent.id, stream, rule) }
            states[stream] = state
        }
        for (stream, state) in states { judged.keep(state, of: stream) }
        return nil
    }

    /// The state that a stream had before the append; whatever becomes of that, it is remembered.
    private mutating func state(
        of stream: StreamName, _ rules: StreamRules,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> StreamRules.State? {
        if let known = judged[stream] { return known }
        guard streams[stream] != nil else { return nil }
        let state = try readState(of: stream, rules, in: transaction)
        judged.keep(state, of: stream)
        return state
    }

    /// The state of a stream by its events in the log, which are read from the newest back to one
    /// behind which nothing that came before it matters.
    private func readState(
        of stream: StreamName, _ rules: StreamRules,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> StreamRules.State? {
        var steps: [StreamRules.Step] = []
        try forEachEventBackward(of: stream, in: transaction) { event in
            guard let step = rules.step(of: event) else { return .next }
            steps.append(step)
            return step.past == .matters ? .next : .stop
        }
        var state: StreamRules.State?
        for step in steps.reversed() { _ = step.take(&state) }
        return state
    }

    private func forEachEventBackward(
        of stream: StreamName, in transaction: borrowing some Transaction & ~Copyable,
        _ body: (Event) -> ReadStep
    ) throws {
        let hash = TermHash.of(stream: stream)
        var position = pending.end
        while position > pending.first {
            position -= 1
            let event = pending[position]
            guard event.sent.terms.stream == hash, event.sent.content.stream == stream else {
                continue
            }
            if body(event.event) == .stop { return }
        }
        let units = try RunSearch.units(of: [hash], kind: .stream, runs: runs, in: transaction)
        guard let units = units.first, !units.isEmpty else { return }
        var snapshot = try Snapshot(transaction)
        for unit in units.reversed() {
            for event in try snapshot.events(ofUnit: unit, in: transaction).reversed()
            where event.stream == stream {
                if body(event) == .stop { return }
            }
        }
    }
}
