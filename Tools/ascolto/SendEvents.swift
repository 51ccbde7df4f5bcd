internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import JSON

struct ServerOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Send it to the server that writes the log, with the token in $ASCOLTO_TOKEN. The log "
                + "is read here all the same.", valueName: "url"))
    var server: String?

    /// Where events are sent to; nil where no server is named.
    func appendURL() throws -> URLComponents? {
        guard let server else { return nil }
        guard var url = URLComponents(string: server), url.host?.isEmpty == false,
            ["http", "https"].contains(url.scheme), url.query == nil, url.fragment == nil
        else { throw UsageError("--server must be a URL, such as http://127.0.0.1:8080") }
        // Behind a proxy it may have a path of its own.
        while url.path.hasSuffix("/") { url.path.removeLast() }
        url.path += "/v1/events"
        return url
    }
}

/// What a server has done with events that were to be appended together.
enum Sent {
    case appended(PositionRange)
    /// The condition does not hold; what the server says of it.
    case conflict(String)
}

/// Has a server append events together.
///
/// - Parameters:
///   - events: What is appended.
///   - url: Where they are sent to.
///   - log: The log that the server must write: that whose events the caller has read.
///   - condition: What must still be true; its absences all look behind one position.
/// - Returns: Where they stand now, or why they do not.
/// - Throws: ``VerbOutcome`` where the server can do neither; why is told.
func post(
    _ events: [NewEvent], to url: URLComponents, writing log: LogIdentity,
    under condition: Condition
) async throws -> Sent {
    let server = url.host ?? ""
    let stream = "log/\(log.id)"
    let target = try url.asking(for: condition, and: stream)
    let token = ProcessInfo.processInfo.environment["ASCOLTO_TOKEN"]
    let batch = JSONNode.array(events.map(\.cloudEvent)).json
    let answer: Web.Answer
    do {
        answer = try await Web.withClient { client in
            try await Web.post(
                Array(batch.utf8), of: "application/cloudevents-batch+json", to: target,
                bearing: token, client)
        }
    } catch {
        // Whoever has stopped the verb need not be told that it was.
        try Task.checkCancellation()
        Standard.error(
            "ascolto: \(server): \(error); the same again changes nothing where it was appended")
        throw VerbOutcome.unavailable
    }
    let body = JSONPayload(checked: answer.body[...])
    if (200...201).contains(answer.status), let first = body?.integer("first"),
        let last = body?.integer("last"), first >= 0, first <= last
    {
        return .appended(
            PositionRange(first: Position(UInt64(first)), last: Position(UInt64(last))))
    }
    let detail = printable(body?.string("detail") ?? "status \(answer.status)")
    let isOtherLog = answer.status == 409 && body?.string("stream") == stream
    if answer.status == 409, !isOtherLog { return .conflict(detail) }
    Standard.error(
        isOtherLog
            ? "ascolto: \(server) writes another log than the one that is read here (--log)"
            : "ascolto: \(server): \(detail)")
    switch answer.status {
    case 401, 403, 409: throw VerbOutcome.answerIsNo
    case 500...: throw VerbOutcome.unavailable
    default: throw VerbOutcome.someInputRefused
    }
}

/// Has a server append events together, if there is no event of which there must be none.
///
/// - Parameters:
///   - events: What is appended.
///   - url: Where they are sent to.
///   - log: The log that the server must write: that whose events the caller has read.
///   - absence: What must not be there; of types, and perhaps of a stream.
///   - conflict: What is told where it is.
/// - Returns: Where they stand now.
/// - Throws: ``VerbOutcome`` where the server does not append them; why is told.
func send(
    _ events: [NewEvent], to url: URLComponents, writing log: LogIdentity, unless absence: Absence,
    conflict: String
) async throws -> PositionRange {
    switch try await post(
        events, to: url, writing: log, under: Condition(absences: [absence]))
    {
    case .appended(let range): return range
    case .conflict(let detail):
        Standard.error("ascolto: \(conflict): \(detail)")
        throw VerbOutcome.answerIsNo
    }
}

extension URLComponents {
    /// With the conditions of an append as parameters.
    fileprivate func asking(for condition: Condition, and stream: String) throws -> String {
        var url = self
        var items = [URLQueryItem(name: "expect_revision", value: "\(stream)=any")]
        for (stream, expectation) in condition.streams {
            let value =
                switch expectation {
                case .exists: "any"
                case .doesNotExist: "none"
                case .isAt(let revision): "\(revision)"
                }
            items.append(URLQueryItem(name: "expect_revision", value: "\(stream)=\(value)"))
        }
        for item in condition.absences.flatMap(\.query.items) {
            items.append(URLQueryItem(name: "fail_if_match", value: item.parameter))
        }
        if let after = condition.absences.first?.after {
            items.append(URLQueryItem(name: "after", value: "\(after)"))
        }
        url.queryItems = items
        // A plus sign would be read as a space.
        url.percentEncodedQuery = url.percentEncodedQuery?
            .replacingOccurrences(of: "+", with: "%2B")
        guard let text = url.string else { throw UsageError("--server is no URL") }
        return text
    }
}

extension EventQuery.Item {
    /// As `types=A,B tags=k:v stream=S`.
    fileprivate var parameter: String {
        var parts: [String] = []
        if !types.isEmpty { parts.append("types=" + list(types.map(\.text).sorted())) }
        if !tags.isEmpty { parts.append("tags=" + list(tags.map(\.text))) }
        if let stream { parts.append("stream=" + encodedInQuery(stream.text)) }
        return parts.joined(separator: " ")
    }

    private func list(_ names: [String]) -> String {
        names.map(encodedInQuery).joined(separator: ",")
    }
}

/// A name within a query of the interface: there `%`, commas and white space are percent-encoded.
private func encodedInQuery(_ name: String) -> String {
    let allowed = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~/:@"))
    return name.addingPercentEncoding(withAllowedCharacters: allowed) ?? name
}

extension NewEvent {
    /// The event as a service sends it.
    fileprivate var cloudEvent: JSONNode {
        let data = self.data.content.flatMap { JSONValue(checked: $0) }
        let cause: [(String, JSONNode)] = cause.map { [("causationid", .text("\($0)"))] } ?? []
        let tags: [(String, JSONNode)] = tags == .none ? [] : [("tags", .text(tags.joined))]
        return .object(
            [
                ("specversion", .text("1.0")), ("id", .optional(id)),
                ("source", .text(source.text)), ("type", .text(type.text)),
                ("schema", .integer(Int64(schema))), ("subject", .text(stream.text)),
                ("time", .optional(time)),
            ] + cause + tags + [("data", data.map { JSONNode($0) } ?? .null)])
    }
}
