import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Malformed input gets an error that says where and what to do", .ownThread)
struct MalformedInputTests {
    private static let opening =
        #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","#
        + #""source":"urn:x","type":"thing.done","subject":"s/1""#

    struct BadLine: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: Data
        /// What the message must say.
        let words: [String]

        init(_ name: String, rest: Data, says words: String...) {
            testDescription = name
            bytes = Data(opening.utf8) + rest + Data("}".utf8)
            self.words = words
        }

        init(_ name: String, rest: String, says words: String...) {
            testDescription = name
            bytes = Data((opening + rest + "}").utf8)
            self.words = words
        }
    }

    private static let badLines = [
        BadLine(
            "a payload of 2 MiB",
            rest: #","data":"\#(String(repeating: "x", count: 2 << 20))""#,
            says: "2097154 bytes", "at most 1048576"),
        BadLine(
            "a line of 6 MiB",
            rest: #","data":"\#(String(repeating: "x", count: 6 << 20))""#, says: "bytes"),
        BadLine(
            "a tag of 300 bytes",
            rest: #","tags":"k:\#(String(repeating: "1", count: 298))""#,
            says: "the tag", "1 to 128 bytes"),
        BadLine(
            "invalid UTF-8", rest: Data(#","data":""#.utf8 + [0xFF] + #"""#.utf8),
            says: "invalid UTF-8 at byte"),
        BadLine("a duplicate key", rest: #","data":{"a":1,"\u0061":2}"#, says: "\"a\"", "twice"),
        BadLine("a duplicate attribute", rest: #","type":"x""#, says: "\"type\"", "twice"),
        BadLine("a lone surrogate", rest: #","data":"\ud800""#, says: "lone surrogate"),
        BadLine("a bad time", rest: #","time":"23.11.2026""#, says: "\"time\"", "RFC 3339"),
        BadLine("a second value", rest: "}{", says: "byte"),
        BadLine(
            "too deep a nesting",
            rest: ",\"data\":" + String(repeating: "[", count: 70)
                + String(repeating: "]", count: 70), says: "64"),
    ]

    @Test("in a line of append and of import ndjson", arguments: badLines)
    func line(bad: BadLine) throws {
        let scratch = try Scratch()
        let good = Self.opening + "}\n"
        let input = Data("\n".utf8) + bad.bytes + Data(("\n" + good).utf8)
        let appended = try Ascolto.run(["append"], log: scratch.log, input: .bytes(input))
        #expect(appended.end == .exit(3))
        #expect(try appended.json()["appended"]?.integer == 1, "the good line goes on")
        #expect(appended.error.contains("line 2: "), "\(appended.error)")
        let file = try scratch.file("events.ndjson", input)
        let other = "\(scratch.path)/other"
        let imported = try Ascolto.run(["import", "ndjson", file], log: other)
        #expect(imported.end == .exit(3))
        #expect(try imported.json()["events"]?.integer == 1, "the good line goes on")
        #expect(try imported.json()["rejected"]?.integer == 1)
        #expect(imported.error.contains("\(file):2: "), "\(imported.error)")
        for words in bad.words {
            #expect(appended.error.contains(words), "\(appended.error)")
            #expect(imported.error.contains(words), "\(imported.error)")
        }
    }

    private static let mapping = """
        namespace: urn:test:rows
        source: urn:test:rows
        file:
          delimiter: tab
        times:
          zone: Europe/Rome
          format: yyyy-MM-dd H:m:s
        key: [call]
        values:
          call: {column: call}
          came: {time: [came], absent: []}
        stream: contact/{call}
        events:
          - name: received
            type: contact.received
            time: came
            data: {channel: phone, direction: in, zone: Europe/Rome}

        """

    private static let rows =
        "call\tcame\n" + (1...400).map { "\($0)\t2026-11-23 10:0\($0 % 10):00\n" }.joined()

    private func importing(
        _ name: String, _ bytes: Data, mapping: String = mapping
    ) throws -> Run {
        let scratch = try Scratch()
        let map = try scratch.file("map.yaml", text: mapping)
        let file = try scratch.file(name, bytes)
        return try Ascolto.run(["import", "csv", "--mapping", map, file], log: scratch.log)
    }

    private func compressed(with script: String) throws -> Data {
        let run = try Python.run(code: script, input: .text(Self.rows))
        try #require(run.end == .exit(0), "\(run.error)")
        return run.output
    }

    @Test(
        "in a file that ends too early, and a whole one is read",
        .enabled(if: Python.readsLogs, "\(Python.needed)"),
        arguments: [
            (
                "gz",
                "import gzip, sys; b = sys.stdin.buffer; "
                    + "sys.stdout.buffer.write(gzip.compress(b.read()))"
            ),
            (
                "zst",
                "import zstandard, sys; b = sys.stdin.buffer; "
                    + "sys.stdout.buffer.write(zstandard.compress(b.read()))"
            ),
        ])
    func truncated(ending: String, script: String) throws {
        let whole = try compressed(with: script)
        let good = try importing("rows.\(ending)", whole)
        #expect(good.end == .exit(0), "\(good.error)")
        #expect(try good.json()["events"]?.integer == 400)
        for count in [whole.count / 2, whole.count - 1] {
            let run = try importing("rows.\(ending)", whole.prefix(count))
            #expect(run.end == .exit(3), "\(count) of \(whole.count) bytes: \(run.error)")
            #expect(run.error.contains("rows.\(ending): "), "\(run.error)")
            #expect(run.error.contains("end too early"), "\(run.error)")
        }
    }

    @Test("in a row whose time cannot be read")
    func badTime() throws {
        let rows = Self.rows.replacingOccurrences(
            of: "\n7\t2026-11-23", with: "\n7\t2026-13-23")
        let run = try importing("rows.tsv", Data(rows.utf8))
        #expect(run.end == .exit(3))
        #expect(try run.json()["events"]?.integer == 399)
        #expect(try run.json()["rejected"]?.integer == 1)
        #expect(run.error.contains("rows.tsv:8: "), "\(run.error)")
        for words in ["came", "2026-13-23 10:07:00", "yyyy-MM-dd H:m:s"] {
            #expect(run.error.contains(words), "\(run.error)")
        }
    }

    @Test(
        "in a mapping",
        arguments: [
            ("{column: call}", "{column: cal}", "no column 'cal' (line 10 of", "'call'"),
            ("\nvalues:", "\nvaluess:", "line 9: ", "did you mean 'values'?"),
            ("stream: contact", "stream contact", "line 1", "not YAML"),
            ("yyyy-MM-dd H", "yyyy-QQ-dd H", "line 7: ", "yyyy-QQ-dd"),
            ("Europe/Rome\n  format", "Europe/Rom\n  format", "line 6: ", "Europe/Rom"),
        ])
    func badMapping(right: String, wrong: String, place: String, advice: String) throws {
        let mapping = Self.mapping.replacingOccurrences(of: right, with: wrong)
        try #require(mapping != Self.mapping)
        let run = try importing("rows.tsv", Data(Self.rows.utf8), mapping: mapping)
        #expect(run.end == .exit(2), "\(run.error)")
        #expect(run.output.isEmpty)
        #expect(run.error.contains(place), "\(run.error)")
        #expect(run.error.contains(advice), "\(run.error)")
    }
}
