internal import AsyncHTTPClient
internal import JSON
internal import NIOCore
internal import NIOHTTP1

/// The answer to a request that was done.
struct ServerAnswer {
    let status: UInt
    let body: [UInt8]

    func number(_ member: String) -> UInt64? {
        guard (try? checkJSON(body[...])) != nil else { return nil }
        return JSONPayload(checked: body[...])?.integer(member).flatMap { UInt64(exactly: $0) }
    }
}

extension AscoltoClient {
    private static let answerBytesMax = 64 << 20
    private static let attemptPatience: Duration = .seconds(30)

    /// Sends a request until it is done, refused for good, or the client's patience ends.
    func answer(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8], type: String
    ) async throws -> ServerAnswer {
        var request = request(target)
        request.method = method
        request.headers.add(name: "Content-Type", value: type)
        request.body = .bytes(ByteBuffer(bytes: body))
        let end = ContinuousClock.now + patience
        var pauses = Pauses()
        while true {
            let pause: Duration
            let failure: any Error
            do {
                let attempt = min(Self.attemptPatience, end - ContinuousClock.now)
                let response = try await http.execute(request, timeout: TimeAmount(attempt))
                let found = try await response.body.collect(upTo: Self.answerBytesMax)
                let answer = ServerAnswer(
                    status: response.status.code, body: Array(found.readableBytesView))
                guard answer.status >= 400 else { return answer }
                let problem = ServerProblem(answer)
                guard Self.mayPass(answer.status) else { throw problem }
                failure = problem
                pause = max(pauses.next(), response.headers.retryAfter ?? .zero)
            } catch let error as ServerProblem {
                throw error
            } catch {
                try Task.checkCancellation()
                failure = error
                pause = pauses.next()
            }
            guard ContinuousClock.now + pause < end else { throw TransportError.givenUp(failure) }
            try await Task.sleep(for: pause)
        }
    }

    func request(_ target: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + target)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        return request
    }

    /// Whether the same request may be done later.
    static func mayPass(_ status: UInt) -> Bool { status == 429 || status >= 500 }
}

/// How long to wait before each new attempt: longer and longer, and never as long as the others.
struct Pauses {
    private var longest: Duration = .milliseconds(50)
    private static let max: Duration = .seconds(5)

    mutating func next() -> Duration {
        let pause = longest * Double.random(in: 0.5...1)
        longest = Swift.min(longest * 2, Self.max)
        return pause
    }
}

extension HTTPHeaders {
    /// Seconds only, which is what the server sends.
    fileprivate var retryAfter: Duration? {
        first(name: "Retry-After").flatMap { Int64($0) }.map { .seconds($0) }
    }
}

extension ServerProblem {
    init(_ answer: ServerAnswer) {
        let object =
            (try? checkJSON(answer.body[...])) == nil
            ? nil : JSONPayload(checked: answer.body[...])
        self.init(
            status: answer.status,
            kind: object?.string("type")?.split(separator: "#").last.map(String.init) ?? "unknown",
            detail: object?.string("detail") ?? "the server said nothing about it",
            position: object?.integer("position").map { UInt64($0) })
    }
}
