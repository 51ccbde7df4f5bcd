import ContactCentre
import JSON

/// A history with an event of each type that routing looks at, and with names that differ by their
/// normalisation only.
enum RoutingStory {
    /// Stream, type and data, one a second from ten o'clock on a Monday in Rome.
    static let lines: [(stream: String, type: String, data: String)] =
        organisation + atWork("\u{F2}") + atWork("o\u{300}") + atWork("zz")
        + answered("contact/\u{E8}") + agreedUpon("contact/agreed") + calledBack("contact/e\u{300}")
        + turnedAway + waiting
        + leaving

    private static let organisation = [
        ("org/centres/c", "org.centre_opened", "{}"),
        ("org/skills/law", "org.skill_defined", "{}"),
        ("org/teams/red", "org.team_created", #"{"centreId":"c"}"#),
        (
            "org/calendars/k", "org.opening_hours_published",
            #"{"version":1,"weekly":[{"weekday":"monday","from":"08:00","to":"10:01"}]}"#
        ),
        (
            "org/routing_policies/p", "routing.policy_published",
            #"{"version":1,"rank":["longest_idle"],"callbackAfterUs":1000000,"#
                + #""callAgainUs":5000000,"callAttemptsMax":2,"#
                + #""boosts":[{"ruleId":"old","attribute":"age","#
                + #""groups":["65+"],"add":2}]}"#
        ),
        (
            "org/queues/q", "org.queue_created",
            #"{"centreId":"c","policyId":"p","overflow":[{"to":"r","afterUs":5000000}]}"#
        ),
        ("org/queues/r", "org.queue_created", #"{"centreId":"c","policyId":"p","calendarId":"k"}"#),
    ]

    private static func atWork(_ name: String) -> [(String, String, String)] {
        [
            ("hired", #"{"role":"operator_l1","centreId":"c"}"#),
            ("team_assigned", #"{"teamId":"red"}"#), ("queue_joined", #"{"queueId":"q"}"#),
            ("skill_granted", #"{"skill":"law","level":2}"#),
            ("capacity_changed", #"{"channel":"chat","maxConcurrent":2}"#), ("logged_in", "{}"),
        ].map { ("operator/\(name)", "operator.\($0)", $1) }
    }

    private static func contact(
        _ stream: String, _ events: [(String, String)]
    ) -> [(String, String, String)] {
        events.map { (stream, $0.contains(".") ? $0 : "contact.\($0)", $1) }
    }

    private static let received = (
        "received", #"{"channel":"phone","direction":"in","languageOffered":"fr"}"#
    )
    private static let queued = (
        "queued",
        #"{"queueId":"q","priority":1,"requiredSkills":[{"skill":"law","minLevel":1}]}"#
    )

    private static func left(_ reason: String) -> (String, String) {
        ("left_queue", #"{"queueId":"q","reason":"\#(reason)"}"#)
    }

    private static func of(_ name: String) -> String { #"{"operatorId":"\#(name)"}"# }

    private static func answered(_ stream: String) -> [(String, String, String)] {
        contact(
            stream,
            [
                received, ("self_service_ended", #"{"result":"to_operator"}"#), queued,
                ("routing.priority_changed", #"{"priority":4,"reason":"at risk"}"#),
                ("offer_made", #"{"operatorId":"zz","ringUs":20000000}"#),
                ("offer_declined", of("zz")), ("offer_made", of("\u{F2}")),
                ("offer_accepted", of("\u{F2}")), left("answered"), ("connected", of("\u{F2}")),
                ("held", "{}"), ("resumed", "{}"), ("transferred", "{}"),
                ("queued", #"{"queueId":"q","enqueueReason":"transfer"}"#),
                ("after_work_ended", of("\u{F2}")), left("answered"), ("connected", of("zz")),
                ("disconnected", "{}"),
            ])
    }

    /// A callback that is agreed upon while somebody speaks, who then has something left to do.
    private static func agreedUpon(_ stream: String) -> [(String, String, String)] {
        contact(
            stream,
            [
                received, queued, left("answered"), ("connected", of("\u{F2}")), ("held", "{}"),
                ("callback_requested", #"{"queueId":"q"}"#), ("after_work_ended", of("zz")),
                ("resumed", "{}"), ("disconnected", "{}"), ("after_work_ended", of("zz")),
                ("after_work_ended", of("\u{F2}")),
            ])
    }

    private static func calledBack(_ stream: String) -> [(String, String, String)] {
        let again = ("queued", #"{"queueId":"q","enqueueReason":"callback"}"#)
        return contact(
            stream,
            [
                received, queued, ("wait_announced", #"{"alternativesOffered":["callback"]}"#),
                left("callback_accepted"), ("callback_requested", #"{"queueId":"q"}"#),
                ("disconnected", "{}"), again, left("answered"),
                ("callback_attempted", of("o\u{300}")),
                ("callback_failed", #"{"outcome":"busy"}"#), ("disconnected", "{}"), again,
                left("answered"), ("callback_attempted", of("o\u{300}")),
                ("callback_failed", #"{"outcome":"busy"}"#), ("disconnected", "{}"),
            ])
    }

    private static let turnedAway =
        contact("contact/turned", [received, ("blocked", #"{"reason":"closed_hours"}"#)])
        + contact(
            "contact/gone",
            [
                received, queued, left("abandoned"), ("abandoned", #"{"stage":"queue"}"#),
                ("outcome_recorded", #"{"kind":"unresolved"}"#), ("closed", "{}"),
            ])

    private static let waiting =
        contact(
            "contact/w1",
            [
                received, queued,
                (
                    "routing.overridden",
                    #"{"decisionId":"0189d2f7-9ac8-7d2e-b1a5-0b8f5a3c7e11","#
                        + #""newSelection":"operator","#
                        + #""newSelectionId":"zz","overriddenBy":"l","justification":"j"}"#
                ),
            ]) + contact("contact/w2", [received, queued, left("overflowed")])
        + contact("contact/w2", [("queued", #"{"queueId":"r","enqueueReason":"overflow"}"#)])
        + contact(
            "contact/promised",
            [
                received,
                (
                    "callback_requested",
                    #"{"queueId":"q","windowEnd":"2026-03-02T12:00:00Z","place":"anew"}"#
                ),
            ])
        + contact(
            "contact/called",
            [
                received, ("callback_requested", #"{"queueId":"q"}"#),
                ("callback_attempted", of("zz")), ("callback_reached", "{}"),
                ("connected", of("zz")),
            ])
        + contact(
            "contact/expired",
            [received, ("callback_requested", #"{"queueId":"q"}"#), ("callback_expired", "{}")])

    private static let leaving = [
        (
            "operator/zz", "operator.status_changed",
            #"{"from":"available","to":"break"}"#
        ),
        ("operator/\u{F2}", "operator.logged_out", "{}"),
    ]

    /// The events as routing sees them; every other contact declares a group.
    static var facts: [RoutingFact] {
        lines.enumerated().compactMap { number, line in
            let payload = JSONPayload(checked: Array(line.data.utf8)[...])
            return RoutingFact(
                type: line.type, schema: 1, stream: line.stream, position: UInt64(number),
                occurred: Instant(microseconds: 1_772_442_000_000_000 + Int64(number) * 1_000_000),
                payload: payload,
                groups: number % 2 == 0 && line.type == "contact.queued"
                    ? [GroupTag(tag: "group.age:65%2B")].compactMap(\.self) : [])
        }
    }
}
