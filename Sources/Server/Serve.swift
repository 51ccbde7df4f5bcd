package import EventLog
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOPosix
package import ProjectionKit
internal import ServiceLifecycle
internal import UnixSignals

/// One process that serves one log over HTTP.
package struct LogServer: Sendable {
    package struct Settings: Sendable {
        package var host: String
        package var port: Int
        package var gate: Gate.Policy

        package init(host: String, port: Int, gate: Gate.Policy) {
            self.host = host
            self.port = port
            self.gate = gate
        }
    }

    private let log: EventLog
    private let projections: [any Projection]
    private let projectionsDirectory: String
    private let settings: Settings

    package init(
        _ log: EventLog, projections: [any Projection], in projectionsDirectory: String,
        _ settings: Settings
    ) {
        self.log = log
        self.projections = projections
        self.projectionsDirectory = projectionsDirectory
        self.settings = settings
    }

    /// Serves until the process is told to end by SIGTERM or SIGINT, and then until all who have
    /// asked have their answers.
    /// - Parameter listening: called with the address once requests can be sent to it.
    package func run(listening: @escaping @Sendable (_ address: String) -> Void) async throws {
        let readers = Readers()
        let pulse = try Pulse(log)
        let desk = Desk(
            log: log, readers: readers, pulse: pulse,
            events: SharedEvents(log, readers, pulse), cursors: CursorDesk(log, readers),
            readModels: LiveReadModels(projections, of: log, in: projectionsDirectory, pulse),
            gate: Gate(policy: settings.gate), health: Health())
        let responder = Responder(desk: desk)
        var logger = Logger(label: "ascolto")
        logger.logLevel = .warning
        let server = try Self.builder(desk).buildServer(
            configuration: ServerConfiguration(
                address: .hostname(settings.host, port: settings.port), backlog: 1_024),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger,
            responder: { request, writer, _ in
                try await responder.respond(to: request, writer)
            },
            onServerRunning: { channel in
                listening(channel.localAddress.map { "\($0)" } ?? "")
            })
        var configuration = ServiceGroupConfiguration(
            services: [readers, pulse, desk.readModels, server],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = ServerLimits.drainPatience
        try await ServiceGroup(configuration: configuration).run()
        log.close()
    }

    private static func builder(_ desk: Desk) -> HTTPServerBuilder {
        var decoder = HTTP1Channel.Configuration.DecoderConfiguration()
        decoder.maxHeaderListSize = ServerLimits.headerBytesMax
        decoder.maxHeaderFieldSize = ServerLimits.headerBytesMax
        decoder.maxHeaderFieldCount = ServerLimits.headerFieldsMax
        return .http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [AppendLane(desk)], idleTimeout: nil,
                httpDecoderConfiguration: decoder))
    }
}
