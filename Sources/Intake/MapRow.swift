internal import ContactCentre
internal import EventLog
internal import JSON

/// An event that a row describes, before it is in the log.
struct MappedEvent: Equatable {
    /// Its place in the list of the mapping's events.
    let definition: Int
    /// Its place in the life cycle.
    let rank: UInt8
    let id: EventID
    let time: Instant?
    let stream: StreamName
    var tags: Tags
    var data: [UInt8]
    /// The latest time of the row's events up to this one.
    let latest: Instant?

    /// Whether an earlier event of the life cycle has a later time.
    var isBackward: Bool {
        guard let time, let latest else { return false }
        return time < latest
    }
}

/// What a row means under a mapping.
enum MappedRow: Equatable {
    /// Left out by the rule of this name.
    case skipped(rule: String)
    /// With the names of the anomalies that it shows.
    case events([MappedEvent], anomalies: [String])
}

/// Turns the rows of one file into events.
struct RowMapper {
    private let mapping: Mapping
    private let pseudonyms: Pseudonyms
    /// The field of the file in which each column stands.
    private let fieldOfSlot: [Int]
    /// Fields of which a pseudonym is made.
    private let hiddenFields: Set<Int>
    private var fields = CSVFields()
    /// Values of this row that have been read already.
    private var cache: [Value?]
    private var occurrences: [EventID: Int] = [:]
    /// The bytes that tell this row from all others.
    private var key: [UInt8] = []
    private let firstRows: FirstRows
    private let persons: PersonalIntake

    /// A clock that runs back by less than this is no midnight.
    private static let wrapMicroseconds: Int64 = 12 * 3600 * 1_000_000
    private static let dayMicroseconds: Int64 = 86_400_000_000

    /// - Throws: ``IntakeError`` where the header lacks a column that the mapping reads.
    init(
        _ mapping: Mapping, header names: [String], path: String, pseudonymSecret: String,
        firstRows: FirstRows, persons: PersonalIntake
    ) throws(IntakeError) {
        var fieldOfSlot: [Int] = []
        for column in mapping.columns {
            guard let field = names.firstIndex(of: column.name) else {
                throw .missingColumn(
                    column.name, mappingLine: column.line, path: path, existing: names)
            }
            guard names.lastIndex(of: column.name) == field else {
                throw .ambiguousColumn(column.name, path: path)
            }
            fieldOfSlot.append(field)
        }
        self.mapping = mapping
        self.firstRows = firstRows
        self.persons = persons
        self.fieldOfSlot = fieldOfSlot
        hiddenFields = Set(
            mapping.values.compactMap { definition in
                guard case .column(let slot, _, .pseudonym) = definition.kind else { return nil }
                return fieldOfSlot[slot]
            })
        pseudonyms = Pseudonyms(namespace: mapping.namespace, secret: pseudonymSecret)
        cache = Array(repeating: nil, count: mapping.values.count)
    }

    /// The name that the mapping gives the event.
    func name(of event: MappedEvent) -> String { mapping.events[event.definition].name }

    /// What the row means; every value of the mapping is read, needed or not.
    mutating func map(_ fields: CSVFields) throws(RowRefusal) -> MappedRow {
        self.fields = fields
        for index in cache.indices { cache[index] = nil }
        firstRows.forgetRow()
        // Before any rule is judged: a rule may ask for an identity, which is made of it.
        key = rowKey()
        for skip in mapping.skips where try holds(skip.condition) {
            return .skipped(rule: skip.name)
        }
        for rule in mapping.refusals where try holds(rule.condition) {
            throw .rule(try text(rule.reason, .plain) ?? "a rule of the mapping refuses the row")
        }
        for index in cache.indices { _ = try value(index) }
        var anomalies: [String] = []
        for anomaly in mapping.anomalies where try holds(anomaly.condition) {
            anomalies.append(anomaly.name)
        }
        let events = try events()
        // Only now, since a row that is refused on the way leaves its place to the next one.
        firstRows.keepRow()
        return .events(events, anomalies: anomalies)
    }

    // MARK: - Events

    private mutating func events() throws(RowRefusal) -> [MappedEvent] {
        var events: [MappedEvent] = []
        var latest: Instant?
        for (index, definition) in mapping.events.enumerated() {
            guard try isPresent(definition.when) else { continue }
            let time = try time(of: definition)
            if let time { latest = max(latest ?? time, time) }
            guard let streamText = try text(definition.stream, .stream) else {
                throw .noStream(event: definition.name)
            }
            let tagTexts = try tags(of: definition)
            let data = try data(of: definition)
            let event: MappedEvent
            do throws(EventError) {
                guard data.count <= EventLimits.dataBytesMax else {
                    throw .dataTooLong(bytes: data.count)
                }
                var tags: [Tag] = []
                for text in tagTexts { tags.append(try Tag(text.text)) }
                event = MappedEvent(
                    definition: index, rank: definition.rank, id: id(of: definition), time: time,
                    stream: try StreamName(streamText), tags: try Tags(tags), data: data,
                    latest: latest)
            } catch {
                throw .event(name: definition.name, error)
            }
            let admitted = try admitted(event, definition)
            if case .refused(let error) = checkPayload(
                type: definition.type.text, schema: definition.schema,
                payload: JSONPayload(checked: admitted.data[...]))
            {
                throw .payload(event: definition.name, error)
            }
            events.append(admitted)
        }
        return events
    }

    private func id(of definition: EventDefinition) -> EventID {
        var name = key
        appendNetstring(definition.name.utf8, to: &name)
        return EventID(namespace: mapping.namespace, name: name)
    }

    /// The event with its personal members sealed.
    private func admitted(
        _ event: MappedEvent, _ definition: EventDefinition
    ) throws(RowRefusal) -> MappedEvent {
        guard PersonalFields.of(type: definition.type.text) != nil,
            let data = try? EventData.json(checking: event.data[...])
        else { return event }
        let admitted = try persons.admitted(
            NewEvent(
                id: event.id, type: definition.type, schema: definition.schema,
                stream: event.stream, tags: event.tags, source: mapping.source, time: event.time,
                data: data))
        var event = event
        event.tags = admitted.tags
        event.data = admitted.data.content.map { Array($0) } ?? []
        return event
    }

    /// The bytes that tell this row from all others: its key columns, or all and the occurrence.
    private mutating func rowKey() -> [UInt8] {
        var key: [UInt8] = []
        guard mapping.key.isEmpty else {
            for slot in mapping.key { appendKeyField(fieldOfSlot[slot], to: &key) }
            return key
        }
        for field in 0..<fields.count { appendKeyField(field, to: &key) }
        let row = EventID(namespace: mapping.namespace, name: key)
        let occurrence = occurrences[row, default: 0] + 1
        occurrences[row] = occurrence
        appendNetstring(String(occurrence).utf8, to: &key)
        return key
    }

    /// Appends a field; in place of one that a pseudonym hides, what cannot be found out by trying
    /// names without the secret, since identifiers are for everyone to see.
    private func appendKeyField(_ field: Int, to key: inout [UInt8]) {
        if hiddenFields.contains(field) {
            appendNetstring(pseudonyms.hidden(fields[field]).description.utf8, to: &key)
        } else {
            appendNetstring(fields[field], to: &key)
        }
    }

    private mutating func time(of definition: EventDefinition) throws(RowRefusal) -> Instant? {
        guard let index = definition.time else { return nil }
        guard case .time(let moment) = try value(index) else {
            throw .noTime(event: definition.name)
        }
        return moment.instant
    }

    private mutating func tags(of definition: EventDefinition) throws(RowRefusal) -> [ExactText] {
        var texts: [ExactText] = []
        for template in definition.tags {
            // A tag with an absent or empty value says nothing.
            guard let text = try text(template, .tag),
                text.utf8.last != UInt8(ascii: ":")
                    || text.utf8.dropLast().contains(UInt8(ascii: ":"))
            else { continue }
            let tag = ExactText(text)
            if !texts.contains(tag) { texts.append(tag) }
        }
        return texts
    }

    private mutating func data(of definition: EventDefinition) throws(RowRefusal) -> [UInt8] {
        var data: [UInt8] = []
        guard try appendObject(definition.data, lacking: .itsMember, to: &data) == .written else {
            return Array("{}".utf8)
        }
        return data
    }

    /// What an object leaves out where a value in it is absent.
    private enum LeftOut {
        case itsMember
        case theObject
    }

    /// Appends an object, or nothing where no member is left.
    private mutating func appendObject(
        _ members: [DataMember], lacking: LeftOut, to data: inout [UInt8]
    ) throws(RowRefusal) -> Writing {
        let beginning = data.count
        data.append(UInt8(ascii: "{"))
        for member in members {
            let start = data.count
            if start > beginning + 1 { data.append(UInt8(ascii: ",")) }
            data += member.key
            guard try appendContent(member.content, to: &data) == .absent else { continue }
            data.removeSubrange((lacking == .theObject ? beginning : start)...)
            if lacking == .theObject { return .absent }
        }
        guard data.count > beginning + 1 else {
            data.removeSubrange(beginning...)
            return .absent
        }
        data.append(UInt8(ascii: "}"))
        return .written
    }

    /// Appends a list, or nothing where no element is left.
    private mutating func appendList(
        _ elements: [DataMember.Content], to data: inout [UInt8]
    ) throws(RowRefusal) -> Writing {
        let beginning = data.count
        data.append(UInt8(ascii: "["))
        for element in elements {
            let start = data.count
            if start > beginning + 1 { data.append(UInt8(ascii: ",")) }
            let writing =
                if case .object(let members) = element {
                    try appendObject(members, lacking: .theObject, to: &data)
                } else {
                    try appendContent(element, to: &data)
                }
            if writing == .absent { data.removeSubrange(start...) }
        }
        guard data.count > beginning + 1 else {
            data.removeSubrange(beginning...)
            return .absent
        }
        data.append(UInt8(ascii: "]"))
        return .written
    }

    private enum Writing {
        case written
        case absent
    }

    private mutating func appendContent(
        _ content: DataMember.Content, to data: inout [UInt8]
    ) throws(RowRefusal) -> Writing {
        switch content {
        case .constant(let bytes): data += bytes
        case .template(let template):
            guard let text = try text(template, .plain) else { return .absent }
            appendJSONString(text, to: &data)
        case .object(let members):
            return try appendObject(members, lacking: .itsMember, to: &data)
        case .list(let elements): return try appendList(elements, to: &data)
        case .value(let index):
            let value = try value(index)
            guard let text = value.text else { return .absent }
            switch value {
            case .integer, .decimal, .boolean: data += text.utf8
            case .absent, .text, .time: appendJSONString(text, to: &data)
            }
        }
        return .written
    }

    // MARK: - Conditions, templates and values

    /// Whether what hangs on this condition is there; without one it always is.
    private mutating func isPresent(_ when: Condition?) throws(RowRefusal) -> Bool {
        guard let when else { return true }
        return try holds(when)
    }

    private mutating func holds(_ condition: Condition) throws(RowRefusal) -> Bool {
        switch condition {
        case .all(let conditions):
            for condition in conditions {
                guard try holds(condition) else { return false }
            }
            return true
        case .any(let conditions):
            for condition in conditions where try holds(condition) { return true }
            return false
        case .not(let condition): return try holds(condition) == false
        case .present(let index): return try value(index) != .absent
        case .equal(let index, let texts):
            guard let text = try value(index).text else { return false }
            return texts.contains(ExactText(text))
        case .before(let first, let second):
            guard case .time(let early) = try value(first),
                case .time(let late) = try value(second)
            else { return false }
            return early.instant < late.instant
        }
    }

    /// The text of a template, or nil where a value in it is absent.
    private mutating func text(
        _ template: Template, _ encoding: NameEncoding
    ) throws(RowRefusal) -> String? {
        var text = ""
        for piece in template.pieces {
            switch piece {
            case .literal(let literal): text += literal
            case .value(let index):
                guard let value = try value(index).text else { return nil }
                text += percentEncoded(value, encoding)
            }
        }
        return text
    }

    private mutating func value(_ index: ValueIndex) throws(RowRefusal) -> Value {
        if let known = cache[index] { return known }
        let definition = mapping.values[index]
        let value: Value
        if try isPresent(definition.when) {
            switch definition.kind {
            case .column(let slot, let absent, let reading):
                value = try column(slot, absent: absent, reading, of: index)
            case .time(let slots, let absent, let reading):
                value = try time(slots, absent: absent, reading, of: definition)
            case .after(let base, let slot, let absent, let unit):
                value = try time(after: base, by: slot, absent: absent, unit, of: definition)
            case .template(let template):
                value = try text(template, .plain).map { .text($0) } ?? .absent
            case .firstOf(let choices): value = try first(of: choices)
            case .firstRow(let slots): value = firstRow(index, slots)
            case .identity(let word): value = .text(identity(word))
            }
        } else {
            value = .absent
        }
        cache[index] = value
        return value
    }

    private mutating func first(of choices: [ValueIndex]) throws(RowRefusal) -> Value {
        for choice in choices {
            let value = try value(choice)
            if value != .absent { return value }
        }
        return .absent
    }

    private func firstRow(_ index: ValueIndex, _ slots: [Slot]) -> Value {
        var name: [UInt8] = []
        appendNetstring(mapping.values[index].name.utf8, to: &name)
        for slot in slots { appendKeyField(fieldOfSlot[slot], to: &name) }
        let fields = EventID(namespace: mapping.namespace, name: name)
        return firstRows.isFirst(fields) ? .text("first") : .absent
    }

    private func identity(_ word: String) -> String {
        var name = key
        appendNetstring("identity".utf8, to: &name)
        appendNetstring(word.utf8, to: &name)
        return EventID(namespace: mapping.namespace, name: name).description
    }

    private func column(
        _ slot: Slot, absent: [ExactText], _ reading: Reading, of index: ValueIndex
    ) throws(RowRefusal) -> Value {
        let definition = mapping.values[index]
        let text = String(decoding: fields[fieldOfSlot[slot]], as: UTF8.self)
        if absent.contains(ExactText(text)) { return .absent }
        func unreadable(_ expected: String) -> RowRefusal {
            .unreadable(
                value: definition.name, columns: [mapping.columns[slot].name],
                text: shown(text, of: [slot]), expected: expected)
        }
        switch reading {
        case .text: return .text(text)
        case .lowercase: return .text(text.lowercased())
        case .integer:
            guard let number = Int64(text) else { throw unreadable("a whole number") }
            return .integer(number)
        case .decimal:
            guard let number = decimal(slot) else {
                throw unreadable("a number like \(mapping.format.decimalSeparator.example)")
            }
            return .decimal(number)
        case .multiple(let factor):
            guard let product = decimal(slot)?.wholeProduct(by: factor) else {
                let example = mapping.format.decimalSeparator.example
                throw unreadable(
                    "a number like \(example) whose product by \(factor) is a whole number "
                        + "of 64 bits")
            }
            return .integer(product)
        case .entry(let entries, let otherwise):
            guard let value = entries[ExactText(text)] ?? otherwise else {
                throw unreadable(
                    "one of \(entries.keys.map(\.text).sorted().joined(separator: ", "))")
            }
            return value
        case .pseudonym(let kind): return .text(pseudonyms.pseudonym(of: text, kind: kind))
        case .subject: return .text(try reference(of: text, by: index))
        }
    }

    /// What is said of a text that is refused: messages are kept where no erasure reaches.
    private func shown(_ text: String, of slots: [Slot]) -> String {
        slots.contains(where: mapping.personal.contains) ? "…" : text
    }

    /// The reference of a person, whom the row's events carry where they are made of this value.
    private func reference(
        of identifier: String, by index: ValueIndex
    ) throws(RowRefusal) -> String {
        var places: [(id: EventID, member: String)] = []
        for definition in mapping.events {
            guard let member = PersonalFields.of(type: definition.type.text)?.subject else {
                continue
            }
            let key = Array("\(jsonString(member)):".utf8)
            let isMadeOfIt = definition.data.contains { data in
                if case .value(index) = data.content { data.key == key } else { false }
            }
            if isMadeOfIt { places.append((id(of: definition), member)) }
        }
        return try persons.reference(of: identifier, in: places)
    }

    private mutating func time(
        _ slots: [Slot], absent: [ExactText], _ reading: TimeReading, of definition: ValueDefinition
    ) throws(RowRefusal) -> Value {
        var text: [UInt8] = []
        for (index, slot) in slots.enumerated() {
            let field = fields[fieldOfSlot[slot]]
            if absent.contains(where: { field.elementsEqual($0.text.utf8) }) { return .absent }
            if index > 0 { text.append(UInt8(ascii: " ")) }
            text += field
        }
        guard let read = reading.format.read(text[...]),
            let moment = try moment(read, reading)
        else {
            throw .unreadable(
                value: definition.name, columns: slots.map { mapping.columns[$0].name },
                text: shown(String(decoding: text, as: UTF8.self), of: slots),
                expected: "a time like \(reading.format.pattern)")
        }
        return .time(moment)
    }

    private func decimal(_ slot: Slot) -> ExactDecimal? {
        ExactDecimal(fields[fieldOfSlot[slot]], separator: mapping.format.decimalSeparator)
    }

    private mutating func time(
        after base: ValueIndex, by slot: Slot, absent: [ExactText], _ unit: DurationUnit,
        of definition: ValueDefinition
    ) throws(RowRefusal) -> Value {
        let field = fields[fieldOfSlot[slot]]
        if absent.contains(where: { field.elementsEqual($0.text.utf8) }) { return .absent }
        guard case .time(let start) = try value(base) else { return .absent }
        guard let duration = unit.microseconds(field, mapping.format.decimalSeparator) else {
            throw .unreadable(
                value: definition.name, columns: [mapping.columns[slot].name],
                text: shown(String(decoding: field, as: UTF8.self), of: [slot]),
                expected: unit.expected)
        }
        let (end, overflow) = start.instant.microseconds.addingReportingOverflow(duration)
        guard !overflow, end <= Instant.latest.microseconds else {
            throw .unreadable(
                value: definition.name, columns: [mapping.columns[slot].name],
                text: shown(String(decoding: field, as: UTF8.self), of: [slot]),
                expected: "a duration that ends before the year 10000")
        }
        // Where the zone changes its clock in between, `local` is that of the start's offset; it
        // is only compared with clocks half a day away.
        return .time(Moment(instant: Instant(microseconds: end), local: start.local + duration))
    }

    /// The moment of a reading; nil where it lies outside the years 0 to 9999.
    private mutating func moment(
        _ read: ClockReading, _ reading: TimeReading
    ) throws(RowRefusal) -> Moment? {
        var date = read.date
        var local = Int64(date.daysSince1970) * Self.dayMicroseconds + read.microsecondOfDay
        if let index = reading.wrapsAfter, case .time(let base) = try value(index),
            local < base.local - Self.wrapMicroseconds
        {
            date = CivilDate(daysSince1970: date.daysSince1970 + 1)
            local += Self.dayMicroseconds
        }
        let instant =
            if let zone = reading.zone {
                zone.instant(date: date, microsecondOfDay: read.microsecondOfDay)
            } else {
                Instant(microseconds: local - Int64(read.offsetSeconds ?? 0) * 1_000_000)
            }
        guard instant >= .earliest, instant <= .latest else { return nil }
        return Moment(instant: instant, local: local)
    }
}
