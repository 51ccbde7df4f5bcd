import Foundation
import OwnThread
import TestSupport
import Testing

/// An export of an office program, with a mapping that was written from its document alone.
@Suite("A table in a format that nobody prepared", .ownThread)
struct UnpreparedFormatTests {
    private let scratch: Scratch
    private let expected: AnyJSON
    private let table: String

    init() throws {
        scratch = try Scratch()
        table = "\(scratch.path)/register.txt"
        let written = try Python.run("unprepared.py", [table])
        try #require(written.end == .exit(0), "\(written.error)")
        expected = try written.json()
    }

    private func fixture(_ name: String) -> String {
        "\(Places.package)/Tests/Fixtures/register/\(name).yaml"
    }

    private func imported() throws -> (report: AnyJSON, lines: [Int64]) {
        let run = try Ascolto.run(
            ["import", "csv", "--mapping", fixture("mapping"), table], log: scratch.log)
        #expect(run.end == .exit(3), "\(run.error)")
        let refused = run.error.split(separator: "\n").compactMap { line in
            line.split(separator: ":").dropFirst().first.flatMap { Int64($0) }
        }
        return (try run.json(), refused)
    }

    private func rows(_ arguments: String...) throws -> [AnyJSON] {
        let run = try Ascolto.run(
            ["query"] + arguments, log: scratch.log,
            environment: ["ASCOLTO_DEFINITIONS": fixture("definitions")])
        try #require(run.end == .exit(0), "\(run.error)")
        return try #require(try run.json().elements)
    }

    private func expect(_ row: AnyJSON?, toHave figures: AnyJSON?, _ what: String) throws {
        let row = try #require(row, "\(what)")
        for (column, value) in try #require(figures?.members, "\(what)") {
            #expect(row[column] == value, "\(what) \(column)")
        }
    }

    @Test("becomes a log with the figures that it has, each bad row named, and nothing twice")
    func figures() throws {
        let first = try imported()
        #expect(first.report["rows"] == expected["rows"])
        #expect(first.report["events"] == expected["events"])
        #expect(first.lines.map { AnyJSON.integer($0) } == expected["bad_lines"]?.elements)
        let again = try imported()
        #expect(again.report["events"] == .integer(0))
        #expect(again.lines == first.lines)

        let projected = try Ascolto.run(
            ["project"], log: scratch.log,
            environment: ["ASCOLTO_DEFINITIONS": fixture("definitions")])
        try #require(projected.end == .exit(0), "\(projected.error)")
        try expect(rows("case-flow", "totals").first, toHave: expected["cases"], "totals")
        let opened = try rows("case-flow", "days", "--where", "opened > 0")
        let days = try #require(expected["days"]?.members)
        #expect(opened.count == days.count)
        for row in opened {
            #expect(row["opened"] == days[row["day"]?.text ?? ""], "\(row)")
        }
        let votes = try #require(expected["votes"]?.members)
        for row in try rows(
            "citizen-satisfaction", "scores", "--where", "dimension = 'service'")
        {
            let office = row["part"]?.text ?? ""
            try expect(row, toHave: votes[office], office)
        }
        let groups = try rows("equity-and-access", "groups", "--where", "kind <> 'total'")
        let zones = try #require(expected["zones"]?.members)
        #expect(groups.count == zones.count)
        for row in groups {
            let zone = row["part"]?.text ?? ""
            try expect(row, toHave: zones[zone], zone)
        }
    }

    @Test("keeps the civil time of its clock, and its sums to the cent")
    func timesAndSums() throws {
        _ = try imported()
        let lines = try MakeLog.export(scratch.log).output.split(separator: UInt8(ascii: "\n"))
        let events = try lines.map { try AnyJSON(String(decoding: $0, as: UTF8.self)) }
        let opened = events.filter { $0["type"]?.text == "case.opened" }
        #expect(
            opened.compactMap { $0["time"]?.text }.sorted()
                == expected["local"]?.elements?.compactMap(\.text))
        let cents = events.compactMap { $0["data"]?["feeCents"]?.integer }
        #expect(.integer(cents.reduce(0, +)) == expected["cents"])
        #expect(!lines.contains { Data($0).range(of: Data("Bianchi".utf8)) != nil })
    }
}
