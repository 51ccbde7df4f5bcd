internal import Yams

/// A part of a YAML document with the name that its errors give it.
package struct YAMLPart {
    package let place: String
    private let node: Node
    /// What the places of members begin with.
    private var prefix: String

    private init(_ node: Node, place: String) {
        self.node = node
        self.place = place
        prefix = place + "."
    }

    /// The one document of a text; its members are named by their keys alone.
    package init(document text: String, place: String) throws(YAMLError) {
        let root: Node?
        do {
            root = try compose(yaml: text)
        } catch {
            throw YAMLError(yams: error)
        }
        guard let root else {
            throw YAMLError(line: nil, reason: .wrongShape(place: place, expected: "keys"))
        }
        self.init(root, place: place)
        prefix = ""
    }

    package var line: Int? { node.mark?.line }

    package func error(_ reason: YAMLError.Reason) -> YAMLError {
        YAMLError(line: line, reason: reason)
    }

    package func wrongShape(_ expected: String) -> YAMLError {
        error(.wrongShape(place: place, expected: expected))
    }

    /// The members of a mapping, whatever their keys.
    package func members() throws(YAMLError) -> [(key: String, value: YAMLPart)] {
        guard let mapping = node.mapping else { throw wrongShape("keys with values") }
        var members: [(key: String, value: YAMLPart)] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string else { throw wrongShape("keys with values") }
            members.append((name, YAMLPart(value, place: prefix + name)))
        }
        return members
    }

    /// The members of a mapping that knows these keys and no others.
    package func members(_ known: String...) throws(YAMLError) -> YAMLMembers {
        try members(of: known)
    }

    package func members(of known: [String]) throws(YAMLError) -> YAMLMembers {
        guard let mapping = node.mapping else { throw wrongShape("keys with values") }
        var parts: [String: YAMLPart] = [:]
        for (key, value) in mapping {
            let name = key.scalar?.string ?? ""
            guard known.contains(name) else {
                throw YAMLError(
                    line: key.mark?.line,
                    reason: .unknownKey(name, place: place, known: known))
            }
            parts[name] = YAMLPart(value, place: prefix + name)
        }
        return YAMLMembers(owner: self, parts)
    }

    package var isList: Bool { node.sequence != nil }
    package var isMapping: Bool { node.mapping != nil }
    /// Whether nothing is stated: `~`, `null` without quotes, or no value at all.
    package var isNull: Bool { node.scalar?.style == .plain && node.null != nil }

    /// The elements of a list; a single value counts as a list of one.
    package func list() throws(YAMLError) -> [YAMLPart] {
        guard let sequence = node.sequence else { return [self] }
        return sequence.enumerated().map { YAMLPart($1, place: "\(place)[\($0)]") }
    }

    package func texts() throws(YAMLError) -> [String] {
        var texts: [String] = []
        for part in try list() { texts.append(try part.text()) }
        return texts
    }

    package func text() throws(YAMLError) -> String {
        guard let scalar = node.scalar else { throw wrongShape("a text") }
        return scalar.string
    }

    /// The scalar: a number or truth value only where it is written without quotes.
    package func scalar() throws(YAMLError) -> YAMLScalar {
        guard let scalar = node.scalar else {
            throw wrongShape("a text, a whole number, true, false, a list or members")
        }
        guard scalar.style == .plain || scalar.style == .any else { return .text(scalar.string) }
        if scalar.string == "true" { return .boolean(true) }
        if scalar.string == "false" { return .boolean(false) }
        // "007" is a text: as a number it would lose its zeros.
        guard let number = Int64(scalar.string), String(number) == scalar.string else {
            return .text(scalar.string)
        }
        return .integer(number)
    }

    package func integer(in range: ClosedRange<Int>) throws(YAMLError) -> Int {
        guard let text = node.scalar?.string, let number = Int(text), range.contains(number) else {
            throw wrongShape("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ type: Choice.Type
    ) throws(YAMLError) -> Choice where Choice.RawValue == String {
        let text = try text()
        guard let choice = Choice(rawValue: text) else {
            let choices = Choice.allCases.map(\.rawValue)
            throw error(.notOneOf(text, place: place, choices: choices))
        }
        return choice
    }

    /// Runs a check of the log's vocabulary and gives its error this place.
    package func checked<Result>(_ make: (String) throws -> Result) throws(YAMLError) -> Result {
        let text = try text()
        do { return try make(text) } catch {
            throw self.error(.other(place: place, "\(error)"))
        }
    }
}

package enum YAMLScalar: Equatable {
    case text(String)
    case integer(Int64)
    case boolean(Bool)
}

/// The members of a mapping whose keys are all known.
package struct YAMLMembers {
    package let owner: YAMLPart
    fileprivate let parts: [String: YAMLPart]

    package init(owner: YAMLPart, _ parts: [String: YAMLPart] = [:]) {
        self.owner = owner
        self.parts = parts
    }

    package subscript(key: String) -> YAMLPart? { parts[key] }

    /// What `read` makes of the member, or nil where there is none.
    package func optional<Result>(
        _ key: String, _ read: (YAMLPart) throws(YAMLError) -> Result
    ) throws(YAMLError) -> Result? {
        guard let part = parts[key] else { return nil }
        return try read(part)
    }

    package func required(_ key: String) throws(YAMLError) -> YAMLPart {
        guard let part = parts[key] else {
            throw owner.error(.missingKey(key, place: owner.place))
        }
        return part
    }
}

extension YAMLError {
    fileprivate init(yams error: any Error) {
        switch error as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(line: mark.line, reason: .notYAML(problem))
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "'\($0)'" }.joined(separator: ", ")
            self.init(line: context.mark.line, reason: .notYAML("\(names) stands twice"))
        default: self.init(line: nil, reason: .notYAML("\(error)"))
        }
    }
}
