import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("append", .ownThread)
struct AppendVerbTests {
    private func event(
        _ number: Int, stream: String = "s/1", data: String = "{}", more: String = ""
    ) -> String {
        #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8\#(100 + number)","#
            + #""source":"urn:x","type":"thing.done","subject":"\#(stream)","#
            + #"\#(more)"data":\#(data)}"#
    }

    private func append(
        _ lines: String..., to log: String, options: [String] = []
    ) throws -> Run {
        try Ascolto.run(
            ["append"] + options, log: log, input: .text(lines.map { $0 + "\n" }.joined()))
    }

    private func answer(
        _ first: Int64?, _ last: Int64?, appended: Int64, already: Int64
    ) -> AnyJSON {
        .object([
            "first": first.map { .integer($0) } ?? .null,
            "last": last.map { .integer($0) } ?? .null,
            "appended": .integer(appended), "already_appended": .integer(already),
        ])
    }

    @Test("says where the events are, and a retry appends nothing")
    func retry() throws {
        let scratch = try Scratch()
        let lines = event(1) + "\n" + event(2)
        let first = try append(lines, to: scratch.log)
        #expect(first.end == .exit(0))
        #expect(try first.json() == answer(1, 2, appended: 2, already: 0))
        let export = try MakeLog.export(scratch.log).output
        let second = try append(lines, to: scratch.log)
        #expect(second.end == .exit(0))
        #expect(try second.json() == answer(1, 2, appended: 0, already: 2))
        let together = try append(lines, to: scratch.log, options: ["--atomic"])
        #expect(together.end == .exit(0))
        #expect(try together.json() == answer(1, 2, appended: 0, already: 2))
        #expect(try MakeLog.export(scratch.log).output == export)
    }

    @Test("keeps no line waiting for a live producer's next")
    func livePipe() throws {
        let scratch = try Scratch()
        _ = try Ascolto.run(["init"], log: scratch.log)
        let pipe = Pipe()
        let running = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        defer { running.kill() }
        // The half line behind it must not hold the whole one back either.
        let sent = event(1) + "\n" + event(2)
        try pipe.fileHandleForWriting.write(contentsOf: Data(sent.utf8.dropLast(9)))
        try waitUntil("one event beside the log's own") {
            try MakeLog.stats(scratch.log)["events"]?.integer == 2
        }
        try pipe.fileHandleForWriting.write(contentsOf: Data(sent.utf8.suffix(9)))
        try pipe.fileHandleForWriting.close()
        let run = try running.finish(within: 60)
        #expect(run.end == .exit(0), "\(run.error)")
        #expect(try run.json() == answer(1, 2, appended: 2, already: 0))
    }

    @Test("refuses what no projection could read, and tells of what none will read")
    func ownTypes() throws {
        let scratch = try Scratch()
        func contact(_ number: Int, _ members: String) -> String {
            event(number, more: members).replacingOccurrences(
                of: "thing.done", with: "contact.received")
        }
        let run = try append(
            contact(1, #""schema":1,"#), contact(2, ""), contact(3, #""schema":2,"#),
            to: scratch.log)
        #expect(run.end == .exit(3))
        #expect(try run.json() == answer(1, 2, appended: 2, already: 0))
        #expect(run.error.contains("line 1: contact.received: \"channel\" is missing"))
        #expect(run.error.contains("1 events of contacts or operators state no schema version"))
    }

    @Test("refuses a known id with other content, and names both places")
    func otherContent() throws {
        let scratch = try Scratch()
        _ = try append(event(1), event(2), to: scratch.log)
        let run = try append(event(3), event(2, data: "1"), to: scratch.log)
        #expect(run.end == .exit(3))
        #expect(try run.json() == answer(3, 3, appended: 1, already: 0))
        #expect(run.error.contains("01890a5d-ac96-774b-bcce-b302099a8102"))
        #expect(run.error.contains("position 2 "))
        #expect(run.error.hasPrefix("line 2: "))
        #expect(try MakeLog.export(scratch.log).lines.count == 4)
    }

    @Test("answers no where the stream is at another revision")
    func conflict() throws {
        let scratch = try Scratch()
        _ = try append(event(1), event(2), to: scratch.log)
        for expectation in ["s/1=0", "s/1=2", "s/1=none", "s/2=0", "s/2=any"] {
            let run = try append(
                event(3), to: scratch.log, options: ["--expect-revision", expectation])
            #expect(run.end == .exit(1), "\(expectation)")
            #expect(try run.json() == answer(nil, nil, appended: 0, already: 0))
            #expect(run.error.contains("conflict"), "\(run.error)")
        }
        for (number, expectation) in zip(3..., ["s/1=1", "s/1=any", "s/2=none"]) {
            let run = try append(
                event(number), to: scratch.log, options: ["--expect-revision", expectation])
            #expect(run.end == .exit(0), "\(expectation) \(run.error)")
        }
        let twice = try append(
            event(6), to: scratch.log,
            options: ["--expect-revision", "s/1=7", "--expect-revision", "s/1=3"])
        #expect(twice.end == .exit(2))
        #expect(twice.error.contains("s/1 is named twice"), "\(twice.error)")
        // The first of these ids is known, and a retry would fail its own condition.
        let retry = try append(
            event(3), to: scratch.log, options: ["--expect-revision", "s/1=1"])
        #expect(retry.end == .exit(0))
        #expect(try retry.json() == answer(3, 3, appended: 0, already: 1))
    }

    @Test("holds a query against what has come since the caller looked")
    func failIfMatch() throws {
        let scratch = try Scratch()
        _ = try append(event(1, more: #""tags":"k:a%20b n:1","#), to: scratch.log)
        for query in [
            "types=thing.done,other", "tags=k:a%2520b,n:1", "stream=s/1",
            "types=thing.done tags=n:1 stream=s/1",
        ] {
            let run = try append(event(2), to: scratch.log, options: ["--fail-if-match", query])
            #expect(run.end == .exit(1), "\(query)")
            #expect(run.error.contains("position 1 stands in the way"), "\(run.error)")
        }
        for (number, query) in zip(2..., ["types=other", "tags=n:1,n:2", "stream=s%2F2"]) {
            let run = try append(
                event(number), to: scratch.log, options: ["--fail-if-match", query])
            #expect(run.end == .exit(0), "\(query) \(run.error)")
        }
        let seen = ["--fail-if-match", "stream=s/1", "--after"]
        #expect(try append(event(5), to: scratch.log, options: seen + ["3"]).end == .exit(1))
        #expect(try append(event(5), to: scratch.log, options: seen + ["4"]).end == .exit(0))
        let either = ["--fail-if-match", "types=other", "--fail-if-match", "stream=s/1"]
        #expect(try append(event(6), to: scratch.log, options: either).end == .exit(1))
        for wrong in ["", "types=", "type=a", "tags=a", "types=a types=b", "stream=%GG"] {
            let run = try append(event(6), to: scratch.log, options: ["--fail-if-match", wrong])
            #expect(run.end == .exit(2), "\(wrong): \(run.error)")
        }
        #expect(try append(event(6), to: scratch.log, options: ["--after", "1"]).end == .exit(2))
    }

    @Test("appends all lines or none where they are one append")
    func atomic() throws {
        let scratch = try Scratch()
        _ = try append(event(1), to: scratch.log)
        let export = try MakeLog.export(scratch.log).output
        for bad in ["{", event(1, data: "2"), event(2), event(1)] {
            let run = try append(
                event(2), event(3), bad, to: scratch.log, options: ["--atomic"])
            #expect(run.end == .exit(3), "\(bad)")
            #expect(try run.json() == answer(nil, nil, appended: 0, already: 0))
            #expect(try MakeLog.export(scratch.log).output == export, "\(bad)")
        }
        let good = try append(event(2), event(3), to: scratch.log, options: ["--atomic"])
        #expect(try good.json() == answer(2, 3, appended: 2, already: 0))
    }

    @Test(
        "refuses what only the log may set",
        arguments: [
            #""position":"3""#, #""revision":"0""#, #""recorded":"2026-11-23T09:00:00Z""#,
            #""datahash":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a""#,
        ])
    func logMembers(member: String) throws {
        let scratch = try Scratch()
        let run = try append(event(1, more: member + ","), event(2), to: scratch.log)
        #expect(run.end == .exit(3))
        #expect(try run.json()["appended"]?.integer == 1)
        let name = try #require(member.split(separator: ":").first)
        #expect(run.error.contains("line 1: \(name)"), "\(run.error)")
    }
}
