import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("XES logs of chance", .ownThread)
struct XESTests {
    /// A log of chance, of about `bytes` bytes: every kind of attribute, escapes, nesting.
    private func document(bytes: Int, seed: UInt64) -> Data {
        var random = SeededNumbers(seed: seed)
        var text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- made by a test -->
            <log xes.version="1849.2016" xmlns="http://www.xes-standard.org/">
            <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
            <global scope="trace"><string key="concept:name" value=""/></global>

            """
        var second = 1_600_000_000
        var traces = 0
        while text.utf8.count < bytes {
            traces += 1
            text += "<trace><string key=\"concept:name\" value=\"\(traces) città\"/>"
            text += "<int key=\"amount\" value=\"\(traces)\"/>\n"
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                second += Int.random(in: 0..<90, using: &random)
                text += event(at: second, &random)
            }
            text += "</trace>\n"
        }
        return Data((text + "</log>\n").utf8)
    }

    private func event(at second: Int, _ random: inout SeededNumbers) -> String {
        let names = ["register", "check &lt;a&gt; &amp; b", "&quot;pay&#xE8;&quot;", "città"]
        let name = names.randomElement(using: &random) ?? ""
        var text = "<event>\n<string key=\"concept:name\" value=\"\(name)\"/>"
        if !random.happens(oneIn: 20) {
            let offset = ["+02:00", "Z", "-05:30"].randomElement(using: &random) ?? ""
            let clock = Date(timeIntervalSince1970: Double(second)).formatted(
                .iso8601.year().month().day().time(includingFractionalSeconds: false))
            text += "<date key=\"time:timestamp\" value=\"\(clock).250\(offset)\"/>"
        }
        if random.happens(oneIn: 2) {
            text += "<string key=\"org:resource\" value=\"R\(second % 9)\"/>"
        }
        if random.happens(oneIn: 3) {
            text +=
                "<list key=\"l\"><values><int key=\"e\" value=\"1\"/><int key=\"e\" value=\"2\"/>"
                + "</values></list><float key=\"f\" value=\"1.5\">"
                + "<id key=\"of\" value=\"x\"/></float>"
        }
        return text + "</event>\n"
    }

    @Test("have the events that Python's reader finds", arguments: 1...3 as ClosedRange<UInt64>)
    func events(seed: UInt64) throws {
        let scratch = try Scratch()
        let plain = try scratch.file("plain.xes", document(bytes: 200_000, seed: seed))
        #expect(try Program.run("gzip", ["-k", plain]).end == .exit(0))
        let run = try Ascolto.run(["import", "xes", plain + ".gz"], log: scratch.log)
        #expect(run.end == .exit(0), "\(run.error)")
        let python = try Python.run("xes_events.py", [plain + ".gz"])
        #expect(python.end == .exit(0), "\(python.error)")
        let ours = try MakeLog.export(scratch.log).lines.dropFirst().map { line in
            let event = try AnyJSON(line)
            let activity = event["data"]?["activity"]?.text ?? event["type"]?.text ?? ""
            return "\(event["subject"]?.text ?? "")\t\(event["time"]?.text ?? "-")\t\(activity)"
        }
        #expect(ours.count > 500)
        #expect(ours.sorted() == python.lines.map(String.init).sorted())
        let report = try run.json()
        let opened = python.lines.filter { $0.hasSuffix("case.opened") }.count
        #expect(report["traces"]?.integer == Int64(opened))
        #expect(report["rows"]?.integer == Int64(python.lines.count - opened))
        #expect(report["events"]?.integer == Int64(python.lines.count))
        let again = try Ascolto.run(["import", "xes", plain], log: scratch.log).json()
        #expect(again["events"] == .integer(0))
        #expect(again["already_appended"]?.integer == Int64(python.lines.count))
        #expect(try Ascolto.run(["check"], log: scratch.log).end == .exit(0))
    }

    @Test("of 50 MB are imported in less than 100 MB of memory of their own")
    func memory() throws {
        let scratch = try Scratch()
        let file = try scratch.file("large.xes", document(bytes: 50_000_000, seed: 5))
        let peak = try PeakMemory(
            of: Ascolto.start(["import", "xes", file], log: scratch.log))
        #expect(peak.run.end == .exit(0), "\(peak.run.error)")
        #expect(peak.kilobytes > 1_000, "the memory could not be read")
        #expect(peak.kilobytes < 100_000)
        let rows = try peak.run.json()["rows"]?.integer ?? 0
        tell("peak RssAnon of importing \(rows) events of 50 MB of XES: \(peak.kilobytes) kB")
    }

    @Test("that end too early append nothing")
    func truncated() throws {
        let scratch = try Scratch()
        let file = try scratch.file("cut.xes", document(bytes: 100_000, seed: 6).dropLast(200))
        let run = try Ascolto.run(["import", "xes", file], log: scratch.log)
        #expect(run.end == .exit(3), "\(run.error)")
        #expect(run.error.contains("cut.xes:"))
        #expect(try run.json()["events"] == .integer(0))
        #expect(try MakeLog.stats(scratch.log)["events"] == .integer(1))
    }
}
