internal import JSON

/// Why a text is no condition; each case says what to write instead.
package enum ConditionTextError: Error, Equatable, Sendable {
    case noRevision(String)
    case badRevision(String)
    case repeatedStream(String)
    case badPart(String)
    case badEncoding(String)
    case empty
    case name(EventError)
}

extension ConditionTextError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noRevision(let text): "STREAM=N is needed, not \(quoted(text))"
        case .badRevision(let text): "\(quoted(text)) is no revision, none or any"
        case .repeatedStream(let stream): "the stream \(stream) is named twice"
        case .badPart(let text):
            "\(quoted(text)) is no types=, tags= or stream= with a value, or stands there twice"
        case .badEncoding(let text): "\(quoted(text)) is not percent-encoded UTF-8"
        case .empty: "types=, tags= or stream= is needed"
        case .name(let error): "\(error)"
        }
    }
}

extension Condition {
    /// Adds what `STREAM=N` expects of a stream: a revision, `none` or `any`.
    package mutating func expect(_ text: String) throws(ConditionTextError) {
        guard let sign = text.lastIndex(of: "=") else { throw .noRevision(text) }
        let stream: StreamName
        do throws(EventError) { stream = try StreamName(String(text[..<sign])) } catch {
            throw .name(error)
        }
        guard streams[stream] == nil else { throw .repeatedStream(stream.text) }
        let value = text[text.index(after: sign)...]
        switch value {
        case "none": streams[stream] = .doesNotExist
        case "any": streams[stream] = .exists
        default:
            guard value.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = UInt64(value)
            else { throw .badRevision(String(value)) }
            streams[stream] = .isAt(Revision(number))
        }
    }
}

extension EventQuery.Item {
    /// Reads `types=A,B tags=k:v,k2:v2 stream=S`: each part at most once, values percent-encoded.
    package init(text: String) throws(ConditionTextError) {
        self.init()
        var seen = Set<Substring>()
        for part in text.split(separator: " ") {
            let name = part.prefix { $0 != "=" }
            let value = part.dropFirst(name.count + 1)
            let names = try Self.names(in: value)
            let isKnown =
                ["types", "tags"].contains(name) || (name == "stream" && names.count == 1)
            guard isKnown, !value.isEmpty, seen.insert(name).inserted else {
                throw .badPart(String(part))
            }
            try read(name, names)
        }
        guard !seen.isEmpty else { throw .empty }
    }

    private mutating func read(
        _ name: Substring, _ names: [String]
    ) throws(ConditionTextError) {
        do throws(EventError) {
            switch name {
            case "types": for name in names { types.insert(try EventType(name)) }
            case "tags": for name in names { tags.append(try Tag(name)) }
            default: stream = try StreamName(names[0])
            }
        } catch {
            throw .name(error)
        }
    }

    private static func names(in value: Substring) throws(ConditionTextError) -> [String] {
        var names: [String] = []
        for text in value.split(separator: ",", omittingEmptySubsequences: false) {
            guard let name = decodePercent(text) else {
                throw .badEncoding(String(text))
            }
            names.append(name)
        }
        return names
    }
}
