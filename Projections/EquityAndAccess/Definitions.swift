/// Which groups are compared, and in what: declared beforehand, in a file of its own.
package struct EquityDefinitions: Equatable, Sendable {
    /// Which declaration of groups and outcomes the figures follow.
    package var scheme: String
    package var version: Int
    package var attributes: [GroupAttribute]
    package var outcomes: [Outcome]

    /// Nothing is compared.
    package static let none = EquityDefinitions(
        scheme: "none", version: 0, attributes: [], outcomes: [])
}

/// What tells groups of citizens apart, such as age.
package struct GroupAttribute: Equatable, Sendable {
    package var name: String
    package var source: Source
    /// The group that the others are compared with.
    package var reference: String

    /// Where an event states the group.
    package enum Source: Equatable, Sendable {
        /// In its tags `group.ATTRIBUTE:…`.
        case tag(String)
        /// In a member of its data.
        case member(String)
    }
}

/// Something that goes well for a citizen or not.
package struct Outcome: Equatable, Sendable {
    package var name: String
    /// What it is in a reader's words.
    package var meaning: String
    /// The event that begins a unit; the first of each stream does.
    package var begins: EventPattern
    /// The event that decides it.
    package var decisive: EventPattern
    package var wanted: Wanted
    /// How many µs from the beginning a decisive event counts.
    package var within: Int64?
    /// Events that end the waiting for the decisive one.
    package var settledBy: [EventPattern]

    /// Whether the decisive event is what citizens want or what they do not.
    package enum Wanted: String, Sendable {
        case reaches
        case avoids
    }
}

/// Events of one type whose data meet a condition.
package struct EventPattern: Equatable, Sendable {
    package var type: String
    /// All must hold.
    package var conditions: [MemberCondition]
}

/// A condition on one member of an event's data.
package struct MemberCondition: Equatable, Sendable {
    package var member: String
    package var test: Test

    package enum Test: Equatable, Sendable {
        case isPresent
        case isAbsent
        /// Numbers and truth values compare as JSON writes them.
        case isOneOf([String])
        case isNoneOf([String])
    }
}
