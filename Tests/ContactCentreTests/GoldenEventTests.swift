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
        let known = Self.versions.map { "\($0.type) \($0.schema)" }
        let found = try samples().map { "\($0.type) \($0.schema)" }
        #expect(Set(found) == Set(known))
    }

    private static let versions = Catalogue.types.flatMap { type in
        (1...type.schema).compactMap { type.version($0) }
    }

    @Test func aSampleIsReadAndWrittenByteForByte() throws {
        for sample in try samples() where Catalogue.schema(of: sample.type) == sample.schema {
            let read = try written(sample)
            #expect(read == String(decoding: sample.data.bytes, as: UTF8.self), "\(sample.type)")
        }
    }

    /// What its reader understands, written again.
    private func written(_ sample: Sample) throws -> String? {
        let (type, schema, data) = (sample.type, sample.schema, sample.data)
        let read = [
            try ContactEvent(type: type, schema: schema, payload: data).written,
            try CaseEvent(type: type, schema: schema, payload: data).written,
            try SurveyEvent(type: type, schema: schema, payload: data).written,
            try OperatorEvent(type: type, schema: schema, payload: data).written,
            try RoutingDecision.Kind(rawValue: type).flatMap { _ in
                try RoutingDecision(schema: schema, payload: data)?.payload.text
            },
            try RoutingIntervention.Kind(rawValue: type).flatMap { kind in
                try RoutingIntervention(kind, schema: schema, payload: data)?.payload.text
            },
            try CorrectionEvent.Kind(rawValue: type).flatMap {
                try CorrectionEvent($0, schema: schema, payload: data)?.payload.text
            },
            try OrganisationEvent.Kind(type: type).flatMap {
                try OrganisationEvent($0, schema: schema, payload: data)?.payload.text
            },
        ].compactMap(\.self)
        #expect(read.count == 1, "\(type)")
        return read.first
    }

    /// Versions that are no longer written are read as what they say in the one that is.
    @Test func aSampleOfAPastVersionIsUpcast() throws {
        var upcasts: [String: String] = [:]
        let text = try Places.text("Tests/Fixtures/event-upcasts.ndjson")
        for line in text.split(separator: "\n") {
            try checkJSON(Array(line.utf8)[...])
            let upcast = try #require(JSONPayload(checked: Array(line.utf8)[...]))
            let data = try #require(upcast.member("data")?.object)
            let next = try #require(upcast.member("next")?.object)
            upcasts[String(decoding: data.bytes, as: UTF8.self)] =
                String(decoding: next.bytes, as: UTF8.self)
        }
        let past = try samples().filter { $0.schema < Catalogue.schema(of: $0.type) }
        #expect(past.count == upcasts.count)
        for sample in past {
            let next = upcasts[String(decoding: sample.data.bytes, as: UTF8.self)]
            #expect(try written(sample) == next, "\(sample.type) \(sample.schema)")
        }
    }

    /// It is declared as it was, whatever became of its type.
    @Test func aPastVersionIsDeclaredAsItWas() throws {
        for past in Self.versions where past.schema < Catalogue.schema(of: past.type) {
            let then = try Places.text("Tests/Fixtures/\(past.type)-\(past.schema).json")
            #expect(past.jsonSchema.indented + "\n" == then)
        }
    }

    /// It is taken as it was declared, and nothing else is; so is no version of later refused.
    @Test func eachVersionIsCheckedByItsOwnDeclaration() throws {
        for sample in try samples() {
            let versions = [sample.schema, UInt16.max]
            for schema in versions {
                let check = checkPayload(type: sample.type, schema: schema, payload: sample.data)
                #expect(check == .passes, "\(sample.type) \(schema)")
            }
        }
        let first = try #require(samples().first { $0.type == "routing.decided" })
        guard
            case .refused(let error) = checkPayload(
                type: first.type, schema: 2, payload: first.data)
        else {
            Issue.record("version 2 takes what version 1 says")
            return
        }
        #expect(error.description == "routing.decided: \"ruleTrace[0].rule\" is missing")
    }

    /// Every member that a reader asks for stands in its sample, so that none is read differently
    /// unnoticed.
    @Test func aSampleHasEveryMember() throws {
        let samples = try Dictionary(grouping: samples()) { "\($0.type) \($0.schema)" }
        for declared in Self.versions {
            let found = try #require(samples["\(declared.type) \(declared.schema)"])
            // What any event may say besides is no part of what it says.
            for member in declared.members where member.name != "occurredPrecision" {
                #expect(
                    found.contains { $0.data.member(member.name) != nil },
                    "\(declared.type): \(member.name)")
            }
        }
    }
}

extension [UInt8] {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }
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
