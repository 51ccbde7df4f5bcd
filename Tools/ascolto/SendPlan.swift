internal import Description
internal import EventLog
internal import Foundation
internal import JSON

extension PlannedChanges {
    static let changedMeanwhile =
        "the organisation has been changed meanwhile; look at it again, and apply"

    /// Has the server append the events if nobody has changed the organisation behind a position.
    ///
    /// - Parameters:
    ///   - server: Its URL, such as `http://127.0.0.1:8080`.
    ///   - last: The position; nil for the whole log.
    /// - Throws: ``VerbOutcome`` where the server does not append them; why is told.
    func send(to server: String, after last: Position?) async throws -> PositionRange {
        let url = try Self.url(of: server, after: last)
        let token = ProcessInfo.processInfo.environment["ASCOLTO_TOKEN"]
        let batch = JSONNode.array(events.map(\.cloudEvent)).json
        let answer: Web.Answer
        do {
            answer = try await Web.withClient { client in
                try await Web.post(
                    Array(batch.utf8), of: "application/cloudevents-batch+json", to: url,
                    bearing: token, client)
            }
        } catch {
            Standard.error(
                "ascolto: \(server): \(error); apply the description again, which changes nothing "
                    + "where it was appended")
            throw VerbOutcome.unavailable
        }
        let body = JSONPayload(checked: answer.body[...])
        if (200...201).contains(answer.status), let first = body?.integer("first"),
            let last = body?.integer("last"), first >= 0, first <= last
        {
            return PositionRange(first: Position(UInt64(first)), last: Position(UInt64(last)))
        }
        let detail = printable(body?.string("detail") ?? "status \(answer.status)")
        Standard.error(
            answer.status == 409
                ? "ascolto: \(Self.changedMeanwhile): \(detail)" : "ascolto: \(server): \(detail)")
        switch answer.status {
        case 409: throw VerbOutcome.answerIsNo
        case 401, 403: throw VerbOutcome.answerIsNo
        case 500...: throw VerbOutcome.unavailable
        default: throw VerbOutcome.someInputRefused
        }
    }

    private static func url(of server: String, after last: Position?) throws -> String {
        let absences = try condition(after: last).absences
        let types = absences.flatMap(\.query.items).flatMap(\.types).map(\.text).sorted()
        guard var url = URLComponents(string: server), url.host != nil,
            ["http", "https"].contains(url.scheme)
        else { throw UsageError("--server must be a URL, such as http://127.0.0.1:8080") }
        url.path = "/v1/events"
        url.queryItems = [
            URLQueryItem(name: "fail_if_match", value: "types=" + types.joined(separator: ","))
        ]
        if let last { url.queryItems?.append(URLQueryItem(name: "after", value: "\(last)")) }
        guard let text = url.string else {
            throw UsageError("--server must be a URL, such as http://127.0.0.1:8080")
        }
        return text
    }
}

extension NewEvent {
    /// The event as a service sends it.
    fileprivate var cloudEvent: JSONNode {
        let data = self.data.content.flatMap { JSONValue(checked: $0) }
        let tags: [(String, JSONNode)] = tags == .none ? [] : [("tags", .text(tags.joined))]
        return .object(
            [
                ("specversion", .text("1.0")), ("id", .optional(id)),
                ("source", .text(source.text)), ("type", .text(type.text)),
                ("schema", .integer(Int64(schema))), ("subject", .text(stream.text)),
                ("time", .optional(time)),
            ] + tags + [("data", data.map { JSONNode($0) } ?? .null)])
    }
}
