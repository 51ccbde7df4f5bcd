internal import ContactCentre
internal import EventLog
internal import JSON
package import YAML

extension Mapping {
    /// Reads a mapping and checks everything that can be checked without a row.
    ///
    /// - Throws: ``YAMLError`` with the line of the first mistake.
    package init(yaml text: String) throws(YAMLError) {
        let document = try YAMLPart(document: text, place: "the mapping")
        let top = try document.members(
            "namespace", "source", "file", "times", "key", "values", "skip", "refuse", "anomalies",
            "stream", "tags", "schema", "events")
        namespace = EventID(
            namespace: .urlNamespace, name: try top.required("namespace").text().utf8)
        source = try top.required("source").checked(Source.init)
        format = try top.optional("file", readFormat) ?? CSVFormat()

        var values = try ValueReader(top)
        let key = try top["key"]?.list() ?? []
        var keySlots: [Slot] = []
        for part in key { keySlots.append(try values.slot(part)) }
        self.key = keySlots
        self.values = try values.definitions()
        try values.checkPseudonyms(self.values)

        skips = try top.optional("skip", values.namedConditions) ?? []
        refusals = try readRefusals(top["refuse"], values)
        anomalies = try top.optional("anomalies", values.namedConditions) ?? []
        events = try EventReader(values: values, top: top).definitions()
        columns = values.columns
        personal = try PersonalColumns(self.values, events, values).slots(
            key: top["key"], of: keySlots,
            PersonalColumns.Rules(
                conditions: (skips + anomalies).map(\.condition) + refusals.map(\.condition),
                templates: refusals.map(\.reason)), in: document)
    }
}

extension EventID {
    /// The namespace of names that are URLs (RFC 9562, 6.6).
    static let urlNamespace = EventID(high: 0x6ba7_b811_9dad_11d1, low: 0x80b4_00c0_4fd4_30c8)
}

private func readFormat(_ part: YAMLPart) throws(YAMLError) -> CSVFormat {
    let members = try part.members(
        "delimiter", "encoding", "decimal_separator", "padding", "ragged_rows", "skip_lines",
        "columns")
    var format = CSVFormat()
    if let delimiter = members["delimiter"] {
        format.delimiter = try delimiter.choice(Delimiter.self).byte
    }
    if let encoding = try members["encoding"]?.choice(TextEncoding.self) {
        format.encoding = encoding
    }
    if let separator = try members["decimal_separator"]?.choice(DecimalSeparator.self) {
        format.decimalSeparator = separator
    }
    if let padding = try members["padding"]?.choice(Padding.self) { format.padding = padding }
    if let lines = try members["skip_lines"]?.integer(in: 0...CSVLimits.skippedLinesMax) {
        format.skippedLines = lines
    }
    if let columns = members["columns"] {
        let names = try columns.texts()
        guard !names.isEmpty, Set(names.map { ExactText($0) }).count == names.count else {
            throw columns.wrongShape("a list of names, each of them once")
        }
        format.columns = names
    }
    if let raggedRows = try members["ragged_rows"]?.choice(RaggedRows.self) {
        format.raggedRows = raggedRows
    }
    return format
}

private enum Delimiter: String, CaseIterable {
    case comma
    case semicolon
    case tab
    case pipe

    var byte: UInt8 {
        switch self {
        case .comma: UInt8(ascii: ",")
        case .semicolon: UInt8(ascii: ";")
        case .tab: UInt8(ascii: "\t")
        case .pipe: UInt8(ascii: "|")
        }
    }
}

private func readRefusals(
    _ part: YAMLPart?, _ values: ValueReader
) throws(YAMLError) -> [RefusalRule] {
    var rules: [RefusalRule] = []
    for rule in try part?.list() ?? [] {
        let members = try rule.members("when", "reason")
        rules.append(
            RefusalRule(
                condition: try values.condition(try members.required("when")),
                reason: try values.template(try members.required("reason"))))
    }
    return rules
}

/// Reads the list of events.
private struct EventReader {
    let values: ValueReader
    let top: YAMLMembers

    /// The rank of an event in the life cycle is one byte of the sort key.
    private static let eventsMax = 255

    init(values: ValueReader, top: YAMLMembers) {
        self.values = values
        self.top = top
    }

    func definitions() throws(YAMLError) -> [EventDefinition] {
        let list = try top.required("events")
        var definitions: [EventDefinition] = []
        for (place, part) in try list.list().enumerated() {
            let definition = try event(part, place: place)
            guard !definitions.contains(where: { $0.name == definition.name }) else {
                throw part.error(
                    .other(
                        place: part.place,
                        "another event has the name '\(definition.name)'; ids need distinct ones"))
            }
            definitions.append(definition)
        }
        guard (1...Self.eventsMax).contains(definitions.count) else {
            throw list.wrongShape("a list of 1 to \(Self.eventsMax) events")
        }
        return definitions
    }

    private func event(_ part: YAMLPart, place: Int) throws(YAMLError) -> EventDefinition {
        let members = try part.members(
            "name", "type", "schema", "rank", "stream", "when", "time", "tags", "data")
        let stream = if let own = members["stream"] { own } else { try top.required("stream") }
        let schema = try (members["schema"] ?? top["schema"])?.integer(in: 1...65_535)
        return EventDefinition(
            name: try members.required("name").text(),
            rank: UInt8(
                try members["rank"]?.integer(in: 0...Self.eventsMax) ?? min(place, Self.eventsMax)),
            type: try members.required("type").checked(EventType.init),
            schema: UInt16(schema ?? 1), stream: try values.template(stream),
            when: try members.optional("when", values.condition),
            time: try members.optional("time", values.time),
            tags: try tags(top["tags"]) + tags(members["tags"]),
            data: try members.optional("data") { part throws(YAMLError) in
                try data(part, level: 1)
            } ?? [])
    }

    private func tags(_ part: YAMLPart?) throws(YAMLError) -> [Template] {
        var tags: [Template] = []
        for element in try part?.list() ?? [] {
            let tag = try values.template(element)
            guard tag.literalStart.utf8.dropFirst().contains(UInt8(ascii: ":")) else {
                throw element.wrongShape("a tag such as 'queue:{queue}', its key without braces")
            }
            tags.append(tag)
        }
        return tags
    }

    /// The members of an object that lies so many levels deep; the payload itself is at level 1.
    private func data(_ part: YAMLPart, level: Int) throws(YAMLError) -> [DataMember] {
        // A payload that no reader accepts would be in the log for ever.
        guard level <= JSONLimits.depthMax else { throw tooDeep(part) }
        var members: [DataMember] = []
        for (name, value) in try part.members() {
            members.append(
                DataMember(
                    key: Array("\(jsonString(name)):".utf8),
                    content: try content(value, level: level + 1)))
        }
        return members
    }

    private func content(
        _ part: YAMLPart, level: Int
    ) throws(YAMLError) -> DataMember.Content {
        if part.isList {
            guard level <= JSONLimits.depthMax else { throw tooDeep(part) }
            var elements: [DataMember.Content] = []
            for element in try part.list() {
                elements.append(try content(element, level: level + 1))
            }
            return .list(elements)
        }
        if part.isMapping { return .object(try data(part, level: level)) }
        switch try part.scalar() {
        case .integer(let number): return .constant(Array(String(number).utf8))
        case .boolean(let truth): return .constant(Array((truth ? "true" : "false").utf8))
        case .text:
            let template = try values.template(part)
            switch template.pieces.first {
            case .value(let index)? where template.pieces.count == 1: return .value(index)
            case .literal(let text)? where template.pieces.count == 1:
                return .constant(Array(jsonString(text).utf8))
            case nil: return .constant(Array("\"\"".utf8))
            default: return .template(template)
            }
        }
    }

    private func tooDeep(_ part: YAMLPart) -> YAMLError {
        part.wrongShape("nested no deeper than \(JSONLimits.depthMax) levels")
    }
}
