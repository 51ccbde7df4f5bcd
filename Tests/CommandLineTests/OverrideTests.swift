import TestSupport
import Testing

/// What people choose against a decision, from the command line.
extension ExplainTests {
    private static let staffed =
        centre + """
            operators:
              o: {role: operator_l1, centre_id: c, queues: [q]}
              expert: {role: operator_l2, centre_id: c}
            """

    private func append(_ lines: String..., in log: String) throws -> Run {
        let head = #"{"specversion":"1.0","source":"urn:t","schema":1,"#
        let text = lines.map { head + $0 + "}\n" }.joined()
        return try Ascolto.run(
            ["append"], log: log, input: .text(text), environment: MakeLog.morning)
    }

    /// - Returns: How many decisions were made.
    private func route(_ log: String, at moment: String) throws -> Int64? {
        let run = try Ascolto.run(
            ["route", "--once"], log: log, environment: ["ASCOLTO_CLOCK": moment])
        try #require(run.end == .exit(0), "\(run.error)")
        return try run.json()["decisions"]?.integer
    }

    private func told(_ name: String, _ type: String, _ data: String = "") -> String {
        #""subject":"operator/\#(name)","type":"operator.\#(type)","#
            + #""tags":"operator:\#(name)"\#(data)"#
    }

    private func override(_ contact: String, _ log: String) throws -> String {
        let decided = try Ascolto.run(["read", "--type", "routing.decided"], log: log)
        let id = try #require(decided.text.firstMatch(of: /"id":"([0-9a-f-]{36})"/)?.output.1)
        return
            #""subject":"\#(contact)","type":"routing.overridden","data":{"decisionId":"\#(id)","#
            + #""newSelection":"operator","newSelectionId":"expert","overriddenBy":"lead","#
            + #""justification":"knows the case"}"#
    }

    private func story(_ log: String, _ options: [String] = [], at moment: String) throws -> String
    {
        try Ascolto.run(
            ["explain", "contact", "1", "--format", "table"] + options, log: log,
            environment: ["ASCOLTO_CLOCK": moment]
        ).text
    }

    @Test("what somebody chose against a decision, and what came of it")
    func overridden() throws {
        let scratch = try Scratch()
        let log = scratch.log
        _ = try described(Self.staffed, in: log)
        _ = try append(told("o", "logged_in"), told("expert", "logged_in"), in: log)
        try queued("contact/1", in: log)
        #expect(try route(log, at: "2026-11-23T09:00:00Z") == 1)
        #expect(try append(override("contact/1", log), in: log).end == .exit(0))
        #expect(try route(log, at: "2026-11-23T09:00:01Z") == 0)
        let story = try story(log, at: "2026-11-23T09:00:02Z")
        var rest = Substring(story)
        for line in [
            "was offered to the operator o",
            "lead overrode the decision, to the operator expert: knows the case",
            "it is no longer offered to the operator o", "was offered to the operator expert",
        ] {
            let found = try #require(rest.firstRange(of: line), "\(line): \(story)")
            rest = rest[found.upperBound...]
        }
        let decided = try Ascolto.run(["read", "--type", "routing.decided"], log: log)
        let id = try #require(decided.text.firstMatch(of: /"id":"([0-9a-f-]{36})"/)?.output.1)
        let decision = try Ascolto.run(
            ["explain", "decision", String(id), "--format", "table"], log: log)
        #expect(
            decision.text.contains("lead overrode the decision, to the operator expert"),
            "\(decision.text)")
        #expect(try Ascolto.run(["redecide"], log: log).end == .exit(0))
        let urgent = try append(
            #""subject":"contact/1","type":"routing.priority_changed","#
                + #""data":{"priority":7,"reason":"at risk"}"#, in: log)
        #expect(urgent.end == .exit(0), "\(urgent.error)")
        let later = try self.story(log, at: "2026-11-23T09:00:03Z")
        #expect(later.contains("its priority became 7: at risk"), "\(later)")
    }

    @Test("who waits for somebody whom a person chose, until that is taken back")
    func held() throws {
        let scratch = try Scratch()
        let log = scratch.log
        _ = try described(Self.staffed, in: log)
        // Both are busy with others, and the one whom the queue has becomes free first.
        for name in ["o", "expert"] {
            let busy = told(
                name, "status_changed", #","data":{"from":"available","to":"on_contact"}"#)
            _ = try append(told(name, "logged_in"), busy, in: log)
        }
        try queued("contact/1", in: log)
        #expect(try route(log, at: "2026-11-23T09:00:00Z") == 1)
        let free = told("o", "status_changed", #","data":{"from":"on_contact","to":"available"}"#)
        #expect(try append(override("contact/1", log), free, in: log).end == .exit(0))
        #expect(try route(log, at: "2026-11-23T09:30:00Z") == 0)
        let why = try story(log, ["--why"], at: "2026-11-23T09:40:00Z")
        #expect(why.contains("it was held for the operator expert for 40 min"), "\(why)")
        #expect(why.contains("expert: not available (on_contact) for 40 min"), "\(why)")
        let position = try #require(why.firstMatch(of: /(\d+)  [^ ]+  lead overrode/)?.output.1)
        let void = try Ascolto.run(
            ["void", String(position), "--reason", "not hers", "--authority", "office"],
            log: log, environment: ["ASCOLTO_CLOCK": "2026-11-23T09:40:00Z"])
        try #require(void.end == .exit(0), "\(void.error)")
        #expect(try route(log, at: "2026-11-23T09:41:00Z") == 1)
        #expect(try Ascolto.run(["redecide"], log: log).end == .exit(0))
        let refused = try append(override("contact/never", log), in: log)
        #expect(refused.end == .exit(3))
        #expect(
            refused.error.contains("routing.overridden cannot follow in the state absent"),
            "\(refused.error)")
    }
}
