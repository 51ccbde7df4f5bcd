internal import ContactCentre
internal import EventLog
internal import YAML

/// Finds the columns of a mapping that tell of a person, and holds them apart from all that is for
/// everyone to see.
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
    /// - Throws: `YAMLError` where one of them is read for anything else as well, or is in the key.
    func slots(key: [Slot], in parts: [YAMLPart]) throws(YAMLError) -> Set<Slot> {
        let sealed = Set(
            events.flatMap { event in
                personalMembers(of: event).flatMap { reached(by: $0.content) }
            })
        let subjects = Set(
            values.indices.filter { index in
                if case .column(_, _, .subject) = values[index].kind { true } else { false }
            })
        let personal = Set(sealed.union(subjects).flatMap { columns(of: values[$0]) })
        guard !personal.isEmpty else { return [] }
        for (slot, part) in zip(key, parts) where personal.contains(slot) {
            throw refusal(of: slot, in: part)
        }
        var open: Set<ValueIndex> = []
        for event in events {
            for template in [event.stream] + event.tags { open.formUnion(reached(by: template)) }
            for member in event.data where !isPersonal(member, of: event) {
                open.formUnion(reached(by: member.content))
            }
        }
        for index in open.subtracting(subjects) {
            if let slot = columns(of: values[index]).first(where: personal.contains) {
                throw refusal(of: slot, in: reader.part(index))
            }
        }
        return personal
    }

    private func refusal(of slot: Slot, in part: YAMLPart) -> YAMLError {
        part.error(
            .other(
                place: part.place,
                "the column '\(reader.columns[slot].name)' tells of a person, and is sealed "
                    + "elsewhere; what is made of it here would be for everyone to see"))
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
            case .column, .time, .after, .firstRow, .identity: []
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
