internal import EventLog
internal import HTTPTypes
internal import JSON

/// The parameters of a request, taken one by one; what nobody takes is an error.
///
/// A misspelt parameter would otherwise be a filter that does not filter.
struct QueryParameters {
    private var values: [(name: String, value: String)] = []
    /// The names that were asked for, to name them to whoever used another.
    private var known: [String] = []

    /// Reads `name=value&name=value` as forms send it: percent-encoded, with `+` for a space.
    init(query: Substring?) throws(Problem) {
        guard query?.utf8.count ?? 0 <= ServerLimits.targetBytesMax else {
            throw Problem(
                .uriTooLong, .tooLarge,
                "a query has at most \(ServerLimits.targetBytesMax) bytes")
        }
        for part in (query ?? "").split(separator: "&") {
            let name = part.prefix { $0 != "=" }
            let value = part.dropFirst(name.count + 1)
            guard let name = Self.decoded(name), let value = Self.decoded(value) else {
                throw Problem.badParameter("\(quoted(String(part))) is not percent-encoded")
            }
            values.append((name, value))
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") })
        else { return String(text) }
        return decodePercent(text.replacing("+", with: " "))
    }

    /// A value as it stands in a query.
    static func encoded(_ value: String) -> String {
        value.utf8.reduce(into: "") { text, byte in
            let scalar = Unicode.Scalar(byte)
            if byte < 0x80,
                scalar.properties.isAlphabetic || "0123456789-._~/".contains(Character(scalar))
            {
                text.unicodeScalars.append(scalar)
            } else {
                text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    /// All values of a parameter that may stand several times.
    mutating func all(_ name: String) -> [String] {
        known.append(name)
        let found = values.filter { $0.name == name }.map(\.value)
        values.removeAll { $0.name == name }
        return found
    }

    /// The value of a parameter that may stand once.
    mutating func one(_ name: String) throws(Problem) -> String? {
        let found = all(name)
        guard found.count < 2 else {
            throw Problem.badParameter("\(name) stands \(found.count) times")
        }
        return found.first
    }

    mutating func position(_ name: String) throws(Problem) -> Position? {
        try whole(name).map { Position($0) }
    }

    /// A number up to 2^63 - 1, in digits only.
    mutating func whole(_ name: String) throws(Problem) -> UInt64? {
        guard let text = try one(name) else { return nil }
        guard let number = Self.whole(text) else {
            throw Problem.badParameter("\(name) must be a whole number, not \(quoted(text))")
        }
        return number
    }

    /// A number up to 2^63 - 1 in digits only; nil for any other text.
    static func whole(_ text: String) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int64(text).map { UInt64($0) }
    }

    mutating func time(_ name: String) throws(Problem) -> Instant? {
        guard let text = try one(name) else { return nil }
        return try Self.instant(text, of: name)
    }

    mutating func asOf(_ name: String) throws(Problem) -> AsOf? {
        guard let text = try one(name) else { return nil }
        if let number = Self.whole(text) { return .position(Position(number)) }
        return .recorded(try Self.instant(text, of: name))
    }

    private static func instant(_ text: String, of name: String) throws(Problem) -> Instant {
        // A + that was not percent-encoded arrives as a space; no RFC 3339 time holds one here.
        let mended = text.count > 20 ? text.replacing(" ", with: "+") : text
        guard let instant = Instant(rfc3339: mended) else {
            throw Problem.badParameter(
                "\(name) must be an RFC 3339 time like 2026-11-23T09:30:00Z, not \(quoted(text))")
        }
        return instant
    }

    /// One of the cases of an enumeration; nil where the parameter does not stand.
    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) throws(Problem) -> Choice? where Choice.RawValue == String {
        guard let text = try one(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem.badParameter("\(name) must be one of \(names), not \(quoted(text))")
        }
        return choice
    }

    /// Refuses what nobody has taken.
    func requireNothingLeft() throws(Problem) {
        guard let first = values.first else { return }
        let names = known.isEmpty ? "none" : known.joined(separator: ", ")
        throw Problem.badParameter(
            "there is no parameter \(quoted(first.name)) here; there are: \(names)")
    }
}
