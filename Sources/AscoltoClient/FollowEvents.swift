internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// Events as they are received, one after the other, for as long as somebody asks for the next.
///
/// Nothing is received that is not asked for: a slow consumer holds back the server and keeps no
/// events in memory. Each iteration has a connection of its own, which is made anew behind the last
/// event where it breaks.
///
/// Asking for the next event throws ``ServerProblem`` where the server refuses for good,
/// ``TransportError/notUnderstood(status:)`` where it sends what is no event, and
/// `CancellationError` when the task is cancelled.
public struct FollowedEvents: AsyncSequence, Sendable {
    let client: AscoltoClient
    let filter: EventFilter
    let start: FollowingStart

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(client: client, filter: filter, start: start)
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let client: AscoltoClient
        private let filter: EventFilter
        private var start: FollowingStart
        private var connection: Connection?
        private var pauses = Pauses()

        init(client: AscoltoClient, filter: EventFilter, start: FollowingStart) {
            self.client = client
            self.filter = filter
            self.start = start
        }

        public mutating func next() async throws -> ReceivedEvent? {
            while true {
                try Task.checkCancellation()
                do {
                    if connection == nil { connection = try await connect() }
                    if let event = try await connection?.next() {
                        start = .after(event.position)
                        pauses = Pauses()
                        return event
                    }
                } catch {
                    connection = nil
                    try Task.checkCancellation()
                    guard Self.mayPass(error) else { throw error }
                }
                connection = nil
                try await Task.sleep(for: pauses.next())
            }
        }

        private static func mayPass(_ error: any Error) -> Bool {
            switch error {
            case let problem as ServerProblem: AscoltoClient.mayPass(problem.status)
            case TransportError.notUnderstood: false
            default: true
            }
        }

        private mutating func connect() async throws -> Connection {
            // What the log has now, so that nothing is missed that comes before the connection.
            if case .now = start { start = try await client.end() }
            return try await client.subscribe(filter, from: start)
        }
    }
}

/// One answer of the server that does not end.
private struct Connection {
    private var pieces: HTTPClientResponse.Body.AsyncIterator
    private var pending: [UInt8] = []
    /// Where the line that is read next begins, and how far its end has been looked for.
    private var (start, seen) = (0, 0)

    init(_ body: HTTPClientResponse.Body) { pieces = body.makeAsyncIterator() }

    /// The next event, or nil where the answer has ended.
    mutating func next() async throws -> ReceivedEvent? {
        while true {
            if let end = pending[seen...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(pending[start..<end])
                (start, seen) = (end + 1, end + 1)
                // An empty line says that the server is alive.
                if line.isEmpty { continue }
                guard let event = ReceivedEvent(line) else {
                    throw TransportError.notUnderstood(status: HTTPResponseStatus.ok.code)
                }
                return event
            }
            pending.removeFirst(start)
            (start, seen) = (0, pending.count)
            guard let piece = try await pieces.next(isolation: #isolation) else { return nil }
            pending += piece.readableBytesView
        }
    }
}

extension AscoltoClient {
    private static let headPatience: TimeAmount = .seconds(30)

    /// Behind what the log has now.
    fileprivate func end() async throws -> FollowingStart {
        let answer = try await answer(.GET, "/v1/head", [], type: "application/json")
        guard let size = answer.number("size") else {
            throw TransportError.notUnderstood(status: answer.status)
        }
        return size == 0 ? .beginning : .after(size - 1)
    }

    fileprivate func subscribe(
        _ filter: EventFilter, from start: FollowingStart
    ) async throws -> Connection {
        let from: UInt64? =
            switch start {
            case .beginning: 0
            case .after(let position): position + 1
            case .now: nil
            }
        let parameters = filter.parameters + (from.map { ["from=\($0)"] } ?? [])
        var request = request("/v1/subscription?" + parameters.joined(separator: "&"))
        request.headers.add(name: "Accept", value: "application/x-ndjson")
        let response = try await http.execute(request, deadline: .now() + Self.headPatience)
        guard response.status == .ok else {
            let body = try await response.body.collect(upTo: 1 << 20)
            throw ServerProblem(
                ServerAnswer(status: response.status.code, body: Array(body.readableBytesView)))
        }
        return Connection(response.body)
    }
}
