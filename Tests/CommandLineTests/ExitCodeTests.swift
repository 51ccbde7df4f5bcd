import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Exit codes", .ownThread)
struct ExitCodeTests {
    struct Wrong: CustomTestStringConvertible, Sendable {
        let arguments: [String]
        let code: Int32
        let words: String

        var testDescription: String { arguments.joined(separator: " ") }

        /// In `line`, `_` stands for a space within an argument.
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
            Wrong("exprt", exit: 2, says: "no verb exprt"),
            Wrong("exprt --limit 3", exit: 2, says: "no verb exprt"),
            Wrong("import csv --mapping no-such.yaml a.csv", exit: 2, says: "no-such.yaml"),
            Wrong("read --as-of yesterday", exit: 2, says: "yesterday"),
            Wrong("read --since noon", exit: 2, says: "noon"),
            Wrong("read --from -1", exit: 2, says: "from"),
            Wrong("read --limit -1", exit: 2, says: "limit"),
            Wrong("read --tag nocolon", exit: 2, says: "nocolon"),
            Wrong("stats --format xml", exit: 2, says: "xml"),
            Wrong("project nothing", exit: 2, says: "operator-queues"),
            Wrong("query nothing", exit: 2, says: "operator-queues"),
            Wrong("query operator-queues nothing", exit: 2, says: "half_hours"),
            Wrong("query operator-queues days --where offered_>", exit: 2, says: "the condition"),
            Wrong("query operator-queues days --where nope=1", exit: 2, says: "nope"),
            Wrong("query operator-queues days --at noon", exit: 2, says: "noon"),
            Wrong("query operator-queues --sql delete_from_visits", exit: 2, says: "SQL"),
            Wrong("query operator-queues --sql SELECT_1_a,_2_a", exit: 2, says: "\"a\""),
            Wrong("append --expect-revision s", exit: 2, says: "STREAM=N"),
            Wrong("read --as-of 999", exit: 1, says: "does not exist yet"),
            Wrong("export --format table", exit: 2, says: "table"),
            Wrong("init", exit: 1, says: "already"),
        ])
    func questions(wrong: Wrong) throws {
        let scratch = try Scratch()
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let projected = try Ascolto.run(["project"], log: scratch.log)
        #expect(projected.end == .exit(0), "\(projected.error)")
        let run = try Program.run(
            Ascolto.path, wrong.arguments, environment: ["ASCOLTO_LOG": scratch.log], within: 60)
        #expect(run.end == .exit(wrong.code), "\(run.error)")
        #expect(run.output.isEmpty)
        #expect(run.error.contains(wrong.words), "\(run.error)")
        #expect(try Ascolto.run(["check"], log: scratch.log).end == .exit(0))
    }

    @Test(
        "say that there is no log, and make none by looking",
        arguments: [
            "read", "export", "streams", "stats", "check", "project", "projections",
            "query operator-queues",
        ])
    func noLog(verb: String) throws {
        let scratch = try Scratch()
        let run = try Ascolto.run(
            verb.split(separator: " ").map(String.init), log: scratch.log)
        #expect(run.end == .exit(1))
        #expect(run.output.isEmpty)
        #expect(run.error.contains("no log in \(scratch.log)"), "\(run.error)")
        #expect(run.error.contains("ascolto init"), "\(run.error)")
        #expect(!FileManager.default.fileExists(atPath: scratch.log))
    }

    /// Waits until a program has opened a file, and a moment longer for it to take the lock.
    private func waitForLock(of program: Program, on file: String) throws {
        try waitUntil("the program opens \(file)") {
            openFiles(of: program.identifier).values.contains(file)
        }
        pause(0.1)
    }

    @Test("refuse a second writer while one writes, and let readers read")
    func secondWriter() throws {
        let scratch = try Scratch()
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let line = EdgeEvents.lines(series: 2)[0] + "\n"
        let pipe = Pipe()
        let first = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        try waitForLock(of: first, on: "\(scratch.log)/head")
        let second = try Ascolto.run(["append"], log: scratch.log, input: .text(line))
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
        let third = try Ascolto.run(["append"], log: scratch.log, input: .text(line))
        #expect(third.end == .exit(0), "\(third.error)")
    }
}
