import ContactCentre
import JSON
import TestSupport
import Testing

/// The machine that judges events and the state that routes by them hear the same, also of streams
/// that break rules, as imports bring them: what routing wants done about callbacks may follow.
@Suite struct AgreementTests {
    private static let stream = "contact/1"

    @Test(
        "callbacks are moved where the stream lets them, whatever it has told",
        arguments: [41, 42, 43] as [UInt64])
    func agree(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        var moves = 0
        for number in 0..<6_000 * patience {
            var routing = try Self.organised()
            var judge: StreamState?
            var told: [ContactEvent] = []
            for step in 0..<Int.random(in: 2...12, using: &numbers) {
                let event: ContactEvent =
                    step == 0
                    ? .received(.init(channel: .chat, direction: .incoming))
                    : try Self.event(&numbers)
                try Self.apply(event, at: step + 100, &routing)
                _ = StreamState.move(&judge, by: .contact(event))
                told.append(event)
            }
            // Soon, and when every promise has ended.
            for time in [200, 5_000] {
                for callback in routing.callbacksToMove(at: Self.moment(time)) {
                    moves += 1
                    var after = judge
                    for event in Self.events(of: callback.move) {
                        let broken = StreamState.move(&after, by: .contact(event))
                        let story = told.map { "\($0)" }.joined(separator: ", ")
                        #expect(broken == nil, "seed \(seed), \(number): \(story)")
                    }
                }
            }
        }
        #expect(moves > 500, "seed \(seed)")
    }

    private static func moment(_ second: Int) -> Instant {
        Instant(microseconds: Int64(second) * 1_000_000)
    }

    /// As routers append it.
    private static func events(of move: CallbackToMove.Move) -> [ContactEvent] {
        switch move {
        case .queue(let queued): [.queued(queued)]
        case .expire(_, nil): [.callbackExpired]
        case .expire(_, let queue?):
            [.leftQueue(.init(queue: queue, reason: .timeout)), .callbackExpired]
        }
    }

    /// Callbacks more often than all else, half of them with an end.
    private static func event(_ numbers: inout SeededNumbers) throws -> ContactEvent {
        let queue = try #require(QueueID("anagrafe"))
        switch Int.random(in: 0..<8, using: &numbers) {
        case 0: return .callbackRequested(.init(queue: queue))
        case 1: return .callbackRequested(.init(queue: queue, end: moment(1_000)))
        case 2: return .connected(nil)
        default: return try .random(&numbers)
        }
    }

    private static func organised() throws -> RoutingState {
        var state = RoutingState { _ in [0] }
        let lines = [
            ("org/centres/c", "org.centre_opened", "{}"),
            (
                "org/routing_policies/p", "routing.policy_published",
                #"{"version":1,"rank":["longest_idle"],"callAttemptsMax":2}"#
            ),
            ("org/queues/anagrafe", "org.queue_created", #"{"centreId":"c","policyId":"p"}"#),
        ]
        for (place, (stream, type, data)) in lines.enumerated() {
            let payload = JSONPayload(checked: Array(data.utf8)[...])
            state.apply(fact(stream, type, 1, place, payload))
        }
        return state
    }

    private static func apply(
        _ event: ContactEvent, at second: Int, _ state: inout RoutingState
    ) throws {
        let kind = try #require(event.kind)
        let payload = JSONPayload(checked: event.payload[...])
        state.apply(fact(stream, kind.type, kind.schema, second, payload))
    }

    private static func fact(
        _ stream: String, _ type: String, _ schema: UInt16, _ second: Int, _ payload: JSONPayload?
    ) -> RoutingFact {
        RoutingFact(
            type: type, schema: schema, stream: stream, position: UInt64(second),
            occurred: moment(second), payload: payload, groups: [])
    }
}
