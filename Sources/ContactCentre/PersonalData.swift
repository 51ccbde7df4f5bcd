package import JSON

/// Which members of a type's data tell something about a person, and how long they are kept.
///
/// Declared once for each type: they enter the log only sealed under the person's key, in the
/// member ``sealedMember``, and are read only from there.
package struct PersonalFields: Sendable {
    /// The member with the reference of the person whom they tell of.
    package let subject: String
    /// What is kept for the same time and purpose, and erased together.
    package let retention: String
    /// The members, all of them texts.
    package let members: [String]

    /// Where the sealed value of these members stands.
    package static let sealedMember = "sealed"
    /// Bytes of UTF-8 that one of them may have.
    package static let textBytesMax = 16_384

    /// Those of a type, in whatever schema version, or nil where it tells nothing about anybody.
    package static func of(type: String) -> PersonalFields? { declared[type] }

    /// All classes by which personal data are kept and erased.
    package static let retentions = Set(declared.values.map(\.retention)).sorted()

    /// Whether a member of this name holds personal data of some type, or leads to a person.
    static func isPersonal(_ member: String) -> Bool {
        member == sealedMember
            || declared.values.contains { $0.subject == member || $0.members.contains(member) }
    }

    private static let declared: [String: PersonalFields] = [
        ContactEvent.Kind.received.rawValue: PersonalFields(
            subject: "citizenRef", retention: "contact", members: ["callerNumber", "callerName"]),
        ContactEvent.Kind.callbackRequested.rawValue: PersonalFields(
            subject: "citizenRef", retention: "contact", members: ["callbackNumber"]),
        SurveyEvent.Kind.answered.rawValue: PersonalFields(
            subject: "citizenRef", retention: "opinion", members: ["comment"]),
    ]
}

/// The personal part of an event's data, on its way into the log or in it.
package enum PersonalPart: Sendable {
    case none
    /// Only the reference of whom the event tells of.
    case named(subject: String)
    /// As a producer sends it: texts, and the reference of whom they tell of.
    case clear(subject: String, [(member: String, text: String)])
    /// As the log keeps it.
    case sealed(subject: String, value: String)
}

extension PersonalFields {
    /// Finds the personal part of an event's data.
    ///
    /// Throws ``PayloadError`` where it is neither in clear nor sealed as it should be.
    package func part(
        of payload: JSONPayload?, type: String
    ) throws(PayloadError) -> PersonalPart {
        let reader = PayloadReader(type: type, payload: payload)
        var clear: [(member: String, text: String)] = []
        for member in members {
            guard let text = try reader.optionalText(member) else { continue }
            guard text.utf8.count <= Self.textBytesMax else {
                throw PayloadError(type: type, member: member, problem: .tooLong)
            }
            clear.append((member, text))
        }
        let value = try reader.optionalText(Self.sealedMember)
        let reference = try reader.optionalText(subject)
        // Whatever else would stand there could be a name.
        if let reference, !Self.isHex(reference, of: 32...32) {
            throw PayloadError(type: type, member: subject, problem: .notAReference)
        }
        if let value, !Self.isHex(value, of: Self.sealedDigitsMin...2_000_000) {
            throw PayloadError(type: type, member: Self.sealedMember, problem: .notSealed)
        }
        guard !clear.isEmpty || value != nil else {
            return reference.map { .named(subject: $0) } ?? .none
        }
        guard let reference else {
            throw PayloadError(type: type, member: subject, problem: .missingSubject)
        }
        guard let value else { return .clear(subject: reference, clear) }
        if let first = clear.first {
            throw PayloadError(type: type, member: first.member, problem: .personalInClear)
        }
        return .sealed(subject: reference, value: value)
    }

    /// Whether personal members stand in clear in an event's data.
    package static func stand(in payload: JSONPayload?, of type: String) -> Bool {
        guard let members = declared[type]?.members else { return false }
        return members.contains { payload?.member($0) != nil }
    }

    /// Bytes of a sealed value without what it holds, as digits.
    private static let sealedDigitsMin = 2 * (97 + 32)

    private static func isHex(_ text: String, of count: ClosedRange<Int>) -> Bool {
        count.contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }

    /// Refuses members that are personal in other types: where nobody declares them, nothing would
    /// seal them.
    package static func requireNone(
        in payload: JSONPayload?, of type: String
    ) throws(PayloadError) {
        let own = declared[type]?.members ?? []
        var found: String?
        payload?.forEachMember { (name: ArraySlice<UInt8>, _: JSONValue) in
            guard found == nil, name.count <= longestName else { return }
            found = allMembers.first { member in
                name.elementsEqual(member.utf8) && !own.contains(member)
            }
        }
        if let found {
            throw PayloadError(type: type, member: found, problem: .personalElsewhere)
        }
    }

    static let allMembers = Set(declared.values.flatMap(\.members)).sorted()
    private static let longestName = allMembers.map(\.utf8.count).max() ?? 0
}
