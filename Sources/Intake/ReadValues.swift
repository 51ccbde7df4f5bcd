internal import ContactCentre
internal import YAML

/// Reads the values of a mapping, and the conditions and templates that name them.
struct ValueReader {
    private(set) var columns: [Column] = []
    private let members: [(key: String, value: YAMLPart)]
    private let indices: [String: ValueIndex]
    private let times: TimeDefaults

    /// Words that a condition has for itself.
    private static let conditionWords = ["present", "absent", "before", "all", "any", "not"]

    init(_ top: YAMLMembers) throws(YAMLError) {
        times = try TimeDefaults(top["times"])
        members = try top["values"]?.members() ?? []
        var indices: [String: ValueIndex] = [:]
        for (index, member) in members.enumerated() {
            guard !Self.conditionWords.contains(member.key) else {
                throw member.value.error(
                    .other(
                        place: member.value.place,
                        "conditions use this word; give the value another name"))
            }
            indices[member.key] = index
        }
        self.indices = indices
    }

    /// All values in the order of the mapping.
    mutating func definitions() throws(YAMLError) -> [ValueDefinition] {
        var definitions: [ValueDefinition] = []
        for (name, part) in members { definitions.append(try definition(name, part)) }
        for (index, definition) in definitions.enumerated()
        where reaches(index, from: definition, in: definitions) {
            throw members[index].value.error(
                .other(place: "the value '\(definition.name)'", "it depends on itself"))
        }
        return definitions
    }

    /// Refuses a mapping that reads a column under a pseudonym here and in clear there.
    func checkPseudonyms(_ definitions: [ValueDefinition]) throws(YAMLError) {
        func isHidden(_ slot: Slot) -> Bool {
            definitions.contains {
                if case .column(slot, _, .pseudonym) = $0.kind { true } else { false }
            }
        }
        for (index, definition) in definitions.enumerated() {
            let clear: [Slot] =
                switch definition.kind {
                case .column(_, _, .pseudonym), .template, .firstOf, .firstRow, .identity: []
                case .column(let slot, _, _), .after(_, by: let slot, _, _): [slot]
                case .time(let slots, _, _): slots
                }
            if let slot = clear.first(where: isHidden) {
                let part = members[index].value
                throw part.error(
                    .other(
                        place: part.place,
                        "the column '\(columns[slot].name)' holds names that another value "
                            + "replaces by pseudonyms; it cannot be read in clear as well"))
            }
        }
    }

    /// The slot of the column that `part` names.
    mutating func slot(_ part: YAMLPart) throws(YAMLError) -> Slot {
        let name = try part.text()
        if let slot = columns.firstIndex(where: { $0.name == name }) { return slot }
        columns.append(Column(name: name, line: part.line))
        return columns.count - 1
    }

    /// Where the mapping defines a value.
    func part(_ index: ValueIndex) -> YAMLPart { members[index].value }

    func index(_ part: YAMLPart) throws(YAMLError) -> ValueIndex {
        try index(of: try part.text(), in: part)
    }

    /// The index of a value that is a time.
    func time(_ part: YAMLPart) throws(YAMLError) -> ValueIndex {
        let index = try index(part)
        guard try isTime(index, stepsMax: members.count) else {
            throw part.wrongShape("the name of a value that is a time")
        }
        return index
    }

    private func isTime(_ index: ValueIndex, stepsMax: Int) throws(YAMLError) -> Bool {
        let value = try members[index].value.members()
        if value.contains(where: { ["time", "after"].contains($0.key) }) { return true }
        guard stepsMax > 0, let choices = value.first(where: { $0.key == "first_of" }) else {
            return false
        }
        for choice in try choices.value.list() {
            guard try isTime(try self.index(choice), stepsMax: stepsMax - 1) else { return false }
        }
        return true
    }

    private func index(of name: String, in part: YAMLPart) throws(YAMLError) -> ValueIndex {
        guard let index = indices[name] else {
            throw part.error(
                .other(
                    place: part.place,
                    "there is no value '\(name)' under 'values'; "
                        + suggestion(for: name, among: members.map(\.key))))
        }
        return index
    }

    func namedConditions(_ part: YAMLPart) throws(YAMLError) -> [NamedCondition] {
        var named: [NamedCondition] = []
        for (name, value) in try part.members() {
            named.append(NamedCondition(name: name, condition: try condition(value)))
        }
        return named
    }

    /// A condition: all members of the mapping must hold.
    func condition(_ part: YAMLPart) throws(YAMLError) -> Condition {
        var conditions: [Condition] = []
        for (word, operand) in try part.members() {
            switch word {
            case "present":
                for name in try operand.list() { conditions.append(.present(try index(name))) }
            case "absent":
                for name in try operand.list() {
                    conditions.append(.not(.present(try index(name))))
                }
            case "before":
                let pair = try operand.list()
                guard pair.count == 2 else { throw operand.wrongShape("a list of two times") }
                conditions.append(.before(try time(pair[0]), than: try time(pair[1])))
            case "all": conditions.append(.all(try self.conditions(operand)))
            case "any": conditions.append(.any(try self.conditions(operand)))
            case "not": conditions.append(.not(try condition(operand)))
            default:
                let texts = try operand.texts().map(ExactText.init)
                conditions.append(.equal(try index(of: word, in: operand), texts))
            }
        }
        guard !conditions.isEmpty else { throw part.wrongShape("a condition") }
        return conditions.count == 1 ? conditions[0] : .all(conditions)
    }

    private func conditions(_ part: YAMLPart) throws(YAMLError) -> [Condition] {
        var conditions: [Condition] = []
        for element in try part.list() { conditions.append(try condition(element)) }
        return conditions
    }

    /// A text with the names of values in braces; a doubled brace stands for itself.
    func template(_ part: YAMLPart) throws(YAMLError) -> Template {
        var pieces: [Template.Piece] = []
        var literal = ""
        // By scalars, since a brace and a combining mark after it are one character.
        var rest = try part.text().unicodeScalars[...]
        while let character = rest.popFirst() {
            if (character == "{" || character == "}") && rest.first == character {
                literal.unicodeScalars.append(character)
                rest.removeFirst()
            } else if character == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw part.wrongShape("a text in which each { has its }")
                }
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = ""
                pieces.append(.value(try index(of: String(rest[..<end]), in: part)))
                rest = rest[rest.index(after: end)...]
            } else if character == "}" {
                throw part.wrongShape("a text in which each } has its {; write }} for one alone")
            } else {
                literal.unicodeScalars.append(character)
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        return Template(pieces: pieces)
    }
}

// MARK: - One value

extension ValueReader {
    private mutating func definition(
        _ name: String, _ part: YAMLPart
    ) throws(YAMLError) -> ValueDefinition {
        let kinds = ["column", "time", "after", "text", "first_of", "first", "identity"]
        let kind = try part.members().map(\.key).first(where: kinds.contains)
        let definition: (members: YAMLMembers, kind: ValueDefinition.Kind)
        switch kind {
        case "column": definition = try column(part)
        case "time": definition = try time(reading: part)
        case "after": definition = try after(part)
        case "text":
            let members = try part.members("text", "when")
            definition = (members, .template(try template(try members.required("text"))))
        case "first_of":
            let members = try part.members("first_of", "when")
            var choices: [ValueIndex] = []
            for choice in try members.required("first_of").list() {
                choices.append(try index(choice))
            }
            definition = (members, .firstOf(choices))
        case "first":
            let members = try part.members("first", "when")
            var slots: [Slot] = []
            for column in try members.required("first").list() { slots.append(try slot(column)) }
            definition = (members, .firstRow(slots))
        case "identity":
            let members = try part.members("identity", "when")
            definition = (members, .identity(try members.required("identity").text()))
        default:
            _ = try part.members(
                "column", "time", "after", "text", "first_of", "first", "identity", "when",
                "absent", "as", "multiply_by", "map", "otherwise", "pseudonym", "format", "zone",
                "wraps_after", "by", "unit")
            throw part.wrongShape("a value with one of the keys \(kinds.joined(separator: ", "))")
        }
        let when = try definition.members.optional("when", condition)
        return ValueDefinition(name: name, kind: definition.kind, when: when)
    }

    private mutating func column(
        _ part: YAMLPart
    ) throws(YAMLError) -> (YAMLMembers, ValueDefinition.Kind) {
        let members = try part.members(
            "column", "absent", "as", "multiply_by", "map", "otherwise", "pseudonym", "when")
        let slot = try slot(try members.required("column"))
        let absent = (try members["absent"]?.texts() ?? [""]).map(ExactText.init)
        let readings = ["as", "multiply_by", "map", "pseudonym"].filter { members[$0] != nil }
        guard readings.count <= 1, members["otherwise"] == nil || readings == ["map"] else {
            throw part.wrongShape(
                "a value with one of 'as', 'multiply_by', 'map' and 'pseudonym'; "
                    + "'otherwise' goes with 'map'")
        }
        var reading = Reading.text
        if let kind = try members["as"]?.choice(ColumnKind.self) {
            reading =
                switch kind {
                case .text: .text
                case .lowercase: .lowercase
                case .integer: .integer
                case .decimal: .decimal
                case .subject: .subject
                }
        } else if let factor = try members["multiply_by"]?.integer(in: 1...Self.factorMax) {
            reading = .multiple(of: Int64(factor))
        } else if let kind = try members["pseudonym"]?.text() {
            reading = .pseudonym(kind: kind)
        } else if let map = members["map"] {
            reading = try entries(map, otherwise: members["otherwise"])
        }
        return (members, .column(slot, absent: absent, reading))
    }

    private enum ColumnKind: String, CaseIterable {
        case text
        case lowercase
        case integer
        case decimal
        case subject
    }

    /// The microseconds of a day.
    private static let factorMax = 86_400_000_000

    private func entries(
        _ map: YAMLPart, otherwise: YAMLPart?
    ) throws(YAMLError) -> Reading {
        func value(_ part: YAMLPart) throws(YAMLError) -> Value {
            switch try part.scalar() {
            case .text(let text): .text(text)
            case .integer(let number): .integer(number)
            case .boolean(let truth): .boolean(truth)
            }
        }
        var entries: [ExactText: Value] = [:]
        for (text, part) in try map.members() { entries[ExactText(text)] = try value(part) }
        return .entry(of: entries, otherwise: try otherwise.map(value))
    }

    private mutating func time(
        reading part: YAMLPart
    ) throws(YAMLError) -> (YAMLMembers, ValueDefinition.Kind) {
        let members = try part.members("time", "format", "zone", "absent", "wraps_after", "when")
        var slots: [Slot] = []
        for column in try members.required("time").list() { slots.append(try slot(column)) }
        guard let format = try members.optional("format", times.format) ?? times.format else {
            throw part.error(.missingKey("format", place: part.place))
        }
        let zone = try members.optional("zone", readZone) ?? times.zone
        if format.offset == .fromZone && zone == nil {
            throw part.error(.missingKey("zone", place: part.place))
        }
        let wrapsAfter = try members.optional("wraps_after", time(_:))
        let reading = TimeReading(
            format: format, zone: format.offset == .fromZone ? zone : nil, wrapsAfter: wrapsAfter)
        let absent = (try members["absent"]?.texts() ?? [""]).map(ExactText.init)
        return (members, .time(slots, absent: absent, reading))
    }

    private mutating func after(
        _ part: YAMLPart
    ) throws(YAMLError) -> (YAMLMembers, ValueDefinition.Kind) {
        let members = try part.members("after", "by", "unit", "absent", "when")
        let start = try time(try members.required("after"))
        let slot = try slot(try members.required("by"))
        let unit = try members["unit"]?.choice(DurationUnit.self) ?? .seconds
        let absent = (try members["absent"]?.texts() ?? [""]).map(ExactText.init)
        return (members, .after(start, by: slot, absent: absent, unit))
    }

    /// Whether reading the value takes the value at `index`.
    private func reaches(
        _ index: ValueIndex, from definition: ValueDefinition, in all: [ValueDefinition]
    ) -> Bool {
        var seen = Set<ValueIndex>()
        var waiting = definition.dependencies
        while let next = waiting.popLast() {
            if next == index { return true }
            if seen.insert(next).inserted { waiting += all[next].dependencies }
        }
        return false
    }
}

/// What times are read with where a value says nothing else.
private struct TimeDefaults {
    var zone: Zone?
    var format: TimeFormat?
    private var twoDigitYearsFrom = 1970

    init(_ part: YAMLPart?) throws(YAMLError) {
        guard let members = try part?.members("zone", "format", "two_digit_years_from") else {
            return
        }
        zone = try members.optional("zone", readZone)
        twoDigitYearsFrom =
            try members["two_digit_years_from"]?.integer(in: 0...9900) ?? twoDigitYearsFrom
        format = try members.optional("format", format)
    }

    func format(_ part: YAMLPart) throws(YAMLError) -> TimeFormat {
        let pattern = try part.text()
        do throws(TimeFormatError) {
            return try TimeFormat(pattern, twoDigitYearsFrom: twoDigitYearsFrom)
        } catch {
            throw part.error(.other(place: "the time format '\(pattern)'", "\(error)"))
        }
    }
}

private func readZone(_ part: YAMLPart) throws(YAMLError) -> Zone {
    guard let zone = Zone(identifier: try part.text()) else {
        throw part.wrongShape("a time zone of the IANA database, such as Europe/Rome")
    }
    return zone
}

extension ValueDefinition {
    /// The values that this one is made from.
    fileprivate var dependencies: [ValueIndex] {
        let own: [ValueIndex] =
            switch kind {
            case .column, .firstRow, .identity: []
            case .time(_, _, let reading): reading.wrapsAfter.map { [$0] } ?? []
            case .after(let start, _, _, _): [start]
            case .template(let template): template.values
            case .firstOf(let choices): choices
            }
        return own + (when?.values ?? [])
    }
}

extension Template {
    fileprivate var values: [ValueIndex] {
        pieces.compactMap { if case .value(let index) = $0 { index } else { nil } }
    }
}

extension Condition {
    fileprivate var values: [ValueIndex] {
        switch self {
        case .all(let conditions), .any(let conditions): conditions.flatMap(\.values)
        case .not(let condition): condition.values
        case .present(let index), .equal(let index, _): [index]
        case .before(let first, let second): [first, second]
        }
    }
}
