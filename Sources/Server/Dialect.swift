internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypes
internal import NIOHTTPTypesHTTP1

/// How a version of HTTP writes its requests and answers, where the lane meets them.
protocol Dialect: SendableMetatype {
    associatedtype RequestPart: Sendable
    associatedtype ResponsePart: Sendable
    associatedtype RequestHead: Sendable

    static func piece(_ part: RequestPart) -> RequestPiece<RequestHead>
    static func heading(_ head: RequestHead) -> Heading
    static func isEnd(_ part: ResponsePart) -> Bool
    /// Whether it begins an answer whose end is only seen by reading on.
    static func isOfUnknownLength(_ part: ResponsePart) -> Bool
    /// A part of the last answer that a connection bears.
    static func last(_ part: ResponsePart, of connection: Connection) -> ResponsePart

    static func head(_ answer: Answer, date: String) -> ResponsePart
    static func body(_ bytes: [UInt8]) -> ResponsePart
    static var end: ResponsePart { get }
    /// What a client waits for that asked whether to send its body.
    static var goOn: ResponsePart { get }
    /// Bytes of answers that the system has not taken yet; nil where they cannot be told.
    static func unsentBytes(on channel: any Channel) -> Int?
}

enum RequestPiece<Head> {
    case head(Head)
    case body(ByteBuffer)
    case end
}

/// What the lane has to know of a request before it knows whose it is.
struct Heading {
    let isPost: Bool
    /// Whether its answer has no body, whatever its fields say of one.
    let isHead: Bool
    /// Whether a body comes that the client may hold back until it is asked for.
    let isWaiting: Bool
    let target: String
    let connection: Connection
    /// Whether the request names one host, as it must.
    let namesHost: Bool
    let contentType: String?
    let authorization: String?
    /// Whether it carries an event in the binary mode of CloudEvents.
    let isBinary: Bool
}

/// What becomes of a connection behind an answer.
struct Connection {
    let version: HTTPVersion
    let isLast: Bool

    /// The same, where nothing more is read of it.
    var ended: Connection { Connection(version: version, isLast: true) }
    /// The same, where the end of the connection is the end of the answer.
    var endedWithAnswer: Connection { Connection(version: .http1_0, isLast: true) }
}

/// Before HTTP's parts get the types that all versions share, which costs more than it takes to
/// read an event.
enum HTTP1: Dialect {
    static func unsentBytes(on channel: any Channel) -> Int? {
        try? channel.syncOptions?.getOption(.bufferedWritableBytes)
    }

    static func piece(_ part: HTTPServerRequestPart) -> RequestPiece<HTTPRequestHead> {
        switch part {
        case .head(let head): .head(head)
        case .body(let body): .body(body)
        case .end: .end
        }
    }

    static func heading(_ head: HTTPRequestHead) -> Heading {
        var (hosts, isWaiting, isBinary) = (0, false, false)
        var (contentType, authorization) = (String?.none, String?.none)
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where isField(name, "host"): hosts += 1
            case 6 where isField(name, "expect"): isWaiting = head.method.mayHaveBody
            case 12 where isField(name, "content-type"): contentType = contentType.joined(value)
            case 13 where isField(name, "authorization"):
                authorization = authorization.joined(value)
            case 14 where isField(name, "ce-specversion"): isBinary = true
            default: break
            }
        }
        // Before 1.1 a request needs no host, and a connection was for one of them.
        let isOld = head.version == .http1_0 || head.version == .http0_9
        return Heading(
            isPost: head.method == .POST, isHead: head.method == .HEAD, isWaiting: isWaiting,
            target: head.uri,
            connection: Connection(version: head.version, isLast: isOld || !head.isKeepAlive),
            namesHost: hosts == 1 || isOld && hosts == 0, contentType: contentType,
            authorization: authorization, isBinary: isBinary)
    }

    /// Whether a name is this one of as many letters, in whatever case.
    private static func isField(_ name: String, _ wanted: StaticString) -> Bool {
        zip(name.utf8, wanted.description.utf8).allSatisfy { $0 | 0x20 == $1 }
    }

    static func isEnd(_ part: HTTPServerResponsePart) -> Bool {
        if case .end = part { true } else { false }
    }

    static func isOfUnknownLength(_ part: HTTPServerResponsePart) -> Bool {
        guard case .head(let head) = part, head.status.mayHaveResponseBody else { return false }
        return !head.headers.contains(name: "Content-Length")
    }

    static func last(
        _ part: HTTPServerResponsePart, of connection: Connection
    ) -> HTTPServerResponsePart {
        guard case .head(var head) = part else { return part }
        // In its own version, so that no one gets a body in pieces who does not know them.
        head.version = connection.version
        head.headers.replaceOrAdd(name: "Connection", value: "close")
        return .head(head)
    }

    static func head(_ answer: Answer, date: String) -> HTTPServerResponsePart {
        .head(HTTPResponseHead(answer.head(date: date)))
    }

    static func body(_ bytes: [UInt8]) -> HTTPServerResponsePart {
        .body(.byteBuffer(ByteBuffer(bytes: bytes)))
    }

    static var end: HTTPServerResponsePart { .end(nil) }
    static var goOn: HTTPServerResponsePart {
        .head(HTTPResponseHead(version: .http1_1, status: .continue))
    }
}

/// One request of HTTP/2, which has a channel of its own.
enum HTTP2: Dialect {
    /// Streams share the bytes of their connection.
    static func unsentBytes(on channel: any Channel) -> Int? { nil }

    static func piece(_ part: HTTPRequestPart) -> RequestPiece<HTTPRequest> {
        switch part {
        case .head(let head): .head(head)
        case .body(let body): .body(body)
        case .end: .end
        }
    }

    static func heading(_ head: HTTPRequest) -> Heading {
        Heading(
            isPost: head.method == .post, isHead: head.method == .head,
            isWaiting: head.headerFields[.expect] != nil
                && (head.method == .post || head.method == .put),
            target: head.path ?? "/", connection: Connection(version: .http2, isLast: false),
            namesHost: head.authority != nil, contentType: head.headerFields[.contentType],
            authorization: head.headerFields[.authorization],
            isBinary: BinaryEvent.stands(in: head.headerFields))
    }

    static func isEnd(_ part: HTTPResponsePart) -> Bool {
        if case .end = part { true } else { false }
    }

    /// A stream of HTTP/2 says itself where it ends.
    static func isOfUnknownLength(_ part: HTTPResponsePart) -> Bool { false }

    static func last(_ part: HTTPResponsePart, of connection: Connection) -> HTTPResponsePart {
        part
    }

    static func head(_ answer: Answer, date: String) -> HTTPResponsePart {
        .head(answer.head(date: date))
    }

    static func body(_ bytes: [UInt8]) -> HTTPResponsePart { .body(ByteBuffer(bytes: bytes)) }

    static var end: HTTPResponsePart { .end(nil) }
    static var goOn: HTTPResponsePart { .head(HTTPResponse(status: .continue)) }
}

extension HTTPMethod {
    fileprivate var mayHaveBody: Bool { self == .POST || self == .PUT }
}

extension String? {
    /// A field that comes twice is one with both values.
    fileprivate func joined(_ more: String) -> String { map { "\($0), \(more)" } ?? more }
}
