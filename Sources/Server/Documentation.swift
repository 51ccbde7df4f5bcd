internal import EventLog
internal import HTTPTypes
internal import JSON

extension Responder {
    func documentation(_ endpoint: Endpoint, _ query: Substring?) throws(Problem) -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        return Answer(.ok, text: "", type: "text/plain")
    }

    func ready() async throws -> Answer {
        if let reason = desk.health.reason {
            throw Problem(.serviceUnavailable, .unavailable, reason).retryable()
        }
        let log = desk.log
        let head = try await desk.readers.run { try log.head() }
        return Answer(
            .ok, .object([("status", .text("ready")), ("events", .count(head.size))]))
    }
}
