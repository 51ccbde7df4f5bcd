internal import JSON

/// A type of events that readers here know, declared by its reader.
package struct TypeDeclaration: Sendable {
    package let type: String
    package let schema: UInt16
    /// What an event of it says, in a few words.
    package let meaning: String
    package let members: [MemberDeclaration]
    /// What of it tells something about a person; sent in clear, and sealed on its way in.
    package let personal: PersonalFields?
}

/// All types of events that readers here know.
package enum Catalogue {
    /// In the order of the document of the events.
    package static let types: [TypeDeclaration] =
        ContactEvent.Kind.allCases.map { kind in
            declared(kind.rawValue, ContactEvent.schema, kind.meaning) {
                reader throws(PayloadError) in _ = try ContactEvent(kind, from: reader)
            }
        }
        + CaseEvent.Kind.allCases.map { kind in
            declared(kind.rawValue, CaseEvent.schema, kind.meaning) {
                reader throws(PayloadError) in _ = try CaseEvent(kind, from: reader)
            }
        }
        + SurveyEvent.Kind.allCases.map { kind in
            declared(kind.rawValue, SurveyEvent.schema, kind.meaning) {
                reader throws(PayloadError) in _ = try SurveyEvent(kind, from: reader)
            }
        }
        + OperatorEvent.Kind.allCases.map { kind in
            declared(kind.rawValue, OperatorEvent.schema, kind.meaning) {
                reader throws(PayloadError) in _ = try OperatorEvent(kind, from: reader)
            }
        }
        + [
            declared(RoutingDecision.type, RoutingDecision.schema, RoutingDecision.meaning) {
                reader throws(PayloadError) in _ = try RoutingDecision(from: reader)
            }
        ]
        + CorrectionEvent.Kind.allCases.map { kind in
            declared(kind.rawValue, CorrectionEvent.schema, kind.meaning) {
                reader throws(PayloadError) in _ = try CorrectionEvent(kind, from: reader)
            }
        }
        + OrganisationEvent.Kind.all.map { kind in
            declared(kind.type, OrganisationEvent.schema, kind.meaning) {
                reader throws(PayloadError) in _ = try OrganisationEvent(kind, from: reader)
            }
        }

    /// A type, by having its reader say what it asks for.
    private static func declared(
        _ type: String, _ schema: UInt16, _ meaning: String,
        _ read: (PayloadReader) throws(PayloadError) -> Void
    ) -> TypeDeclaration {
        let recorder = MemberRecorder()
        do throws(PayloadError) { try read(PayloadReader(type: type, describedTo: recorder)) } catch
        {
            preconditionFailure("a reader refuses what is answered in its own words: \(error)")
        }
        return TypeDeclaration(
            type: type, schema: schema, meaning: meaning, members: recorder.members,
            personal: PersonalFields.of(type: type))
    }
}
