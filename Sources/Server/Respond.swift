internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JSON
internal import Merkle
internal import NIOCore
internal import NIOHTTP1
internal import Storage

/// Answers requests; appends of one event never come here, but to ``AppendLane``.
struct Responder: Sendable {
    let desk: Desk

    /// What an endpoint gives back: all of it, or something that is written bit by bit.
    enum Reply {
        case whole(Answer)
        case stream(HTTPFields, any BodyStream)

        var status: HTTPResponse.Status {
            switch self {
            case .whole(let answer): answer.status
            case .stream: .ok
            }
        }
    }

    @concurrent
    func respond(to request: Request, _ writer: consuming ResponseWriter) async throws {
        let start = SystemClock.bootMicroseconds()
        let target = Target(request.head.path)
        var endpoint: Endpoint?
        let reply: Reply
        do {
            let route = try Route.find(request.method, target.path)
            endpoint = route.endpoint
            reply = try await self.reply(to: request, route, target.query)
        } catch let error as HTTPParserError {
            throw error
        } catch let error as BrokenOff {
            throw error.reason
        } catch {
            reply = .whole(desk.problem(of: error).answer)
        }
        desk.activity.count(endpoint, reply.status, since: start)
        if request.method == .head {
            try await writer.writeResponse(head(of: reply, for: request))
        } else {
            try await write(reply, to: writer, for: request)
        }
    }

    /// What a GET would be answered with, without the body.
    private func head(of reply: Reply, for request: Request) -> HTTPResponse {
        switch reply {
        case .whole(let whole):
            return whole.compressed(for: request.headers).head(date: desk.date.now)
        case .stream(let fields, let stream):
            return head(compressed(fields, stream, for: request.headers).0)
        }
    }

    private func head(_ fields: HTTPFields) -> HTTPResponse {
        var head = HTTPResponse(status: .ok, headerFields: fields)
        head.headerFields[.date] = desk.date.now
        return head
    }

    @concurrent
    private func write(
        _ reply: Reply, to writer: consuming ResponseWriter, for request: Request
    ) async throws {
        switch reply {
        case .whole(let whole):
            let answer = whole.compressed(for: request.headers)
            try await writer.write(
                response: answer.head(date: desk.date.now),
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
        case .stream(let plainFields, let plain):
            let (fields, stream) = compressed(plainFields, plain, for: request.headers)
            // What goes wrong from here on breaks the connection off, so that nobody takes a part
            // of the answer for the whole.
            var body: any ResponseBodyWriter = try await writer.writeHead(head(fields))
            try await stream.write(to: &body)
            try await body.finish(nil)
        }
    }

    /// What answers depend on beside path and query.
    static let vary = "Accept, Accept-Encoding"

    private func compressed(
        _ fields: HTTPFields, _ stream: any BodyStream, for request: HTTPFields
    ) -> (HTTPFields, any BodyStream) {
        var fields = fields
        fields[.vary] = Self.vary
        guard stream.isWorthCompressing, let coding = ContentCoding(request[.acceptEncoding]) else {
            return (fields, stream)
        }
        fields[.contentEncoding] = coding.rawValue
        return (fields, CompressedStream(stream: stream, coding: coding))
    }

    private func reply(
        to request: Request, _ route: Route, _ query: Substring?
    ) async throws -> Reply {
        let client = try await desk.gate.admit(
            request.headers[.authorization], to: route.endpoint)
        let fields = request.headers
        switch route.endpoint {
        case .appendEvents: return .whole(try await append(request, query, client))
        case .readEvents:
            return try await read(
                ReadRequest(query, accept: fields[.accept]), request, client)
        case .exportEvents:
            return try await read(ReadRequest(export: query), request, client)
        case .readEvent: return .whole(try await event(route.arguments[0], query, fields, client))
        case .followEvents:
            return try await follow(
                SubscriptionRequest(query, fields, client), request, client)
        case .head: return .whole(try await head(query, fields))
        case .checkpoint: return .whole(try await checkpoint(query, fields))
        case .tile: return .whole(try await tile(route.arguments, query, fields))
        case .entries: return .whole(try await entries(route.arguments[0], query, fields))
        case .receipt: return .whole(try await receipt(route.arguments[0], query, client))
        case .consistency: return .whole(try await consistency(query, fields))
        case .listStreams: return .whole(try await streams(query))
        case .listCursors: return .whole(try await cursors(query))
        case .readCursor: return .whole(try await cursor(route.arguments[0], query))
        case .moveCursor:
            return .whole(try await moveCursor(route.arguments[0], query, request))
        case .removeCursor:
            return .whole(try await removeCursor(route.arguments[0], query))
        case .listProjections: return .whole(try await projections(query))
        case .describeProjection:
            return .whole(try describeProjection(route.arguments[0], query))
        case .readTable: return .whole(try await table(route.arguments, query, client))
        case .queryProjection:
            return .whole(try await self.query(route.arguments[0], query, request, client))
        case .makeSubject, .findSubject, .subjectStatus, .subjectData, .eraseSubject,
            .authoriseSubject, .retention, .rotateEpoch:
            return .whole(try await subjects(route, query, request, client))
        case .addCheckpoint: return .whole(try await addCheckpoint(query, request))
        case .witnessedCheckpoint:
            return .whole(try witnessed(route.arguments[0], query))
        case .metrics: return .whole(try await metrics(query))
        case .livez: return .whole(try alive(query))
        case .readyz: return .whole(try await ready(query))
        case .description, .documentation, .problems:
            return .whole(try documentation(route.endpoint, query))
        }
    }

    /// Gives the whole body of a request to `use`, where it is not too long.
    ///
    /// What is held of bodies counts until `use` has done with it.
    func withBody<Result>(
        of request: Request, upTo bytesMax: Int,
        _ use: (ArraySlice<UInt8>) async throws -> Result
    ) async throws -> Result {
        let share = desk.bodies.share()
        defer { withExtendedLifetime(share) {} }
        var body: [UInt8] = []
        var pieces = request.body.makeAsyncIterator()
        while let piece = try await pieces.nextPiece() {
            let count = body.count + piece.readableBytes
            guard count <= bytesMax else {
                throw Problem(
                    .contentTooLarge, .tooLarge, "the body has more than \(bytesMax) bytes")
            }
            try share.resize(to: count)
            body.append(contentsOf: piece.readableBytesView)
        }
        return try await use(body[...])
    }
}

extension AsyncIteratorProtocol<ByteBuffer, any Error> {
    /// The next piece of a body, or nil behind the last.
    mutating func nextPiece() async throws(BrokenOff) -> ByteBuffer? {
        do { return try await next(isolation: nil) } catch {
            throw BrokenOff(reason: error)
        }
    }
}

/// A request of which no more comes, so that there is nobody to answer.
struct BrokenOff: Error {
    let reason: any Error
}

/// The body of an answer that is written bit by bit.
protocol BodyStream: Sendable {
    /// Whether compression would not keep back what is to be seen at once.
    var isWorthCompressing: Bool { get }
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws
}

/// Path and query of a request.
struct Target {
    let path: Substring
    let query: Substring?

    init(_ text: String?) {
        let text = text ?? "/"
        path = text.prefix { $0 != "?" && $0 != "#" }
        let rest = text[path.endIndex...]
        query = rest.first == "?" ? rest.dropFirst().prefix { $0 != "#" } : nil
    }
}

extension Answer {
    /// Says where the next page is.
    mutating func linkNext(_ target: String) {
        guard let link = HTTPField.Name("Link") else { return }
        fields[link] = "<\(target)>; rel=\"next\""
    }

    func head(date: String) -> HTTPResponse {
        var head = HTTPResponse(status: status, headerFields: fields)
        head.headerFields[.date] = date
        if status != .notModified && status != .noContent {
            head.headerFields[.contentLength] = String(body.count)
        }
        return head
    }
}

/// What tells one state of an answer from another, as RFC 9110 section 8.8.3 has it.
///
/// Weak, since the same events may be compressed in one way or another.
struct EntityTag {
    let text: String

    init(_ parts: [String]) {
        text = "W/\"\(Hash(of: Array(parts.joined(separator: "\u{0}").utf8)).hex.prefix(32))\""
    }

    /// Whether the client has this state already.
    func isKnown(by fields: HTTPFields) -> Bool {
        guard let known = fields[.ifNoneMatch] else { return false }
        return known.split(separator: ",").map(\.trimmed).contains { tag in
            tag == "*" || tag == text || "W/" + tag == text
        }
    }
}

// Appending, but for single events.
extension Responder {
    private func append(
        _ request: Request, _ query: Substring?, _ client: Client
    ) async throws -> Answer {
        let terms = try AppendTerms(query)
        if BinaryEvent.stands(in: request.headers) {
            return try await withBody(of: request, upTo: ServerLimits.eventBytesMax) { data in
                let event = try BinaryEvent.json(request.headers, data)
                return try await append([IncomingEvent(event[...])], terms, client)
            }
        }
        let format = try AppendFormat(contentType: request.headers[.contentType])
        if format == .lines, !terms.isTogether {
            var appender = LineAppender(desk, for: client)
            return try await appender.append(request.body)
        }
        return try await withBody(of: request, upTo: format.bytesMax) { body in
            let events =
                switch format {
                case .lines: try readTogether(body)
                case .batch: try readBatch(body)
                case .event: [try IncomingEvent(body)]
                }
            return try await append(events, terms, client)
        }
    }

    private func append(
        _ events: [IncomingEvent], _ terms: AppendTerms, _ client: Client
    ) async throws -> Answer {
        let events = try events.map { event throws(Problem) in
            try desk.admitted(event, of: client)
        }
        let outcome = try await desk.log.append(
            Append(events.map(\.event), condition: terms.condition))
        return try AppendTally.answer(to: events, outcome)
    }
}

// Reading.
extension Responder {
    private func read(
        _ request: ReadRequest, _ http: Request, _ client: Client
    ) async throws -> Reply {
        let (log, readers, asOf) = (desk.log, desk.readers, request.selection.asOf)
        var fixed = request
        let size = try await readers.run { try log.size(asOf: asOf) }
        let isAnything = fixed.fix(size)
        var fields = HTTPFields()
        fields[.contentType] = request.format.rawValue
        let tag = EntityTag([
            log.identity.id.description,
            isAnything ? String(fixed.selection.to?.value ?? 0) : "nothing of \(size)",
            http.head.path ?? "",
            request.format.rawValue, client.scope.text,
        ])
        fields[.eTag] = tag.text
        if tag.isKnown(by: http.headers) { return .whole(notModified(fields)) }
        let pages = EventPages(isAnything ? fixed : fixed.ofNothing, of: log, for: client.scope)
        return .stream(fields, try await PageStream(pages, readers))
    }

    /// The event at a position as it stands in a path, if the client may see it.
    func event(
        at text: String, for client: Client, _ endpoint: Endpoint
    ) async throws -> Event {
        guard let number = QueryParameters.whole(text) else {
            throw Problem.badParameter("a position is a whole number, not \(quoted(text))")
        }
        let (log, position) = (desk.log, Position(number))
        guard let event = try await desk.readers.run({ try log.event(at: position) }) else {
            throw Problem(
                .notFound, .notFound, "the log has no event at position \(position) yet",
                members: [("position", .count(number))])
        }
        guard client.scope.isAll || client.scope.includes(event.type, event.tags) else {
            throw desk.gate.deny(client, endpoint, .outsideScope("this event"))
        }
        return event
    }

    private func event(
        _ text: String, _ query: Substring?, _ fields: HTTPFields, _ client: Client
    ) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let event = try await event(at: text, for: client, .readEvent)
        var answer = Answer(.ok)
        answer.fields[.contentType] = AppendFormat.event.rawValue
        let line = event.line
        let tag = EntityTag([String(decoding: line, as: UTF8.self)])
        answer.fields[.eTag] = tag.text
        if tag.isKnown(by: fields) { return notModified(answer.fields) }
        answer.body = line + [0x0A]
        return answer
    }

    private func head(_ query: Substring?, _ fields: HTTPFields) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let log = desk.log
        let head = try await desk.readers.run { try log.head() }
        var answer = Answer(
            .ok,
            .object([
                ("origin", .text(log.identity.origin)),
                ("log_id", .text(log.identity.id.description)),
                ("zone", .text(log.identity.zone)), ("size", .count(head.size)),
                ("root", .text(head.root.hex)),
                ("last_recorded", .text(head.lastRecorded.description)),
            ]))
        let tag = EntityTag([log.identity.id.description, head.root.hex])
        answer.fields[.eTag] = tag.text
        return tag.isKnown(by: fields) ? notModified(answer.fields) : answer
    }

    private func streams(_ query: Substring?) async throws -> Answer {
        var parameters = try QueryParameters(query: query)
        let prefix = try parameters.one("prefix") ?? ""
        let asOf = try parameters.asOf("as_of")
        let from = try parameters.position("from") ?? Position(0)
        let limit = try parameters.whole("limit") ?? UInt64(ServerLimits.streamsMax)
        guard (1...UInt64(ServerLimits.streamsMax)).contains(limit) else {
            throw Problem.badParameter("limit must be from 1 to \(ServerLimits.streamsMax)")
        }
        try parameters.requireNothingLeft()
        let log = desk.log
        let page = try await desk.readers.run {
            try log.streams(prefix: prefix, asOf: asOf, from: from, limit: Int(limit))
        }
        let rows = page.streams.map { stream -> JSONNode in
            .object([
                ("stream", .text(stream.stream.text)), ("events", .count(stream.events)),
                ("first", .count(stream.first.value)), ("last", .count(stream.last.value)),
            ])
        }
        var answer = Answer(.ok, .array(rows))
        if let next = page.next {
            var target = "\(Endpoint.listStreams.path)?from=\(next)&limit=\(limit)"
            if !prefix.isEmpty { target += "&prefix=" + QueryParameters.encoded(prefix) }
            switch asOf {
            case .position(let position): target += "&as_of=\(position)"
            case .recorded(let moment):
                target += "&as_of=" + QueryParameters.encoded(moment.description)
            case nil: break
            }
            answer.linkNext(target)
        }
        return answer
    }

    func notModified(_ fields: HTTPFields) -> Answer {
        var answer = Answer(.notModified)
        answer.fields = fields
        answer.fields[.contentType] = nil
        return answer
    }
}

// Following.
extension Responder {
    private func follow(
        _ subscription: SubscriptionRequest, _ request: Request, _ client: Client
    ) async throws -> Reply {
        let log = desk.log
        if subscription.cursor != nil, let roles = Endpoint.moveCursor.roles,
            client.roles.isDisjoint(with: roles)
        {
            throw desk.gate.deny(client, .followEvents, .otherRole(roles))
        }
        let lease: CursorLease? =
            if let name = subscription.cursor { try await desk.cursors.take(name) } else { nil }
        let next: Position =
            if let start = subscription.start ?? lease?.next { start } else {
                Position(try await desk.readers.run { try log.head().size })
            }
        guard let seat = desk.pulse.takeSeat() else {
            throw Problem(
                .serviceUnavailable, .overloaded, "there are as many subscriptions as there may be"
            ).retryable()
        }
        var fields = HTTPFields()
        fields[.contentType] = subscription.format.rawValue
        fields[.cacheControl] = "no-store"
        return .stream(
            fields,
            RunningSubscription(
                request: subscription, body: request.body, seat: seat, events: desk.events,
                lease: lease, next: next))
    }
}
