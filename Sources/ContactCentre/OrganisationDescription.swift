internal import JSON

/// What is settled about all things of an organisation at one moment, or is to be.
package struct OrganisationDescription: Sendable {
    package var settings: [SettingKey: any Setting]

    package init(settings: [SettingKey: any Setting] = [:]) { self.settings = settings }

    /// The same without what belongs to things that are not there.
    package var withoutStrays: OrganisationDescription {
        OrganisationDescription(settings: settings.filter { settings[$0.key.whole] != nil })
    }

    /// A name that stands for a thing.
    package struct Reference: Hashable, Sendable {
        package let key: SettingKey
        /// The member of the setting that names it, or that a part is named by.
        package let member: String
        package let section: Section
        package let name: ExactText
    }

    /// Names of things that are not there, in the order of what names them.
    package var danglingReferences: [Reference] {
        references.filter { reference in
            settings[SettingKey(Facet.whole(of: reference.section), of: reference.name.text)] == nil
        }
    }

    private var references: [Reference] {
        settings.sorted { $0.key < $1.key }.flatMap { key, setting in
            var found: [Reference] = []
            if case .thing(let member, let section) = key.facet.partName, let part = key.part {
                found.append(
                    Reference(key: key, member: member, section: section, name: ExactText(part)))
            }
            guard let payload = JSONPayload(checked: setting.payload[...]) else { return found }
            Self.forEachReference(in: payload, key.facet.members) { member, section, name in
                found.append(
                    Reference(key: key, member: member, section: section, name: ExactText(name)))
            }
            return found
        }
    }

    /// Members of objects in lists count as the list's.
    private static func forEachReference(
        in payload: JSONPayload, _ members: [MemberDeclaration],
        _ visit: (_ member: String, Section, _ name: String) -> Void
    ) {
        for member in members {
            guard let value = payload.member(member.name) else { continue }
            switch member.shape {
            case .reference(let section): value.string.map { visit(member.name, section, $0) }
            case .references(let section):
                for element in value.elements ?? [] {
                    element.string.map { visit(member.name, section, $0) }
                }
            case .objects(let inner):
                for object in (value.elements ?? []).compactMap(\.object) {
                    forEachReference(in: object, inner) { visit(member.name, $1, $2) }
                }
            case .text, .name, .zone, .time, .names, .date, .integer, .number, .week, .exceptions,
                .choice, .choices, .word, .id, .object:
                break
            }
        }
    }

    /// What turns one setting into another.
    package struct Step: Sendable {
        package let key: SettingKey
        /// Nil where nothing is settled yet.
        package let before: (any Setting)?
        /// Nil where nothing is settled from then on.
        package let after: (any Setting)?

        /// The event that says so.
        package var kind: Facet.EventKind {
            if after == nil { return key.facet.ended }
            return before == nil ? key.facet.begun : key.facet.changed
        }
    }

    /// What turns the description into another, within sections: what a thing means stands before
    /// it, and goes after it.
    package func steps(
        to other: OrganisationDescription, in sections: Set<Section>
    ) -> [Step] {
        let keys = Set(settings.keys).union(other.settings.keys)
            .filter { sections.contains($0.facet.section) }.sorted()
        let steps = keys.compactMap { key -> Step? in
            let (before, after) = (settings[key], other.settings[key])
            guard before?.payload != after?.payload else { return nil }
            // Parts of a thing that is not there are left to whoever has told of them.
            if after == nil, settings[key.whole] == nil, other.settings[key.whole] == nil {
                return nil
            }
            return Step(key: key, before: before, after: after)
        }
        return steps.filter { $0.after != nil } + steps.filter { $0.after == nil }.reversed()
    }
}
