internal import JSON

/// A type of events that readers here know, declared by its reader, in one schema version.
package struct TypeDeclaration: Sendable {
    package let known: any KnownType
    package let schema: UInt16
    package let members: [MemberDeclaration]
    /// What of it tells something about a person; sent in clear, and sealed on its way in.
    package let personal: PersonalFields?

    package var type: String { known.type }
    /// What an event of it says, in a few words.
    package var meaning: String { known.meaning }

    /// The type in another version; nil where that is none that is read here.
    package func version(_ schema: UInt16) -> TypeDeclaration? {
        guard known.reads(schema) else { return nil }
        guard schema < known.schema else { return self }
        let past = known.past[Int(schema) - 1]
        return TypeDeclaration(
            known: known, schema: schema, members: past.members, personal: personal)
    }
}

/// All types of events that readers here know.
package enum Catalogue {
    /// In the order of the document of the events, in the versions that are written.
    package static let types: [TypeDeclaration] =
        ContactEvent.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in
                _ = try ContactEvent.told(kind, by: reader)
            }
        }
        + CaseEvent.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in _ = try CaseEvent.told(kind, by: reader)
            }
        }
        + SurveyEvent.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in
                _ = try SurveyEvent.told(kind, by: reader)
            }
        }
        + OperatorEvent.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in
                _ = try OperatorEvent.told(kind, by: reader)
            }
        }
        + RoutingDecision.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in _ = try RoutingDecision(from: reader) }
        }
        + RoutingIntervention.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in
                _ = try RoutingIntervention.told(kind, by: reader)
            }
        }
        + CorrectionEvent.Kind.allCases.map { kind in
            declared(kind) { reader throws(PayloadError) in
                _ = try CorrectionEvent(kind, from: reader)
            }
        }
        + OrganisationEvent.Kind.all.map { kind in
            declared(kind) { reader throws(PayloadError) in
                _ = try OrganisationEvent(kind, from: reader)
            }
        }

    private static let places = Dictionary(
        uniqueKeysWithValues: types.enumerated().map { ($0.element.type, $0.offset) })

    /// The type with a name; nil for foreign ones.
    package static func type(_ name: String) -> TypeDeclaration? {
        places[name].map { types[$0] }
    }

    /// The schema version in which events of a type are written; 1 for foreign ones.
    package static func schema(of name: String) -> UInt16 { type(name)?.schema ?? 1 }

    /// A type, by having its reader say what it asks for.
    private static func declared(
        _ known: some KnownType, _ read: (PayloadReader) throws(PayloadError) -> Void
    ) -> TypeDeclaration {
        let recorder = MemberRecorder()
        do throws(PayloadError) {
            try read(PayloadReader(type: known.type, describedTo: recorder))
        } catch {
            preconditionFailure("a reader refuses what is answered in its own words: \(error)")
        }
        return TypeDeclaration(
            known: known, schema: known.schema, members: recorder.members,
            personal: PersonalFields.of(type: known.type))
    }
}
