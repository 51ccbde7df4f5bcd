internal import JSON

/// What citizens can turn to a centre for.
package struct ServiceSetting: Setting {
    package var name: String?
    package var office: String?
    /// Within which the law wants it done.
    package var legalTermDays: Int64?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.optional("name", .name, &name)
        try members.optional("office", .name, &office)
        try members.optional("legalTermDays", .integer(in: 0...100_000), &legalTermDays)
    }
}

package struct SkillSetting: Setting {
    package var name: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.optional("name", .name, &name)
    }
}

/// Where contacts wait for an operator.
package struct QueueSetting: Setting {
    package var centre = ""
    package var name: String?
    package var services: [String] = []
    package var calendar: String?
    package var requiredSkills: [SkillNeed] = []
    /// By which its contacts find operators; nil where nobody routes them here.
    package var policy: String?
    /// Contacts that may wait at a time; nil for any number.
    package var capacity: Int64?
    package var overflow: [Overflow] = []
    /// Within which contacts should be answered, in µs.
    package var serviceLevel: Int64?
    /// Who gives up before does not count as having waited, in µs.
    package var shortAbandon: Int64?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("centreId", .reference(to: .centres), &centre)
        try members.optional("name", .name, &name)
        try members.filled("services", .references(to: .services), &services)
        try members.optional("calendarId", .reference(to: .calendars), &calendar)
        try members.objects("requiredSkills", &requiredSkills)
        try members.optional("policyId", .reference(to: .policies), &policy)
        try members.optional("capacity", .integer(in: 0 ... .max), &capacity)
        try members.objects("overflow", &overflow)
        try members.optional("serviceLevelUs", .duration, &serviceLevel)
        try members.optional("shortAbandonUs", .duration, &shortAbandon)
    }
}

/// A skill that a contact needs of an operator.
package struct SkillNeed: Setting, Codable, Hashable {
    package var skill = ""
    package var minimum: Int64 = 0

    package init() {}

    package init(_ skill: String, atLeast minimum: Int64) {
        self.skill = skill
        self.minimum = minimum
    }

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("skill", .reference(to: .skills), &skill)
        try members.required("minLevel", .integer(in: GrantedSkillSetting.levels), &minimum)
    }
}

/// Where contacts go over to that have waited so long, or meet so many others.
package struct Overflow: Setting {
    package var queue = ""
    package var after: Int64?
    package var length: Int64?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("to", .reference(to: .queues), &queue)
        try members.optional("afterUs", .duration, &after)
        try members.optional("length", .integer(in: 0 ... .max), &length)
    }
}
