import EventLog
import Foundation
import Intake
import JSON
import Synchronization
import TestSupport
import Testing
import YAML

@Suite("The document of the mapping language")
struct MappingDocumentTests {
    private static let path = "Sources/Intake/Intake.docc/Mapping.md"

    /// The first fenced block of a language.
    private func block(_ language: String, of document: String) throws -> String {
        let start = try #require(document.firstRange(of: "```\(language)\n"))
        let rest = document[start.upperBound...]
        let end = try #require(rest.firstRange(of: "```"))
        return String(rest[..<end.lowerBound])
    }

    /// An event as a CloudEvent, without the members that are the same in every line.
    private func line(_ event: NewEvent) -> String {
        "{\"id\":\(jsonString(event.id?.description ?? "")),"
            + "\"type\":\(jsonString(event.type.text)),"
            + "\"subject\":\(jsonString(event.stream.text)),"
            + "\"time\":\(jsonString(event.timeText ?? "")),"
            + "\"tags\":\(jsonString(event.tags.joined)),\"data\":\(event.dataText)}\n"
    }

    @Test("its example gives the lines that it shows")
    func example() async throws {
        let document = try Places.text(Self.path)
        let imported = try await importing(
            try block("csv", of: document), mapping: try block("yaml", of: document))
        let lines = imported.events.map(line).joined()
        #expect(lines == (try block("json", of: document)))
        let refused = imported.refused.map { row in
            "calls.csv:\(row.line): \(row.reason)\n"
        }
        #expect(refused.joined() == (try block("text", of: document)))
        #expect(imported.report.skippedByRule == [NamedCount(name: "test_call", count: 1)])
    }

    @Test(
        "it has every key of every place",
        arguments: [
            "x: 1", "file: {x: 1}", "times: {x: 1}", "values: {v: {column: c, x: 1}}",
            "values: {v: {time: c, x: 1}}", "values: {v: {text: c, x: 1}}",
            "values: {v: {first_of: [], x: 1}}", "refuse: [{x: 1}]",
            "source: s\nstream: s\nevents: [{x: 1}]",
        ])
    func keys(yaml: String) throws {
        let document = try Places.text(Self.path)
        let required = yaml.hasPrefix("x") ? "" : "namespace: n\n"
        let source = yaml.hasPrefix("source") ? "" : "source: s\n"
        let error = try #require(throws: YAMLError.self) {
            try Mapping(yaml: required + source + yaml)
        }
        guard case .unknownKey("x", _, let known) = error.reason else {
            Issue.record("\(error)")
            return
        }
        for key in known {
            #expect(document.contains("| `\(key)` |"), "\(key) has no row in a table")
        }
    }
}
