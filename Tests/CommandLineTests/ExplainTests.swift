import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Who asks is told", .ownThread)
struct ExplainTests {
    func described(_ text: String, in log: String, _ options: [String] = []) throws -> Run {
        try Ascolto.run(
            ["org", "apply", "-"] + options, log: log, input: .text(text),
            environment: MakeLog.morning)
    }

    static let centre = """
        centres: {c: }
        routing_policies: {p: {version: 1, rank: [longest_idle]}}
        queues: {q: {centre_id: c, policy_id: p}}

        """

    func queued(_ stream: String, in log: String) throws {
        let head = #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"\#(stream)""#
        let lines = [
            head + #","type":"contact.received","data":{"channel":"phone","direction":"in"}}"#,
            head + #","type":"contact.queued","data":{"queueId":"q"}}"#,
        ]
        let run = try Ascolto.run(
            ["append"], log: log, input: .text(lines.joined(separator: "\n") + "\n"),
            environment: MakeLog.morning)
        try #require(run.end == .exit(0), "\(run.error)")
    }

    @Test("how long a contact has waited that waits still")
    func waitsStill() throws {
        let scratch = try Scratch()
        _ = try described(Self.centre, in: scratch.log)
        try queued("contact/1", in: scratch.log)
        let story = try Ascolto.run(
            ["explain", "contact", "1", "--format", "table"], log: scratch.log,
            environment: MakeLog.noon)
        let ending = "it waits in the queue q, since 2026-11-23T10:00:00+01:00, for 3 h now.\n"
        #expect(story.text.hasSuffix(ending), "\(story.text)")
        #expect(story.text.contains("In queues 3 h, with operators 0 s;"), "\(story.text)")
        let then = try Ascolto.run(
            ["explain", "contact", "1", "--format", "json", "--as-of", "2026-11-23T09:20:00Z"],
            log: scratch.log, environment: MakeLog.noon)
        #expect(try then.json()["waiting_us"]?.integer == 1_200_000_000, "\(then.error)")
    }

    @Test("what is known of a letter by the day, a hold, and what came of it")
    func paperHoldAndOutcome() throws {
        let scratch = try Scratch()
        func told(_ stream: String, _ events: [(String, String, String)]) throws -> String {
            let lines = events.map { type, minute, data in
                #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"\#(stream)","#
                    + #""type":"contact.\#(type)","time":"2026-11-23T08:\#(minute):00Z","#
                    + #""data":{\#(data)}}"#
            }
            let run = try Ascolto.run(
                ["append"], log: scratch.log, input: .text(lines.joined(separator: "\n") + "\n"),
                environment: MakeLog.morning)
            try #require(run.end == .exit(0), "\(run.error)")
            return try Ascolto.run(
                ["explain", "contact", String(stream.dropFirst(8)), "--format", "table"],
                log: scratch.log, environment: MakeLog.noon
            ).text
        }
        let day = #""occurredPrecision":"day""#
        let letter = try told(
            "contact/letter",
            [
                ("received", "00", #""channel":"letter","direction":"in",\#(day)"#),
                ("queued", "00", #""queueId":"q",\#(day)"#),
                ("left_queue", "10", #""queueId":"q","reason":"answered""#),
                ("connected", "10", ""), ("disconnected", "15", ""),
            ])
        #expect(letter.contains("after a wait that is unknown, since only the day of it is told"))
        #expect(letter.contains("! only the day is known when it happened"), "\(letter)")
        #expect(
            letter.contains("In queues a time that is unknown, with operators 5 min;"),
            "\(letter)")
        let call = try told(
            "contact/call",
            [
                ("received", "00", #""channel":"phone","direction":"in""#),
                ("queued", "00", #""queueId":"q""#),
                ("left_queue", "01", #""queueId":"q","reason":"answered""#),
                ("connected", "01", ""), ("held", "02", #""reason":"consult""#),
                ("resumed", "04", ""), ("held", "05", ""), ("disconnected", "06", ""),
                ("outcome_recorded", "07", #""kind":"taken_in_charge","caseIds":["7"]"#),
                ("closed", "08", ""),
            ])
        #expect(call.contains("the operator had the citizen wait on hold: to ask somebody"))
        #expect(call.contains("the conversation went on, after 2 min"), "\(call)")
        #expect(call.contains("outcome: the need was taken in charge; see the case 7"))
        #expect(
            call.hasSuffix(
                "In queues 1 min, with operators 5 min, of that 3 min on hold; "
                    + "in the end it is closed.\n"), "\(call)")
        let late =
            #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"contact/call","#
            + #""type":"contact.held"}"# + "\n"
        let refused = try Ascolto.run(["append"], log: scratch.log, input: .text(late))
        #expect(refused.end == .exit(3))
        #expect(
            refused.error.contains(
                "contact.held cannot follow in the state closed, where it is closed"),
            "\(refused.error)")
    }

    @Test("what routing could make nothing of, and what ends")
    func oddities() throws {
        let scratch = try Scratch()
        let odd = """
            queues: {q: {centre_id: c, policy_id: p, overflow: [{to: q, after_us: 5}]}}
            """
        _ = try described(Self.centre, in: scratch.log)
        let warned = try described(odd, in: scratch.log, ["--format", "json"])
        #expect(
            warned.error
                == "ascolto: warning: queues.q: overflow[0] leads to the queue itself, and never "
                + "applies\n")
        let ended = try described("queues: {}\n", in: scratch.log, ["--format", "table"])
        #expect(ended.text.contains("ends what the file has no more: 1 of queues\n"))
        let never = """
            queues: {q: {centre_id: c, overflow: [{to: q}]}}
            """
        #expect(try described(never, in: scratch.log).error.isEmpty, "nobody routes it")
        let routed = never.replacingOccurrences(
            of: "centre_id: c", with: "centre_id: c, policy_id: p")
        #expect(
            try described(routed, in: scratch.log).error.contains(
                "queues.q: overflow[0] has neither after_us nor length: it never applies\n"))
    }

    @Test("what was voided in the organisation, from when on it was to hold, and who said so")
    func voided() throws {
        let scratch = try Scratch()
        _ = try described(
            Self.centre, in: scratch.log, ["--from", "2027-03-01T00:00:00Z", "--by", "office"])
        let events = try MakeLog.export(scratch.log).lines
        let line = try #require(events.first { $0.contains("org.queue_created") })
        let id = try #require(try AnyJSON(line)["id"]?.text)
        let run = try Ascolto.run(
            ["void", id, "--reason", "a slip", "--authority", "act 7", "--by", "desk"],
            log: scratch.log, environment: MakeLog.noon)
        try #require(run.end == .exit(0), "\(run.error)")
        let history = try Ascolto.run(
            ["org", "history", "queues.q", "--format", "json"], log: scratch.log)
        let row = try #require(try history.json().elements?.first, "\(history.error)")
        #expect(row["effective"]?.text == "2027-03-01T00:00:00Z")
        #expect(row["by"]?.text == "office")
        let change = row["change"]?.text ?? ""
        #expect(change.hasPrefix("void: + queues.q: {centre_id: c, policy_id: p}"), "\(change)")
        #expect(change.contains("a slip, by act 7, as desk says)"), "\(change)")
    }

    @Test("whom an operator has at hand, also where the contact's name is nothing")
    func atHand() throws {
        let scratch = try Scratch()
        let staffed = """
            operators: {o: {role: operator_l1, centre_id: c, queues: [q]}}
            """
        _ = try described(Self.centre + staffed, in: scratch.log)
        let login =
            #"{"specversion":"1.0","source":"urn:t","schema":1,"subject":"operator/o","#
            + #""type":"operator.logged_in","tags":"operator:o"}"# + "\n"
        _ = try Ascolto.run(
            ["append"], log: scratch.log, input: .text(login), environment: MakeLog.morning)
        for stream in ["contact/", "contact/2"] {
            try queued(stream, in: scratch.log)
            let routed = try Ascolto.run(
                ["route", "--once"], log: scratch.log, environment: MakeLog.morning)
            try #require(routed.end == .exit(0), "\(routed.error)")
        }
        let story = try Ascolto.run(
            ["explain", "contact", "2", "--format", "table"], log: scratch.log,
            environment: MakeLog.morning)
        #expect(story.text.contains("o has the contact contact/ at hand"), "\(story.text)")
        let again = try Ascolto.run(["redecide"], log: scratch.log)
        #expect(again.end == .exit(0), "\(again.text)")
    }
}
