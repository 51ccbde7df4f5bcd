import Foundation
import OwnThread
import TestSupport
import Testing

@Suite(
    "The real calls of two months", .ownThread,
    .enabled(if: Places.hasCalls, "\(Places.callsNeeded)"))
struct RealCallsTests {
    private static let months = ["01", "02"]

    private func project(_ log: String) throws {
        let run = try Ascolto.run(["project"], log: log)
        #expect(run.end == .exit(0), "\(run.error)")
    }

    private func imported(_ files: [String], to log: String) throws -> AnyJSON {
        let run = try MakeLog.importCalls(files, to: log)
        #expect(run.end == .exit(0), "\(run.error)")
        return try run.json()
    }

    private func rows(_ table: String, by key: String?, in log: String) throws -> [String: AnyJSON]
    {
        let rows = try #require(try MakeLog.query(table, in: log).elements)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0[key ?? ""]?.text ?? "", $0) })
    }

    @Test("give the same read models together and one after the other, and nothing twice")
    func together() throws {
        let scratch = try Scratch()
        let files = Self.months.map(Places.calls)
        let together = scratch.log
        let first = try imported(files, to: together)
        let onebyone = "\(scratch.path)/onebyone"
        _ = try imported([files[0]], to: onebyone)
        try project(onebyone)
        let digest = try Ascolto.run(["projections"], log: onebyone).json()
            .elements?.first?["digest"]
        _ = try imported([files[1]], to: onebyone)
        let again = try imported(files.reversed(), to: onebyone)
        #expect(again["events"] == .integer(0))
        #expect(again["already_appended"] == first["events"])
        #expect(again["rows"] == .integer(31_599 + 33_344))
        #expect(try MakeLog.stats(onebyone)["events"] == MakeLog.stats(together)["events"])
        try project(together)
        try project(onebyone)
        for table in ["totals", "queues", "days", "half_hours", "operators"] {
            let one = try MakeLog.query(table, in: together)
            #expect(one.elements?.isEmpty == false)
            #expect(try MakeLog.query(table, in: onebyone) == one, "\(table)")
        }
        let alone = "\(scratch.path)/alone"
        _ = try imported([files[0]], to: alone)
        try project(alone)
        #expect(
            try Ascolto.run(["projections"], log: alone).json().elements?.first?["digest"]
                == digest)
        try compareWaiting(files, in: together)
    }

    private func compareWaiting(_ files: [String], in log: String) throws {
        let counted = try Python.run("waiting_max.py", files)
        try #require(counted.end == .exit(0), "\(counted.error)")
        let expected = try #require(try counted.json().members)
        let days = try rows("days", by: "day", in: log).mapValues { $0["waiting_max"] }
        #expect(Set(days.keys) == Set(expected.keys))
        for (day, most) in expected { #expect(days[day] == most, "\(day)") }
    }

    private static let counts = [
        "received": "received", "offered": "offered", "answered": "answered",
        "abandoned": "abandoned", "abandoned_in_self_service": "abandonedInSelfService",
        "answered_within_threshold": "answeredWithin20s",
        "abandoned_within_threshold": "abandonedWithin20s", "handled": "handled",
    ]
    private static let seconds = [
        "wait_answered_us": "waitSecondsAnswered", "wait_abandoned_us": "waitSecondsAbandoned",
        "handle_us": "handleSeconds",
    ]
    private static let ratios = [
        "service_level": "serviceLevel", "abandonment_rate": "abandonmentRate",
    ]

    private func compare(_ row: AnyJSON?, _ expected: AnyJSON, _ name: String) throws {
        // Queues and days without an offer have no figures that could differ.
        let row = try #require(row, "\(name) is missing")
        for (ours, theirs) in Self.counts {
            let count = try #require(expected[theirs]?.integer)
            #expect(row[ours]?.integer == count, "\(name) \(ours)")
        }
        for (ours, theirs) in Self.seconds {
            let seconds = try #require(expected[theirs]?.integer)
            #expect(row[ours]?.integer == seconds * 1_000_000, "\(name) \(ours)")
        }
        for (ours, theirs) in Self.ratios {
            guard let ratio = expected[theirs]?.number else {
                #expect(row[ours] == .null, "\(name) \(ours)")
                continue
            }
            #expect(abs((row[ours]?.number ?? -1) - ratio) < 1e-12, "\(name) \(ours)")
        }
    }

    @Test("have the figures of another program", arguments: months)
    func figures(month: String) throws {
        let scratch = try Scratch()
        let report = try imported([Places.calls(month: month)], to: scratch.log)
        try project(scratch.log)
        let expected = try JSONDecoder().decode(
            AnyJSON.self,
            from: contents(
                of: "\(Places.shared)/data/expected/technion_bank_calls_1999-\(month).json"))
        #expect(report["skipped"] == expected["rowsSkipped"])
        #expect(report["rejected"] == expected["rowsRejected"])
        let total = try rows("totals", by: nil, in: scratch.log)[""]
        try compare(total, try #require(expected["total"]), "total")
        for (table, key) in [("queues", "queue"), ("days", "day")] {
            let rows = try rows(table, by: key, in: scratch.log)
            let wanted = try #require(expected[table]?.members)
            #expect(Set(rows.keys) == Set(wanted.keys))
            for (name, row) in wanted { try compare(rows[name], row, name) }
        }
        try compareWaiting([Places.calls(month: month)], in: scratch.log)
    }

    @Test("are imported in less than 150 MB of memory of their own", arguments: months)
    func memory(month: String) throws {
        let scratch = try Scratch()
        let running = try Ascolto.start(
            ["import", "csv", "--mapping", Places.technionMapping, Places.calls(month: month)],
            log: scratch.log)
        let peak = try PeakMemory(of: running)
        #expect(peak.run.end == .exit(0), "\(peak.run.error)")
        #expect(peak.kilobytes > 1_000, "the memory could not be read")
        #expect(peak.kilobytes < 150_000)
        tell("peak RssAnon of importing 1999-\(month): \(peak.kilobytes) kB")
    }
}
