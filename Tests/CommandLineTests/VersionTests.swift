import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Schema versions", .ownThread)
struct VersionTests {
    private static let decision = "019cad90-a9e8-7aa1-b848-f5799f53e646"

    /// The day that an earlier program routed, its lines changed on their way.
    private func imported(
        into log: String, _ change: (String) -> String = { $0 }
    ) throws {
        let text = try Places.text("Tests/Fixtures/decisions-1.ndjson")
        let lines = text.split(separator: "\n").map { change(String($0)) + "\n" }
        let run = try Ascolto.run(
            ["import", "ndjson", "-"], log: log, input: .text(lines.joined()))
        try #require(run.end == .exit(0), "\(run.error)")
    }

    @Test("of the past: what a router told then is the same today, and is told")
    func past() throws {
        let scratch = try Scratch()
        try imported(into: scratch.log)
        let again = try Ascolto.run(["redecide", "--format", "json"], log: scratch.log)
        #expect(again.end == .exit(0))
        let tally = try again.json()
        #expect([tally["same"], tally["differ"]].map { $0?.integer } == [16, 0])
        let story = try Ascolto.run(
            ["explain", "decision", Self.decision, "--format", "table"], log: scratch.log)
        #expect(story.text.contains("  rule overflow[0] (to the queue a/b c): applied\n"))
        #expect(story.text.contains("    op-1: has a contact at hand\n"))
    }

    @Test("of later: decisions are counted, not judged and not told")
    func laterDecisions() throws {
        let scratch = try Scratch()
        try imported(into: scratch.log) { line in
            guard line.contains(Self.decision), line.contains(#""type":"routing.decided""#) else {
                return line
            }
            return line.replacingOccurrences(of: #""schema":1"#, with: #""schema":3"#)
        }
        let again = try Ascolto.run(["redecide", "--format", "json"], log: scratch.log)
        #expect(again.end == .exit(1))
        #expect(try again.json()["other_schema"]?.integer == 1)
        let story = try Ascolto.run(["explain", "decision", Self.decision], log: scratch.log)
        #expect(story.end == .exit(1))
        #expect(story.error.contains("it is told in schema version 3, which is not read here"))
    }

    @Test("of later: what they settle about the organisation is not followed, which is told")
    func laterOrganisation() throws {
        let scratch = try Scratch()
        try imported(into: scratch.log) { line in
            line.contains("routing.policy_published")
                ? line.replacingOccurrences(of: #""schema":1"#, with: #""schema":2"#) : line
        }
        for verb in [["route", "--once"], ["redecide"]] {
            let run = try Ascolto.run(verb, log: scratch.log)
            #expect(run.error.contains("of the organisation not understood here, at "), "\(verb)")
        }
    }

    @Test("of the past are what definitions of outcomes mean in the words of today")
    func outcomes() throws {
        let scratch = try Scratch()
        try imported(into: scratch.log)
        let head = #"{"specversion":"1.0","source":"urn:t","subject":"contact/new","time":""#
        let today = [
            #"2026-03-02T09:00:00Z","id":"01890a5d-ac96-774b-bcce-b302099a80b1","#
                + #""type":"contact.received","schema":1,"data":{"channel":"phone","#
                + #""direction":"in"}}"#,
            #"2026-03-02T09:01:00Z","id":"01890a5d-ac96-774b-bcce-b302099a80b2","#
                + #""type":"routing.decided","schema":2,"data":"#
                + #"{"trigger":"overflow","#
                + #""alsoKnew":0,"policyId":"p","policyVersion":1,"policyHash":"0","#
                + #""engineVersion":1,"queueId":"q","waitedUs":0,"points":0,"inQueue":1,"#
                + #""ahead":0,"candidatesTotal":0,"candidatesEligible":0,"#
                + #""selected":"overflow_queue"}}"#,
        ].map { head + $0 + "\n" }
        let run = try Ascolto.run(
            ["import", "ndjson", "-"], log: scratch.log, input: .text(today.joined()))
        try #require(run.end == .exit(0), "\(run.error)")
        let definitions = """
            scheme: {id: overflow, version: 1}
            attributes: {age: {tag: group.age, reference: 65+}}
            outcomes:
              sent_over:
                meaning: it went over to another queue
                begins: contact.received
                reaches: {type: routing.decided, where: {selected: overflow_queue}}
                within: 1d
            """
        let file = try scratch.file("outcomes.yaml", text: definitions)
        let project = try Ascolto.run(
            ["project", "equity-and-access", "--definitions", file], log: scratch.log)
        try #require(project.end == .exit(0), "\(project.error)")
        #expect(!project.error.contains("schema"), "\(project.error)")
        let query = try Ascolto.run(
            ["query", "equity-and-access", "outcomes", "--definitions", file, "--format", "json"],
            log: scratch.log)
        let row = try #require(try query.json().elements?.first, "\(query.error)")
        // Four of the day of then, and one of today.
        #expect(row["favourable"]?.integer == 5, "\(query.text)")
    }
}
