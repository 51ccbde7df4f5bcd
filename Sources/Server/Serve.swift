package import EventLog
internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import JSON
package import Logging
internal import NIOCore
internal import NIOPosix
package import ProjectionKit
internal import ServiceLifecycle
internal import Storage
internal import UnixSignals
package import Vault

/// One process that serves one log over HTTP.
package struct LogServer: Sendable {
    package struct Settings: Sendable {
        package var host: String
        package var port: Int
        package var tls: TLSFiles?
        package var gate: GatePolicy
        /// Of one client; nil lets each send as many as it likes.
        package var requestsPerSecond: Int?
        package var connectionsMax = ServerLimits.connectionsMax
        /// Where the keys of persons are, or will be.
        package var vault: VaultDoor
        /// What it has cosigned for others; nil where it is no witness.
        package var witness: WitnessBook?

        package init(host: String, port: Int, gate: GatePolicy, vault: VaultDoor) {
            self.host = host
            self.port = port
            self.gate = gate
            self.vault = vault
        }
    }

    private let log: EventLog
    private let projections: [any Projection]
    private let projectionsDirectory: String
    private let settings: Settings
    private let logger: Logger

    package init(
        _ log: EventLog, projections: [any Projection], in projectionsDirectory: String,
        _ settings: Settings, logger: Logger
    ) {
        self.log = log
        self.projections = projections
        self.projectionsDirectory = projectionsDirectory
        self.settings = settings
        self.logger = logger
    }

    /// Serves until the process is told to end by SIGTERM or SIGINT, and then until all who have
    /// asked have their answers.
    ///
    /// `listening` is called with the port once requests can be sent to it.
    /// - Throws: ``ServeError``, `TokenError`, `SignedTokenError` where it cannot begin.
    package func run(listening: @escaping @Sendable (_ port: Int) -> Void) async throws {
        BoundMemory.giveBackWhatIsLarge()
        BoundMemory.limitSQLite(to: ServerLimits.sqliteBytesMax)
        let desk = try await desk()
        let responder = Responder(desk: desk)
        let server = try Connections.builder(desk, settings.tls).buildServer(
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port),
                backlog: ServerLimits.backlog,
                availableConnectionsDelegate: .maximum(settings.connectionsMax, logger: logger)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger,
            responder: { request, writer, _ in
                try await responder.respond(to: request, writer)
            },
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) })
        var configuration = ServiceGroupConfiguration(
            services: [
                desk.readers, desk.queries, desk.journal, desk.subjects, desk.pulse,
                desk.readModels, server, desk.health,
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = ServerLimits.drainPatience
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            let address = "\(settings.host):\(settings.port)"
            throw error.errnoCode == EADDRINUSE
                ? ServeError.addressTaken(address)
                : ServeError.address(address, reason: "\(error)")
        }
        // All who asked have been answered; what waits for blocks and runs is made now.
        log.close()
    }

    private func desk() async throws -> Desk {
        let ahead = try log.head().lastRecorded.microseconds - SystemClock.wallMicroseconds()
        if ahead > Int64(LogLimits.clockJumpMax.components.seconds) * 1_000_000 {
            logger.warning(
                """
                the clock is behind the log; until it has caught up, all events are recorded at \
                the time of the last
                """,
                metadata: ["seconds": "\(ahead / 1_000_000)"])
        }
        let queries = Readers(
            threads: ServerLimits.queryThreads, waitingMax: ServerLimits.queriesWaitingMax)
        let readers = Readers(threads: ServerLimits.readThreads, waitingMax: .max)
        let (journal, pulse) = (Journal(log, logger), try Pulse(log))
        let models = LiveReadModels(projections, of: log, in: projectionsDirectory, pulse)
        let subjects = try SubjectDesk(settings.vault, of: log, logger) {
            try models.forget()
        }
        try await subjects.takeUp()
        let gate = try await Gate(
            settings.gate, RateLimiter(requestsPerSecond: settings.requestsPerSecond), journal,
            logger)
        return Desk(
            log: log, subjects: subjects, witness: settings.witness, readers: readers,
            queries: queries, pulse: pulse,
            events: SharedEvents(log, readers, pulse), cursors: CursorDesk(log, readers),
            readModels: models, journal: journal, gate: gate, health: Health(), logger: logger)
    }
}
