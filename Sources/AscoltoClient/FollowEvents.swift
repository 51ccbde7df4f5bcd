internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

extension AscoltoClient {
    private static let headPatience: TimeAmount = .seconds(30)

    /// Follows until it is cancelled, or refused for good.
    func follow(
        _ filter: EventFilter, _ start: FollowingStart, _ take: (ReceivedEvent) -> Void
    ) async throws {
        var from: UInt64? =
            switch start {
            case .beginning: 0
            case .after(let position): position + 1
            case .now: try await size()
            }
        var pauses = Pauses()
        while !Task.isCancelled {
            do {
                try await receive(filter, from: from) { event in
                    from = event.position + 1
                    pauses = Pauses()
                    take(event)
                }
            } catch let problem as ServerProblem {
                guard Self.mayPass(problem.status) else { throw problem }
            } catch {
                // The connection broke; it is made anew behind the last event.
                try Task.checkCancellation()
            }
            try await Task.sleep(for: pauses.next())
        }
        throw CancellationError()
    }

    /// What the log has now, so that nothing is missed that comes before the first connection.
    private func size() async throws -> UInt64 {
        let answer = try await answer(.GET, "/v1/head", [], type: "application/json")
        guard let size = answer.number("size") else {
            throw TransportError.notUnderstood(status: answer.status)
        }
        return size
    }

    private func receive(
        _ filter: EventFilter, from: UInt64?, _ take: (ReceivedEvent) -> Void
    ) async throws {
        let parameters = filter.parameters + (from.map { ["from=\($0)"] } ?? [])
        var request = request("/v1/subscription?" + parameters.joined(separator: "&"))
        request.headers.add(name: "Accept", value: "application/x-ndjson")
        let response = try await http.execute(
            request, deadline: .now() + Self.headPatience)
        guard response.status == .ok else {
            let body = try await response.body.collect(upTo: 1 << 20)
            throw ServerProblem(
                ServerAnswer(status: response.status.code, body: Array(body.readableBytesView)))
        }
        var pending: [UInt8] = []
        for try await piece in response.body {
            pending += piece.readableBytesView
            var start = 0
            while let end = pending[start...].firstIndex(of: UInt8(ascii: "\n")) {
                // An empty line says that the server is alive.
                if let event = ReceivedEvent(Array(pending[start..<end])) { take(event) }
                start = end + 1
            }
            pending.removeFirst(start)
        }
    }
}
