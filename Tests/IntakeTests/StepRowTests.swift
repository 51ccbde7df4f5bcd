import EventLog
import Foundation
import Intake
import Testing
import YAML

@Suite("Tables with one row for each step of a case")
struct StepRowTests {
    private static let mapping = """
        namespace: urn:test
        source: urn:test
        times: {zone: UTC, format: HH:mm yyyy-MM-dd}
        values:
          case: {column: case}
          opening: {first: [case]}
          at: {time: at}
          step: {column: step, as: lowercase, absent: ["", none]}
          grade: {column: grade, as: integer}
        skip: {cancelled: {step: cancelled}}
        stream: case/{case}
        events:
          - {name: opened, type: test.opened, rank: 0, when: {present: opening}, time: at}
          - name: late
            type: test.late
            rank: 1
            when: {step: [b, d]}
            time: at
            data: {s: "{step}"}
          - name: early
            type: test.early
            rank: 1
            when: {step: [a, c]}
            time: at
            data: {s: "{step}"}
        """

    private func told(_ imported: Imported) -> [String] {
        imported.events.map { "\($0.stream) \($0.type) \($0.dataText)" }
    }

    @Test("open with the first row that is kept, and keep the order of rows of one time and rank")
    func firstRows() async throws {
        let imported = try await importing(
            [
                "case,at,step,grade\n1,08:00 2026-01-01,cancelled,\n1,08:00 2026-01-01,B,\n"
                    + "1,08:00 2026-01-01,a,\n2,25:00 2026-01-01,a,\n2,08:00 2026-01-01,D,\n",
                "case,at,step,grade\n2,08:00 2026-01-01,c,\n1,07:00 2026-01-01,C,\n",
            ].map { Array($0.utf8) }, mapping: Self.mapping)
        #expect(
            told(imported) == [
                #"case/1 test.early {"s":"c"}"#, "case/1 test.opened {}", "case/2 test.opened {}",
                #"case/1 test.late {"s":"b"}"#, #"case/1 test.early {"s":"a"}"#,
                #"case/2 test.late {"s":"d"}"#, #"case/2 test.early {"s":"c"}"#,
            ])
        #expect(imported.report.skipped == 1)
        #expect(imported.refused.map(\.line) == [5])
    }

    @Test("a rank must be a whole number from 0 to 255")
    func ranks() {
        for rank in ["-1", "256", "first"] {
            let yaml = Self.mapping.replacingOccurrences(of: "rank: 0", with: "rank: \(rank)")
            let error = #expect(throws: YAMLError.self) { try Mapping(yaml: yaml) }
            #expect(error?.line == 13)
        }
    }

    @Test(
        "lists and members within each other leave out what is absent",
        arguments: [
            ("{m: {a: \"{a}\", b: \"{b}\"}}", "1,2", #"{"m":{"a":"1","b":"2"}}"#),
            ("{m: {a: \"{a}\", b: \"{b}\"}}", ",2", #"{"m":{"b":"2"}}"#),
            ("{m: {a: \"{a}\", b: \"{b}\"}, c: 1}", ",", #"{"c":1}"#),
            ("{m: {n: {a: \"{a}\"}}}", ",", "{}"),
            ("{l: [\"{a}\", x, \"{b}\", 3, true]}", ",2", #"{"l":["x","2",3,true]}"#),
            ("{l: [\"{a}\", \"{b}\"]}", ",", "{}"),
            ("{l: []}", ",", "{}"),
            ("{l: [{q: a, v: \"{a}\"}, {q: b, v: \"{b}\"}]}", ",2", #"{"l":[{"q":"b","v":"2"}]}"#),
            ("{l: [{q: a, v: \"{a}\"}], c: 1}", ",", #"{"c":1}"#),
            ("{l: [[\"{a}\"], [\"{b}\"]]}", "1,", #"{"l":[["1"]]}"#),
        ])
    func nested(data: String, row: String, expected: String) async throws {
        let yaml = """
            namespace: urn:test
            source: urn:test
            values: {a: {column: a}, b: {column: b}}
            stream: s
            events:
              - {name: one, type: test.one, data: \(data)}
            """
        let imported = try await importing("a,b\n\(row)\n", mapping: yaml)
        #expect(imported.data == [expected])
    }

    @Test("equal rows without a key have identities of their own, the same in every run")
    func identities() async throws {
        let yaml = """
            namespace: urn:test
            source: urn:test
            values: {id: {identity: contact}, other: {identity: other}}
            stream: contact/{id}
            events:
              - {name: one, type: test.one}
              - {name: two, type: test.two, data: {other: "{other}"}}
            """
        let table = "a\nx\nx\ny\n"
        let once = try await importing(table, mapping: yaml)
        #expect(Set(once.events.map(\.stream)).count == 3)
        #expect(Set(once.data).count == 4)
        let again = try await importing(table, mapping: yaml)
        #expect(again.events.map(\.stream) == once.events.map(\.stream))
        #expect(again.events.map(\.id) == once.events.map(\.id))
    }

    @Test("an identity that a rule asks for is the row's own")
    func identityInRules() async throws {
        let yaml = """
            namespace: urn:test
            source: urn:test
            key: [a]
            values: {a: {column: a}, id: {identity: contact}}
            skip: {nothing: {id: nobody}}
            refuse: [{when: {id: nobody}, reason: nobody}]
            stream: contact/{id}
            events:
              - {name: one, type: test.one}
            """
        let imported = try await importing("a\nx\ny\nz\n", mapping: yaml)
        let plain = try await importing(
            "a\nx\ny\nz\n",
            mapping: yaml.split(separator: "\n")
                .filter { !$0.hasPrefix("skip") && !$0.hasPrefix("refuse") }
                .joined(separator: "\n"))
        #expect(Set(imported.events.map(\.stream)).count == 3)
        #expect(imported.events.map(\.stream) == plain.events.map(\.stream))
    }
}
