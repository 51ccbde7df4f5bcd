import EventLog
import Foundation
import Intake
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

/// Imports XES documents into a collector.
func importingXES(
    _ documents: [Data], secret: String = "", into collector: Collector = Collector()
) async throws -> Imported {
    let scratch = try Scratch()
    var paths: [String] = []
    for (index, document) in documents.enumerated() {
        paths.append(try scratch.file("\(index).xes", document))
    }
    let refused = Mutex<[RefusedRow]>([])
    let importer = Importer(
        destination: collector.destination, scratchDirectory: scratch.path, pseudonymSecret: secret,
        onRefusal: { row in refused.withLock { $0.append(row) } })
    let report = try await importer.importXES(
        paths, from: XESSource(source: try Source(XESSource.defaultSource)))
    return Imported(report: report, events: collector.events, refused: refused.withLock { $0 })
}

func importingXES(_ text: String) async throws -> Imported {
    try await importingXES([Data(text.utf8)])
}

@Suite("XES logs")
struct XESTests {
    private func log(_ content: String) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <log xes.version="1849.2016" xmlns="http://www.xes-standard.org/">
        <extension prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
        <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
        <classifier name="Activity" keys="concept:name"/>
        <string key="concept:name" value="the log"/>
        \(content)
        </log>
        """
    }

    private func event(_ attributes: String) -> String { "<event>\(attributes)</event>" }

    private func trace(_ name: String, _ content: String) -> String {
        "<trace><string key=\"concept:name\" value=\"\(name)\"/>\(content)</trace>"
    }

    private func named(_ name: String, at time: String? = nil) -> String {
        let date = time.map { "<date key=\"time:timestamp\" value=\"\($0)\"/>" } ?? ""
        return event("<string key=\"concept:name\" value=\"\(name)\"/>\(date)")
    }

    /// Every event in few words; all data must be JSON by our own checker.
    private func story(_ imported: Imported) throws -> [String] {
        for event in imported.events { try checkJSON(Array(event.dataText.utf8)[...]) }
        return imported.events.map {
            "\($0.timeText ?? "-") \($0.stream) \($0.type) \($0.dataText)"
        }
    }

    @Test("a trace is a case, its events are activities, attributes keep their types")
    func types() async throws {
        let attributes = """
            <string key="concept:name" value="Check &lt;&quot;&amp;&#xE8;"/>
            <string key="lifecycle:transition" value="complete"/>
            <string key="org:resource" value="Anna"/><string key="org:group" value="G"/>
            <string key="org:role" value="R"/>
            <date key="time:timestamp" value="2010-12-30T11:02:00.000+01:00"/>
            <date key="due" value="2011-01-01T00:00:00Z"/><int key="n" value="-5"/>
            <float key="f" value="2"/><float key="bad" value="NaN"/><boolean key="b" value="1"/>
            <id key="i" value="6f2d"/>
            <string key="deep" value="a"><string key="in" value="b"><int key="x" value="1"/>
            </string>
            </string>
            <list key="l"><values><int key="e" value="1"/>
            <string key="e" value="2"/></values></list>
            <container key="c"><int key="k" value="7"/></container>
            """
        let imported = try await importingXES(
            log(trace("A 1/2", "<int key=\"cost\" value=\"9\"/>" + event(attributes))))
        #expect(
            try story(imported) == [
                "2010-12-30T10:02:00Z case/A%201%2F2 case.opened "
                    + #"{"attributes":{"concept:name":"A 1/2","cost":9}}"#,
                "2010-12-30T10:02:00Z case/A%201%2F2 case.activity_recorded "
                    + #"{"activity":"Check <\"&è","transition":"complete","#
                    + #""resourceId":"resource-e59947b81e8f","group":"G","role":"R","#
                    + #""attributes":{"due":{"type":"date","value":"2011-01-01T00:00:00Z"},"#
                    + #""n":-5,"f":2.0,"bad":{"type":"float","value":"NaN"},"b":true,"#
                    + #""i":{"type":"id","value":"6f2d"},"deep":{"type":"string","value":"a","#
                    + #""attributes":{"in":{"type":"string","value":"b","attributes":{"x":1}}}},"#
                    + #""l":{"type":"list","values":[{"key":"e","value":1},"#
                    + #"{"key":"e","value":"2"}]},"#
                    + #""c":{"type":"container","values":[{"key":"k","value":7}]}}}"#,
            ])
        #expect(imported.report.rows == 1)
        #expect(imported.report.traces == 1)
        #expect(imported.refused == [])
    }

    @Test("order: by time, in a trace by document; events without a time stay where they stand")
    func order() async throws {
        let imported = try await importingXES(
            log(
                trace(
                    "1",
                    named("a", at: "2020-01-01T10:00:00Z") + named("b")
                        + named("c", at: "2020-01-01T09:00:00Z")
                        + named("d", at: "2020-01-01T12:00:00Z"))
                    + trace(
                        "2",
                        named("e", at: "2020-01-01T11:00:00Z")
                            + named("f", at: "2020-01-01T11:00:00Z")) + trace("3", named("g"))))
        #expect(
            imported.events.map { event in
                event.dataText.firstMatch(of: /"activity":"(.)"/).map { String($0.1) } ?? "open"
            } == ["open", "g", "open", "a", "b", "c", "open", "e", "f", "d"])
        #expect(
            imported.report.anomalies == [
                NamedCount(name: "backward_clock.activity_recorded", count: 1)
            ])
        #expect(imported.events.filter { $0.time == nil }.count == 3)
    }

    @Test("traces of one name are one case, and counted")
    func repeatedTraces() async throws {
        let imported = try await importingXES(
            log(
                trace("1", named("a", at: "2020-01-01T10:00:00Z"))
                    + trace("2", named("b", at: "2020-01-02T10:00:00Z"))
                    + trace("1", named("c", at: "2020-01-03T10:00:00Z"))))
        #expect(
            imported.report.anomalies == [NamedCount(name: "repeated_trace", count: 1)])
        #expect(imported.events.filter { $0.stream.text == "case/1" }.count == 4)
    }

    @Test("a trace's own start, other prefixes, events outside traces, traces without a name")
    func traces() async throws {
        let own = """
            <extension name="T" prefix="t" uri="http://www.xes-standard.org/time.xesext"/>
            <trace><date key="t:timestamp" value="2020-01-01T00:00:00Z"/><event>
            <date key="t:timestamp" value="2020-01-02T00:00:00Z"/></event></trace>
            <trace/><event><int key="x" value="1"/></event>
            """
        let imported = try await importingXES(log(own))
        let streams = imported.events.map(\.stream.text)
        #expect(streams.count == 3)
        #expect(
            imported.events.map(\.timeText) == [
                nil, "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z",
            ])
        #expect(Set(streams).count == 2)
        #expect(streams.allSatisfy { $0.hasPrefix("case/unnamed-") })
        #expect(imported.report.traces == 2)
        #expect(imported.report.rows == 2)
        #expect(
            imported.report.skippedByRule == [NamedCount(name: "event_without_trace", count: 1)])
        #expect(try await importingXES(log(own)).events == imported.events)
    }

    @Test(
        "a resource's name is nowhere in an event, wherever it stands",
        arguments: [
            #"<string key="org:resource" value="Anna"/>"#,
            #"<list key="org:resource"><values><string key="who" value="Anna"/></values></list>"#,
            #"<string key="org:resource" value="x"><string key="first" value="Anna"/></string>"#,
            #"<id key="org:resource" value="Anna"/>"#,
            #"<list key="l"><values><string key="org:resource" value="Anna"/></values></list>"#,
            #"<container key="org:resource"><string key="n" value="Anna"/></container>"#,
        ])
    func resources(attribute: String) async throws {
        let imported = try await importingXES(log(trace("1", event(attribute))))
        #expect(imported.events.count == 2)
        #expect(imported.data.allSatisfy { !$0.contains("Anna") }, "\(imported.data)")
        #expect(imported.data.contains { $0.contains("resource-") }, "\(imported.data)")
        let extended = """
            <extension name="Org" prefix="o" uri="http://www.xes-standard.org/org.xesext"/>
            """
        let other = try await importingXES(log(extended + trace("1", event(attribute))))
        #expect(other.events.count == 2)
        #expect(other.data.allSatisfy { !$0.contains("Anna") }, "\(other.data)")
    }

    @Test("an empty resource is nobody")
    func emptyResource() async throws {
        let imported = try await importingXES(
            log(trace("1", event(#"<string key="org:resource" value=""/>"#))))
        #expect(imported.data.allSatisfy { !$0.contains("resourceId") }, "\(imported.data)")
        #expect(imported.data.allSatisfy { !$0.contains("resource-") }, "\(imported.data)")
    }

    @Test("equal events and traces are several, and a resource is in no id")
    func identity() async throws {
        let twice = named("a", at: "2020-01-01T10:00:00Z")
        let text = log(trace("1", twice + twice) + trace("1", twice))
        let imported = try await importingXES(text)
        #expect(Set(imported.events.map(\.id)).count == 5)
        let staffed = log(trace("1", event("<string key=\"org:resource\" value=\"Anna\"/>")))
        let plain = try await importingXES([Data(staffed.utf8)])
        let secret = try await importingXES([Data(staffed.utf8)], secret: "s")
        #expect(plain.events.map(\.id) == secret.events.map(\.id))
        #expect(plain.events.map(\.dataText) != secret.events.map(\.dataText))
        #expect(!plain.events.contains { $0.dataText.contains("Anna") })
    }

    @Test("what is wrong with an event refuses it alone, with line and reason")
    func refusals() async throws {
        let cases = [
            ("<int key=\"n\" value=\"many\"/>", #""n": "many" is no int"#),
            ("<float key=\"n\" value=\"0x1p3\"/>", #""n": "0x1p3" is no float"#),
            ("<boolean key=\"n\" value=\"yes\"/>", #""n": "yes" is no boolean"#),
            ("<string value=\"x\"/>", "the attribute has no key or no value"),
            ("<string key=\"x\"/>", "the attribute has no key or no value"),
            (
                "<string key=\"x\" value=\"1\"/><int key=\"x\" value=\"1\"/>",
                #"the key "x" stands twice"#
            ),
            ("<strin key=\"x\" value=\"1\"/>", #""strin" is no element that may stand here"#),
            (
                "<date key=\"time:timestamp\" value=\"2020-01-01T00:00:00\"/>",
                #""2020-01-01T00:00:00" is not a time with its offset from UTC"#
            ),
            (
                String(repeating: "<string key=\"x\" value=\"1\">", count: 21)
                    + String(repeating: "</string>", count: 21),
                "attributes are nested more than 20 deep"
            ),
            (
                "<string key=\"x\" value=\"\(String(repeating: "x", count: 1_100_000))\"/>",
                "more than 1048576 bytes of attributes"
            ),
        ]
        let events = cases.map { event($0.0) + "\n" }.joined()
        let imported = try await importingXES(log(trace("1", "\n" + events + named("good"))))
        #expect(imported.events.count == 2)
        #expect(imported.refused.map(\.line) == (0..<cases.count).map { $0 + 8 })
        for (refused, expected) in zip(imported.refused, cases) {
            #expect("\(refused.reason)".hasSuffix(expected.1), "\(refused.reason)")
        }
        #expect(imported.report.rows == cases.count + 1)
        #expect(imported.report.rejected == cases.count)
        let bad = "<trace><int key=\"n\" value=\"x\"/>" + named("a") + named("b") + "</trace>"
        let trace = try await importingXES(log(bad))
        #expect(trace.report.rejected == 2)
        #expect(trace.refused.allSatisfy { "\($0.reason)".hasPrefix("its trace is refused: ") })
    }

    /// The limit only ends what would not end; how long it takes is no part of the test.
    @Test("events of very many attributes are read", .timeLimit(.minutes(10)))
    func many() async throws {
        let attributes = (0..<12_000).map { "<int key=\"\($0)\" value=\"1\"/>" }.joined()
        let imported = try await importingXES(
            log(trace("1", String(repeating: event(attributes), count: 5))))
        #expect(imported.events.count == 6)
        #expect(imported.refused == [])
    }

    @Test(
        "damaged bytes stop the import or are told; what is imported is JSON",
        arguments: 0..<100 as Range<UInt64>)
    func damaged(seed: UInt64) async throws {
        var random = SeededNumbers(seed: seed)
        let list = "<list key=\"l\"><values><float key=\"f\" value=\"1e5\"/></values></list>"
        let traces = (0..<5).map { number in
            trace(
                "\(number)",
                named("à &lt;b&gt;", at: "2020-01-0\(number + 1)T00:00:00Z") + event(list))
        }
        var bytes = Array(log(traces.joined(separator: "\n")).utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 60..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[place] = "<>&\"'/= a0e-".utf8.randomElement(using: &random) ?? 0
            default: bytes.remove(at: place)
            }
        }
        let collector = Collector()
        do {
            let imported = try await importingXES([Data(bytes)], into: collector)
            #expect(imported.report.rejected + imported.report.skipped <= imported.report.rows)
            _ = try story(imported)
        } catch {
            #expect(error is ImportStopped || error is XMLError || error is IntakeError)
            #expect(collector.events.isEmpty)
        }
    }

    @Test("nesting up to the limit is JSON that the log can hold")
    func nesting() async throws {
        let deep =
            String(repeating: "<list key=\"x\"><values>", count: 20)
            + String(repeating: "</values></list>", count: 20)
        let imported = try await importingXES(log(trace("1", event(deep))))
        #expect(try story(imported).count == 2)
    }

    @Test("Latin-1 and UTF-16 are read as declared, a byte-order mark is left out")
    func encodings() async throws {
        let text = log(trace("città", named("è")))
        let latin = text.replacing("UTF-8", with: "ISO-8859-1")
        let wide = text.replacing("UTF-8", with: "UTF-16")
        let expected = try story(try await importingXES(text))
        #expect(expected.first?.contains("case/città") == true)
        for document in [
            try #require(latin.data(using: .isoLatin1)), try #require(wide.data(using: .utf16)),
            Data([0xEF, 0xBB, 0xBF]) + Data(text.utf8),
        ] {
            #expect(try story(try await importingXES([document])) == expected)
        }
    }

    @Test("hostile and damaged documents stop with a place, and nothing is appended")
    func hostile() async throws {
        let laughs =
            "<?xml version=\"1.0\"?><!DOCTYPE log [<!ENTITY a \"ha\">"
            + (1..<12).map { "<!ENTITY a\($0) \"&a\($0 == 1 ? "" : "\($0 - 1)");&a;&a;\">" }
            .joined()
            + "]><log><string key=\"x\" value=\"&a11;\"/></log>"
        let good = log(trace("1", named("a")))
        let documents: [(Data, String)] = [
            (Data(laughs.utf8), ":1:36: a document type declaration is not read"),
            (
                Data("<!DOCTYPE log SYSTEM \"file:///etc/passwd\"><log/>".utf8),
                ":1:42: a document type declaration is not read"
            ),
            (Data("<log>&file;</log>".utf8), ":1:6: undefined entity"),
            (
                Data(String(repeating: "<log>", count: 100_000).utf8),
                "elements are nested more than 128 deep"
            ),
            (Data("<log><trace>\0</trace></log>".utf8), "not well-formed (invalid token)"),
            (
                Data("<log><trace a=\"".utf8) + Data([0xC3, 0x28]) + Data("\"/></log>".utf8),
                "not well-formed (invalid token)"
            ),
            (Data(good.utf8).dropLast(3), ":8:1: unclosed token"), (Data(), "no element found"),
            (Data("<?xml version=\"1.0\" encoding=\"KLINGON\"?><log/>".utf8), "unknown encoding"),
            (
                Data("<log><trace a=\"".utf8) + Data(repeating: 0x78, count: 6 << 20),
                "has more than 4194304 bytes"
            ),
            (Data("<html/>".utf8), "this is no XES log: the outermost element is \"html\""),
            (
                Data("<log><trace><event/><int key=\"a\" value=\"1\"/></trace></log>".utf8),
                ":1:21: only events may follow the first event of a trace"
            ),
        ]
        for (document, reason) in documents {
            let collector = Collector()
            let error = await #expect(throws: (any Error).self) {
                try await importingXES([Data(good.utf8), document], into: collector)
            }
            #expect(
                "\(error.map { "\($0)" } ?? "")".contains(reason),
                "\(reason) in \(error.map { "\($0)" } ?? "-")")
            #expect(collector.events.isEmpty, "\(reason)")
        }
    }
}
