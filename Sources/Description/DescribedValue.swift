internal import ContactCentre
internal import JSON
internal import YAML

// How the members of payloads stand in a description: under keys in snake_case, and hours as people
// write them.

extension MemberDeclaration {
    /// `serviceLevelUs` stands as `service_level_us`.
    var key: String {
        name.reduce(into: "") { key, character in
            if character.isUppercase { key += "_" }
            key += character.lowercased()
        }
    }

    /// The value that a payload has of what a description says.
    func payloadValue(of part: YAMLPart) throws(YAMLError) -> JSONNode {
        switch shape {
        case .text, .name, .zone, .time, .reference, .date, .id, .choice, .word:
            return .text(try part.text())
        case .object: throw part.wrongShape("what no description has")
        case .names, .references, .choices: return .array(try part.texts().map { .text($0) })
        case .integer, .number: return try part.number()
        case .objects(let members):
            var objects: [JSONNode] = []
            for element in try part.list() {
                objects.append(try members.payloadValue(of: element))
            }
            return .array(objects)
        case .week:
            return .array(
                try part.week().flatMap { weekday, hours in
                    hours.map { .object([("weekday", .text(weekday.rawValue))] + $0.members) }
                })
        case .exceptions: return .array(try part.exceptions())
        }
    }

    /// What a description says of a payload's value.
    func described(_ value: JSONValue) -> YAMLValue {
        switch shape {
        case .text, .name, .zone, .time, .reference, .date, .id, .choice, .word:
            return .text(value.string ?? "")
        case .object: return .text(String(decoding: value.bytes, as: UTF8.self))
        case .integer, .number:
            return .number(String(decoding: value.bytes, as: UTF8.self))
        case .names, .references, .choices:
            return .list((value.elements ?? []).map { .text($0.string ?? "") })
        case .objects(let members):
            return .list(
                (value.elements ?? []).compactMap(\.object).map {
                    .members(members.described($0))
                })
        case .week: return .members(describedWeek(value))
        case .exceptions:
            return .members(
                (value.elements ?? []).compactMap(\.object).map { exception in
                    let hours = exception.member("hours")?.elements ?? []
                    return YAMLMember(
                        exception.string("date") ?? "",
                        .list(hours.compactMap(\.object).map(describedHours)))
                })
        }
    }
}

extension [MemberDeclaration] {
    /// The object that a payload has of what a description says.
    func payloadValue(of part: YAMLPart) throws(YAMLError) -> JSONNode {
        try payloadValue(of: try part.members(of: map(\.key)))
    }

    func payloadValue(of given: YAMLMembers) throws(YAMLError) -> JSONNode {
        var values: [(String, JSONNode)] = []
        for member in self {
            guard let part = given[member.key], !part.isNull else { continue }
            values.append((member.name, try member.payloadValue(of: part)))
        }
        return .object(values)
    }

    /// The members that a description has of a payload.
    func described(_ payload: JSONPayload) -> [YAMLMember] {
        compactMap { member in
            payload.member(member.name).map { YAMLMember(member.key, member.described($0)) }
        }
    }
}

/// As in `mon-fri`.
private func shortName(_ weekday: Weekday) -> String { String(weekday.rawValue.prefix(3)) }

extension YAMLPart {
    /// A number; its digits may stand in groups, as `20_000_000` does.
    fileprivate func number() throws(YAMLError) -> JSONNode {
        let digits = try text().filter { $0 != "_" }
        if let integer = Int64(digits) { return .integer(integer) }
        guard let number = Double(digits), number.isFinite else { throw wrongShape("a number") }
        return .real(number)
    }

    fileprivate func week() throws(YAMLError) -> [(Weekday, [DailyHours])] {
        var week: [Weekday: [DailyHours]] = [:]
        for (key, value) in try members() {
            let hours = try value.hours()
            for weekday in try value.weekdays(key) {
                guard week.updateValue(hours, forKey: weekday) == nil else {
                    throw value.error(
                        .other(place: place, "'\(shortName(weekday))' has its hours twice"))
                }
            }
        }
        return Weekday.allCases.compactMap { day in week[day].map { (day, $0) } }
    }

    /// The days that a key such as `sat` or `mon-fri` means.
    private func weekdays(_ key: String) throws(YAMLError) -> ArraySlice<Weekday> {
        let ends = key.split(separator: "-", omittingEmptySubsequences: false).map { name in
            Weekday.allCases.firstIndex { shortName($0) == name }
        }
        guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
            first <= last
        else {
            throw wrongShape(
                "the hours of a day or of days, by keys such as mon and mon-fri, from mon to sun")
        }
        return Weekday.allCases[first...last]
    }

    /// The hours of one date: none of them in another.
    private func hours() throws(YAMLError) -> [DailyHours] {
        var hours: [DailyHours] = []
        guard !isNull else {
            throw wrongShape("hours such as 08:00-20:00, or [] where it is closed")
        }
        for part in try list() {
            guard let next = DailyHours(try part.text()) else {
                throw part.wrongShape(
                    "hours such as 08:00-20:00, which do not begin and end at the same time")
            }
            if let last = hours.last, next.from < last.to {
                throw part.wrongShape("hours that begin when those before them have ended")
            }
            hours.append(next)
        }
        return hours
    }

    fileprivate func exceptions() throws(YAMLError) -> [JSONNode] {
        var exceptions: [JSONNode] = []
        for (key, value) in try members() {
            guard CivilDate(text: key) != nil else {
                throw value.wrongShape("the hours of a date such as 2026-12-24")
            }
            exceptions.append(
                .object([
                    ("date", .text(key)),
                    ("hours", .array(try value.hours().map { .object($0.members) })),
                ]))
        }
        return exceptions
    }
}

private func describedHours(_ object: JSONPayload) -> YAMLValue {
    .text((object.string("from") ?? "") + "-" + (object.string("to") ?? ""))
}

/// Days one behind the other with the same hours as one.
private func describedWeek(_ value: JSONValue) -> [YAMLMember] {
    let entries = (value.elements ?? []).compactMap(\.object)
    var runs: [(first: Weekday, last: Weekday, hours: [YAMLValue])] = []
    for (place, weekday) in Weekday.allCases.enumerated() {
        let hours = entries.filter { $0.string("weekday") == weekday.rawValue }
            .map(describedHours)
        guard !hours.isEmpty else { continue }
        if let run = runs.last, run.hours == hours, place > 0,
            Weekday.allCases[place - 1] == run.last
        {
            runs[runs.count - 1].last = weekday
        } else {
            runs.append((weekday, weekday, hours))
        }
    }
    return runs.map { run in
        let (first, last) = (shortName(run.first), shortName(run.last))
        return YAMLMember(first == last ? first : "\(first)-\(last)", .list(run.hours))
    }
}
