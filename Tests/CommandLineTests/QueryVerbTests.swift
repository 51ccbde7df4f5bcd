import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Query", .ownThread)
struct QueryVerbTests {
    private let scratch: Scratch

    init() throws {
        scratch = try Scratch()
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let run = try Ascolto.run(["project"], log: scratch.log)
        try #require(run.end == .exit(0), "\(run.error)")
    }

    private func query(_ arguments: String..., log: String? = nil) throws -> Run {
        try Ascolto.run(["query", "operator-queues"] + arguments, log: log ?? scratch.log)
    }

    /// An event of a contact, with its payload as JSON.
    private func line(_ number: Int, _ type: String, _ data: String) -> String {
        #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099b8\#(100 + number)","#
            + #""source":"urn:x","type":"\#(type)","schema":1,"subject":"contact/q\#(number)","#
            + #""time":"2026-11-23T09:30:00Z","data":\#(data)}"#
    }

    @Test("tells the position of its figures and their lag, beside the answer")
    func position() throws {
        let before = try query("totals")
        let position = EdgeEvents.lines(series: 1).count
        #expect(before.error == "operator-queues as of position \(position)\n")
        try MakeLog.append(EdgeEvents.lines(series: 2), to: scratch.log)
        let after = try query("totals")
        #expect(after.end == .exit(0))
        #expect(after.output == before.output)
        #expect(after.error.contains("as of position \(position); the log has \(position) more"))
        let asOf = try query("totals", "--as-of", "0")
        #expect(asOf.error == "operator-queues as of position 0\n")
    }

    @Test("refuses the read model of another log")
    func otherLog() throws {
        let other = "\(scratch.path)/other"
        try MakeLog.append(EdgeEvents.lines(series: 1), to: other)
        _ = try scratch.copy("\(scratch.log)/projections", as: "other/projections")
        let run = try query(log: other)
        #expect(run.end == .exit(1))
        #expect(run.output.isEmpty)
        #expect(run.error.contains("belongs to the log"), "\(run.error)")
    }

    @Test("counts what cannot be read and goes on")
    func unreadable() throws {
        let later = line(1, "contact.connected", "{}")
            .replacingOccurrences(of: #""schema":1"#, with: #""schema":7"#)
        try MakeLog.append([later], to: scratch.log)
        let position = Int64(EdgeEvents.lines(series: 1).count + 1)
        for verb in ["project", "projections"] {
            let run = try Ascolto.run([verb], log: scratch.log)
            #expect(run.end == .exit(0))
            let row = try run.json().elements?.first
            #expect(row?["unreadable"]?.integer == 1)
            #expect(row?["first_unreadable"]?.integer == position)
            #expect(run.error.contains("schema 7"), "\(run.error)")
        }
        #expect(try query().error.contains("position \(position): contact.connected: schema 7"))
    }

    @Test("shows control characters in tables and keeps them in JSON")
    func controlCharacters() throws {
        let sql = "SELECT 'a' || char(27) || '[2J' || char(10) || char(155) || 'b' AS \"x\u{1B}\""
        let table = try query("--sql", sql, "--format", "table")
        #expect(table.lines.count == 3)
        #expect(table.lines[0] == #"x\u{1B}"#)
        #expect(table.lines[2] == #"a\u{1B}[2J\u{A}\u{9B}b"#)
        let json = try query("--sql", sql, "--format", "json").json().elements?.first
        #expect(json?["x\u{1B}"]?.text == "a\u{1B}[2J\n\u{9B}b")
    }

    @Test(
        "says of a damaged read model that it must be rebuilt",
        .enabled(if: Python.readsLogs, "\(Python.needed)"))
    func damaged() throws {
        let python = try Python.run(
            code: "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); "
                + "d.execute('UPDATE read_model SET events = -1'); d.commit()",
            ["\(scratch.log)/projections/operator-queues.sqlite"])
        try #require(python.end == .exit(0), "\(python.error)")
        for arguments in [["query", "operator-queues"], ["project"], ["projections"]] {
            let run = try Ascolto.run(arguments, log: scratch.log)
            #expect(run.end == .exit(arguments == ["projections"] ? 0 : 1))
            #expect(run.error.contains("--rebuild"), "\(run.error)")
        }
        #expect(try Ascolto.run(["project", "--rebuild"], log: scratch.log).end == .exit(0))
        #expect(try query().end == .exit(0))
    }
}
