internal import ContactCentre
package import YAML

extension EquityDefinitions {
    /// Reads a file of definitions; `README.md` beside this file describes the language.
    ///
    /// - Throws: `YAMLError` with the line and what to do.
    package init(yaml text: String) throws(YAMLError) {
        let top = try YAMLPart(document: text, place: "the definitions")
            .members("scheme", "attributes", "outcomes")
        let scheme = try top.required("scheme").members("id", "version")
        self.scheme = try scheme.required("id").name()
        version = try scheme.required("version").integer(in: 1...1_000_000)
        attributes = []
        let attributeParts = try top.required("attributes")
        for (name, part) in try attributeParts.members() {
            try attributeParts.check(key: name)
            attributes.append(try GroupAttribute(name, part))
        }
        outcomes = []
        let outcomeParts = try top.required("outcomes")
        for (name, part) in try outcomeParts.members() {
            try outcomeParts.check(key: name)
            outcomes.append(try Outcome(name, part))
        }
    }
}

extension GroupAttribute {
    fileprivate init(_ name: String, _ part: YAMLPart) throws(YAMLError) {
        let members = try part.members("tag", "member", "reference")
        self.name = name
        let referencePart = try members.required("reference")
        reference = try referencePart.name()
        guard reference != Profile.unknown else {
            throw referencePart.wrongShape("a known group to compare the others with")
        }
        switch (members["tag"], members["member"]) {
        case (let tag?, nil):
            let text = try tag.text()
            let attribute = text.dropFirst("group.".count)
            guard text.hasPrefix("group."), isName(String(attribute)),
                !attribute.contains(where: { $0 == ":" || $0.isWhitespace })
            else { throw tag.wrongShape("a tag's key such as group.age") }
            source = .tag(String(attribute))
        case (nil, let member?): source = .member(try member.name())
        default: throw part.wrongShape("with either 'tag' or 'member'")
        }
    }
}

extension Outcome {
    private static let dayMicroseconds: Int64 = 86_400_000_000
    private static let units: [Character: Int64] = [
        "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": dayMicroseconds,
    ]

    fileprivate init(_ name: String, _ part: YAMLPart) throws(YAMLError) {
        let members = try part.members(
            "meaning", "begins", "reaches", "avoids", "within", "settled_by")
        self.name = name
        meaning =
            try members.optional("meaning") { part throws(YAMLError) in
                try part.name()
            } ?? name
        begins = try EventPattern(try members.required("begins"))
        switch (members["reaches"], members["avoids"]) {
        case (let event?, nil): (wanted, decisive) = (.reaches, try EventPattern(event))
        case (nil, let event?): (wanted, decisive) = (.avoids, try EventPattern(event))
        default: throw part.wrongShape("with either 'reaches' or 'avoids'")
        }
        within = try members.optional("within", Self.duration)
        settledBy = []
        for event in try members["settled_by"]?.list() ?? [] {
            settledBy.append(try EventPattern(event))
        }
        guard wanted == .avoids || within != nil || !settledBy.isEmpty else {
            throw part.wrongShape(
                "with 'within' or 'settled_by', or nothing could ever miss what it should reach")
        }
    }

    /// A whole number with its unit: s, m, h or d of 24 hours; up to 100 years of 366 days.
    private static func duration(_ part: YAMLPart) throws(YAMLError) -> Int64 {
        let text = try part.text()
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()),
            number > 0, number <= 36_600 * dayMicroseconds / unit
        else { throw part.wrongShape("a whole number and its unit, such as 20s, 15m, 36h or 7d") }
        return number * unit
    }
}

extension EventPattern {
    /// A type, or a type with conditions on the data.
    fileprivate init(_ part: YAMLPart) throws(YAMLError) {
        guard part.isMapping else {
            self.init(type: try part.name(), conditions: [])
            return
        }
        let members = try part.members("type", "where")
        self.init(type: try members.required("type").name(), conditions: [])
        for (word, value) in try members["where"]?.members() ?? [] {
            conditions += try MemberCondition.all(word, value)
        }
    }
}

extension MemberCondition {
    private static let words = ["present", "absent", "not"]

    /// `present` and `absent` name members; `not` reverses what stands under it; any other word is
    /// a member with the values that it may have.
    fileprivate static func all(
        _ word: String, _ part: YAMLPart
    ) throws(YAMLError) -> [MemberCondition] {
        switch word {
        case "present": try part.names().map { MemberCondition(member: $0, test: .isPresent) }
        case "absent": try part.names().map { MemberCondition(member: $0, test: .isAbsent) }
        case "not":
            try part.members().map { name, value throws(YAMLError) in
                guard !words.contains(name) else {
                    throw part.wrongShape("a member with its values, such as not: {channel: fax}")
                }
                return MemberCondition(member: name, test: .isNoneOf(try value.names()))
            }
        default: [MemberCondition(member: word, test: .isOneOf(try part.names()))]
        }
    }
}

extension YAMLPart {
    /// A text that is not empty, without control characters.
    fileprivate func name() throws(YAMLError) -> String {
        let text = try text()
        guard !isNull, isName(text) else {
            throw wrongShape("a text that is not empty and has no control characters")
        }
        return text
    }

    /// One name or a list of them.
    fileprivate func names() throws(YAMLError) -> [String] {
        let parts = try list()
        guard !parts.isEmpty else { throw wrongShape("a text, or a list of at least one") }
        return try parts.map { part throws(YAMLError) in try part.name() }
    }

    /// Checks a key by which something is declared.
    fileprivate func check(key: String) throws(YAMLError) {
        guard isName(key) else {
            throw wrongShape("keys that are not empty and have no control characters")
        }
    }
}
