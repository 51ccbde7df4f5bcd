import Admission
import ContactCentre
import EventLog
import JSON
import TestSupport
import Testing

/// The telephone exchange of a town hall in a log of its own: it knows what the log says, and goes
/// on from there at random.
actor TownHall {
    nonisolated let log: EventLog
    private let directory: Scratch
    private(set) var calls: [String: Call] = [:]
    private var atWork: [String: String?] = [:]
    private var examined: UInt64 = 0
    private var numbers: SeededNumbers
    private var received = 0
    /// How callbacks came out.
    private(set) var outcomes: [String: Int] = [:]

    static let operators = (1...6).map { "op-\($0)" }
    static let queues = ["front", "second"]

    struct Call: Hashable {
        var queue: String?
        var offeredTo: String?
        var answeredBy: String?
        var afterWorkBy: String?
        var channel = "phone"
        var isOfferedCallback = false
        var callback: Callback?
        /// The last decision about it.
        var decision: EventID?
        /// Whom somebody has chosen for it against that, or which queue.
        var chosen: String?
    }

    /// What is owed to a citizen who is to be called back.
    struct Callback: Hashable {
        var stage = Stage.open
        var due: Instant
        let end: Instant
        var failures = 0

        enum Stage { case open, taken, dialled }
    }

    init(seed: UInt64) async throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        log = try EventLog.open(at: directory.log, access: .writing, under: .contactCentre)
        numbers = SeededNumbers(seed: seed)
        let staff = Self.operators.enumerated().flatMap { Self.lines(of: $1, $0) }
        for (stream, type, data) in Self.organisation + staff {
            try await say(type, of: stream, data)
        }
    }

    private typealias Line = (stream: String, type: String, data: String)

    private static let organisation: [Line] = [
        ("org/skills/law", "org.skill_defined", "{}"),
        ("org/centres/c", "org.centre_opened", "{}"),
        ("org/teams/red", "org.team_created", #"{"centreId":"c"}"#),
        ("org/routing_policies/p", "routing.policy_published", policy),
        (
            "org/queues/front", "org.queue_created",
            #"{"centreId":"c","policyId":"p","overflow":[{"to":"second","afterUs":90000000}]}"#
        ),
        (
            "org/queues/second", "org.queue_created",
            #"{"centreId":"c","policyId":"p","requiredSkills":[{"skill":"law","minLevel":2}]}"#
        ),
    ]

    private static let policy = """
        {"version":1,"rank":["longest_idle","random"],"ringUs":15000000,\
        "teamCaps":[{"teamId":"red","most":2}],"ageEveryUs":60000000,\
        "relaxation":[{"afterUs":40000000,"lowerBy":1}],"askAgainUs":20000000,\
        "callbackAfterUs":25000000,"callbackWithinUs":400000000,"callAttemptsMax":2,\
        "callAgainUs":15000000}
        """

    private static func lines(of name: String, _ place: Int) -> [Line] {
        let stream = "operator/\(name)"
        let level = #"{"skill":"law","level":\#(place % 4)}"#
        let team: Line = (stream, "operator.team_assigned", #"{"teamId":"red"}"#)
        return [
            (stream, "operator.hired", #"{"role":"operator_l1","centreId":"c"}"#),
            (stream, "operator.skill_granted", level),
            (stream, "operator.queue_joined", #"{"queueId":"front"}"#),
            (stream, "operator.queue_joined", #"{"queueId":"second"}"#),
            (stream, "operator.capacity_changed", #"{"channel":"chat","maxConcurrent":2}"#),
        ] + (place < 3 ? [team] : [])
    }

    var now: Instant { Instant(microseconds: 1_800_000_000_000_000 + clock) }
    private var clock: Int64 = 0

    func wait(until moment: Instant) {
        clock = max(clock, moment.microseconds - 1_800_000_000_000_000)
    }

    /// Appends what somebody says, tagged with the operator whom it is about.
    private func say(
        _ type: String, of stream: String, _ data: String, about name: String? = nil
    ) async throws {
        let tags = try Tags(try name.map { [try Tag("operator:\($0)")] } ?? [])
        let event = NewEvent(
            id: nil, type: try EventType(type), schema: 1, stream: try StreamName(stream),
            tags: tags, source: try Source("urn:test:exchange"), time: now,
            data: .json(Array(data.utf8)[...]))
        let outcome = try await log.append(Append([event]))
        guard case .appended = outcome else { throw Refused(outcome: outcome) }
    }

    struct Refused: Error { let outcome: AppendOutcome }

    /// Something happens in the town.
    func live() async throws {
        clock += Int64.random(in: 1...4_000_000, using: &numbers)
        try look()
        if numbers.happens(oneIn: 3) { return try await callIn() }
        if numbers.happens(oneIn: 3) { return try await goToWorkOrHome() }
        let known = calls.sorted { $0.key < $1.key }
        let busy = known.filter { _, call in
            call.offeredTo != nil || call.answeredBy != nil
                || call.isOfferedCallback && call.queue == "front"
        }
        let ofInterest = numbers.happens(oneIn: 3) || busy.isEmpty ? known : busy
        guard let (stream, call) = ofInterest.randomElement(using: &numbers) else { return }
        if call.queue != nil, call.decision != nil, numbers.happens(oneIn: 8) {
            return try await intervene(stream, call)
        }
        if try await goesOn(stream, call) { return }
        guard let queue = call.queue else { return }
        if call.isOfferedCallback, numbers.happens(oneIn: 2) {
            try await say(
                "contact.left_queue", of: stream,
                #"{"queueId":"\#(queue)","reason":"callback_accepted"}"#)
            try await askForCallback(stream, by: queue)
        } else if numbers.happens(oneIn: 8) {
            try await say(
                "contact.left_queue", of: stream,
                #"{"queueId":"\#(queue)","reason":"abandoned"}"#)
        }
    }

    /// Who has something to do for a call does it, or not.
    ///
    /// - Returns: Whether there was anything to do.
    private func goesOn(_ stream: String, _ call: Call) async throws -> Bool {
        if call.callback != nil, call.queue == nil {
            try await callBack(stream, call)
        } else if let name = call.offeredTo {
            try await answer(stream, call, name)
        } else if let name = call.answeredBy {
            try await say("contact.disconnected", of: stream, "{}", about: name)
        } else if let name = call.afterWorkBy {
            try await say(
                "contact.after_work_ended", of: stream, #"{"operatorId":"\#(name)"}"#, about: name)
        } else {
            return false
        }
        return true
    }

    /// Somebody who knows better says where a call goes, or how urgent it is.
    private func intervene(_ stream: String, _ call: Call) async throws {
        guard numbers.happens(oneIn: 2), let decision = call.decision else {
            return try await say(
                "routing.priority_changed", of: stream,
                #"{"priority":\#(Int.random(in: -2...2, using: &numbers)),"reason":"at risk"}"#)
        }
        let toQueue = numbers.happens(oneIn: 3)
        let chosen = (toQueue ? Self.queues : Self.operators).randomElement(using: &numbers) ?? ""
        try await say(
            "routing.overridden", of: stream,
            #"{"decisionId":"\#(decision)","newSelection":"\#(toQueue ? "queue" : "operator")","#
                + #""newSelectionId":"\#(chosen)","overriddenBy":"lead","#
                + #""justification":"knows the case"}"#)
    }

    private func callIn() async throws {
        received += 1
        let stream = "contact/\(received)"
        let channel = numbers.happens(oneIn: 3) ? "chat" : "phone"
        let queue = Self.queues.randomElement(using: &numbers) ?? ""
        try await say(
            "contact.received", of: stream, #"{"channel":"\#(channel)","direction":"in"}"#)
        if numbers.happens(oneIn: 6) { return try await askForCallback(stream, by: queue) }
        try await say(
            "contact.queued", of: stream,
            #"{"queueId":"\#(queue)","priority":\#(Int.random(in: -1...2, using: &numbers))}"#)
    }

    private func askForCallback(_ stream: String, by queue: String) async throws {
        var data = #""queueId":"\#(queue)""#
        if numbers.happens(oneIn: 3) { data += #","place":"anew""# }
        if numbers.happens(oneIn: 3) {
            let start = Instant(microseconds: now.microseconds + 30_000_000)
            data += #","windowStart":"\#(start)""#
            let end = Instant(microseconds: start.microseconds + 45_000_000)
            if numbers.happens(oneIn: 2) { data += #","windowEnd":"\#(end)""# }
        }
        try await say("contact.callback_requested", of: stream, "{\(data)}")
    }

    /// Who has it at hand calls, or the citizen thinks better of it.
    private func callBack(_ stream: String, _ call: Call) async throws {
        let data = #"{"operatorId":"\#(call.offeredTo ?? "")"}"#
        switch call.callback?.stage {
        case .taken:
            try await say("contact.callback_attempted", of: stream, data, about: call.offeredTo)
        case .dialled where numbers.happens(oneIn: 2):
            try await say(
                "contact.callback_failed", of: stream, #"{"outcome":"busy"}"#,
                about: call.offeredTo)
        case .dialled:
            try await say("contact.callback_reached", of: stream, "{}", about: call.offeredTo)
            try await say("contact.connected", of: stream, data, about: call.offeredTo)
        case .open where numbers.happens(oneIn: 12):
            try await say("contact.abandoned", of: stream, #"{"stage":"queue"}"#)
        case .open, nil: break
        }
    }

    /// A while goes by in which nobody new calls, and all are at work.
    func finishCalls() async throws {
        clock += 10_000_000
        try look()
        for name in Self.operators where atWork[name] == nil {
            try await say("operator.logged_in", of: "operator/\(name)", "{}", about: name)
        }
        try look()
        // Nobody thinks better of it: what is owed is left to the routers.
        for (stream, call) in calls.sorted(by: { $0.key < $1.key })
        where call.queue != nil || call.callback?.stage != .open {
            _ = try await goesOn(stream, call)
        }
        try look()
    }

    var callbacksOwed: [String: Call] { calls.filter { $0.value.callback != nil } }

    private func goToWorkOrHome() async throws {
        let name = Self.operators.randomElement(using: &numbers) ?? ""
        let stream = "operator/\(name)"
        guard let status = atWork[name] else {
            return try await say("operator.logged_in", of: stream, "{}", about: name)
        }
        if numbers.happens(oneIn: 3) {
            return try await say("operator.logged_out", of: stream, "{}", about: name)
        }
        let next = status == "break" ? "available" : "break"
        try await say(
            "operator.status_changed", of: stream,
            #"{"from":"\#(status ?? "available")","to":"\#(next)"}"#, about: name)
    }

    private func answer(
        _ stream: String, _ call: Call, _ name: String
    ) async throws {
        let data = #"{"operatorId":"\#(name)"}"#
        switch Int.random(in: 0..<6, using: &numbers) {
        case 0: try await say("contact.offer_declined", of: stream, data, about: name)
        case 1: try await say("contact.offer_missed", of: stream, data, about: name)
        case 2: break
        default:
            try await say("contact.offer_accepted", of: stream, data, about: name)
            try await say(
                "contact.left_queue", of: stream,
                #"{"queueId":"\#(call.queue ?? "")","reason":"answered"}"#, about: name)
            guard call.callback == nil else { return }
            try await say("contact.connected", of: stream, data, about: name)
        }
    }

    /// Reads what has been appended, and holds what routers did against what there was.
    func look() throws {
        let size = try log.head().size
        guard examined < size else { return }
        var selection = Selection()
        selection.from = Position(examined)
        var found: [Event] = []
        try log.read(selection) { event in
            found.append(event)
            return .next
        }
        examined = size
        for event in found { try see(event) }
    }

    private func see(_ event: Event) throws {
        let stream = event.stream.text
        let data = event.data.object
        let name = data?.string("operatorId")
        switch event.type.text {
        case "operator.logged_in":
            let name = String(stream.dropFirst(9))
            atWork[name] = .some(nil)
            // How those came out, nobody has told.
            for (stream, call) in calls where call.answeredBy == name { calls[stream] = nil }
            endAfterWork(of: name)
            giveBackCalls(of: name)
        case "operator.logged_out":
            let name = String(stream.dropFirst(9))
            atWork[name] = nil
            endAfterWork(of: name)
            giveBackCalls(of: name)
        case "operator.status_changed":
            let name = String(stream.dropFirst(9))
            atWork[name] = data?.string("to")
            if data?.string("to") == "available" { endAfterWork(of: name) }
        case "contact.received":
            calls[stream, default: Call()].channel = data?.string("channel") ?? ""
        case "contact.queued":
            if data?.string("enqueueReason") == "callback" { try checkCallback(of: stream, event) }
            calls[stream]?.queue = data?.string("queueId")
            calls[stream]?.isOfferedCallback = false
            calls[stream]?.chosen = nil
        case "routing.decided": calls[stream]?.decision = event.id
        case "routing.overridden": calls[stream]?.chosen = data?.string("newSelectionId")
        case "contact.left_queue":
            calls[stream]?.queue = nil
            if data?.string("reason") == "answered" { calls[stream]?.callback?.stage = .taken }
            if data?.string("reason") != "answered" { calls[stream]?.offeredTo = nil }
            if data?.string("reason") == "abandoned" { settle(stream, "abandoned") }
        case "contact.offer_made": try checkOffer(of: stream, to: try #require(name), event)
        case "contact.offer_declined", "contact.offer_missed", "contact.offer_rescinded":
            calls[stream]?.offeredTo = nil
        case "contact.connected":
            calls[stream]?.offeredTo = nil
            calls[stream]?.answeredBy = name
        case "contact.disconnected":
            let name = calls[stream]?.answeredBy
            calls[stream]?.afterWorkBy = name
            calls[stream]?.answeredBy = nil
        case "contact.after_work_ended": calls[stream] = nil
        default: try see(ofCallback: event)
        }
    }

    private func see(ofCallback event: Event) throws {
        let stream = event.stream.text
        let story: Comment = "position \(event.position), \(event.type) of \(stream)"
        switch event.type.text {
        case "contact.wait_announced":
            let call = try #require(calls[stream], story)
            try #require(call.queue != nil && call.offeredTo == nil && call.callback == nil, story)
            try #require(!call.isOfferedCallback && call.channel == "phone", story)
            calls[stream]?.isOfferedCallback = true
        case "contact.callback_requested":
            let start = try event.data.object?.string("windowStart").map { text in
                try #require(Instant(rfc3339: text))
            }
            let end = try event.data.object?.string("windowEnd").map { text in
                try #require(Instant(rfc3339: text))
            }
            let due = start ?? event.occurred
            calls[stream]?.callback = Callback(
                due: due, end: end ?? Instant(microseconds: due.microseconds + 400_000_000))
            calls[stream]?.channel = "phone"
        case "contact.callback_attempted": calls[stream]?.callback?.stage = .dialled
        case "contact.callback_reached":
            calls[stream]?.callback = nil
            outcomes["reached", default: 0] += 1
        case "contact.callback_failed":
            let again = event.occurred.microseconds + 15_000_000
            calls[stream]?.offeredTo = nil
            calls[stream]?.callback?.stage = .open
            calls[stream]?.callback?.due = Instant(microseconds: again)
            calls[stream]?.callback?.failures += 1
            if calls[stream]?.callback?.failures == 2 { settle(stream, "failed") }
        case "contact.callback_expired":
            let callback = try #require(calls[stream]?.callback, story)
            try #require(calls[stream]?.queue == nil && callback.stage == .open, story)
            try #require(event.occurred >= callback.end, story)
            settle(stream, "expired")
        case "contact.abandoned": settle(stream, "abandoned")
        default: break
        }
    }

    /// A call is over, and what was owed to the citizen is settled.
    private func settle(_ stream: String, _ outcome: String) {
        if calls[stream]?.callback != nil { outcomes[outcome, default: 0] += 1 }
        calls[stream] = nil
    }

    /// It is queued when its time has come and has not passed, and while nobody has it.
    private func checkCallback(of stream: String, _ event: Event) throws {
        let story: Comment = "position \(event.position), \(stream) is queued to be called back"
        let call = try #require(calls[stream], story)
        let callback = try #require(call.callback, story)
        try #require(call.queue == nil && call.offeredTo == nil, story)
        try #require(callback.stage == .open, story)
        try #require(callback.due <= event.occurred && event.occurred < callback.end, story)
    }

    /// Who goes home, or comes anew, no longer calls back whom they have not reached.
    private func giveBackCalls(of name: String) {
        for (stream, call) in calls
        where call.offeredTo == name && call.callback != nil && call.queue == nil {
            calls[stream]?.offeredTo = nil
            calls[stream]?.callback?.stage = .open
        }
    }

    private func endAfterWork(of name: String) {
        for (stream, call) in calls where call.afterWorkBy == name { calls[stream] = nil }
    }

    /// Nothing is offered twice, and nobody has more at hand than they can take.
    private func checkOffer(
        of stream: String, to name: String, _ event: Event
    ) throws {
        let story: Comment = "position \(event.position), \(stream) to \(name)"
        let call = try #require(calls[stream], story)
        try #require(call.queue != nil && call.offeredTo == nil, story)
        try #require(atWork[name] != nil && atWork[name] != .some("break"), story)
        let atHand = calls.values.filter {
            $0.offeredTo == name || $0.answeredBy == name || $0.afterWorkBy == name
        }
        if call.channel == "phone" {
            try #require(atHand.isEmpty, story)
        } else {
            try #require(atHand.count < 2 && atHand.allSatisfy { $0.channel == "chat" }, story)
        }
        let isChosen = event.data.object?.member("decisionId") == nil
        if isChosen {
            try #require(call.chosen == name, story)
            calls[stream]?.chosen = nil
            outcomes["overridden", default: 0] += 1
        }
        // What a policy counts binds the policy.
        let team = Self.operators.prefix(3)
        if !isChosen, team.contains(name) {
            let ofTeam = calls.values.filter { call in
                team.contains { [call.offeredTo, call.answeredBy, call.afterWorkBy].contains($0) }
            }
            try #require(ofTeam.count < 2, story)
        }
        calls[stream]?.offeredTo = name
    }
}
