package import JSON

package struct TeamSetting: Setting {
    package var centre = ""
    package var name: String?
    package var lead: String?
    package var site: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("centreId", .reference(to: .centres), &centre)
        try members.optional("name", .name, &name)
        try members.optional("lead", .reference(to: .operators), &lead)
        try members.optional("site", .name, &site)
    }
}

package enum StaffRole: String, CaseIterable, Hashable, Sendable {
    case firstLine = "operator_l1"
    case secondLine = "operator_l2"
    case backoffice
    case teamLead = "team_lead"
    case supervisor, quality
}

package enum ContractKind: String, CaseIterable, Hashable, Sendable {
    case `internal`, outsourced, agency
}

/// Somebody who works for a centre, under a pseudonym.
package struct StaffSetting: Setting {
    package var role = StaffRole.firstLine
    package var centre = ""
    package var contract: ContractKind?
    /// Thousandths of a full-time post.
    package var fullTimeThousandths: Int64?
    package var employer: String?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("role", .choice(blank: .firstLine), &role)
        try members.required("centreId", .reference(to: .centres), &centre)
        try members.optional("contractKind", .choice(blank: .internal), &contract)
        try members.optional("fteMilli", .integer(in: 0...10_000), &fullTimeThousandths)
        try members.optional("employerId", .name, &employer)
    }
}

package struct TeamMembership: Setting {
    package var team = ""

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("teamId", .reference(to: .teams), &team)
    }
}

package enum SkillEvidence: String, CaseIterable, Hashable, Sendable {
    case training, exam, experience
}

/// What an operator can do, and how well.
package struct GrantedSkillSetting: Setting {
    static let levels: ClosedRange<Int64> = 0...5

    package var level: Int64 = 0
    package var evidence: SkillEvidence?
    package var certifiedBy: String?
    package var expires: Instant?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("level", .integer(in: Self.levels), &level)
        try members.optional("evidence", .choice(blank: .training), &evidence)
        try members.optional("certifiedBy", .name, &certifiedBy)
        try members.optional("expiresAt", .time, &expires)
    }
}

/// That an operator serves a queue.
package struct QueueMembership: Setting {
    /// Operators of a lower tier are asked first.
    package var tier: Int64?

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.optional("tier", .integer(in: 0...1_000), &tier)
    }
}

/// How many contacts of a channel an operator can have at a time.
package struct CapacitySetting: Setting {
    package var most: Int64 = 1

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("maxConcurrent", .integer(in: 0...1_000), &most)
    }
}

/// When an operator is to be at work.
package struct ShiftSetting: Setting {
    package var weekly = Week()
    package var zone: String?
    package var exceptions: [CivilDate: [DailyHours]] = [:]

    package init() {}

    package mutating func exchange(with members: inout MemberExchange) throws(PayloadError) {
        try members.required("weekly", .week, &weekly)
        try members.optional("zone", .zone, &zone)
        try members.filled("exceptions", .exceptions, &exceptions)
    }

    package var flaw: (member: String, problem: PayloadError.Problem)? {
        if weekly.overlaps { return ("weekly", .overlappingHours) }
        if exceptions.values.contains(where: DailyHours.overlap) {
            return ("exceptions", .overlappingHours)
        }
        return unknownZone(zone)
    }
}
