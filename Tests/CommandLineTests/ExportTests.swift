import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("An export", .ownThread)
struct ExportTests {
    /// The line without the members that the log sets, but with its data hash.
    private func foreign(_ line: Substring) throws -> String {
        let position = try #require(line.range(of: #","position":""#))
        let hash = try #require(
            line.range(of: #","datahash":""#, range: position.upperBound..<line.endIndex))
        return String(line[..<position.lowerBound] + line[hash.lowerBound...])
    }

    @Test("appended to another log differs only in what that log sets")
    func again() throws {
        let scratch = try Scratch()
        try MakeLog.mixed(in: scratch.log)
        let export = try MakeLog.export(scratch.log)
        let file = try scratch.file("export.ndjson", export.output)
        let other = "\(scratch.path)/other"
        let own =
            #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8099","#
            + #""source":"urn:x","type":"own.event","subject":"own/1"}"#
        try MakeLog.append([own], to: other)
        let imported = try Ascolto.run(["import", "ndjson", file], log: other)
        #expect(imported.end == .exit(0), "\(imported.error)")
        let report = try imported.json()
        let count = Int64(export.lines.count)
        #expect(report["rows"]?.integer == count)
        #expect(report["events"]?.integer == count - 1)
        #expect(report["skipped"]?.integer == 1)
        #expect(report["rejected"]?.integer == 0)

        let second = try MakeLog.export(other)
        let before = try export.lines.dropFirst().map(foreign)
        let after = try second.lines.dropFirst(2).map(foreign)
        #expect(before == after)
        #expect(second.lines[2].contains(#","position":"2","#))

        let rerun = try Ascolto.run(["import", "ndjson", file], log: other)
        #expect(rerun.end == .exit(0), "\(rerun.error)")
        #expect(try rerun.json()["events"]?.integer == 0)
        #expect(try rerun.json()["already_appended"]?.integer == count - 1)
        #expect(try MakeLog.export(other).output == second.output)
    }
}
