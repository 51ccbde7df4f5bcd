import ContactCentre
import Testing

/// What a state machine draws of itself is what it accepts.
@Suite struct StateGraphTests {
    @Test func aContactGoesTheWaysThatAreDrawn() {
        let edges = StateMachine.contact.graph.edges
        func events(from: String, to: String) -> [String] {
            edges.first { $0.from == from && $0.to == to }?.events ?? []
        }
        #expect(events(from: "absent", to: "received") == ["received (in)"])
        #expect(events(from: "absent", to: "placed") == ["received (out)"])
        #expect(events(from: "placed", to: "connected") == ["connected"])
        #expect(events(from: "answered", to: "abandoned") == ["abandoned (ringing, other)"])
        #expect(events(from: "received", to: "waiting") == ["queued"])
        #expect(events(from: "connected", to: "waiting") == ["queued (transfer)"])
        #expect(events(from: "waiting", to: "answered") == ["left_queue (answered)"])
        #expect(events(from: "answered", to: "connected") == ["connected"])
        #expect(events(from: "waiting", to: "offered") == ["offer_made"])
        #expect(events(from: "offered", to: "answered") == ["left_queue (answered)"])
        #expect(events(from: "accepted", to: "gave_up") == ["left_queue (abandoned)"])
        #expect(events(from: "answered", to: "waiting") == ["queued (requeue)"])
        #expect(events(from: "redirected", to: "callback_requested") == ["callback_requested"])
        #expect(
            events(from: "callback_requested", to: "callback_waiting") == [
                "queued (overflow, callback, requeue)"
            ])
        #expect(
            events(from: "callback_waiting", to: "callback_taken") == ["left_queue (answered)"])
        #expect(events(from: "callback_taken", to: "calling_back") == ["callback_attempted"])
        #expect(events(from: "calling_back", to: "answered") == ["callback_reached"])
        #expect(events(from: "calling_back", to: "callback_failed") == ["callback_failed"])
        #expect(events(from: "callback_requested", to: "over") == ["callback_expired"])
        #expect(events(from: "received", to: "hung_up") == ["self_service_ended (hung_up)"])
        #expect(
            events(from: "received", to: "past_self_service") == [
                "self_service_ended (to_operator, failed, other)"
            ])
        #expect(edges.filter { $0.to == "absent" }.isEmpty)
        #expect(events(from: "received", to: "blocked") == ["blocked"])
        #expect(events(from: "blocked", to: "callback_requested") == ["callback_requested"])
        #expect(events(from: "blocked", to: "waiting") == [])
        #expect(events(from: "connected", to: "held") == ["held"])
        #expect(events(from: "held", to: "connected") == ["resumed"])
        #expect(events(from: "held", to: "disconnected") == ["disconnected"])
        #expect(events(from: "connected", to: "closed") == [])
        #expect(events(from: "disconnected", to: "closed") == ["closed"])
        #expect(Set(edges.filter { $0.from == "over" }.map(\.to)) == ["over", "closed"])
        #expect(
            Set(events(from: "over", to: "over")) == ["after_work_ended", "outcome_recorded"])
        #expect(events(from: "connected", to: "callback_requested") == ["disconnected"])
        #expect(events(from: "disconnected", to: "callback_requested") == ["callback_requested"])
        #expect(
            Set(events(from: "held", to: "held"))
                == [
                    "callback_requested", "callback_expired", "outcome_recorded",
                    "after_work_ended (of another)",
                ])
        #expect(edges.filter { $0.from == "closed" }.isEmpty)
    }

    @Test func everyStateOfAContactIsReached() {
        let phases: [ContactState.Phase] = [
            .received, .placed, .pastSelfService, .contained, .hungUp, .answered, .gaveUp,
            .redirected, .callbackRequested, .callbackTaken, .callingBack, .callbackFailed,
            .connected, .transferred, .disconnected, .abandoned, .abandonedInConversation, .over,
            .blocked, .held, .closed,
        ]
        let visits = ["waiting", "offered", "accepted"].flatMap { [$0, "callback_\($0)"] }
        let reached = Set(StateMachine.contact.graph.edges.map(\.to))
        #expect(reached == Set(phases.map(\.name)).union(visits))
    }

    @Test func aContactRestsWhereNothingIsOwedToIt() {
        #expect(
            Set(StateMachine.contact.graph.endings)
                == [
                    "contained", "hung_up", "gave_up", "callback_failed", "disconnected",
                    "abandoned", "over", "blocked", "closed",
                ])
    }

    @Test func aQueueVisitIsDrawnFromWaitingToLeaving() {
        #expect(
            StateMachine.queueVisit.graph.mermaid.split(separator: "\n").dropFirst() == [
                "    [*] --> waiting",
                "    waiting --> waiting: wait_announced, offer_declined, offer_missed, "
                    + "offer_rescinded",
                "    waiting --> offered: offer_made", "    waiting --> accepted: offer_accepted",
                "    waiting --> left: left_queue", "    offered --> offered: wait_announced",
                "    offered --> accepted: offer_accepted",
                "    offered --> waiting: offer_declined, offer_missed, offer_rescinded",
                "    offered --> left: left_queue", "    accepted --> accepted: wait_announced",
                "    accepted --> waiting: offer_rescinded",
                "    accepted --> left: left_queue", "    left --> [*]",
            ])
    }

    @Test func anOperatorIsDrawnWithoutEveryStatus() {
        #expect(
            StateMachine.operator.graph.mermaid.split(separator: "\n").dropFirst() == [
                "    [*] --> absent", "    absent --> logged_in: logged_in",
                "    logged_in --> absent: logged_out",
                "    logged_in --> in_a_status: status_changed",
                "    in_a_status --> absent: logged_out",
                "    in_a_status --> in_a_status: status_changed", "    absent --> [*]",
            ])
    }
}
