package import ContactCentre
internal import JSON
package import YAML

/// An organisation as somebody has written it down.
package struct WrittenDescription {
    package let organisation: OrganisationDescription
    /// The sections that it has; it says nothing of all others.
    package let sections: Set<Section>
    package let decision: NamedDecision?
    /// Where each setting stands.
    private let parts: [SettingKey: YAMLPart]

    package struct NamedDecision {
        package let name: String
        package let decision: Decision
        let part: YAMLPart
    }

    /// Reads a description.
    ///
    /// - Throws: ``YAMLError`` with the line of the first mistake.
    package init(yaml text: String) throws(YAMLError) {
        let document = try YAMLPart(document: text, place: "the description")
        let top = try document.members(of: ["decision"] + Section.allCases.map(\.rawValue))
        var reader = SettingsReader()
        var sections: Set<Section> = []
        for section in Section.allCases {
            guard let part = top[section.rawValue] else { continue }
            sections.insert(section)
            try reader.read(section, part)
        }
        self.sections = sections
        organisation = OrganisationDescription(settings: reader.settings)
        parts = reader.parts
        decision = try top["decision"].map(Self.decision)
    }

    private static func decision(_ part: YAMLPart) throws(YAMLError) -> NamedDecision {
        let members = Decision.members
        let given = try part.members(of: ["ref"] + members.map(\.key))
        let ref = try given.required("ref")
        let name = try ref.text()
        guard isName(name) else {
            throw ref.wrongShape("a name: a text that is not empty, without control characters")
        }
        return NamedDecision(
            name: name,
            decision: try setting(Decision(), members, given, at: part, "org.change_decided"),
            part: part)
    }

    func has(_ key: SettingKey) -> Bool { parts[key] != nil }

    /// What is wrong with a setting, at the line of one of its members if that has one.
    func error(_ key: SettingKey, member: String?, _ problem: String) -> YAMLError {
        guard let part = parts[key] else {
            return YAMLError(line: nil, reason: .other(place: key.place, problem))
        }
        let declared = key.facet.members.first { $0.name == member }
        let members = try? part.members()
        let found = members?.first { $0.key == declared?.key }?.value ?? part
        return found.error(.other(place: found.place, problem))
    }
}

extension SettingKey {
    /// As the places of a description are written, `queues.registry` or
    /// `operators.op-1.skills.tax`.
    package var place: String { parts.joined(separator: ".") }

    /// The place, and those that it is within: of the part, the thing, the section.
    package var places: [String] {
        parts.indices.map { parts[...$0].joined(separator: ".") }
    }

    private var parts: [String] {
        [facet.section.rawValue, thing] + [facet.partKey, part].compactMap(\.self)
    }
}

/// Reads the settings of sections.
private struct SettingsReader {
    private(set) var settings: [SettingKey: any Setting] = [:]
    private(set) var parts: [SettingKey: YAMLPart] = [:]

    mutating func read(_ section: Section, _ part: YAMLPart) throws(YAMLError) {
        if part.isNull { return }
        let facets = Facet.all.filter { $0.section == section }
        let whole = Facet.whole(of: section)
        let known = whole.members.map(\.key) + facets.compactMap(\.partKey)
        for (name, thing) in try part.members() {
            guard isName(name) else {
                throw thing.wrongShape("under a name that is not empty, without control characters")
            }
            guard !thing.isNull else {
                try add(SettingKey(whole, of: name), YAMLMembers(owner: thing), thing)
                continue
            }
            let given = try thing.members(of: known)
            try add(SettingKey(whole, of: name), given, thing)
            for facet in facets {
                guard let key = facet.partKey, let part = given[key], !part.isNull else { continue }
                try read(facet, of: name, part)
            }
        }
    }

    private mutating func read(
        _ facet: Facet, of thing: String, _ part: YAMLPart
    ) throws(YAMLError) {
        guard let name = facet.partName else {
            return try readPart(SettingKey(facet, of: thing), part)
        }
        if part.isMapping {
            for (key, value) in try part.members() {
                try readPart(try Self.key(facet, name, thing, key, value), value)
            }
        } else {
            for element in try part.list() {
                let key = try Self.key(facet, name, thing, try element.text(), element)
                guard parts[key] == nil else {
                    throw element.error(.other(place: element.place, "stands there twice"))
                }
                try add(key, YAMLMembers(owner: element), element)
            }
        }
    }

    private static func key(
        _ facet: Facet, _ name: Facet.PartName, _ thing: String, _ part: String,
        _ value: YAMLPart
    ) throws(YAMLError) -> SettingKey {
        do throws(PayloadError.Problem) { try name.check(part) } catch {
            throw value.error(.other(place: value.place, "its key \(error)"))
        }
        return SettingKey(facet, of: thing, part: part)
    }

    /// The members of a part; a value alone is that of the first.
    private mutating func readPart(_ key: SettingKey, _ part: YAMLPart) throws(YAMLError) {
        let members = key.facet.members
        if part.isNull { return try add(key, YAMLMembers(owner: part), part) }
        if part.isMapping {
            return try add(key, try part.members(of: members.map(\.key)), part)
        }
        guard let first = members.first else { throw part.wrongShape("empty") }
        try add(key, YAMLMembers(owner: part, [first.key: part]), part)
    }

    private mutating func add(
        _ key: SettingKey, _ given: YAMLMembers, _ part: YAMLPart
    ) throws(YAMLError) {
        parts[key] = part
        settings[key] = try setting(
            key.facet.blank, key.facet.members, given, at: part, key.facet.begun.type)
    }
}

/// Reads a setting from its members; each mistake has the line of the member.
private func setting<Kind: Setting>(
    _ blank: Kind, _ members: [MemberDeclaration], _ given: YAMLMembers, at part: YAMLPart,
    _ type: String
) throws(YAMLError) -> Kind {
    let bytes = Array(try members.payloadValue(of: given).json.utf8)
    guard let payload = JSONPayload(checked: bytes[...]) else {
        preconditionFailure("an object was written")
    }
    do throws(PayloadError) { return try Kind(checking: payload, type: type) } catch {
        throw part.error(at: error.member[...], error.problem, members, given)
    }
}

extension YAMLPart {
    /// A mistake at the path of a member, as `overflow[1].afterUs`, in the words of a description.
    fileprivate func error(
        at path: Substring, _ problem: PayloadError.Problem, _ members: [MemberDeclaration],
        _ given: YAMLMembers
    ) -> YAMLError {
        let name = path.prefix { $0 != "[" && $0 != "." }
        guard let member = members.first(where: { $0.name == name }) else {
            return error(.other(place: place, "\"\(path)\" \(problem)"))
        }
        guard let found = given[member.key], !found.isNull else {
            return problem == .missing
                ? error(.missingKey(member.key, place: place))
                : error(.other(place: "\(place).\(member.key)", "\(problem)"))
        }
        let rest = path.dropFirst(name.count)
        guard case .objects(let inner) = member.shape, rest.first == "[",
            let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end].dropFirst()),
            let elements = try? found.list(), index < elements.count,
            let given = try? elements[index].members(of: inner.map(\.key))
        else { return found.error(.other(place: found.place, "\(problem)")) }
        return elements[index].error(
            at: rest[end...].drop { $0 == "]" || $0 == "." }, problem, inner, given)
    }
}
