internal import ContactCentre
internal import EventLog
internal import YAML

/// Finds the columns of a mapping that tell of a person, and holds them apart from all that is for
/// everyone to see.
///
/// Such a mapping needs a key of other columns: ids stand in the log for ever, so nothing personal
/// goes into them, and without it rows of two persons could not be told apart.
struct PersonalColumns {
    private let values: [ValueDefinition]
    private let events: [EventDefinition]
    private let reader: ValueReader

    init(_ values: [ValueDefinition], _ events: [EventDefinition], _ reader: ValueReader) {
        self.values = values
        self.events = events
        self.reader = reader
    }

    /// The columns that personal members are made of, or that lead to a person.
    ///
    /// - Throws: `YAMLError` where one of them is read for anything else as well, or is in the key,
    ///   or there is no key.
    func slots(
        key: YAMLPart?, of slots: [Slot], _ rules: Rules, in document: YAMLPart
    ) throws(YAMLError) -> Set<Slot> {
        let personal = personal
        guard !personal.isEmpty else { return [] }
        guard let key, !slots.isEmpty else {
            throw document.error(
                .other(
                    place: document.place,
                    "a mapping with personal data needs a 'key' of other columns, which tells each "
                        + "row from all others: nothing personal goes into an id"))
        }
        for (slot, part) in zip(slots, try key.list()) where personal.contains(slot) {
            throw refusal(of: slot, in: part)
        }
        let shown = shown(by: rules).filter { !isSubject($0) }
        for index in shown + compared(by: rules) {
            let part = reader.part(index)
            if let slot = columns(of: values[index]).first(where: personal.contains) {
                throw refusal(of: slot, in: part)
            }
        }
        return personal
    }

    /// What a mapping decides by beside its events.
    struct Rules {
        let conditions: [Condition]
        let templates: [Template]
    }

    private var personal: Set<Slot> {
        let sealed = events.flatMap { event in
            personalMembers(of: event).flatMap { reached(by: $0.content) }
        }
        return Set(
            (sealed + values.indices.filter(isSubject)).flatMap { columns(of: values[$0]) })
    }

    /// The values that something is made of that is for everyone to see; of what leads to a person
    /// that is a reference.
    private func shown(by rules: Rules) -> [ValueIndex] {
        var found: [ValueIndex] = []
        for event in events {
            for template in [event.stream] + event.tags { found += reached(by: template) }
            for member in event.data where !isPersonal(member, of: event) {
                found += reached(by: member.content)
            }
            if let time = event.time { found += reached(by: time) }
        }
        for template in rules.templates { found += reached(by: template) }
        return found
    }

    /// The values whose content decides what is for everyone to see.
    private func compared(by rules: Rules) -> [ValueIndex] {
        let conditions = events.compactMap(\.when) + values.compactMap(\.when) + rules.conditions
        return conditions.flatMap(compared(in:))
    }

    /// The values whose content a condition looks at, and not only whether a column is empty.
    private func compared(in condition: Condition) -> [ValueIndex] {
        switch condition {
        case .all(let conditions), .any(let conditions): conditions.flatMap(compared(in:))
        case .not(let condition): compared(in: condition)
        case .present(let index): reached(by: index).filter(isThereByContent)
        case .equal(let index, _): reached(by: index)
        case .before(let first, let second): reached(by: first) + reached(by: second)
        }
    }

    /// Whether that the value is there, or is not, tells more than that its column is empty.
    private func isThereByContent(_ index: ValueIndex) -> Bool {
        switch values[index].kind {
        case .column(_, _, .entry), .firstRow: true
        case .column(_, let absent, _), .time(_, let absent, _), .after(_, _, let absent, _):
            absent.contains { !$0.text.isEmpty }
        case .template, .firstOf, .identity: false
        }
    }

    private func refusal(of slot: Slot, in part: YAMLPart) -> YAMLError {
        part.error(
            .other(
                place: part.place,
                "the column '\(reader.columns[slot].name)' tells of a person, and is sealed "
                    + "elsewhere; what is made of it here would be for everyone to see"))
    }

    private func isSubject(_ index: ValueIndex) -> Bool {
        if case .column(_, _, .subject) = values[index].kind { true } else { false }
    }

    private func isPersonal(_ member: DataMember, of event: EventDefinition) -> Bool {
        personalMembers(of: event).contains { $0.key == member.key }
    }

    private func personalMembers(of event: EventDefinition) -> [DataMember] {
        let names = PersonalFields.of(type: event.type.text)?.members ?? []
        let keys = names.map { Array("\"\($0)\":".utf8) }
        return event.data.filter { keys.contains($0.key) }
    }

    /// The values that a content is made of, and those that they are made of.
    private func reached(by content: DataMember.Content) -> [ValueIndex] {
        switch content {
        case .constant: []
        case .value(let index): reached(by: index)
        case .template(let template): reached(by: template)
        case .object(let members): members.flatMap { reached(by: $0.content) }
        case .list(let contents): contents.flatMap(reached(by:))
        }
    }

    private func reached(by template: Template) -> [ValueIndex] {
        template.pieces.flatMap { piece in
            if case .value(let index) = piece { return reached(by: index) }
            return []
        }
    }

    private func reached(by index: ValueIndex) -> [ValueIndex] {
        let further: [ValueIndex] =
            switch values[index].kind {
            case .template(let template): reached(by: template)
            case .firstOf(let choices): choices.flatMap(reached(by:))
            case .after(let base, _, _, _): reached(by: base)
            case .time(_, _, let reading):
                reading.wrapsAfter.map { reached(by: $0) } ?? []
            case .column, .firstRow, .identity: []
            }
        return [index] + further
    }

    private func columns(of value: ValueDefinition) -> [Slot] {
        switch value.kind {
        case .column(let slot, _, _): [slot]
        case .time(let slots, _, _): slots
        case .after(_, by: let slot, _, _): [slot]
        case .firstRow(let slots): slots
        case .template, .firstOf, .identity: []
        }
    }
}
