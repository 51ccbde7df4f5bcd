package import JSON

/// What is said about an earlier event of the same stream that was wrong.
package enum CorrectionEvent: Sendable {
    case corrected(Correction)
    case voided(Voiding)

    /// The types of schema 1 that this version reads.
    package enum Kind: String, CaseIterable, Sendable {
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

    /// The schema version of every payload that is read and written here.
    package static let schema: UInt16 = 1

    package init(_ kind: Kind, payload: JSONPayload?) throws(PayloadError) {
        try self.init(kind, from: PayloadReader(type: kind.rawValue, payload: payload))
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

    /// The payload as JSON text that ``init(_:payload:)`` reads back.
    package var payload: [UInt8] { setting.payload }

    /// Why it should not come in, although it can be read.
    package var flaw: PayloadError? {
        setting.flaw.map {
            PayloadError(type: kind.rawValue, member: $0.member, problem: $0.problem)
        }
    }
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
