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
            let body = try await request.body.collect(upTo: WitnessBook.bodyBytesMax)
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
        let answer = book.answer(to: body, logger)
        return text(answer.status, answer.text, type: answer.type)
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

/// What a witness says to who shows it a checkpoint.
struct WitnessAnswer {
    let status: HTTPResponse.Status
    let text: String
    var type = "text/plain; charset=utf-8"
}

extension WitnessBook {
    /// A checkpoint with 63 hashes and a hundred signatures fits.
    static let bodyBytesMax = 64 << 10

    /// Cosigns what is shown, or says why not, as C2SP tlog-witness has it.
    func answer(to body: [UInt8], _ logger: Logger) -> WitnessAnswer {
        do {
            let seconds = UInt64(max(0, SystemClock.wallMicroseconds() / 1_000_000))
            let note = try add(body, atSeconds: seconds)
            return WitnessAnswer(
                status: .ok, text: String(decoding: note.signatureLines, as: UTF8.self))
        } catch let objection as WitnessedLog.Objection {
            logger.notice("not cosigned", metadata: ["why": "\(objection)"])
            return WitnessAnswer(objection)
        } catch {
            logger.error("nothing can be cosigned", metadata: ["detail": "\(error)"])
            return WitnessAnswer(
                status: .serviceUnavailable, text: "what would be cosigned cannot be remembered\n")
        }
    }
}

extension WitnessAnswer {
    fileprivate init(_ objection: WitnessedLog.Objection) {
        switch objection {
        case .malformed(let refusal): self.init(status: .badRequest, text: "\(refusal)\n")
        case .unknownLog:
            self.init(status: .notFound, text: "this log is not witnessed here\n")
        case .notSigned(let refusal): self.init(status: .forbidden, text: "\(refusal)\n")
        case .oldSizeBeyond(let old, let size):
            self.init(
                status: .badRequest, text: "the old size \(old) is beyond the new one, \(size)\n")
        case .otherOldSize(let size):
            self.init(status: .conflict, text: "\(size)\n", type: "text/x.tlog.size")
        case .inconsistent(let refusal):
            self.init(status: .unprocessableContent, text: "\(refusal)\n")
        }
    }
}

// A server that is a witness for others as well.
extension Responder {
    /// Cosigns a checkpoint of a log that it knows.
    func addCheckpoint(_ query: Substring?, _ request: Request) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let (book, logger) = (try requireWitness(), desk.logger)
        let body = try await withBody(of: request, upTo: WitnessBook.bodyBytesMax) { Array($0) }
        // What is cosigned is on disk before it is answered.
        let witnessed = try await desk.readers.run { book.answer(to: body, logger) }
        switch witnessed.status {
        case .ok, .conflict:
            return Answer(witnessed.status, text: witnessed.text, type: witnessed.type)
        case .badRequest: throw Problem.badBody(witnessed.detail)
        case .forbidden: throw Problem(.forbidden, .forbidden, witnessed.detail)
        case .notFound: throw Problem(.notFound, .notFound, witnessed.detail)
        case .unprocessableContent:
            throw Problem(.unprocessableContent, .rejected, witnessed.detail)
        default: throw Problem(.serviceUnavailable, .unavailable, witnessed.detail).retryable()
        }
    }

    /// What it has cosigned last of a log, by the SHA-256 of the log's origin.
    func witnessed(_ origin: String, _ query: Substring?) throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        guard let note = try requireWitness().last(originHash: origin) else {
            throw Problem(.notFound, .notFound, "no checkpoint of such a log was cosigned")
        }
        var answer = Answer(.ok)
        answer.fields[.contentType] = "text/plain; charset=utf-8"
        answer.body = note.bytes
        return answer
    }

    private func requireWitness() throws(Problem) -> WitnessBook {
        guard let book = desk.witness else {
            throw Problem(.notFound, .notFound, "this server is no witness")
        }
        return book
    }
}

extension WitnessAnswer {
    fileprivate var detail: String { String(text.dropLast()) }
}
