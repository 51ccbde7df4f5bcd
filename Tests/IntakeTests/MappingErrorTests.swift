import Intake
import Testing

@Suite("Mistakes in a mapping")
struct MappingErrorTests {
    static let good = """
        namespace: urn:test
        source: urn:test
        file: {delimiter: comma, encoding: utf-8, ragged_rows: refuse}
        times: {zone: Europe/Rome, format: yyyy-MM-dd, two_digit_years_from: 1970}
        key: [id]
        values:
          id: {column: id}
          start: {time: start}
          kind: {column: kind, map: {A: a, B: 2}}
          who: {column: who, pseudonym: operator}
          name: {text: "{id}-{kind}"}
          either: {first_of: [kind, id]}
        skip: {test: {kind: a}}
        refuse:
          - {when: {absent: id}, reason: no id}
        anomalies:
          odd: {any: [{present: kind}, {not: {id: x}}]}
        stream: s/{id}
        tags: ["kind:{kind}"]
        schema: 1
        events:
          - name: one
            type: test.one
            time: start
            data: {id: "{id}"}
        """

    @Test("the mapping that the mistakes are made in has none")
    func goodMapping() throws {
        _ = try Mapping(yaml: Self.good)
    }

    @Test(
        "each names its line and what to do",
        arguments: [
            (
                "key: [id]", "keys: [id]",
                "line 5: unknown key 'keys' in the mapping; did you mean 'key'?"
            ),
            (
                "{column: id}", "{colum: id}",
                "line 7: unknown key 'colum' in values.id; did you mean 'column'?"
            ),
            (
                "encoding: utf-8", "encoding: utf8",
                "line 3: file.encoding cannot be 'utf8'; did you mean 'utf-8'?"
            ),
            (
                "delimiter: comma", "delimiter: pipe",
                "line 3: file.delimiter cannot be 'pipe'; there are: comma, semicolon, tab"
            ),
            (
                "zone: Europe/Rome", "zone: Europe/Roma",
                "line 4: times.zone must be a time zone of the IANA database, such as Europe/Rome"
            ),
            (
                "format: yyyy-MM-dd", "format: YYYY-MM-dd",
                "line 4: the time format 'YYYY-MM-dd': the time format does not know \"YYYY\"; it knows yyyy yy MM M dd d HH H hh h mm m ss s S a XXX XX, text in '…' and optional parts in […]"
            ),
            (
                "from: 1970", "from: soon",
                "line 4: times.two_digit_years_from must be a whole number from 0 to 9900"
            ),
            (
                "{time: start}", "{time: start, column: id}",
                "line 8: unknown key 'column' in values.start; there are: time, format, zone, absent, wraps_after, when"
            ),
            (
                "{time: start}", "{when: {id: x}}",
                "line 8: values.start must be a value with one of the keys column, time, text, first_of"
            ),
            (
                "{time: start}", "{time: start, wraps_after: id}",
                "line 8: values.start.wraps_after must be the name of a value that is a time"
            ),
            (
                "pseudonym: operator", "pseudonym: operator, as: text",
                "line 10: values.who must be a value with one of 'as', 'map' and 'pseudonym'; 'otherwise' goes with 'map'"
            ),
            (
                "{column: kind,", "{column: who,",
                "line 9: values.kind: the column 'who' holds names that another value replaces by pseudonyms; it cannot be read in clear as well"
            ),
            (
                "{id}-{kind}", "{id}-{knd}",
                "line 11: values.name.text names the value 'knd', which is not under 'values'; did you mean 'kind'?"
            ),
            (
                "{id}-{kind}", "{id}-{kind",
                "line 11: values.name.text must be a text in which each { has its }"
            ),
            ("[kind, id]}", "[kind, either]}", "line 12: the value 'either' depends on itself"),
            (
                "{kind: a}", "{kinds: a}",
                "line 13: skip.test.kinds names the value 'kinds', which is not under 'values'; did you mean 'kind'?"
            ),
            (
                "reason: no id", "because: no id",
                "line 15: unknown key 'because' in refuse[0]; there are: when, reason"
            ),
            (
                "{not: {id: x}}", "{before: [start]}",
                "line 17: anomalies.odd.any[1].before must be a list of two times"
            ),
            (
                "kind:{kind}", "{kind}",
                "line 19: tags[0] must be a tag such as 'queue:{queue}', its key without braces"
            ),
            ("schema: 1", "schema: 0", "line 20: schema must be a whole number from 1 to 65535"),
            ("    type: test.one\n", "", "line 22: events[0] needs the key 'type'"),
            (
                "name: one", "named: one",
                "line 22: unknown key 'named' in events[0]; did you mean 'name'?"
            ),
            (
                "time: start\n", "time: id\n",
                "line 24: events[0].time must be the name of a value that is a time"
            ),
            ("stream: s/{id}", "tags: []", "line 18: not YAML: 'tags' stands twice"),
            ("key: [id]", "key: [id", "line 6: not YAML: did not find expected ',' or ']'"),
            (
                "source: urn:test", "source: not a URI",
                "line 2: source: the source \"not a URI\" must be a URI reference of 1 to 256 bytes"
            ),
            (
                "  id: {column: id}", "  any: {column: id}",
                "line 7: values.any: conditions use this word; give the value another name"
            ),
        ])
    func mistakes(right: String, wrong: String, message: String) throws {
        let range = try #require(Self.good.firstRange(of: right))
        var yaml = Self.good
        yaml.replaceSubrange(range, with: wrong)
        let error = try #require(throws: MappingError.self) { try Mapping(yaml: yaml) }
        #expect("\(error)" == message)
    }

    @Test("names of events are distinct, and there is at least one")
    func events() throws {
        let twice =
            Self.good + "\n  - {name: one, type: test.two}"
        let error = try #require(throws: MappingError.self) { try Mapping(yaml: twice) }
        #expect(
            "\(error)"
                == "line 26: events[1]: another event has the name 'one'; ids need distinct ones")
        let none = try #require(Self.good.firstRange(of: "events:"))
        #expect(throws: MappingError.self) {
            try Mapping(yaml: Self.good[..<none.lowerBound] + "events: []")
        }
        #expect(throws: MappingError.self) { try Mapping(yaml: "") }
        #expect(throws: MappingError.self) { try Mapping(yaml: "a text") }
    }

    @Test("a column that the header lacks is refused before any row")
    func missingColumn() async throws {
        let collector = Collector()
        let error = try await #require(throws: IntakeError.self) {
            try await importing(
                ["id,kind,who,start\n1,A,x,2026-01-01\n".utf8, "id,knd,who,start\n".utf8],
                mapping: Self.good, into: collector)
        }
        #expect(
            "\(error)".hasSuffix(
                "there is no column 'kind' (line 9 of the mapping); did you mean 'knd'?"))
        #expect(collector.events.isEmpty)
        let other = try await #require(throws: IntakeError.self) {
            try await importing("one;two\n1;2\n", mapping: Self.good)
        }
        #expect(
            "\(other)".hasSuffix(
                "there is no column 'id' (line 5 of the mapping); there are: one;two"))
    }
}
