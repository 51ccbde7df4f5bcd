internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1

/// Asks those who vouch for a log from outside: witnesses, and authorities of timestamps.
enum Web {
    /// Bytes of an answer that are taken.
    private static let answerBytesMax = 64 << 10
    private static let patience: Duration = .seconds(15)

    struct Answer {
        let status: UInt
        /// In lower case, without parameters.
        let contentType: String
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// Runs `body` with a client that is shut down behind it.
    static func withClient<Result>(
        _ body: (HTTPClient) async throws -> Result
    ) async throws -> Result {
        // Whoever does not listen is told at once, and not asked for as long as there is patience.
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let result: Result
        do {
            result = try await body(client)
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
        return result
    }

    static func post(
        _ body: [UInt8], of contentType: String, to url: String, bearing token: String? = nil,
        _ client: HTTPClient
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        request.headers.add(name: "content-type", value: contentType)
        request.body = .bytes(ByteBuffer(bytes: body))
        return try await toldPlainly {
            try await within(patience) { [request] in
                let response = try await client.execute(request, timeout: TimeAmount(patience))
                let answer = try await response.body.collect(upTo: answerBytesMax)
                let type = response.headers.first(name: "content-type") ?? ""
                return Answer(
                    status: response.status.code,
                    contentType: type.prefix { $0 != ";" }.lowercased(), body: Array(buffer: answer)
                )
            }
        }
    }

    struct Unreachable: Error, CustomStringConvertible {
        let description: String
    }

    /// The commonest errors of connections in words that people need not decipher.
    private static func toldPlainly<Result>(_ body: () async throws -> Result) async throws
        -> Result
    {
        do { return try await body() } catch let error as IOError {
            switch error.errnoCode {
            case ECONNREFUSED: throw Unreachable(description: "nobody listens there")
            case ECONNRESET, EPIPE: throw Unreachable(description: "the connection was cut off")
            default: throw error
            }
        }
    }

    struct TooSlow: Error, CustomStringConvertible {
        let description = "the whole answer had not come after \(patience)"
    }

    /// Whoever sends a byte now and then is not waited for longer than who sends none.
    private static func within<Result: Sendable>(
        _ patience: Duration, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: patience)
                throw TooSlow()
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw TooSlow() }
            return first
        }
    }
}
