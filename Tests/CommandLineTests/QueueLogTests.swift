import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Queue logs of a played centre", .ownThread)
struct QueueLogTests {
    private struct Case: CustomStringConvertible {
        let seed: UInt64
        let stamps: PlayedCentre.Stamps
        var description: String { "seed \(seed), \(stamps) stamps" }
    }

    private static let cases = [
        Case(seed: 1, stamps: .whole), Case(seed: 2, stamps: .fractional),
        Case(seed: 3, stamps: .whole), Case(seed: 4, stamps: .fractional),
    ]

    private func importing(_ files: [String], to log: String) throws -> AnyJSON {
        let run = try Ascolto.run(["import", "queue-log"] + files, log: log)
        // Lines that are none of a queue log are among them.
        #expect(run.end == .exit(3), "\(run.error)")
        return try run.json()
    }

    /// Three rotated files, one with CRLF and one compressed, the newest first.
    private func rotated(_ centre: PlayedCentre, in scratch: Scratch) throws -> [String] {
        let third = centre.lines.count / 3
        func text(_ lines: some Sequence<String>, _ end: String) -> String {
            lines.map { $0 + end }.joined()
        }
        let old = try scratch.file("queue_log.2", text: text(centre.lines[..<third], "\r\n"))
        let middle = try scratch.file(
            "queue_log.1", text: text(centre.lines[third..<2 * third], "\n"))
        let new = try scratch.file("queue_log", text: text(centre.lines[(2 * third)...], "\n"))
        #expect(try Program.run("gzip", [middle]).end == .exit(0))
        return [new, middle + ".gz", old]
    }

    private func query(_ table: String, in log: String) throws -> [AnyJSON] {
        #expect(try Ascolto.run(["project"], log: log).end == .exit(0))
        return try #require(try MakeLog.query(table, in: log).elements)
    }

    private func expect(_ row: AnyJSON?, _ count: PlayedCentre.Count, _ name: String) {
        let columns: [(String, Int64)] = [
            ("offered", Int64(count.offered)), ("answered", Int64(count.answered)),
            ("abandoned", Int64(count.abandoned)), ("wait_answered_us", count.waitAnswered),
            ("wait_abandoned_us", count.waitAbandoned), ("handled", Int64(count.handled)),
            ("handle_us", count.handle),
        ]
        for (column, value) in columns {
            #expect(row?[column]?.integer == value, "\(name) \(column)")
        }
    }

    @Test("have the figures that the centre counted", arguments: cases)
    private func figures(of played: Case) throws {
        let centre = PlayedCentre(calls: 1_000, seed: played.seed, stamps: played.stamps)
        let scratch = try Scratch()
        let files = try rotated(centre, in: scratch)
        let report = try importing(files, to: scratch.log)
        #expect(report["rows"]?.integer == Int64(centre.lines.count))
        #expect(report["events"]?.integer == Int64(centre.events))
        #expect(report["rejected"]?.integer == Int64(centre.refused))
        let skipped = try #require(report["skipped_by_rule"]?.members).compactMapValues(\.integer)
        #expect(skipped == centre.skipped.mapValues { Int64($0) })
        let anomalies = try #require(report["anomalies"]?.members).compactMapValues(\.integer)
        let ends = ["ABANDON", "EXITWITHTIMEOUT", "EXITWITHKEY", "EXITEMPTY", "CONNECT"]
        let wrongWaits = ends.compactMap { anomalies["stated_wait.\($0)"] }.reduce(0, +)
        #expect(wrongWaits == Int64(centre.wrongWaits))
        #expect(centre.wrongWaits > 10)
        #expect(!anomalies.keys.contains { $0.hasPrefix("stated_talk") })
        #expect(!anomalies.keys.contains { $0.hasPrefix("backward_clock") })
        #expect(!anomalies.keys.contains { $0.hasPrefix("transition") })

        let queues = try query("queues", in: scratch.log)
        #expect(queues.count == centre.queues.count)
        for row in queues {
            let name = row["queue"]?.text ?? ""
            expect(row, centre.queues[name] ?? .init(), name)
        }
        let totals = try query("totals", in: scratch.log).first
        #expect(totals?["received"]?.integer == Int64(centre.received))
        // The pseudonyms are not told apart here: every member has figures of its own.
        let members = try query("operators", in: scratch.log).map { row in
            [row["answered"]?.integer, row["handled"]?.integer, row["handle_us"]?.integer]
        }
        #expect(
            Set(members)
                == Set(
                    centre.members.values.map {
                        [Int64($0.answered), Int64($0.handled), $0.handle]
                    }))
        tell(
            "\(played): \(centre.lines.count) lines, \(centre.events) events, anomalies "
                + "\(anomalies.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })")
    }

    @Test("append only what is new, file by file and again")
    func added() throws {
        let centre = PlayedCentre(calls: 400, seed: 9, stamps: .whole)
        let scratch = try Scratch()
        let files = try rotated(centre, in: scratch)
        _ = try importing([files[2]], to: scratch.log)
        _ = try importing([files[1], files[2]], to: scratch.log)
        _ = try importing(files, to: scratch.log)
        let again = try importing(files.reversed(), to: scratch.log)
        #expect(again["events"]?.integer == 0)
        #expect(again["already_appended"]?.integer == Int64(centre.events))
        let together = "\(scratch.path)/together"
        _ = try importing(files, to: together)
        #expect(try MakeLog.stats(together)["events"] == MakeLog.stats(scratch.log)["events"])
        for table in ["totals", "queues", "days", "half_hours", "operators"] {
            #expect(try query(table, in: together) == query(table, in: scratch.log), "\(table)")
        }
    }

    /// What the page on queue logs says of files that are given without the one before them.
    @Test("given alone, tell of a call that goes on in the next file, and say so")
    func straddling() throws {
        let scratch = try Scratch()
        let first = try scratch.file(
            "1", text: "10|a|q|NONE|ENTERQUEUE||1|1\n20|a|q|NONE|EXITWITHTIMEOUT|1|1|10\n")
        let second = try scratch.file(
            "2", text: "21|a|r|NONE|ENTERQUEUE||1|1\n30|a|r|S/1|CONNECT|9|x|1\n")
        #expect(try Ascolto.run(["import", "queue-log", first], log: scratch.log).end == .exit(0))
        let run = try Ascolto.run(["import", "queue-log", second], log: scratch.log)
        #expect(run.end == .exit(3))
        #expect(run.error.contains("/2:1: the log rejects it: "))
        let queues = try query("queues", in: scratch.log)
        #expect(queues.compactMap { $0["offered"]?.integer } == [1, 1])
        #expect(try query("totals", in: scratch.log).first?["received"]?.integer == 1)
        let together = "\(scratch.path)/together"
        let both = try Ascolto.run(["import", "queue-log", second, first], log: together)
        #expect(both.end == .exit(0), "\(both.error)")
        #expect(try query("queues", in: together) == queues)
    }

    @Test("are refused with a zone or a source that is none")
    func options() throws {
        let scratch = try Scratch()
        let file = try scratch.file("queue_log", text: "1|a|q|NONE|ENTERQUEUE||1|1\n")
        for options in [["--zone", "Mars/Base"], ["--source", "two words"]] {
            let run = try Ascolto.run(["import", "queue-log", file] + options, log: scratch.log)
            #expect(run.end == .exit(2), "\(run.error)")
        }
        let run = try Ascolto.run(
            ["import", "queue-log", file, "--zone", "Europe/Rome", "--source", "urn:pbx"],
            log: scratch.log)
        #expect(run.end == .exit(0), "\(run.error)")
        let line = try Ascolto.run(
            ["read", "--stream", "contact/a", "--limit", "1"], log: scratch.log)
        #expect(line.text.contains(#""source":"urn:pbx""#))
        #expect(line.text.contains(#""zone":"Europe/Rome""#))
    }
}
