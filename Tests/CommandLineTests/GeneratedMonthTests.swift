import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("A generated month", .ownThread)
struct GeneratedMonthTests {
    private func month(in log: String, seed: String) throws {
        let run = try Ascolto.run(
            ["generate", "--days", "30", "--contacts-per-day", "60", "--seed", seed], log: log)
        try #require(run.end == .exit(0), "\(run.error)")
    }

    private func rows(_ query: [String], in log: String) throws -> [AnyJSON] {
        let run = try Ascolto.run(["query"] + query, log: log)
        try #require(run.end == .exit(0), "\(run.error)")
        return try #require(run.json().elements)
    }

    /// Events counted one by one, with Foundation's JSON and nothing of ours.
    private struct Count {
        var types: [String: Int64] = [:]
        var opened: [String: Int64] = [:]
        var channels: [String: String] = [:]
        var answered: [String: Int64] = [:]
        var invited: [String: Int64] = [:]
        var open: Set<String> = []
        var breached: Set<String> = []
        /// What staff began: opinions about it are counted apart.
        var ofStaff: Set<String> = []
        var aboutStaff: Set<String> = []
    }

    private func count(_ lines: [Substring]) throws -> Count {
        var count = Count()
        for line in lines {
            let event = try AnyJSON(line)
            let type = try #require(event["type"]?.text)
            let stream = try #require(event["subject"]?.text)
            count.types[type, default: 0] += 1
            let data = event["data"]
            let channel = data?["otherText"]?.text ?? data?["channel"]?.text ?? "unknown"
            let subject =
                data?["caseId"]?.text.map { "case/" + $0 }
                ?? data?["contactId"]?.text.map { "contact/" + $0 } ?? ""
            if type.hasPrefix("survey."), count.ofStaff.contains(subject) {
                count.aboutStaff.insert(stream)
            }
            if count.aboutStaff.contains(stream) { continue }
            if ["operator", "system"].contains(data?["openedBy"]?.text)
                || data?["direction"]?.text == "out"
            {
                count.ofStaff.insert(stream)
            }
            switch type {
            case "case.opened":
                count.opened[channel, default: 0] += 1
                count.open.insert(stream)
            case "case.closed": count.open.remove(stream)
            case "sla.breached": count.breached.insert(stream)
            case "survey.invited": count.invited[channel, default: 0] += 1
            case "survey.answered": count.answered[channel, default: 0] += 1
            default: break
            }
        }
        return count
    }

    @Test("has the totals in its read models that its events have", arguments: ["4", "19"])
    func totals(seed: String) throws {
        let scratch = try Scratch()
        try month(in: scratch.log, seed: seed)
        let run = try Ascolto.run(["project"], log: scratch.log)
        try #require(run.end == .exit(0), "\(run.error)")
        #expect(try run.json().elements?.allSatisfy { $0["unreadable"]?.integer == 0 } == true)
        let count = try count(MakeLog.export(scratch.log).lines)

        let openers = try rows(["case-flow", "openers"], in: scratch.log)
        #expect(openers.contains { $0["opened_by"]?.text == "operator" })
        var total: [String: Int64] = [:]
        for row in openers {
            for (name, figure) in try #require(row.members) {
                total[name, default: 0] += figure.integer ?? 0
            }
        }
        #expect(total["cases"] == count.types["case.opened"])
        #expect(total["open"] == Int64(count.open.count))
        #expect(
            total["closed"]
                == count.types["case.opened"].map { $0 - Int64(count.open.count) })
        #expect(total["reopenings"] == count.types["case.reopened"])
        #expect(total["breached"] == Int64(count.breached.count))
        for name in ["cases", "closed", "open", "reopenings", "breached"] {
            #expect(try #require(total[name]) > 0, "seed \(seed): \(name)")
        }
        for row in try rows(["case-flow", "channels"], in: scratch.log) {
            let channel = try #require(row["channel"]?.text)
            let cases = ["cases", "opened_by_staff"].compactMap { row[$0]?.integer }.reduce(0, +)
            #expect(cases == count.opened[channel], "seed \(seed): \(channel)")
        }

        let responses = try rows(
            ["citizen-satisfaction", "responses", "--where", "dimension = 'channel'"],
            in: scratch.log)
        var (answered, invited): ([String: Int64], [String: Int64]) = ([:], [:])
        for row in responses {
            let channel = try #require(row["part"]?.text)
            answered[channel, default: 0] += try #require(row["answered"]?.integer)
            invited[channel, default: 0] += try #require(row["invited"]?.integer)
        }
        #expect(answered.filter { $0.value > 0 } == count.answered, "seed \(seed)")
        #expect(invited == count.invited, "seed \(seed)")
        let left = responses.compactMap { $0["opened_by_staff"]?.integer }.reduce(0, +)
        #expect(left == Int64(count.aboutStaff.count) && left > 0, "seed \(seed)")
        #expect(responses.allSatisfy { $0["unmatched"]?.integer == 0 })
        #expect(count.answered.count > 3)

        let queues = try rows(["operator-queues", "queues"], in: scratch.log)
        let received = queues.compactMap { $0["received"]?.integer }.reduce(0, +)
        #expect(received == count.types["contact.received"])
    }

    /// An import judges the transitions of all that it brings.
    @Test("obeys every state machine, and comes out the same again")
    func transitions() throws {
        let scratch = try Scratch()
        try month(in: scratch.log, seed: "8")
        let export = try MakeLog.export(scratch.log)
        let file = try scratch.file("export.ndjson", export.output)
        let imported = try Ascolto.run(
            ["import", "ndjson", file], log: "\(scratch.path)/imported")
        #expect(imported.end == .exit(0), "\(imported.error)")
        #expect(try imported.json()["anomalies"] == .object([:]))
        #expect(try imported.json()["rejected"]?.integer == 0)

        // Two logs differ in the moment of recording and in the name that they give themselves.
        let again = "\(scratch.path)/again"
        try month(in: again, seed: "8")
        #expect(try hashes(MakeLog.export(again).lines) == hashes(export.lines))
        let other = "\(scratch.path)/other"
        try month(in: other, seed: "9")
        #expect(try hashes(MakeLog.export(other).lines) != hashes(export.lines))
    }

    /// It would change what somebody has described.
    @Test("is not made in a log with another organisation, and goes on in one with its own")
    func otherOrganisation() throws {
        let scratch = try Scratch()
        let applied = try Ascolto.run(
            ["org", "apply", "-"], log: scratch.log,
            input: .text("services:\n  anagrafe: {legal_term_days: 30}\n"))
        try #require(applied.end == .exit(0), "\(applied.error)")
        let before = try MakeLog.export(scratch.log).output
        let refused = try Ascolto.run(["generate", "--days", "1"], log: scratch.log)
        #expect(refused.end == .exit(2))
        #expect(refused.error.contains("services.anagrafe is not as the municipality has it"))
        #expect(try MakeLog.export(scratch.log).output == before)

        let own = "\(scratch.path)/own"
        func generate(_ contacts: String) throws -> Run {
            try Ascolto.run(
                ["generate", "--days", "1", "--contacts-per-day", contacts, "--centres", "4"],
                log: own)
        }
        let first = try generate("40").json()["events"]?.integer
        let again = try generate("40").json()
        #expect(again["already_appended"]?.integer == first)
        #expect(again["events"]?.integer == 0)
        // Twice as many contacts ask for more operators, who would be in the first ones' decisions.
        #expect(try generate("4000").end == .exit(2))
        let redecided = try Ascolto.run(["redecide"], log: own)
        #expect(redecided.end == .exit(0))
        #expect(try redecided.json()["differ"]?.integer == 0)
    }

    /// Every line but the first without the moment of its recording.
    private func hashes(_ lines: [Substring]) throws -> [String] {
        try lines.dropFirst().map { line in
            let start = try #require(line.range(of: #","recorded":""#))
            let end = try #require(
                line.range(of: #","datahash":""#, range: start.upperBound..<line.endIndex))
            return String(line[..<start.lowerBound] + line[end.lowerBound...])
        }
    }
}
