internal import ContactCentre
internal import Crypto
package import EventLog
package import JSON
internal import Routing

/// A queue with as many operators as wanted, all of whom are candidates for each contact.
///
/// Half of them are busy at any time, as in a centre that has work; those who are free are compared
/// by tier, skill and idle time.
package struct RoutedContacts {
    private var state = RoutingState { Array(SHA256.hash(data: $0)) }
    private var position: UInt64 = 0
    private var clock: Int64 = 1_800_000_000_000_000
    private var busy: [String] = []
    private var contacts = 0
    private let operators: Int

    /// - Parameter operators: Members of the queue, two or more.
    /// - Throws: Nothing, as long as what it says of itself is right.
    package init(operators: Int) throws {
        self.operators = operators
        for line in Self.organisation(operators: operators, contactsEach: 1) { try apply(line) }
        for number in 0..<operators {
            try apply(Line("operator/op-\(number)", "operator.logged_in", "{}"))
        }
    }

    /// What an event says.
    private struct Line {
        let stream: String
        let type: String
        let data: String

        init(_ stream: String, _ type: String, _ data: String) {
            self.stream = stream
            self.type = type
            self.data = data
        }
    }

    private static func organisation(operators: Int, contactsEach most: Int) -> [Line] {
        let policy = #"{"version":1,"rank":["tier","skill","longest_idle"],"ageEveryUs":60000000}"#
        let queue =
            #"{"centreId":"c","policyId":"p","requiredSkills":[{"skill":"law","minLevel":1}]}"#
        return [
            Line("org/skills/law", "org.skill_defined", "{}"),
            Line("org/centres/c", "org.centre_opened", "{}"),
            Line("org/routing_policies/p", "routing.policy_published", policy),
            Line("org/queues/q", "org.queue_created", queue),
        ]
            + (0..<operators).flatMap { number in
                let stream = "operator/op-\(number)"
                let level = #"{"skill":"law","level":\#(1 + number % 4)}"#
                let capacity = #"{"channel":"chat","maxConcurrent":\#(most)}"#
                return [
                    Line(stream, "operator.hired", #"{"role":"operator_l1","centreId":"c"}"#),
                    Line(stream, "operator.skill_granted", level),
                    Line(
                        stream, "operator.queue_joined",
                        #"{"queueId":"q","tier":\#(number % 3)}"#),
                    Line(stream, "operator.capacity_changed", capacity),
                ]
            }
    }

    private mutating func apply(_ line: Line) throws {
        state.apply(
            RoutingFact(
                type: line.type, schema: Catalogue.schema(of: line.type), stream: line.stream,
                position: position,
                occurred: Instant(microseconds: clock),
                payload: JSONPayload(checked: Array(line.data.utf8)[...]), groups: []))
        position += 1
        clock += 1_000
    }

    /// Makes decisions, and measures them alone: each with all that is recorded of it.
    package mutating func decide(_ count: Int) throws -> Sample {
        var nanoseconds: Int64 = 0
        var latencies: [Int64] = []
        for _ in 0..<count {
            contacts += 1
            let stream = "contact/\(contacts)"
            try apply(Line(stream, "contact.received", #"{"channel":"chat","direction":"in"}"#))
            try apply(Line(stream, "contact.queued", #"{"queueId":"q"}"#))
            let start = ContinuousClock.now
            let decision = state.decision(for: stream, at: Instant(microseconds: clock))
            let taken = start.nanosecondsSince
            nanoseconds += taken
            latencies.append(taken)
            guard let name = decision?.selectedID else { throw NobodyFree() }
            let data = #"{"operatorId":"\#(name)"}"#
            try apply(Line(stream, "contact.connected", data))
            busy.append(stream)
            guard busy.count > operators / 2 else { continue }
            let first = busy.removeFirst()
            try apply(Line(first, "contact.disconnected", "{}"))
            try apply(Line(first, "contact.after_work_ended", "{}"))
        }
        return Sample(events: count, nanoseconds: nanoseconds, latencies: latencies)
    }

    /// There is always somebody, so this is a bug.
    package struct NobodyFree: Error {}

    /// Fills an empty log with so many contacts that wait, and people who can take all of them.
    package static func fill(_ log: EventLog, contacts: Int, operators: Int) async throws {
        var lines = organisation(operators: operators, contactsEach: 1 + contacts)
        lines += (0..<operators).map { Line("operator/op-\($0)", "operator.logged_in", "{}") }
        for number in 0..<contacts {
            lines.append(
                Line(
                    "contact/\(number)", "contact.received",
                    #"{"channel":"chat","direction":"in"}"#))
            lines.append(Line("contact/\(number)", "contact.queued", #"{"queueId":"q"}"#))
        }
        let source = try Source("urn:ascolto:bench")
        let events = try lines.map { line in
            Append([
                NewEvent(
                    id: nil, type: try EventType(line.type),
                    schema: Catalogue.schema(of: line.type),
                    stream: try StreamName(line.stream), tags: .none, source: source, time: nil,
                    data: .json(Array(line.data.utf8)[...]))
            ])
        }
        for outcome in try await log.append(each: events) {
            guard case .appended = outcome else { throw NobodyFree() }
        }
    }

    /// Routes what waits in a log, and measures it: reading, deciding and durable appends.
    package static func route(_ log: EventLog, at now: Instant) async throws -> Sample {
        let start = ContinuousClock.now
        var router = try Router(log, name: "bench") { try await log.appendRouted($0) }
        var decisions = 0
        while case .decided(let count) = try await router.step(at: now) { decisions += count }
        return Sample(events: decisions, nanoseconds: start.nanosecondsSince)
    }
}
