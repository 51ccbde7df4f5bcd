/// What may stand in a member of a payload.
package indirect enum MemberShape: Hashable, Sendable {
    /// A text that is not empty.
    case text
    /// A text that is not empty and has no control characters.
    case name
    /// The IANA name of a time zone.
    case zone
    /// A time of RFC 3339.
    case time
    /// The name of a thing of the organisation.
    case reference(Section)
    /// A list of names, each once.
    case names
    /// A list of names of things of the organisation, each once.
    case references(Section)
    case date
    /// A whole number of 64 bits.
    case integer(ClosedRange<Int64>)
    case number
    /// The id of an event, a UUID.
    case id
    /// An object of any members.
    case object
    /// A list of the hours of days of the week.
    case week
    /// A list of dates with the hours that they have.
    case exceptions
    /// One of these words.
    case choice([String])
    /// A list of some of these words, each once.
    case choices([String])
    /// One of these words, or `other` with a text for it in another member.
    case word([String], otherText: String)
    case objects([MemberDeclaration])
}

/// A member of a payload, as its reader asks for it.
package struct MemberDeclaration: Hashable, Sendable {
    package let name: String
    package let shape: MemberShape
    package let presence: Presence

    package enum Presence: Hashable, Sendable {
        case required
        /// `null` is the same as leaving it out.
        case optional
    }
}

/// Takes down what a reader asks for, in the place of a payload that would answer.
final class MemberRecorder {
    private var entries: [(name: String, asked: Asked, presence: MemberDeclaration.Presence)] = []

    private enum Asked {
        case shape(MemberShape)
        case objects(MemberRecorder)
    }

    /// Takes down a member; the reader goes on with the answer.
    func note<Answer>(
        _ name: String, _ shape: MemberShape, _ presence: MemberDeclaration.Presence,
        answer: Answer
    ) -> Answer {
        entries.append((name, .shape(shape), presence))
        return answer
    }

    /// Takes down a list, and gives what takes down the members of its objects.
    func noteObjects(_ name: String) -> MemberRecorder {
        let recorder = MemberRecorder()
        entries.append((name, .objects(recorder), .optional))
        return recorder
    }

    /// In the order in which they were asked for.
    var members: [MemberDeclaration] {
        entries.map { entry in
            let shape: MemberShape =
                switch entry.asked {
                case .shape(let shape): shape
                case .objects(let recorder): .objects(recorder.members)
                }
            return MemberDeclaration(name: entry.name, shape: shape, presence: entry.presence)
        }
    }
}
