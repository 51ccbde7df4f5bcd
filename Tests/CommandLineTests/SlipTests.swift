import TestSupport
import Testing

/// What looks like a slip of the pen, from the command line: it is kept, and said.
extension ExplainTests {
    private static let desk = """
        centres: {c: }
        routing_policies: {p: {version: 1, rank: [longest_idle]}}
        queues: {front: {centre_id: c, policy_id: p}}
        operators: {anna: {role: operator_l1, centre_id: c, queues: [front]}}
        """

    private static let received =
        #""type":"contact.received","data":{"channel":"phone","direction":"in"}"#

    private func append(_ lines: [String], in log: String) throws -> Run {
        let head = #"{"specversion":"1.0","source":"urn:t","schema":1,"#
        let text = lines.map { head + $0 + "}\n" }.joined()
        return try Ascolto.run(
            ["append"], log: log, input: .text(text), environment: MakeLog.morning)
    }

    @Test("a queue that is not described, a type and a member that are nearly right")
    func slips() throws {
        let scratch = try Scratch()
        let log = scratch.log
        #expect(try described(Self.desk, in: log).end == .exit(0))
        let run = try append(
            [
                #""subject":"contact/1","# + Self.received,
                #""subject":"contact/1","type":"contact.queued","#
                    + #""data":{"queueId":"frnt","prioritty":2}"#,
                #""subject":"contact/2","type":"contact.recieved","data":{}"#,
                #""subject":"contact/2","type":"parking.recieved","data":{}"#,
                #""subject":"contact/2","type":"contact.tea_offered","data":{}"#,
            ], in: log)
        #expect(run.end == .exit(0))
        let told = """
            ascolto: warning: 1 event of contact.queued with the member prioritty, which \
            nothing here reads: did you mean priority?
            ascolto: warning: 1 event of the type contact.recieved, which nothing here reads: \
            did you mean contact.received?
            ascolto: warning: 1 event names the queue frnt, which the organisation in this log \
            does not describe: did you mean front?

            """
        #expect(run.error == told)
        let routed = try Ascolto.run(
            ["route", "--once"], log: log, environment: MakeLog.noon
        ).json()
        #expect(routed["waiting_without_policy"]?.integer == 1)
        #expect(routed["queues_without_policy"]?.elements?.map(\.text) == ["frnt"])
        let why = try Ascolto.run(
            ["explain", "contact", "1", "--why", "--format", "table"], log: log,
            environment: MakeLog.noon)
        #expect(why.text.contains("no queue of that name is described"), "\(why.text)")
    }

    @Test("names of operators and skills that are not described, each once, where others are")
    func strangers() throws {
        let scratch = try Scratch()
        let log = scratch.log
        let lines = [
            #""subject":"operator/ana","type":"operator.logged_in""#,
            #""subject":"contact/1","# + Self.received,
            #""subject":"contact/1","type":"contact.queued","data":{"queueId":"front","#
                + #""requiredSkills":[{"skill":"law","minLevel":1}]}"#,
            #""subject":"contact/1","type":"contact.offer_made","data":{"operatorId":"ana"}"#,
        ]
        // Nothing is described yet.
        let early = try append(lines, in: log)
        #expect(early.end == .exit(0) && !early.error.contains("warning"), "\(early.error)")
        #expect(try described(Self.desk, in: log).end == .exit(0))
        let run = try append(
            [
                #""subject":"contact/1","type":"contact.offer_missed","data":{"operatorId":"ana"}"#,
                #""subject":"contact/1","type":"routing.overridden","data":{"decisionId":"#
                    + #""0189d2f7-9ac8-7d2e-b1a5-0b8f5a3c7e11","newSelection":"operator","#
                    + #""newSelectionId":"somebody else","overriddenBy":"l","justification":"j"}"#,
                #""subject":"contact/1","type":"contact.offer_made","data":{"operatorId":"anna"}"#,
                #""subject":"contact/1","type":"contact.offer_missed","#
                    + #""data":{"operatorId":"anna"}"#,
                #""subject":"contact/1","type":"contact.offer_made","data":{"operatorId":"ana"}"#,
            ], in: log)
        #expect(run.end == .exit(0))
        let told = """
            ascolto: warning: 2 events name the operator ana, which the organisation in this log \
            does not describe: did you mean anna?
            ascolto: warning: 1 event names the operator somebody else, which the organisation in \
            this log does not describe

            """
        #expect(run.error == told)
    }

    @Test("a correction that makes a story impossible is warned of")
    func impossible() throws {
        let scratch = try Scratch()
        let log = scratch.log
        #expect(try described(Self.desk, in: log).end == .exit(0))
        _ = try append(
            [
                #""subject":"contact/1","# + Self.received,
                #""subject":"contact/1","type":"contact.queued","data":{"queueId":"front"}"#,
                #""subject":"contact/1","type":"contact.left_queue","#
                    + #""data":{"queueId":"front","reason":"answered"}"#,
                #""subject":"contact/1","type":"contact.connected","data":{"operatorId":"anna"}"#,
            ], in: log)
        let reasons = ["--reason", "a slip", "--authority", "office"]
        let last = try #require(try MakeLog.stats(log)["events"]?.integer)
        let run = try Ascolto.run(
            ["correct", "\(last - 2)", "--patch", #"{"reason":"abandoned"}"#] + reasons, log: log,
            environment: MakeLog.noon)
        #expect(run.end == .exit(0))
        #expect(
            run.error.contains(
                "warning: what position \(last - 1) says cannot follow any more: "), "\(run.error)")
        let back = try Ascolto.run(
            ["void", "\(last)"] + reasons, log: log, environment: MakeLog.noon)
        #expect(back.end == .exit(0) && !back.error.contains("warning"), "\(back.error)")
    }
}
