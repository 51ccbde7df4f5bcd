public import Foundation
internal import JSON

/// An event that is to be appended, as CloudEvents 1.0 describes it.
public struct CloudEvent: Sendable {
    /// By which the server knows the event again; kept through all attempts to append it.
    public let id: UUID
    /// What happened, such as `contact.received`.
    public var type: String
    /// Which system says so, a URI reference.
    public var source: String
    /// The stream of the event, such as `contact/7f3a`.
    public var subject: String
    /// When it happened; where it is absent, when it was recorded counts.
    public var time: Date?
    /// The version of the schema of `data`; our own types need one.
    public var schema: UInt16?
    /// `key:value`, by which events are found; never personal data.
    public var tags: [String]
    /// The event that caused this one.
    public var cause: UUID?
    /// The episode that this one belongs to.
    public var correlation: UUID?
    /// One JSON value.
    public let data: Data

    /// An event whose data are written as JSON.
    ///
    /// - Throws: what `JSONEncoder` throws of `data`.
    public init(
        id: UUID, type: String, source: String, subject: String, time: Date? = nil,
        schema: UInt16? = nil, tags: [String] = [], cause: UUID? = nil, correlation: UUID? = nil,
        data: some Encodable
    ) throws {
        self.id = id
        self.type = type
        self.source = source
        self.subject = subject
        self.time = time
        self.schema = schema
        self.tags = tags
        self.cause = cause
        self.correlation = correlation
        self.data = try JSONEncoder().encode(data)
    }

    var json: [UInt8] {
        var members: [(String, JSONNode)] = [
            ("specversion", .text("1.0")), ("id", .text(id.uuidString.lowercased())),
            ("type", .text(type)), ("source", .text(source)), ("subject", .text(subject)),
        ]
        if let time {
            let moment = Instant(
                microseconds: Int64((time.timeIntervalSince1970 * 1e6).rounded(.down)))
            members.append(("time", .text(moment.description)))
        }
        if let schema { members.append(("schema", .count(schema))) }
        if !tags.isEmpty { members.append(("tags", .text(tags.joined(separator: " ")))) }
        if let cause { members.append(("causationid", .text(cause.uuidString.lowercased()))) }
        if let correlation {
            members.append(("correlationid", .text(correlation.uuidString.lowercased())))
        }
        var bytes: [UInt8] = []
        JSONNode.object(members).append(to: &bytes)
        bytes.removeLast()
        bytes += Array(",\"data\":".utf8)
        bytes += data
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }
}

/// What must be true of the log for an append to succeed.
public enum Expectation: Sendable {
    case stream(String, StreamState)
    /// No event has one of the types (any where none are named), all of the tags, and the stream.
    case noEvent(
        types: [String] = [], tags: [String] = [], stream: String? = nil)

    public enum StreamState: Sendable {
        case exists
        case doesNotExist
        /// Its last event has this revision, counted from 0.
        case at(UInt64)
    }

    var parameter: String {
        switch self {
        case .stream(let name, .exists): "expect_revision=" + encoded(name + "=any")
        case .stream(let name, .doesNotExist): "expect_revision=" + encoded(name + "=none")
        case .stream(let name, .at(let revision)):
            "expect_revision=" + encoded("\(name)=\(revision)")
        case .noEvent(let types, let tags, let stream):
            "fail_if_match="
                + encoded(
                    [
                        types.isEmpty ? nil : "types=" + types.map(encoded).joined(separator: ","),
                        tags.isEmpty ? nil : "tags=" + tags.map(encoded).joined(separator: ","),
                        stream.map { "stream=" + encoded($0) },
                    ].compactMap { $0 }.joined(separator: " "))
        }
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
func encoded(_ text: String) -> String {
    let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? text
}

/// What became of an append.
public enum AppendOutcome: Equatable, Sendable {
    /// The events are on disk at these positions.
    case appended(ClosedRange<UInt64>)
    /// The very same events were there before.
    case alreadyAppended(ClosedRange<UInt64>)
}

/// Why the server did not do what was asked, as it says itself (RFC 9457).
public struct ServerProblem: Error, Sendable, CustomStringConvertible {
    public let status: UInt
    /// The kind of problem, such as `conflict`.
    public let kind: String
    public let detail: String
    /// The event that stands in the way, where there is one.
    public let position: UInt64?

    /// Whether an expectation does not hold: read what has happened, and decide anew.
    public var isConflict: Bool { status == 409 }

    public var description: String { "\(kind) (\(status)): \(detail)" }
}

/// Why nothing has come of a request.
public enum TransportError: Error, Sendable {
    /// The last attempt ended so, after all the client's patience.
    case givenUp(any Error)
    /// The answer is none of a server of Ascolto.
    case notUnderstood(status: UInt)
}

/// Which events are to be followed; the empty filter wants all.
public struct EventFilter: Sendable {
    public var stream: String?
    /// Any of these types; empty means every type.
    public var types: [String]
    /// All of these tags.
    public var tags: [String]

    public init(stream: String? = nil, types: [String] = [], tags: [String] = []) {
        self.stream = stream
        self.types = types
        self.tags = tags
    }

    var parameters: [String] {
        (stream.map { ["stream=" + encoded($0)] } ?? []) + types.map { "type=" + encoded($0) }
            + tags.map { "tag=" + encoded($0) }
    }
}

/// Where following begins.
public enum FollowingStart: Sendable {
    case beginning
    /// With the first event behind this position.
    case after(UInt64)
    /// With what is appended after the first event is asked for.
    case now
}

/// An event of the log.
public struct ReceivedEvent: Sendable {
    public let position: UInt64
    public let id: UUID
    public let type: String
    public let source: String
    public let subject: String
    public let tags: [String]
    /// RFC 3339; nil where the producer stated none.
    public let time: String?
    /// RFC 3339.
    public let recorded: String
    /// One JSON value; empty where the event has other data, or none.
    public let data: Data
    /// The whole canonical line.
    public let line: Data

    init?(_ line: [UInt8]) {
        guard (try? checkJSON(line[...], depthMax: JSONLimits.depthMax + 1)) != nil,
            let object = JSONPayload(checked: line[...]),
            let position = object.string("position").flatMap({ UInt64($0) }),
            let id = object.string("id").flatMap({ UUID(uuidString: $0) }),
            let type = object.string("type"), let source = object.string("source"),
            let subject = object.string("subject"), let recorded = object.string("recorded")
        else { return nil }
        self.position = position
        self.id = id
        self.type = type
        self.source = source
        self.subject = subject
        self.recorded = recorded
        tags = object.string("tags")?.split(separator: " ").map(String.init) ?? []
        time = object.string("time")
        data = object.member("data").map { Data($0.bytes) } ?? Data()
        self.line = Data(line)
    }
}
