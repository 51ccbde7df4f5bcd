import OwnThread
import TestSupport
import Testing

@Suite(
    "Routing decides as its document says, by a reader of it that shares nothing with us",
    .ownThread)
struct RoutingTests {
    @Test(
        "over random organisations and towns, and what was changed since is found with its cause",
        .enabled(if: Python.can("import json"), "\(Python.needed)"), .timeLimit(.minutes(15)),
        // Four histories, and a thousand mutations of them; side by side they would take as long.
        .serialized, arguments: [3, 7])
    func decisions(seed: Int) throws {
        let run = try Python.run(
            "routing.py",
            [Ascolto.path, "--seed", "\(seed)", "--rounds", "2", "--mutations", "500"],
            within: 880)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    @Test(
        "so does who answered in histories that were not routed here, a month of real calls too",
        .enabled(if: Python.can("import json"), "\(Python.needed)"), .timeLimit(.minutes(5)))
    func assignments() throws {
        let run = try Python.run(
            "assignments.py", [Ascolto.path, "--seed", "5", "--rounds", "10"], within: 280)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}

@Suite("A router", .ownThread)
struct RouterVerbTests {
    @Test("leaves aside whose stream tells what cannot be, and routes the others")
    func leftAside() throws {
        let scratch = try Scratch()
        let log = scratch.log
        let text = """
            centres: {c: }
            routing_policies: {p: {version: 1, rank: [longest_idle]}}
            queues: {q: {centre_id: c, policy_id: p}}
            operators: {anna: {role: operator_l1, centre_id: c, queues: [q]}}
            """
        _ = try Ascolto.run(
            ["org", "apply", "-"], log: log, input: .text(text), environment: MakeLog.morning)
        var told = 1_000
        func line(_ subject: String, _ type: String, _ data: String) -> String {
            told += 1
            return #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"\#(subject)","#
                + #""id":"01890a5d-ac96-774b-bcce-00000000\#(told)","type":"\#(type)","#
                + #""time":"2026-11-23T08:59:00Z","data":\#(data)}"#
        }
        let received = #"{"channel":"phone","direction":"in"}"#
        let queued = #"{"queueId":"q"}"#
        let broken = [
            line("contact/1", "contact.received", received),
            line("contact/1", "contact.queued", queued),
            line("contact/1", "contact.transferred", "{}"),
        ]
        let imported = try Ascolto.run(
            [
                "import", "ndjson",
                try scratch.file("broken.ndjson", text: broken.joined(separator: "\n") + "\n"),
            ], log: log,
            environment: MakeLog.morning)
        #expect(imported.end == .exit(0), "\(imported.error)")
        try MakeLog.append(
            [
                line("operator/anna", "operator.logged_in", "{}"),
                line("contact/2", "contact.received", received),
                line("contact/2", "contact.queued", queued),
            ], to: log, environment: MakeLog.morning)
        let run = try Ascolto.run(["route", "--once"], log: log, environment: MakeLog.noon)
        #expect(run.end == .exit(0), "\(run.error)")
        let warning =
            "ascolto: warning: contact/1 is not routed until something more is told of it: "
        #expect(run.error.hasPrefix(warning), "\(run.error)")
        #expect(try run.json()["left_aside"]?.integer == 1)
        #expect(try run.json()["decisions"]?.integer == 1)
        // Nothing is left aside for ever.
        let transfer = #"{"queueId":"q","enqueueReason":"transfer"}"#
        try MakeLog.append(
            [line("contact/1", "contact.queued", transfer)], to: log, environment: MakeLog.noon)
        let again = try Ascolto.run(["route", "--once"], log: log, environment: MakeLog.noon)
        #expect(try again.json()["left_aside"]?.integer == 0)
        #expect(try again.json()["decisions"]?.integer == 1)
    }
}

@Suite("A promise to call back", .ownThread)
struct PromiseTests {
    private static let id = "01890a5d-ac96-774b-bcce-b302099a80a1"

    /// A contact that is to be called back from its request on, until a minute later.
    private func promise(in queue: String, _ window: String, log: String) throws -> Run {
        let head = #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"contact/1""#
        let lines = [
            head + #","type":"contact.received","data":{"channel":"phone","direction":"in"}}"#,
            head + #","type":"contact.callback_requested","id":"\#(Self.id)","data":{"queueId":""#
                + queue + #"","windowStart":"2026-11-23T09:00:00Z","windowEnd":""# + window
                + #""}}"#,
        ]
        return try Ascolto.run(
            ["append"], log: log, input: .text(lines.joined(separator: "\n") + "\n"),
            environment: MakeLog.morning)
    }

    private func describe(_ log: String) throws {
        let text = """
            centres: {c: }
            routing_policies: {p: {version: 1, rank: [longest_idle]}}
            queues: {q: {centre_id: c, policy_id: p}}
            """
        let run = try Ascolto.run(
            ["org", "apply", "-"], log: log, input: .text(text), environment: MakeLog.morning)
        try #require(run.end == .exit(0), "\(run.error)")
    }

    /// The types of events that a router appends.
    private func routed(_ log: String, at clock: [String: String]) throws -> [String] {
        let before = try MakeLog.export(log).lines.count
        let run = try Ascolto.run(["route", "--once"], log: log, environment: clock)
        try #require(run.end == .exit(0), "\(run.error)")
        return try MakeLog.export(log).lines.dropFirst(before).compactMap {
            try AnyJSON($0)["type"]?.text
        }
    }

    @Test("that was voided is not kept, and else is")
    func voided() throws {
        let scratch = try Scratch()
        for isVoid in [false, true] {
            let log = "\(scratch.path)/\(isVoid)"
            try describe(log)
            try #require(try promise(in: "q", "2026-11-23T13:00:00Z", log: log).end == .exit(0))
            if isVoid {
                let run = try Ascolto.run(
                    ["void", Self.id, "--reason", "a slip", "--authority", "desk"], log: log,
                    environment: MakeLog.morning)
                try #require(run.end == .exit(0), "\(run.error)")
            }
            let expected = isVoid ? [] : ["contact.queued", "routing.decided"]
            #expect(try routed(log, at: MakeLog.noon) == expected)
        }
    }

    @Test("is kept once the conversation is over in which it was made, and its after-work")
    func inConversation() throws {
        let scratch = try Scratch()
        let log = scratch.log
        try describe(log)
        func tell(_ type: String, _ data: String = "{}") throws {
            let line =
                #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"contact/1","#
                + #""type":"contact.\#(type)","data":\#(data)}"#
            try MakeLog.append([line], to: log, environment: MakeLog.morning)
        }
        try tell("received", #"{"channel":"phone","direction":"in"}"#)
        try tell("connected", #"{"operatorId":"anna"}"#)
        try tell("callback_requested", #"{"queueId":"q"}"#)
        #expect(try routed(log, at: MakeLog.noon) == [])
        try tell("held")
        try tell("disconnected", #"{"by":"citizen"}"#)
        #expect(try routed(log, at: MakeLog.noon) == [])
        let story = try Ascolto.run(
            ["explain", "contact", "1", "--format", "table"], log: log,
            environment: MakeLog.noon)
        #expect(story.text.contains("the citizen is to be called back"), "\(story.text)")
        try tell("after_work_ended", #"{"operatorId":"anna"}"#)
        #expect(try routed(log, at: MakeLog.noon) == ["contact.queued", "routing.decided"])
    }

    @Test("of which an earlier one was voided holds, and so does one of who has gone home")
    func kept() throws {
        let scratch = try Scratch()
        for isVoid in [false, true] {
            let log = "\(scratch.path)/\(isVoid)"
            try describe(log)
            try #require(try promise(in: "q", "2026-11-23T13:00:00Z", log: log).end == .exit(0))
            func tell(_ subject: String, _ type: String, _ data: String) throws {
                let line =
                    #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"\#(subject)","#
                    + #""type":"\#(type)","data":\#(data)}"#
                try MakeLog.append([line], to: log, environment: MakeLog.morning)
            }
            if isVoid {
                try tell("contact/1", "contact.callback_requested", #"{"queueId":"q"}"#)
                let run = try Ascolto.run(
                    ["void", Self.id, "--reason", "a slip", "--authority", "desk"], log: log,
                    environment: MakeLog.morning)
                try #require(run.end == .exit(0), "\(run.error)")
            } else {
                try tell("operator/anna", "operator.logged_in", "{}")
                try tell("contact/1", "contact.callback_attempted", #"{"operatorId":"anna"}"#)
                try tell("contact/1", "contact.callback_reached", "{}")
                try tell("contact/1", "contact.connected", #"{"operatorId":"anna"}"#)
                try tell("contact/1", "contact.callback_requested", #"{"queueId":"q"}"#)
                try tell("operator/anna", "operator.logged_out", "{}")
                try tell("contact/1", "contact.disconnected", "{}")
                // What came of that conversation.
                try tell("contact/1", "contact.outcome_recorded", #"{"kind":"unresolved"}"#)
            }
            #expect(try routed(log, at: MakeLog.noon) == ["contact.queued", "routing.decided"])
        }
    }

    @Test("with an end expires, although its queue was never there")
    func withoutQueue() throws {
        let scratch = try Scratch()
        try describe(scratch.log)
        try #require(
            try promise(in: "gone", "2026-11-23T11:00:00Z", log: scratch.log).end == .exit(0))
        #expect(try routed(scratch.log, at: MakeLog.noon) == ["contact.callback_expired"])
    }

    @Test("cannot end before it begins")
    func reversed() throws {
        let scratch = try Scratch()
        let run = try promise(in: "q", "2026-11-23T08:00:00Z", log: scratch.log)
        #expect(run.end == .exit(3))
        #expect(run.error.contains(#""windowEnd" must not come before windowStart"#))
    }
}
