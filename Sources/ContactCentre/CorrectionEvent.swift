package import JSON

/// What is said about an earlier event of the same stream that was wrong.
package enum CorrectionEvent: Sendable {
    case corrected(Correction)
    case voided(Voiding)

    /// The types that are read here.
    package enum Kind: String, CaseIterable, KnownType {
        case corrected = "meta.event_corrected"
        case voided = "meta.event_voided"

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .corrected: "what an earlier event of the stream says was otherwise"
            case .voided: "what an earlier event of the stream says never happened"
            }
        }
    }

    /// Reads an event of a kind.
    ///
    /// - Returns: Nil where its schema version is none that is read here.
    /// - Throws: ``PayloadError`` where the payload is wrong.
    package init?(
        _ kind: Kind, schema: UInt16, payload: JSONPayload?
    ) throws(PayloadError) {
        guard kind.reads(schema) else { return nil }
        try self.init(kind, from: kind.reader(of: payload, in: schema))
    }

    init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind {
        case .corrected: self = .corrected(try Correction(from: reader))
        case .voided: self = .voided(try Voiding(from: reader))
        }
    }

    package var kind: Kind {
        switch self {
        case .corrected: .corrected
        case .voided: .voided
        }
    }

    private var setting: any Setting {
        switch self {
        case .corrected(let correction): correction
        case .voided(let voiding): voiding
        }
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back.
    package var payload: [UInt8] { setting.payload }

    /// How much of what an event said it may change.
    package var reach: CorrectionReach {
        guard case .corrected(let correction) = self else { return .standing }
        var reach = CorrectionReach.standing
        correction.patch?.forEachMember { (name: String, _) in
            if !OrganisationEvent.terms.contains(name) { reach = .content }
        }
        return reach
    }

    /// Why it should not come in, although it can be read.
    package var flaw: PayloadError? {
        setting.flaw.map {
            PayloadError(type: kind.rawValue, member: $0.member, problem: $0.problem)
        }
    }
}

/// What a correction is about.
package enum CorrectionReach: Equatable, Sendable {
    /// Whether and when an event holds, by whom and on whose decision.
    case standing
    /// What it says.
    case content
}

/// What an event should have said.
package struct Correction: Setting {
    /// The id of the event.
    package var target = ""
    /// A JSON Merge Patch (RFC 7396) of its data, an object.
    package var patch: JSONPayload?
    /// When it happened.
    package var time: Instant?
    package var reason = ""
    /// On whose authority it is said: an act, or an office.
    package var authority = ""
    package var author: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("target", .id, &target)
        var given = patch.map { Optional($0) }
        try members.optional("fieldPatch", .object, &given)
        patch = given ?? nil
        try members.optional("time", .time, &time)
        try members.required("reason", .text, &reason)
        try members.required("authority", .name, &authority)
        try members.optional("author", .name, &author)
    }

    package var flaw: (member: String, problem: PayloadError.Problem)? {
        guard let patch else { return time == nil ? ("fieldPatch", .missing) : nil }
        // Sealed values belong to their event: elsewhere they open no more.
        var personal: String?
        patch.forEachMember { (name: String, _) in
            if PersonalFields.isPersonal(name) { personal = name }
        }
        return personal.map { ($0, .personalInPatch) }
    }
}

/// That an event never happened.
package struct Voiding: Setting {
    package var target = ""
    package var reason = ""
    package var authority = ""
    package var author: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("target", .id, &target)
        try members.required("reason", .text, &reason)
        try members.required("authority", .name, &authority)
        try members.optional("author", .name, &author)
    }
}
