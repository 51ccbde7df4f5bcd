internal import EventLog
internal import JSON

/// What somebody is there for.
package enum Role: String, CaseIterable, Sendable {
    /// A service that appends, reads and follows.
    case appender
    case `operator`
    case supervisor
    case auditor
    case analyst
    /// An analyst who may see small groups.
    case internalAnalyst = "internal_analyst"
    case privacyOfficer = "privacy_officer"
    case administrator
}

/// Somebody who has shown who they are.
package struct Client: Sendable {
    /// What the token is called; it stands in events and logs.
    package let name: String
    package let roles: Set<Role>
    package let scope: Scope

    package init(name: String, roles: Set<Role>, scope: Scope) {
        self.name = name
        self.roles = roles
        self.scope = scope
    }
}

/// The events that somebody has to do with.
package struct Scope: Equatable, Sendable {
    /// Those of one of these centres, by their tags; nil where all are meant.
    package let centres: Set<String>?
    /// Those of types that match one of these; nil where all are meant.
    package let types: Set<TypePattern>?

    package static let all = Scope(centres: nil, types: nil)

    package init(centres: Set<String>?, types: Set<TypePattern>?) {
        self.centres = centres
        self.types = types
    }

    /// Scopes that are written alike include the same, and only they.
    var text: String {
        let members = [centres?.sorted(), types?.map(\.description).sorted()].map { texts in
            texts.map { JSONNode.array($0.map { .text($0) }) } ?? .null
        }
        var bytes: [UInt8] = []
        JSONNode.array(members).append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    var isAll: Bool { centres == nil && types == nil }

    func includes(_ type: EventType, _ tags: Tags) -> Bool {
        if let types, !types.contains(where: { $0.matches(type.text) }) { return false }
        guard let centres else { return true }
        return tags.joined.split(separator: " ").contains { tag in
            tag.hasPrefix(Self.centreKey)
                && centres.contains(String(tag.dropFirst(Self.centreKey.count)))
        }
    }

    private static let centreKey = "centre:"
}

/// A type, or all whose names begin alike, as `contact.*`.
package struct TypePattern: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// Nil for a text that is no type and does not end in `.*`.
    package init?(_ text: String) {
        let name = text.hasSuffix(".*") ? String(text.dropLast(2)) : text
        guard (try? EventType(name)) != nil, !name.contains("*") else { return nil }
        description = text
    }

    func matches(_ type: String) -> Bool {
        description.hasSuffix(".*")
            ? type.utf8.starts(with: description.utf8.dropLast()) : type == description
    }
}

extension Endpoint {
    /// Who may use it; nil is for everybody, without a token.
    package var roles: Set<Role>? {
        switch self {
        case .livez, .readyz, .description, .documentation, .problems: nil
        // Whose checkpoint it is, its signature says.
        case .addCheckpoint, .witnessedCheckpoint: nil
        case .appendEvents: [.appender]
        case .readEvents, .readEvent, .followEvents:
            [.appender, .auditor, .internalAnalyst, .privacyOfficer]
        case .listStreams: [.appender, .auditor, .internalAnalyst, .privacyOfficer]
        case .exportEvents: [.auditor, .internalAnalyst]
        case .head, .checkpoint, .tile, .consistency: Set(Role.allCases)
        case .receipt: [.appender, .auditor, .internalAnalyst, .privacyOfficer]
        case .entries: [.auditor, .internalAnalyst]
        case .listCursors, .readCursor:
            [.appender, .auditor, .internalAnalyst, .administrator]
        case .moveCursor: [.appender, .auditor, .internalAnalyst]
        case .removeCursor: [.appender, .auditor, .internalAnalyst, .administrator]
        case .listProjections, .describeProjection:
            [.operator, .supervisor, .auditor, .analyst, .internalAnalyst, .administrator]
        case .readTable: [.operator, .supervisor, .auditor, .analyst, .internalAnalyst]
        case .queryProjection: [.auditor, .analyst, .internalAnalyst]
        // Who appends what persons say needs their references.
        case .makeSubject, .findSubject: [.appender, .privacyOfficer]
        case .subjectStatus: [.auditor, .privacyOfficer]
        case .subjectData, .eraseSubject, .authoriseSubject, .retention, .rotateEpoch:
            [.privacyOfficer]
        case .metrics: [.administrator]
        }
    }

    /// Whether it shows the content of events, or who is known, so that its use is recorded.
    var showsEvents: Bool {
        switch self {
        case .readEvents, .readEvent, .followEvents, .exportEvents, .listStreams,
            .queryProjection, .receipt, .entries, .findSubject:
            true
        default: false
        }
    }

    /// Whether what it gives cannot be told apart by centre and type.
    var needsWholeLog: Bool {
        switch self {
        case .exportEvents, .listStreams, .readTable, .queryProjection, .entries, .subjectStatus,
            .subjectData, .eraseSubject, .authoriseSubject, .retention, .rotateEpoch:
            true
        default: false
        }
    }
}

/// Who may see a read model: those with small groups only internal analysts, since whoever else
/// sees them twice could tell what is hidden in what is released.
func audience(ofReadModel name: String) -> Set<Role> {
    switch name {
    case "operator-queues": [.operator, .supervisor, .auditor, .analyst, .internalAnalyst]
    case "case-flow": [.supervisor, .auditor, .analyst, .internalAnalyst]
    case "survey-comments": [.supervisor, .internalAnalyst]
    default: [.internalAnalyst]
    }
}
