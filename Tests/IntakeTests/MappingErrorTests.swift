import Foundation
import Intake
import Testing
import YAML

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

    @Test("data may be nested as deep as every reader of the log goes, and no deeper")
    func depth() throws {
        func mapping(lists: Int) -> String {
            let value =
                String(repeating: "[", count: lists) + "1"
                + String(
                    repeating: "]", count: lists)
            return Self.good.replacingOccurrences(of: "id: \"{id}\"", with: "id: \(value)")
        }
        _ = try Mapping(yaml: mapping(lists: 63))
        let error = try #require(throws: YAMLError.self) {
            try Mapping(yaml: mapping(lists: 64))
        }
        #expect("\(error)".hasPrefix("line 25: events[0].data.id"))
        #expect("\(error)".hasSuffix("must be nested no deeper than 64 levels"))
    }

    @Test("the mapping that the mistakes are made in has none")
    func goodMapping() throws {
        _ = try Mapping(yaml: Self.good)
    }

    @Test(
        "each names its line and what to do",
        arguments: [
            Mistake(
                "key: [id]", as: "keys: [id]",
                message: "line 5: unknown key 'keys' in the mapping; did you mean 'key'?"),
            Mistake(
                "{column: id}", as: "{colum: id}",
                message: "line 7: unknown key 'colum' in values.id; did you mean 'column'?"),
            Mistake(
                "encoding: utf-8", as: "encoding: utf8",
                message: "line 3: file.encoding cannot be 'utf8'; did you mean 'utf-8'?"),
            Mistake(
                "delimiter: comma", as: "delimiter: colon",
                message: "line 3: file.delimiter cannot be 'colon'; there are: comma, semicolon, "
                    + "tab, pipe"),
            Mistake(
                "zone: Europe/Rome", as: "zone: Europe/Roma",
                message: "line 4: times.zone must be a time zone of the IANA database, such as "
                    + "Europe/Rome"),
            Mistake(
                "format: yyyy-MM-dd", as: "format: YYYY-MM-dd",
                message: "line 4: the time format 'YYYY-MM-dd': the time format does not know "
                    + "\"YYYY\"; it knows yyyy yy MM M dd d HH H hh h mm m ss s S a XXX "
                    + "XX, text in '…' and optional parts in […]"),
            Mistake(
                "from: 1970", as: "from: soon",
                message: "line 4: times.two_digit_years_from must be a whole number from 0 to "
                    + "9900"),
            Mistake(
                "{time: start}", as: "{time: start, column: id}",
                message: "line 8: unknown key 'column' in values.start; there are: time, format, "
                    + "zone, absent, wraps_after, when"),
            Mistake(
                "{time: start}", as: "{when: {id: x}}",
                message: "line 8: values.start must be a value with one of the keys column, "
                    + "time, after, text, first_of, first, identity"),
            Mistake(
                "{time: start}", as: "{time: start, wraps_after: id}",
                message: "line 8: values.start.wraps_after must be the name of a value that is a "
                    + "time"),
            Mistake(
                "pseudonym: operator", as: "pseudonym: operator, as: text",
                message: "line 10: values.who must be a value with one of 'as', "
                    + "'multiply_by', 'map' and 'pseudonym'; 'otherwise' goes with 'map'"),
            Mistake(
                "{column: kind,", as: "{column: who,",
                message: "line 9: values.kind: the column 'who' holds names that another value "
                    + "replaces by pseudonyms; it cannot be read in clear as well"),
            Mistake(
                "{id}-{kind}", as: "{id}-{knd}",
                message: "line 11: values.name.text: there is no value 'knd' under 'values'; did "
                    + "you mean 'kind'?"),
            Mistake(
                "{id}-{kind}", as: "{id}-{kind",
                message: "line 11: values.name.text must be a text in which each { has its }"),
            Mistake(
                "[kind, id]}", as: "[kind, either]}",
                message: "line 12: the value 'either': it depends on itself"),
            Mistake(
                "{kind: a}", as: "{kinds: a}",
                message: "line 13: skip.test.kinds: there is no value 'kinds' under 'values'; did "
                    + "you mean 'kind'?"),
            Mistake(
                "reason: no id", as: "because: no id",
                message: "line 15: unknown key 'because' in refuse[0]; there are: when, reason"),
            Mistake(
                "{not: {id: x}}", as: "{before: [start]}",
                message: "line 17: anomalies.odd.any[1].before must be a list of two times"),
            Mistake(
                "kind:{kind}", as: "{kind}",
                message: "line 19: tags[0] must be a tag such as 'queue:{queue}', its key "
                    + "without braces"),
            Mistake(
                "schema: 1", as: "schema: 0",
                message: "line 20: schema must be a whole number from 1 to 65535"),
            Mistake(
                "    type: test.one\n", as: "",
                message: "line 22: events[0] needs the key 'type'"),
            Mistake(
                "name: one", as: "named: one",
                message: "line 22: unknown key 'named' in events[0]; did you mean 'name'?"),
            Mistake(
                "time: start\n", as: "time: id\n",
                message: "line 24: events[0].time must be the name of a value that is a time"),
            Mistake(
                "stream: s/{id}", as: "tags: []",
                message: "line 18: not YAML: 'tags' stands twice"),
            Mistake(
                "key: [id]", as: "key: [id",
                message: "line 6: not YAML: did not find expected ',' or ']'"),
            Mistake(
                "source: urn:test", as: "source: not a URI",
                message: "line 2: source: the source \"not a URI\" must be a URI reference of 1 "
                    + "to 256 bytes"),
            Mistake(
                "  id: {column: id}", as: "  any: {column: id}",
                message: "line 7: values.any: conditions use this word; give the value another "
                    + "name"),
        ])
    func mistakes(mistake: Mistake) throws {
        let range = try #require(Self.good.firstRange(of: mistake.right))
        var yaml = Self.good
        yaml.replaceSubrange(range, with: mistake.wrong)
        let error = try #require(throws: YAMLError.self) { try Mapping(yaml: yaml) }
        #expect("\(error)" == mistake.message)
    }

    @Test("names of events are distinct, and there is at least one")
    func events() throws {
        let twice =
            Self.good + "\n  - {name: one, type: test.two}"
        let error = try #require(throws: YAMLError.self) { try Mapping(yaml: twice) }
        #expect(
            "\(error)"
                == "line 26: events[1]: another event has the name 'one'; ids need distinct ones")
        let none = try #require(Self.good.firstRange(of: "events:"))
        #expect(throws: YAMLError.self) {
            try Mapping(yaml: Self.good[..<none.lowerBound] + "events: []")
        }
        #expect(throws: YAMLError.self) { try Mapping(yaml: "") }
        #expect(throws: YAMLError.self) { try Mapping(yaml: "a text") }
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

/// A good mapping with one text replaced, and what is said about it.
struct Mistake: CustomTestStringConvertible {
    let right: String
    let wrong: String
    let message: String

    init(_ right: String, as wrong: String, message: String) {
        self.right = right
        self.wrong = wrong
        self.message = message
    }

    var testDescription: String { wrong }
}
