internal import EventLog
internal import HTTPTypes
internal import JSON

/// The members of a request's body, taken one by one; what nobody takes is an error.
///
/// A misspelt member would otherwise be a limit that does not limit.
struct RequestObject {
    private var values: [(name: String, value: JSONValue)] = []
    /// The names that were asked for, to name them to whoever used another.
    private var known: [String] = []

    init(_ body: ArraySlice<UInt8>) throws(Problem) {
        do throws(JSONError) { try checkJSON(body) } catch { throw .badBody("\(error)") }
        guard let object = JSONPayload(checked: body) else {
            throw .badBody("the body must be an object in JSON")
        }
        object.forEachMember { name, value in values.append((name, value)) }
    }

    mutating func text(_ name: String) throws(Problem) -> String? {
        guard let value = take(name) else { return nil }
        guard let text = value.string else { throw .badBody("\(quoted(name)) must be a text") }
        return text
    }

    mutating func truth(_ name: String) throws(Problem) -> Bool? {
        guard let value = take(name) else { return nil }
        guard let truth = value.boolean else {
            throw .badBody("\(quoted(name)) is true or false")
        }
        return truth
    }

    mutating func number(_ name: String) throws(Problem) -> Int64? {
        guard let value = take(name) else { return nil }
        guard let number = value.integer else {
            throw .badBody("\(quoted(name)) must be a whole number")
        }
        return number
    }

    /// A list of texts.
    mutating func texts(_ name: String) throws(Problem) -> [String]? {
        guard let value = take(name) else { return nil }
        let texts = value.elements(atMost: Self.elementsMax)?.map(\.string)
        guard let texts, !texts.contains(nil) else {
            throw .badBody("\(quoted(name)) must be a list of at most \(Self.elementsMax) texts")
        }
        return texts.compactMap(\.self)
    }

    /// Whole numbers by their names.
    mutating func numbers(_ name: String) throws(Problem) -> [(name: String, number: Int64)]? {
        guard let value = take(name) else { return nil }
        guard let object = value.object else {
            throw .badBody("\(quoted(name)) must be an object of whole numbers")
        }
        var numbers: [(name: String, number: Int64)] = []
        try object.forEachMember { (member, value) throws(Problem) in
            guard let number = value.integer else {
                throw .badBody("\(quoted(member)) in \(quoted(name)) must be a whole number")
            }
            numbers.append((member, number))
        }
        return numbers
    }

    /// Refuses what nobody has taken.
    func requireNothingLeft() throws(Problem) {
        guard let first = values.first else { return }
        throw .badBody(
            "there is no member \(quoted(first.name)) here; there are: "
                + known.joined(separator: ", "))
    }

    private static let elementsMax = 100

    private mutating func take(_ name: String) -> JSONValue? {
        known.append(name)
        guard let index = values.firstIndex(where: { $0.name == name }) else { return nil }
        return values.remove(at: index).value
    }
}

extension Problem {
    static func badBody(_ detail: String) -> Problem { Problem(.badRequest, .badRequest, detail) }
}
