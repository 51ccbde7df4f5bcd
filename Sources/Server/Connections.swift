internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import Logging
internal import NIOCore
internal import NIOHTTPTypesHTTP1
internal import NIOSSL

/// Certificate and key of the server, as files in PEM.
package struct TLSFiles: Sendable {
    package let certificate: String
    package let key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    func configuration() throws(ServeError) -> TLSConfiguration {
        let chain: [NIOSSLCertificate]
        do { chain = try NIOSSLCertificate.fromPEMFile(certificate) } catch {
            throw .certificate(path: certificate)
        }
        guard !chain.isEmpty else { throw .certificate(path: certificate) }
        let privateKey: NIOSSLPrivateKey
        do { privateKey = try NIOSSLPrivateKey(file: key, format: .pem) } catch {
            throw .key(path: key)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}

/// Why a server cannot begin; each case says what to mend.
package enum ServeError: Error, CustomStringConvertible {
    case certificate(path: String)
    case key(path: String)
    case tls(reason: String)
    case addressTaken(String)
    case address(String, reason: String)

    package var description: String {
        switch self {
        case .certificate(let path):
            "the certificate \(path) cannot be read: it must be a file with certificates in PEM"
        case .key(let path):
            "the key \(path) cannot be read: it must be a file with a private key in PEM"
        case .tls(let reason): "certificate and key do not work together: \(reason)"
        case .addressTaken(let address):
            "another program listens on \(address); end it, or give another --listen"
        case .address(let address, let reason): "cannot listen on \(address): \(reason)"
        }
    }
}

/// How connections are made up.
enum Connections {
    /// HTTP/1.1 in clear, or HTTP/2 and HTTP/1.1 under TLS, as the client likes.
    static func builder(_ desk: Desk, _ tls: TLSFiles?) throws(ServeError) -> HTTPServerBuilder {
        var decoder = HTTP1Channel.Configuration.DecoderConfiguration()
        decoder.maxHeaderListSize = ServerLimits.headerBytesMax
        decoder.maxHeaderFieldSize = ServerLimits.headerBytesMax
        decoder.maxHeaderFieldCount = ServerLimits.headerFieldsMax
        let streams = HTTP1Channel.Configuration(
            additionalChannelHandlers: [LaneSetter(desk)], idleTimeout: nil,
            httpDecoderConfiguration: decoder)
        guard let tls else {
            return HTTPServerBuilder { responder in
                WatchedChannel(base: HTTP1Channel(responder: responder, configuration: streams))
            }
        }
        let configuration = try tls.configuration()
        do { _ = try NIOSSLContext(configuration: configuration) } catch {
            throw .tls(reason: "\(error)")
        }
        return HTTPServerBuilder { responder in
            WatchedChannel(
                base: try HTTP2UpgradeChannel(
                    tlsConfiguration: configuration,
                    configuration: HTTP2UpgradeChannel.Configuration(
                        idleTimeout: ServerLimits.idlePatience,
                        gracefulCloseTimeout: ServerLimits.drainPatience,
                        streamConfiguration: streams),
                    responder: responder))
        }
    }
}

/// Puts the lane where the requests of its version of HTTP come by, and does nothing else.
private final class LaneSetter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let desk: Desk

    init(_ desk: Desk) { self.desk = desk }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        do {
            if let codec = try? pipeline.handler(type: HTTP1ToHTTPServerCodec.self) {
                try pipeline.addHandler(AppendLane<HTTP1>(desk), position: .before(codec))
            } else {
                try pipeline.addHandler(AppendLane<HTTP2>(desk), position: .after(self))
            }
        } catch {
            context.close(promise: nil)
        }
    }
}

/// Closes connections on which nothing moves, whatever they were about to become.
///
/// What is behind it sees requests only, so it would wait for ever for one who begins to speak TLS
/// and falls silent.
private struct WatchedChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base

    /// Else the system takes megabytes, and only says that it takes more when a third has gone: a
    /// slow reader could not be told from one who does not read.
    private static var unsentBytes: ChannelOptions.Types.SocketOption {
        .init(level: .tcp, name: NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.setOption(Self.unsentBytes, value: ServerLimits.unsentBytesMax).flatMapThrowing {
            try channel.pipeline.syncOperations.addHandlers(
                IdleStateHandler(allTimeout: .init(ServerLimits.silencePatience)), SilenceEnd())
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

private final class SilenceEnd: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private var unsent: Int?

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            // A long piece that is read slowly moves, although nothing has begun or ended.
            let left = try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)
            let isMoving = (left ?? 0) > 0 && left != unsent
            unsent = left
            if !isMoving { context.close(promise: nil) }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }
}
