import Foundation
import Testing

@Suite("Exit codes")
struct ExitCodeTests {
    struct Wrong: CustomTestStringConvertible, Sendable {
        let arguments: [String]
        let code: Int32
        let words: String

        var testDescription: String { arguments.joined(separator: " ") }

        init(_ line: String, exit code: Int32, says words: String) {
            arguments = line.split(separator: " ").map {
                $0.replacingOccurrences(of: "_", with: " ")
            }
            self.code = code
            self.words = words
        }
    }

    @Test(
        "tell what was wrong with the question",
        arguments: [
            Wrong("export --no-such", exit: 2, says: "--no-such"),
            Wrong("exprt", exit: 2, says: "exprt"),
            Wrong("read --as-of yesterday", exit: 2, says: "yesterday"),
            Wrong("read --since noon", exit: 2, says: "noon"),
            Wrong("read --from -1", exit: 2, says: "from"),
            Wrong("read --limit -1", exit: 2, says: "limit"),
            Wrong("read --tag nocolon", exit: 2, says: "nocolon"),
            Wrong("stats --format xml", exit: 2, says: "xml"),
            Wrong("project nothing", exit: 2, says: "operator-queues"),
            Wrong("query nothing", exit: 2, says: "operator-queues"),
            Wrong("query operator-queues nothing", exit: 2, says: "half-hours"),
            Wrong("query operator-queues days --where offered_>", exit: 2, says: "--where"),
            Wrong("query operator-queues days --where nope=1", exit: 2, says: "nope"),
            Wrong("query operator-queues days --at noon", exit: 2, says: "noon"),
            Wrong("query operator-queues --sql delete_from_visits", exit: 2, says: "--sql"),
            Wrong("append --expect-revision s", exit: 2, says: "STREAM=N"),
            Wrong("init", exit: 1, says: "already"),
        ])
    func questions(wrong: Wrong) throws {
        let scratch = try Scratch()
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let projected = try Ascolto.run(["project"], log: scratch.log)
        #expect(projected.end == .exit(0), "\(projected.error)")
        let words = wrong.words.replacingOccurrences(of: "-hours", with: "_hours")
        let run = try Ascolto.run(wrong.arguments, log: scratch.log, input: "")
        #expect(run.end == .exit(wrong.code), "\(run.error)")
        #expect(run.output.isEmpty)
        #expect(run.error.contains(words), "\(run.error)")
        #expect(try Ascolto.run(["check"], log: scratch.log).end == .exit(0))
    }

    @Test(
        "say that there is no log, and make none by looking",
        arguments: ["read", "export", "streams", "stats", "check", "project", "projections"])
    func noLog(verb: String) throws {
        let scratch = try Scratch()
        let run = try Ascolto.run([verb], log: scratch.log)
        #expect(run.end == .exit(1))
        #expect(run.output.isEmpty)
        #expect(run.error.contains("no log in \(scratch.log)"), "\(run.error)")
        #expect(run.error.contains("ascolto init"), "\(run.error)")
        #expect(!FileManager.default.fileExists(atPath: scratch.log))
    }

    @Test("refuse a second writer while one writes, and let readers read")
    func secondWriter() throws {
        let scratch = try Scratch()
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let line = EdgeEvents.lines(series: 2)[0] + "\n"
        let pipe = Pipe()
        let first = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        var second = try Ascolto.run(["append"], log: scratch.log, input: line)
        // The first writer may not have opened the log yet; the line goes in at most once.
        for _ in 0..<100 where second.end == .exit(0) {
            Thread.sleep(forTimeInterval: 0.1)
            second = try Ascolto.run(["append"], log: scratch.log, input: line)
        }
        #expect(second.end == .exit(4))
        #expect(second.output.isEmpty)
        #expect(second.error.contains("another process"), "\(second.error)")
        #expect(try Ascolto.run(["check"], log: scratch.log).end == .exit(0))
        try pipe.fileHandleForWriting.write(
            contentsOf: Data((EdgeEvents.lines(series: 3)[0] + "\n").utf8))
        try pipe.fileHandleForWriting.close()
        let ended = try first.finish(within: 60)
        #expect(ended.end == .exit(0), "\(ended.error)")
        #expect(try ended.json()["appended"]?.integer == 1)
        let third = try Ascolto.run(["append"], log: scratch.log, input: line)
        #expect(third.end == .exit(0), "\(third.error)")
    }
}
