import ContactCentre
import Foundation
import JSON
import TestSupport
import Testing

/// Data as a log may hold them since any version: every later one reads them, and means the same.
@Suite struct GoldenEventTests {
    private struct Sample {
        let type: String
        let schema: UInt16
        let data: JSONPayload
    }

    private func samples() throws -> [Sample] {
        let text = try Places.text("Tests/Fixtures/event-samples.ndjson")
        return try text.split(separator: "\n").map { line in
            let bytes = Array(line.utf8)
            try checkJSON(bytes[...])
            let sample = try #require(JSONPayload(checked: bytes[...]))
            return Sample(
                type: try #require(sample.string("type")),
                schema: UInt16(try #require(sample.integer("schema"))),
                data: try #require(sample.member("data")?.object))
        }
    }

    /// A sample is never changed: a new version of a type gets one of its own, and so do members
    /// that a version has got since, all of which may be left out.
    @Test func everyVersionOfATypeHasASample() throws {
        let known = Catalogue.types.map { "\($0.type) \($0.schema)" }
        let found = try samples().map { "\($0.type) \($0.schema)" }
        #expect(Set(found).isSuperset(of: known))
    }

    @Test func aSampleIsReadAndWrittenByteForByte() throws {
        for sample in try samples() {
            let (type, schema, data) = (sample.type, sample.schema, sample.data)
            let read = [
                try ContactEvent(type: type, schema: schema, payload: data).written,
                try CaseEvent(type: type, schema: schema, payload: data).written,
                try SurveyEvent(type: type, schema: schema, payload: data).written,
                try OperatorEvent(type: type, schema: schema, payload: data).written,
                type == RoutingDecision.type
                    ? String(
                        decoding: try RoutingDecision(checking: data, type: type).payload,
                        as: UTF8.self) : nil,
                try CorrectionEvent.Kind(rawValue: type).map {
                    String(decoding: try CorrectionEvent($0, payload: data).payload, as: UTF8.self)
                },
                try OrganisationEvent.Kind(type: type).map {
                    String(
                        decoding: try OrganisationEvent($0, payload: data).payload, as: UTF8.self)
                },
            ].compactMap(\.self)
            #expect(read == [String(decoding: data.bytes, as: UTF8.self)], "\(type)")
        }
    }

    /// Every member that a reader asks for stands in its sample, so that none is read differently
    /// unnoticed.
    @Test func aSampleHasEveryMember() throws {
        let samples = try Dictionary(grouping: samples()) { "\($0.type) \($0.schema)" }
        for declared in Catalogue.types {
            let found = try #require(samples["\(declared.type) \(declared.schema)"])
            for member in declared.members {
                #expect(
                    found.contains { $0.data.member(member.name) != nil },
                    "\(declared.type): \(member.name)")
            }
        }
    }
}

extension ContactEvent {
    fileprivate var written: String? { kind.map { _ in String(decoding: payload, as: UTF8.self) } }
}

extension CaseEvent {
    fileprivate var written: String? { kind.map { _ in String(decoding: payload, as: UTF8.self) } }
}

extension SurveyEvent {
    fileprivate var written: String? { kind.map { _ in String(decoding: payload, as: UTF8.self) } }
}

extension OperatorEvent {
    fileprivate var written: String? { kind.map { _ in String(decoding: payload, as: UTF8.self) } }
}
