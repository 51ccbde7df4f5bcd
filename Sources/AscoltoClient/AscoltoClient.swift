public import AsyncHTTPClient
internal import NIOHTTP1

/// Appends events to a server of Ascolto, and follows what happens there.
///
/// A request that fails for want of a connection, of room or of time is sent again, with the same
/// ids, so an event is appended once however often that happens:
///
/// ```swift
/// let ascolto = AscoltoClient("https://log.example.org", token: token)
/// let event = try CloudEvent(
///     id: UUID(), type: "parcel.registered", source: "urn:example:desk", subject: "parcel/17",
///     data: ["weight": 3])
/// let outcome = try await ascolto.append(event)
/// for try await received in ascolto.follow(EventFilter(stream: "parcel/17")) { … }
/// ```
public struct AscoltoClient: Sendable {
    let base: String
    let token: String?
    let http: HTTPClient
    let patience: Duration

    /// A client of the server at an address such as `https://log.example.org`.
    ///
    /// `patience` is how long a request is tried again before its error is thrown.
    public init(
        _ address: String, token: String? = nil, http: HTTPClient = .shared,
        patience: Duration = .seconds(60)
    ) {
        base = address.hasSuffix("/") ? String(address.dropLast()) : address
        self.token = token
        self.http = http
        self.patience = patience
    }

    /// Appends one event; a batch of one.
    public func append(
        _ event: CloudEvent, expecting: [Expectation] = []
    ) async throws -> AppendOutcome {
        try await append([event], expecting: expecting)
    }

    /// Appends events together, at consecutive positions: all of them, or none.
    ///
    /// - Throws: ``ServerProblem`` where the server refuses them, ``TransportError`` where nothing
    ///   has come of it for as long as the client is patient; whether they were appended is then
    ///   not known, and the same events can be appended again.
    public func append(
        _ events: [CloudEvent], expecting: [Expectation] = []
    ) async throws -> AppendOutcome {
        var body = Array("[".utf8)
        for (index, event) in events.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += event.json
        }
        body.append(UInt8(ascii: "]"))
        let query =
            expecting.isEmpty
            ? "" : "?" + expecting.map(\.parameter).joined(separator: "&")
        let answer = try await answer(
            .POST, "/v1/events" + query, body, type: "application/cloudevents-batch+json")
        guard let first = answer.number("first"), let last = answer.number("last"), first <= last
        else { throw TransportError.notUnderstood(status: answer.status) }
        let positions = first...last
        return answer.status == 201 ? .appended(positions) : .alreadyAppended(positions)
    }

    /// The events that a filter wants, from a place on: first those that are there, then each as it
    /// comes, without a gap and without a duplicate, until the task is cancelled.
    public func follow(
        _ filter: EventFilter = EventFilter(), from start: FollowingStart = .now
    ) -> FollowedEvents {
        FollowedEvents(client: self, filter: filter, start: start)
    }
}
