internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit

/// What a contact or case says at its opening of whom it is about.
struct Opening {
    let profile: Profile
    let origin: Origin

    static let openings: Set<String> = [
        ContactEvent.Kind.received.type, CaseEvent.Kind.opened.type,
    ]

    /// Nil where the event opens nothing.
    init?(_ event: Event, attributes: [GroupAttribute]) throws(PayloadError) {
        let (type, payload) = (event.type.text, event.data.object)
        guard Self.openings.contains(type) else { return nil }
        var channel: String?
        var origin = Origin.citizen
        if case .received(let received) = try ContactEvent(
            type: type, schema: event.schema, payload: payload)
        {
            channel = received.channel.name
            if received.direction == .outgoing { origin = .staff }
        } else if case .opened(let opened) = try CaseEvent(
            type: type, schema: event.schema, payload: payload)
        {
            channel = opened.channel?.name
            switch opened.openedBy {
            case .operator, .system: origin = .staff
            case .citizen, .other, nil: break
            }
        }
        profile = Profile(event, channel: channel, attributes: attributes)
        self.origin = origin
    }
}

/// What many units have in common: the channel and the groups of whom they are about.
struct Profile: Hashable {
    var channel: ExactText?
    /// In the order of the declared attributes; nil where none, or more than one, is stated.
    var groups: [ExactText?]

    /// A source that writes this means that it does not know.
    static let unknown = "unknown"
}

extension Profile {
    init(_ event: Event, channel: String?, attributes: [GroupAttribute]) {
        self.channel = channel.map { ExactText($0) }
        let tags = event.tags.texts.compactMap(GroupTag.init)
        groups = attributes.map { attribute in
            let stated: [String]
            switch attribute.source {
            case .tag(let name): stated = tags.filter { $0.attribute == name }.map(\.group)
            case .member(let member): stated = event.data.object?.text(member).map { [$0] } ?? []
            }
            guard stated.count == 1, let group = stated.first, isName(group),
                group != Self.unknown
            else { return nil }
            return ExactText(group)
        }
    }

    /// JSON with the list of the groups, null for nil.
    fileprivate var groupsText: String {
        let names = groups.map { group in group.map { jsonString($0.text) } ?? "null" }
        return "{\"groups\":[\(names.joined(separator: ","))]}"
    }

    fileprivate init(_ row: StoredRow) throws(FoldFailure) {
        channel = try row.optionalText("channel").map { ExactText($0) }
        let text = Array(try row.text("groups").utf8)
        let isJSON = (try? checkJSON(text[...])) != nil
        guard isJSON, let elements = JSONPayload(checked: text[...])?.member("groups")?.elements
        else { throw row.damage("groups") }
        groups = elements.map { element in element.string.map { ExactText($0) } }
    }
}

/// The profiles met so far, each with the number that rows refer to it by.
struct ProfileBook {
    private let database: Database
    private var numbers: [Profile: Int64] = [:]

    init(_ database: Database) { self.database = database }

    mutating func id(of profile: Profile) throws -> Int64 {
        if let number = numbers[profile] { return number }
        let key: StatementArguments = [profile.channel?.text, profile.groupsText]
        try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO profiles (channel, groups) VALUES (ifnull(?, ''), ?)"
        ).run(key)
        let found = try Int64.fetchOne(
            try database.cachedStatement(
                sql: "SELECT id FROM profiles WHERE channel = ifnull(?, '') AND groups = ?"),
            arguments: key)
        guard let found else { throw FoldFailure.damaged("a profile that was written is gone") }
        numbers[profile] = found
        return found
    }

    /// All profiles of a read model by their numbers.
    static func all(in database: Database) throws -> [Int64: Profile] {
        var profiles: [Int64: Profile] = [:]
        let rows = try Row.fetchCursor(
            database, sql: "SELECT id, nullif(channel, '') AS channel, groups FROM profiles")
        while let row = try rows.next() {
            let stored = StoredRow(row, of: "profiles")
            profiles[try stored.integer("id")] = try Profile(stored)
        }
        return profiles
    }
}
