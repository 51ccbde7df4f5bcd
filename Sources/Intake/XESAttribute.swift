internal import JSON

/// An attribute of an IEEE 1849 (XES) log, trace or event, with what is nested in it.
struct XESAttribute {
    let key: String
    var value: XESValue
    var nested: [XESAttribute] = []

    /// The value as a text; nil for lists and containers.
    var text: String? {
        switch value {
        case .text(let text), .number(let text), .typed(_, let text): text
        case .list, .container: nil
        }
    }
}

enum XESValue {
    case text(String)
    /// JSON as it stands: a whole number, a number with a fraction, `true` or `false`.
    case number(String)
    /// A value of a kind that JSON does not have: `date`, `id`, or a `float` that is no number.
    case typed(kind: String, String)
    case list([XESAttribute])
    case container([XESAttribute])

    /// The value of an attribute without children; nil where the text is not of its kind.
    init?(kind: String, text: String) {
        switch kind {
        case "string": self = .text(text)
        case "date", "id": self = .typed(kind: kind, text)
        case "int":
            guard let number = Int64(text) else { return nil }
            self = .number(String(number))
        case "boolean":
            guard let truth = Self.truths[text] else { return nil }
            self = .number(truth)
        case "float":
            if Self.floatNames.contains(text) {
                self = .typed(kind: kind, text)
                return
            }
            // Swift also reads hexadecimal digits and names, XES does not.
            guard text.utf8.allSatisfy("0123456789+-.eE".utf8.contains), let number = Double(text),
                number.isFinite
            else { return nil }
            self = .number("\(number)")
        default: return nil
        }
    }

    private static let truths = ["true": "true", "1": "true", "false": "false", "0": "false"]
    private static let floatNames = ["INF", "-INF", "NaN"]
}

/// Writes attributes as JSON; what names a resource is written as told.
struct XESWriter {
    /// The keys under which every value, at any depth, names somebody.
    let resourceKeys: Set<String>
    /// What is written for a name; nil leaves it out.
    let resource: (String) -> String?

    /// Whether values are what they are or name somebody.
    private enum Naming {
        case things
        case people
    }

    /// The members of an object, each attribute under its key.
    func appendObject(_ attributes: [XESAttribute], to json: inout [UInt8]) {
        appendObject(attributes, naming: .things, to: &json)
    }

    /// What is written for the value of a resource; nil where it names nobody.
    func name(_ text: String) -> String? {
        text.isEmpty ? nil : resource(text)
    }

    private func appendObject(
        _ attributes: [XESAttribute], naming: Naming, to json: inout [UInt8]
    ) {
        json.append(UInt8(ascii: "{"))
        var separator = ""
        for attribute in attributes {
            json += separator.utf8
            separator = ","
            appendJSONString(attribute.key, to: &json)
            json.append(UInt8(ascii: ":"))
            append(attribute, naming: naming, to: &json)
        }
        json.append(UInt8(ascii: "}"))
    }

    /// A bare JSON value where that tells everything, otherwise an object with the kind.
    private func append(
        _ attribute: XESAttribute, naming outside: Naming, to json: inout [UInt8]
    ) {
        var value = attribute.value
        let naming = resourceKeys.contains(attribute.key) ? .people : outside
        if naming == .people, let text = attribute.text { value = .text(name(text) ?? "") }
        let kind: String
        switch value {
        case .text(let text):
            if attribute.nested.isEmpty { return appendJSONString(text, to: &json) }
            kind = "string"
        case .number(let number):
            if attribute.nested.isEmpty { return json += number.utf8 }
            kind = Self.kind(of: number)
        case .typed(let name, _): kind = name
        case .list: kind = "list"
        case .container: kind = "container"
        }
        json += "{\"type\":\"\(kind)\",".utf8
        switch value {
        case .text(let text), .typed(_, let text):
            json += "\"value\":".utf8
            appendJSONString(text, to: &json)
        case .number(let number): json += "\"value\":\(number)".utf8
        case .list(let items), .container(let items): appendItems(items, naming: naming, to: &json)
        }
        if !attribute.nested.isEmpty {
            json += ",\"attributes\":".utf8
            appendObject(attribute.nested, naming: naming, to: &json)
        }
        json.append(UInt8(ascii: "}"))
    }

    /// Keys may stand several times in a list, so they are no keys of an object.
    private func appendItems(
        _ items: [XESAttribute], naming: Naming, to json: inout [UInt8]
    ) {
        json += "\"values\":[".utf8
        var separator = ""
        for item in items {
            json += "\(separator){\"key\":\(jsonString(item.key)),\"value\":".utf8
            separator = ","
            append(item, naming: naming, to: &json)
            json.append(UInt8(ascii: "}"))
        }
        json.append(UInt8(ascii: "]"))
    }

    private static func kind(of number: String) -> String {
        if number == "true" || number == "false" { return "boolean" }
        return number.utf8.contains(where: ".eE".utf8.contains) ? "float" : "int"
    }
}
