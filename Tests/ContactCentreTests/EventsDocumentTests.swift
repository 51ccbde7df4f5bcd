import ContactCentre
import Foundation
import JSON
import TestSupport
import Testing

/// The document of the events says of every type what the readers ask of it.
@Suite struct EventsDocumentTests {
    private struct DocumentedType {
        let name: String
        let required: [String]
        let optional: [String]
        let meaning: String

        var members: [String] { required + optional }
    }

    private let document: String
    private let types: [DocumentedType]
    private let examples: [String: String]

    init() throws {
        document = try Places.text("Sources/ContactCentre/ContactCentre.docc/Events.md")
        let rows = Self.rows(of: document)
        types = rows.compactMap { cells in
            let name = Self.code(cells[0])
            guard let name = name.first, name.contains("."), cells.count == 3 else { return nil }
            var stated = cells[1].split(separator: ",").map { $0.trimmingPrefix(" ") }
            // Said once for all of them.
            if ["contact.", "case.", "sla.", "survey.", "operator."].contains(where: name.hasPrefix)
                && OrganisationEvent.Kind(type: name) == nil
                || RoutingIntervention.Kind(rawValue: name) != nil
            {
                stated.append("`occurredPrecision`?")
            }
            if OrganisationEvent.Kind(type: name) != nil {
                stated += ["`effectiveFrom`?", "`decisionRef`?", "`author`?"]
            }
            return DocumentedType(
                name: name,
                required: stated.filter { !$0.hasSuffix("?") }.flatMap { Self.code(String($0)) },
                optional: stated.filter { $0.hasSuffix("?") }.flatMap { Self.code(String($0)) },
                meaning: cells[2])
        }
        let members = try Self.rows(
            of: String(#require(document.components(separatedBy: "## Members").last)))
        examples = Dictionary(
            uniqueKeysWithValues: members.filter { $0.count == 3 }.compactMap { cells in
                // `target` of `type` is another member than `target`.
                let names = Self.code(cells[0]).reversed().joined(separator: " ")
                return (names, Self.code(cells[2]).first ?? "")
            })
    }

    private static func rows(of text: String) -> [[String]] {
        text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    /// What stands between backquotes.
    private static func code(_ text: String) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    private func check(_ type: String, _ members: [String: String]) throws -> PayloadCheck {
        let text = members.map { "\"\($0)\":\($1)" }.sorted().joined(separator: ",")
        let bytes = Array("{\(text)}".utf8)
        try checkJSON(bytes[...])
        return checkPayload(
            type: type, schema: Catalogue.schema(of: type),
            payload: JSONPayload(checked: bytes[...]))
    }

    private func example(of members: [String], _ type: String) throws -> [String: String] {
        var example: [String: String] = [:]
        for member in members {
            let value: String = try #require(
                examples["\(type) \(member)"] ?? examples[member], "\(member)")
            example[member] = value
        }
        return example
    }

    @Test func everyTypeStandsThereOnce() {
        let read =
            ContactEvent.Kind.allCases.map(\.rawValue) + CaseEvent.Kind.allCases.map(\.rawValue)
            + SurveyEvent.Kind.allCases.map(\.rawValue)
            + OperatorEvent.Kind.allCases.map(\.rawValue)
            + CorrectionEvent.Kind.allCases.map(\.rawValue) + OrganisationEvent.Kind.all.map(\.type)
            + RoutingDecision.Kind.allCases.map(\.type)
            + RoutingIntervention.Kind.allCases.map(\.type)
        #expect(types.map(\.name).sorted() == read.sorted())
    }

    @Test func itSaysWhatTheReadersDeclare() throws {
        let declared = Dictionary(uniqueKeysWithValues: Catalogue.types.map { ($0.type, $0) })
        #expect(declared.count == types.count)
        for type in types {
            let found = try #require(declared[type.name], "\(type.name)")
            #expect(found.meaning == type.meaning)
            #expect(
                Set(found.members.filter { $0.presence == .required }.map(\.name))
                    == Set(type.required), "\(type.name)")
            #expect(Set(found.members.map(\.name)) == Set(type.members), "\(type.name)")
        }
    }

    @Test func itsExamplesAreReadAndWhatIsRequiredIsMissed() throws {
        for type in types {
            let all = try example(of: type.members, type.name)
            #expect(try check(type.name, all) == .passes, "\(type.name)")
            // A correction says a time, where it says no data.
            let least = type.required + (type.members.contains("fieldPatch") ? ["time"] : [])
            #expect(try check(type.name, example(of: least, type.name)) == .passes, "\(type.name)")
            for member in type.required {
                guard
                    case .refused(let error) = try check(
                        type.name, all.filter { $0.key != member })
                else {
                    Issue.record("\(type.name) does without \(member)")
                    continue
                }
                #expect(error.member == member)
                #expect(error.problem == .missing)
            }
            for member in type.members {
                var wrong = all
                wrong[member] = "[7.5]"
                guard case .refused(let error) = try check(type.name, wrong) else {
                    Issue.record("\(type.name) does not read \(member)")
                    continue
                }
                #expect(error.member == member)
            }
        }
    }

    @Test func everyMemberThatIsReadIsDocumented() throws {
        var found: Set<String> = []
        for name in ["ContactEvent", "CaseEvent", "SurveyEvent", "OperatorEvent"] {
            let text = try Places.text("Sources/ContactCentre/\(name).swift")
            for match in text.matches(of: /writer\.add\("(\w+)"|add\("(\w+)"/) {
                found.insert(String(match.output.1 ?? match.output.2 ?? ""))
            }
        }
        #expect(found.count > 20)
        // The question and the value of an answer are documented with the list of them.
        #expect(found.subtracting(["q", "value"]).isSubset(of: examples.keys))
        let members = examples.keys.compactMap { $0.split(separator: " ").last.map(String.init) }
        #expect(Set(types.flatMap(\.members)) == Set(members))
    }

    @Test func itsWordsAreThoseOfTheLists() throws {
        let rows = try Self.rows(
            of: String(#require(document.components(separatedBy: "## Words").last)))
        let documented = Dictionary(
            uniqueKeysWithValues: rows.map { (Self.code($0[0]).joined(separator: " "), $0[1]) })
        func words<Meaning: Vocabulary>(_: Meaning.Type) -> [String] {
            Meaning.words.map(\.spelling)
        }
        let lists = [
            "channel": words(Channel.self), "result": words(SelfServiceResult.self),
            "enqueueReason": words(EnqueueReason.self), "reason": words(LeaveReason.self),
            "reason contact.blocked": words(BlockReason.self),
            "reason contact.held": words(HoldReason.self),
            "kind contact.outcome_recorded": words(OutcomeKind.self),
            "outcome": words(CallbackFailure.self), "stage": words(AbandonmentStage.self),
            "mode": words(TransferMode.self),
            "by openedBy resolvedDeclaredBy": words(Party.self),
            "from to": words(OperatorStatus.self),
            "lineLevel": words(LineLevel.self), "ownerKind": words(OwnerKind.self),
            "on": words(WaitingFor.self), "resolution": words(Resolution.self),
        ]
        #expect(documented.mapValues(Self.code) == lists)
    }

    @Test func itsLineIsAnEventThatCanBeRead() throws {
        let start = try #require(document.firstRange(of: "```json\n"))
        let line = document[start.upperBound...].prefix { $0 != "\n" }
        try checkJSON(Array(line.utf8)[...])
        let event = try #require(JSONPayload(checked: Array(line.utf8)[...]))
        let data = try #require(event.member("data")?.object)
        #expect(
            checkPayload(
                type: event.member("type")?.string ?? "", schema: 1, payload: data) == .passes)
    }
}
