internal import HTTPTypes
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// Threads on which the log, or the read models, are read.
///
/// A read waits for the disk, which none of the few threads that serve all requests may do. And
/// whoever reads events does not wait for those who ask long questions.
final class Readers: Service {
    private let pool: NIOThreadPool
    private let waitingMax: Int
    private let underWay = Atomic(0)

    /// As many may be under way as there are threads, and `waitingMax` besides.
    init(threads: Int, waitingMax: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        self.waitingMax = waitingMax == .max ? .max : threads + waitingMax
        pool.start()
    }

    /// - Throws: a ``Problem`` that may pass where too many wait, and what `body` throws.
    func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let before = underWay.wrappingAdd(1, ordering: .relaxed).oldValue
        defer { underWay.wrappingSubtract(1, ordering: .relaxed) }
        guard before < waitingMax else {
            throw Problem(
                .serviceUnavailable, .overloaded, "as many queries wait as may; come again later"
            ).retryable()
        }
        return try await pool.runIfActive(body)
    }

    /// Ends the threads when everybody else has ended.
    func run() async throws {
        try? await gracefulShutdown()
        try await pool.shutdownGracefully()
    }
}
