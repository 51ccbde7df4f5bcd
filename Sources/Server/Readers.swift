internal import NIOPosix
internal import ServiceLifecycle

/// The threads on which the log and the read models are read.
///
/// A read waits for the disk, which none of the few threads that serve all requests may do.
struct Readers: Service {
    private let pool = NIOThreadPool(numberOfThreads: ServerLimits.readThreads)

    init() { pool.start() }

    func run<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await pool.runIfActive(body)
    }

    /// Ends the threads when everybody else has ended.
    func run() async throws {
        try? await gracefulShutdown()
        try await pool.shutdownGracefully()
    }
}
