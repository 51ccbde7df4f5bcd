import TestSupport
import Testing

/// Closed queues, from the command line.
extension ExplainTests {
    private static let twoDesks = """
        centres: {c: }
        calendars:
          day: {version: 1, weekly: {mon-fri: [08:00-18:00]}}
          night: {version: 1, weekly: {mon-sun: [20:00-06:00]}}
        routing_policies: {p: {version: 1, rank: [longest_idle], ring_us: 20000000}}
        queues:
          front:
            centre_id: c
            policy_id: p
            calendar_id: day
            overflow: [{to: night, length: 0}, {to: night, after_us: 60000000}]
          night: {centre_id: c, policy_id: p, calendar_id: night}
        operators:
          anna: {role: operator_l1, centre_id: c, queues: [front]}
          notte: {role: operator_l1, centre_id: c, queues: [night]}
        """

    private static let received =
        #""type":"contact.received","data":{"channel":"phone","direction":"in"}"#

    private func append(_ lines: String..., in log: String) throws -> Run {
        let head = #"{"specversion":"1.0","source":"urn:t","schema":1,"#
        let text = lines.map { head + $0 + "}\n" }.joined()
        return try Ascolto.run(
            ["append"], log: log, input: .text(text), environment: MakeLog.morning)
    }

    private func route(_ log: String, at moment: String) throws -> AnyJSON {
        let run = try Ascolto.run(
            ["route", "--once"], log: log, environment: ["ASCOLTO_CLOCK": moment])
        try #require(run.end == .exit(0), "\(run.error)")
        return try run.json()
    }

    @Test("nobody goes over to a closed queue, and a wait tells how long its own was closed")
    func closedQueues() throws {
        let scratch = try Scratch()
        let log = scratch.log
        #expect(try described(Self.twoDesks, in: log).end == .exit(0))
        // In a log in Rome, at ten in the morning.
        _ = try append(
            #""subject":"operator/notte","type":"operator.logged_in""#,
            #""subject":"contact/1","# + Self.received,
            #""subject":"contact/1","type":"contact.queued","data":{"queueId":"front"}"#, in: log)
        let first = try route(log, at: "2026-11-23T09:00:01Z")
        #expect(first["decisions"]?.integer == 1)
        #expect(first["waiting_unstaffed"]?.integer == 1)
        let decided = try Ascolto.run(["read", "--type", "routing.decided"], log: log)
        let id = try #require(decided.text.firstMatch(of: /"id":"([0-9a-f-]{36})"/)?.output.1)
        let told = try Ascolto.run(
            ["explain", "decision", String(id), "--format", "table"], log: log)
        let rule = "rule overflow[0] (to the queue night, behind 0 others): did not apply: "
        #expect(told.text.contains(rule), "\(told.text)")
        #expect(told.text.contains("not at work; the queue night was closed"), "\(told.text)")
        // A minute before the night desk opens, and when it does.
        #expect(try route(log, at: "2026-11-23T18:59:00Z")["decisions"]?.integer == 0)
        #expect(try route(log, at: "2026-11-23T19:00:00Z")["decisions"]?.integer == 2)
        let why = try Ascolto.run(
            ["explain", "contact", "1", "--why", "--format", "table"], log: log,
            environment: ["ASCOLTO_CLOCK": "2026-11-23T19:01:00Z"])
        let left = "T20:00:00+01:00  left the queue front after 10 h"
        #expect(why.text.contains(left), "\(why.text)")
        #expect(why.text.contains("the queue was closed for 2 h of that"), "\(why.text)")
        #expect(why.text.contains("was offered to the operator notte"), "\(why.text)")
        let again = try Ascolto.run(["redecide"], log: log)
        #expect(again.end == .exit(0), "\(again.text)")
    }
}
