internal import JSON

/// A contact centre.
package struct CentreSetting: Setting {
    package var name: String?
    package var zone: String?
    package var calendar: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.optional("name", .name, &name)
        try members.optional("zone", .zone, &zone)
        try members.optional("calendarId", .reference(to: .calendars), &calendar)
    }

    package var flaw: (member: String, problem: PayloadError.Problem)? {
        unknownZone(zone)
    }
}

/// How a centre is made.
package enum Typology: String, CaseIterable, Hashable, Sendable {
    /// Each service has a number of its own.
    case specialisedVertical = "specialised_vertical"
    case centralisedFirstLevel = "centralised_l1"
    case centralisedFirstAndSecondLevel = "centralised_l1_l2"
    /// Several bodies answer as one.
    case networked
}

package struct TypologySetting: Setting {
    package var typology = Typology.specialisedVertical
    package var rationale: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("typology", .choice(blank: .networked), &typology)
        try members.optional("rationale", .text, &rationale)
    }
}

/// A body that has joined a networked centre.
package struct NodeSetting: Setting {
    package var body = ""
    package var services: [String] = []
    package var agreement: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("body", .name, &body)
        try members.filled("services", .references(to: .services), &services)
        try members.optional("agreementRef", .name, &agreement)
    }
}

/// A channel on which a centre can be reached.
package struct ChannelSetting: Setting {
    /// All of the centre's, where none is named.
    package var services: [String] = []

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.filled("services", .references(to: .services), &services)
    }
}

package enum EntryPointKind: String, CaseIterable, Hashable, Sendable {
    case freeNumber = "free_number"
    case localNumber = "local_number"
    case shortNumber = "short_number"
    case desk, mailbox, url, pec, fax, app
}

/// Where citizens turn to a centre: a number, a desk, a mailbox.
package struct EntryPointSetting: Setting {
    package var kind = EntryPointKind.desk
    package var centre = ""
    /// The number, mailbox, URL or place.
    package var address: String?
    /// Where contacts wait that come here.
    package var queue: String?
    package var calendar: String?
    /// Calls that it takes at a time.
    package var lines: Int64?
    package var costToCitizen: CostToCitizen?
    package var accessibleFeatures: [String] = []

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("kind", .choice(blank: .desk), &kind)
        try members.required("centreId", .reference(to: .centres), &centre)
        try members.optional("address", .name, &address)
        try members.optional("queueId", .reference(to: .queues), &queue)
        try members.optional("calendarId", .reference(to: .calendars), &calendar)
        try members.optional("lines", .integer(in: 0...1_000_000), &lines)
        try members.optional("costToCitizen", .choice(blank: .free), &costToCitizen)
        try members.filled("accessibleFeatures", .names, &accessibleFeatures)
    }
}

package enum CostToCitizen: String, CaseIterable, Hashable, Sendable {
    case free, local, mobile, premium
}

func unknownZone(
    _ zone: String?
) -> (member: String, problem: PayloadError.Problem)? {
    guard let zone, !Zone.exists(identifier: zone) else { return nil }
    return ("zone", .unknownZone(zone))
}
