package import ContactCentre
internal import JSON
package import YAML

extension OrganisationDescription {
    /// The description as somebody would have written it; reading it gives the same.
    package var written: YAMLValue {
        let sorted = withoutStrays.settings.sorted { $0.key < $1.key }
        return .members(
            Section.allCases.compactMap { section in
                let settings = sorted.filter { $0.key.facet.section == section }
                guard !settings.isEmpty else { return nil }
                return YAMLMember(section.rawValue, .members(Self.things(settings)))
            })
    }

    private static func things(
        _ settings: [(key: SettingKey, value: any Setting)]
    ) -> [YAMLMember] {
        settings.split { first, next in first.key.whole == next.key.whole }.map { thing in
            let parts = thing.split { first, next in first.key.facet == next.key.facet }
            let members = parts.flatMap { part -> [YAMLMember] in
                guard let first = part.first else { return [] }
                guard let key = first.key.facet.partKey else {
                    return first.value.writtenMembers
                }
                return [YAMLMember(key, Self.part(part))]
            }
            return YAMLMember(thing.first?.key.thing ?? "", .members(members))
        }
    }

    private static func part(
        _ settings: ArraySlice<(key: SettingKey, value: any Setting)>
    ) -> YAMLValue {
        if let only = settings.first, only.key.part == nil { return only.value.written }
        let named = settings.map { ($0.key.part ?? "", $0.value) }
        if named.allSatisfy({ $0.1.writtenMembers.isEmpty }) {
            return .list(named.map { .text($0.0) })
        }
        return .members(named.map { YAMLMember($0.0, $0.1.written) })
    }
}

extension Setting {
    /// Its members as a description has them.
    package var writtenMembers: [YAMLMember] {
        JSONPayload(checked: payload[...]).map { Self.members.described($0) } ?? []
    }

    /// Its members, or the value of the first where there is no other.
    fileprivate var written: YAMLValue {
        let members = writtenMembers
        if members.count == 1, let only = members.first, only.key == Self.members.first?.key,
            !only.value.isMembers
        {
            return only.value
        }
        return .members(members)
    }
}

extension YAMLValue {
    fileprivate var isMembers: Bool { if case .members = self { true } else { false } }
}

extension Sequence {
    /// Runs of elements of which each goes with the one before it.
    fileprivate func split(
        where goesWith: (Element, Element) -> Bool
    ) -> [ArraySlice<Element>] {
        var runs: [ArraySlice<Element>] = []
        for element in self {
            if let last = runs.last?.last, goesWith(last, element) {
                runs[runs.count - 1].append(element)
            } else {
                runs.append([element])
            }
        }
        return runs
    }
}
