internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JSON
package import Logging
internal import Merkle
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Storage
internal import UnixSignals

/// A witness: cosigns the checkpoints of some logs, each only where it extends the one before.
///
/// Source: C2SP tlog-witness, and tlog-cosignature version 1.
package struct WitnessServer: Sendable {
    private let book: WitnessBook
    private let host: String
    private let port: Int
    private let logger: Logger

    /// A checkpoint with 63 hashes and a hundred signatures fits.
    private static let bodyBytesMax = 64 << 10

    package init(_ book: WitnessBook, host: String, port: Int, logger: Logger) {
        self.book = book
        self.host = host
        self.port = port
        self.logger = logger
    }

    /// Serves until SIGTERM or SIGINT; `listening` is called with the port once it can be asked.
    package func run(listening: @escaping @Sendable (_ port: Int) -> Void) async throws {
        let (book, logger) = (book, logger)
        let router = Router()
        router.post("add-checkpoint") { request, _ in
            let body = try await request.body.collect(upTo: Self.bodyBytesMax)
            return Self.answer(to: Array(body.readableBytesView), book, logger)
        }
        router.get(":origin/checkpoint") { _, context in
            guard let hash = context.parameters.get("origin"),
                let note = book.last(originHash: hash)
            else { return Self.text(.notFound, "no checkpoint of such a log was cosigned\n") }
            return Self.text(.ok, note.bytes)
        }
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in listening(channel.localAddress?.port ?? 0) },
            logger: logger)
        do {
            try await application.runService(gracefulShutdownSignals: [.sigterm, .sigint])
        } catch let error as IOError {
            throw ServeError.address("\(host):\(port)", reason: "\(error)")
        }
    }

    private static func answer(
        to body: [UInt8], _ book: WitnessBook, _ logger: Logger
    ) -> Response {
        do {
            let seconds = UInt64(max(0, SystemClock.wallMicroseconds() / 1_000_000))
            return text(.ok, try book.add(body, atSeconds: seconds).signatureLines)
        } catch let objection as WitnessedLog.Objection {
            logger.notice("not cosigned", metadata: ["why": "\(objection)"])
            return answer(to: objection)
        } catch {
            logger.error("nothing can be cosigned", metadata: ["detail": "\(error)"])
            return text(.serviceUnavailable, "what would be cosigned cannot be remembered\n")
        }
    }

    private static func answer(to objection: WitnessedLog.Objection) -> Response {
        switch objection {
        case .malformed(let refusal): text(.badRequest, "\(refusal)\n")
        case .unknownLog: text(.notFound, "this log is not witnessed here\n")
        case .notSigned(let refusal): text(.forbidden, "\(refusal)\n")
        case .oldSizeBeyond(let old, let size):
            text(.badRequest, "the old size \(old) is beyond the new one, \(size)\n")
        case .otherOldSize(let size): text(.conflict, "\(size)\n", type: "text/x.tlog.size")
        case .inconsistent(let refusal): text(.unprocessableContent, "\(refusal)\n")
        }
    }

    private static func text(
        _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        self.text(status, Array(text.utf8), type: type)
    }

    private static func text(
        _ status: HTTPResponse.Status, _ bytes: [UInt8],
        type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
