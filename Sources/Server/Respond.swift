internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JSON
internal import Merkle
internal import NIOCore
internal import NIOHTTP1

/// Answers requests; appends of one event never come here, but to ``AppendLane``.
struct Responder: Sendable {
    let desk: Desk

    /// What an endpoint gives back: all of it, or something that is written bit by bit.
    enum Reply {
        case whole(Answer)
        case stream(HTTPFields, any BodyStream)
    }

    @concurrent func respond(to request: Request, _ writer: consuming ResponseWriter) async throws {
        let reply: Reply
        do {
            reply = try await self.reply(to: request)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            reply = .whole(desk.problem(of: error).answer)
        }
        switch reply {
        case .whole(let answer):
            try await writer.write(
                response: answer.head(date: desk.date.now),
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
        case .stream(let fields, let stream):
            var head = HTTPResponse(status: .ok, headerFields: fields)
            head.headerFields[.date] = desk.date.now
            // What goes wrong from here on breaks the connection off, so that nobody takes a part
            // of the answer for the whole.
            var body: any ResponseBodyWriter = try await writer.writeHead(head)
            try await stream.write(to: &body)
            try await body.finish(nil)
        }
    }

    private func reply(to request: Request) async throws -> Reply {
        let target = Target(request.head.path)
        let route = try Route.find(request.method, target.path)
        try desk.gate.admit(request.headers, to: route.endpoint)
        let fields = request.headers
        switch route.endpoint {
        case .appendEvents: return .whole(try await append(request, target.query))
        case .readEvents:
            return try await read(ReadRequest(target.query, accept: fields[.accept]), request)
        case .exportEvents: return try await read(ReadRequest(export: target.query), request)
        case .readEvent: return .whole(try await event(route.arguments[0], fields))
        case .followEvents:
            return try await follow(SubscriptionRequest(target.query, fields), request)
        case .head: return .whole(try await head(target.query, fields))
        case .listStreams: return .whole(try await streams(target.query, fields))
        case .listCursors: return .whole(try await cursors(target.query))
        case .readCursor: return .whole(try await cursor(route.arguments[0], target.query))
        case .moveCursor:
            return .whole(try await moveCursor(route.arguments[0], target.query, request))
        case .removeCursor:
            return .whole(try await removeCursor(route.arguments[0], target.query))
        case .listProjections: return .whole(try await projections(target.query))
        case .describeProjection:
            return .whole(try describeProjection(route.arguments[0], target.query))
        case .readTable: return .whole(try await table(route.arguments, target.query, fields))
        case .queryProjection:
            return .whole(try await query(route.arguments[0], target.query, request))
        case .livez: return .whole(Answer(.ok, .object([("status", .text("alive"))])))
        case .readyz: return .whole(try await ready())
        case .description, .documentation, .problems:
            return .whole(try documentation(route.endpoint, target.query))
        }
    }

    /// The whole body of a request, where it is not too long.
    func body(of request: Request, upTo bytesMax: Int) async throws -> ArraySlice<UInt8> {
        do {
            var request = request
            return Array(try await request.collectBody(upTo: bytesMax).readableBytesView)[...]
        } catch is NIOTooManyBytesError {
            throw Problem(
                .contentTooLarge, .tooLarge, "the body has more than \(bytesMax) bytes")
        }
    }
}

/// The body of an answer that is written bit by bit.
protocol BodyStream: Sendable {
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
    private func append(_ request: Request, _ query: Substring?) async throws -> Answer {
        let terms = try AppendTerms(query)
        let format = try AppendFormat(contentType: request.headers[.contentType])
        switch format {
        case .lines where !terms.isTogether:
            var appender = LineAppender(desk.log)
            return try await appender.append(request.body)
        case .lines:
            return try await append(
                readTogether(try await body(of: request, upTo: format.bytesMax)), terms)
        case .batch:
            return try await append(
                readBatch(try await body(of: request, upTo: format.bytesMax)), terms)
        case .event:
            return try await append(
                [IncomingEvent(try await body(of: request, upTo: format.bytesMax))], terms)
        }
    }

    private func append(_ events: [IncomingEvent], _ terms: AppendTerms) async throws -> Answer {
        let outcome = try await desk.log.append(
            Append(events.map(\.event), condition: terms.condition))
        return try AppendTally.answer(to: events, outcome)
    }
}

// Reading.
extension Responder {
    private func read(_ request: ReadRequest, _ http: Request) async throws -> Reply {
        let (log, readers, asOf) = (desk.log, desk.readers, request.selection.asOf)
        var fixed = request
        let size = try await readers.run { try log.size(asOf: asOf) }
        let isAnything = fixed.fix(size)
        var fields = HTTPFields()
        fields[.contentType] = request.format.rawValue
        let tag = EntityTag([
            log.identity.id.description, String(fixed.selection.to?.value ?? 0),
            http.head.path ?? "",
            request.format.rawValue,
        ])
        fields[.eTag] = tag.text
        if tag.isKnown(by: http.headers) { return .whole(notModified(fields)) }
        let pages = EventPages(isAnything ? fixed : fixed.ofNothing, of: log)
        return .stream(fields, try await PageStream(pages, readers))
    }

    private func event(_ text: String, _ fields: HTTPFields) async throws -> Answer {
        guard let number = Int64(text), number >= 0, text.utf8.allSatisfy({ $0 != 0x2B }) else {
            throw Problem.badParameter("a position is a whole number, not \(quoted(text))")
        }
        let (log, position) = (desk.log, Position(UInt64(number)))
        guard let event = try await desk.readers.run({ try log.event(at: position) }) else {
            throw Problem(
                .notFound, .notFound, "the log has no event at position \(position) yet",
                members: [("position", .count(number))])
        }
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

    private func streams(_ query: Substring?, _ fields: HTTPFields) async throws -> Answer {
        var parameters = try QueryParameters(query: query)
        let prefix = try parameters.one("prefix") ?? ""
        let asOf = try parameters.asOf("as_of")
        try parameters.requireNothingLeft()
        let log = desk.log
        let streams = try await desk.readers.run { try log.streams(prefix: prefix, asOf: asOf) }
        let rows = streams.map { stream -> JSONNode in
            .object([
                ("stream", .text(stream.stream.text)), ("events", .count(stream.events)),
                ("first", .count(stream.first.value)), ("last", .count(stream.last.value)),
            ])
        }
        return Answer(.ok, .array(rows))
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
        _ subscription: SubscriptionRequest, _ request: Request
    ) async throws -> Reply {
        let log = desk.log
        var lease: CursorLease?
        let next: Position
        switch subscription.start {
        case .end: next = Position(try await desk.readers.run { try log.head().size })
        case .at(let position): next = position
        case .cursor(let name):
            let taken = try await desk.cursors.take(name)
            (lease, next) = (taken, taken.next)
        }
        guard let subscriber = desk.pulse.join() else {
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
                request: subscription, body: request.body, subscriber: subscriber,
                pulse: desk.pulse, events: desk.events, lease: lease, next: next))
    }
}
