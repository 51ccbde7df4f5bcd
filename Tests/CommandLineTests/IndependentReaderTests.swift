import Foundation
import OwnThread
import TestSupport
import Testing

@Suite(
    "A reader that shares nothing with our code", .ownThread,
    .enabled(if: Python.readsLogs, "\(Python.needed)"))
struct IndependentReaderTests {
    private func compare(_ log: String) throws {
        let export = try MakeLog.export(log)
        let read = try Python.run("read_log.py", [log])
        #expect(read.end == .exit(0), "\(read.error)")
        #expect(read.output == export.output, "the lines differ")
        let stats = try MakeLog.stats(log)
        let expected = "\(stats["events"]?.integer ?? 0) \(stats["root"]?.text ?? "")\n"
        let verified = try Python.run("read_log.py", [log, "--root"])
        #expect(verified.end == .exit(0), "\(verified.error)")
        #expect(verified.text == expected)
        let counted = try Python.run("root_of_export.py", input: .bytes(export.output))
        #expect(counted.text == expected, "\(counted.error)")
    }

    @Test("prints the lines and the root of generated and of unusual events")
    func generated() throws {
        let scratch = try Scratch()
        try MakeLog.mixed(in: scratch.log)
        #expect(try MakeLog.stats(scratch.log)["blocks"]?.integer ?? 0 >= 2)
        try compare(scratch.log)
    }

    @Test(
        "prints the lines and the root of a month of real calls",
        .enabled(if: Places.hasCalls, "\(Places.callsNeeded)"))
    func realCalls() throws {
        let scratch = try Scratch()
        let run = try MakeLog.importCalls([Places.calls(month: "01")], to: scratch.log)
        #expect(run.end == .exit(0), "\(run.error)")
        try compare(scratch.log)
    }
}
