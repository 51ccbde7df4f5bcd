package import JSON

extension TypeDeclaration {
    /// The JSON Schema (draft 2020-12) of the data of such an event, as a service sends it.
    ///
    /// What it allows is read, and what it forbids refused, with these exceptions: which time zones
    /// there are, and which sets of holidays; that a number is written without fraction and
    /// exponent, that a question is answered once and an exception made once, that hours do not
    /// overlap nor end when they begin, that a holiday has a date, that a correction says something
    /// and holds nothing personal; leap seconds and times behind the year 9999; personal members
    /// that are null, too long or have no reference, and `sealed`. Data may be left out where
    /// nothing is required.
    package var jsonSchema: JSONNode {
        var members: [(String, JSONNode)] = [
            ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            ("$id", .text("urn:ascolto:event:\(type):\(schema)")), ("title", .text(type)),
            ("description", .text(meaning)),
        ]
        members += Self.object(self.members, beside: personalProperties)
        let own = personal?.members ?? []
        if !own.isEmpty, let personal {
            let subject = JSONNode.array([.text(personal.subject)])
            members.append(("dependentRequired", .object(own.map { ($0, subject) })))
        }
        return .object(members)
    }

    /// What is personal here, and what would be elsewhere and so has no place here.
    private var personalProperties: [(String, JSONNode)] {
        var properties: [(String, JSONNode)] = []
        if let personal {
            properties.append(
                (
                    personal.subject,
                    .object([
                        ("type", .array([.text("string"), .text("null")])),
                        ("pattern", .text("^[0-9a-f]{32}$")),
                        ("description", .text("the reference of the person, from the vault")),
                    ])
                ))
            for member in personal.members {
                properties.append(
                    (
                        member,
                        .object([
                            ("type", .array([.text("string"), .text("null")])),
                            ("minLength", .integer(1)),
                            ("description", .text("personal: sealed on its way into the log")),
                            ("x-retention", .text(personal.retention)),
                        ])
                    ))
            }
        }
        let foreign = PersonalFields.allMembers.filter { personal?.members.contains($0) != true }
        return properties + foreign.map { ($0, .truth(false)) }
    }

    private static func object(
        _ members: [MemberDeclaration], beside others: [(String, JSONNode)] = []
    ) -> [(String, JSONNode)] {
        var parts: [(String, JSONNode)] = [("type", .text("object"))]
        let properties = members.map { ($0.name, $0.node) } + others
        if !properties.isEmpty { parts.append(("properties", .object(properties))) }
        let required = members.filter { $0.presence == .required }
        if !required.isEmpty {
            parts.append(("required", .array(required.map { .text($0.name) })))
        }
        let conditions = members.compactMap(\.otherText)
        if !conditions.isEmpty { parts.append(("allOf", .array(conditions))) }
        return parts
    }
}

extension MemberDeclaration {
    fileprivate var node: JSONNode {
        switch shape {
        case .text, .zone: .object([kind("string"), ("minLength", .integer(1))])
        case .name, .reference:
            .object([kind("string"), ("pattern", .text(Self.namePattern))])
        case .names, .references:
            .object([
                kind("array"), ("uniqueItems", .truth(true)), ("items", Self.nameItem),
            ])
        case .id:
            .object([
                kind("string"),
                ("pattern", .text("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")),
            ])
        case .object: .object([kind("object")])
        case .date: .object([kind("string"), ("format", .text("date"))])
        case .number: .object([kind("number")])
        case .week: .object([kind("array"), ("items", Self.weekItem)])
        case .exceptions: .object([kind("array"), ("items", Self.exceptionItem)])
        case .time: .object([kind("string"), ("format", .text("date-time"))])
        case .integer(let range):
            .object([
                kind("integer"), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ])
        case .choice(let words): .object([("enum", .array(texts(words)))])
        case .choices(let words):
            .object([
                kind("array"), ("uniqueItems", .truth(true)),
                ("items", .object([("enum", .array(words.map { .text($0) }))])),
            ])
        case .word(let words, _): .object([("enum", .array(texts(words + ["other"])))])
        case .objects(let members):
            .object([kind("array"), ("items", .object(TypeDeclaration.items(members)))])
        }
    }

    /// What `other` asks of the member with its text; nil where the list has no `other`.
    fileprivate var otherText: JSONNode? {
        guard case .word(let words, let otherText) = shape else { return nil }
        let text: JSONNode = .object([
            ("type", .text("string")), ("pattern", .text(Self.namePattern)),
            ("not", .object([("enum", .array(words.map { .text($0) }))])),
        ])
        return .object([
            (
                "if",
                .object([
                    ("properties", .object([(name, .object([("const", .text("other"))]))])),
                    ("required", .array([.text(name)])),
                ])
            ),
            (
                "then",
                .object([
                    ("properties", .object([(otherText, text)])),
                    ("required", .array([.text(otherText)])),
                ])
            ),
        ])
    }

    private func kind(_ name: String) -> (String, JSONNode) {
        let kinds: JSONNode =
            presence == .required ? .text(name) : .array([.text(name), .text("null")])
        return ("type", kinds)
    }

    private func texts(_ words: [String]) -> [JSONNode] {
        words.map { .text($0) } + (presence == .required ? [] : [.null])
    }

    private static let nameItem: JSONNode = .object([
        ("type", .text("string")), ("pattern", .text(namePattern)),
    ])

    private static let hours: [(String, JSONNode)] = [
        (
            "from",
            .object([
                ("type", .text("string")), ("pattern", .text("^([01][0-9]|2[0-3]):[0-5][0-9]$")),
            ])
        ),
        (
            "to",
            .object([
                ("type", .text("string")),
                ("pattern", .text("^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")),
            ])
        ),
    ]

    private static let weekItem = item(
        [("weekday", .object([("enum", .array(Weekday.allCases.map { .text($0.rawValue) }))]))]
            + hours)

    private static let exceptionItem = item([
        ("date", .object([("type", .text("string")), ("format", .text("date"))])),
        ("hours", .object([("type", .text("array")), ("items", item(hours))])),
    ])

    private static func item(_ properties: [(String, JSONNode)]) -> JSONNode {
        .object([
            ("type", .text("object")), ("properties", .object(properties)),
            ("required", .array(properties.map { .text($0.0) })),
        ])
    }

    private static let namePattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
}

extension TypeDeclaration {
    fileprivate static func items(_ members: [MemberDeclaration]) -> [(String, JSONNode)] {
        object(members)
    }
}
