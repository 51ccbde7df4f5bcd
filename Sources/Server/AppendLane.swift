internal import EventLog
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes
internal import Storage

/// Answers appends of one event on the connection's own event loop, and lets all else pass.
///
/// This is what a contact centre does all day. Such a request needs no task of its own: its event
/// is read where its bytes arrive and handed to the writer, and the answer is written when the
/// commit has come. It also keeps the time limits of its connection, and the order of requests
/// that a client sends without waiting for answers.
final class AppendLane: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let desk: Desk
    private var state = State.idle
    /// What has come behind the request that is being answered.
    private var held: CircularBuffer<Held> = []
    private var isReadHeld = false
    private var deadline = NIODeadline.distantFuture
    private var unreadSince: NIODeadline?
    private var watch: Scheduled<Void>?

    private enum State {
        case idle
        /// An append of one event is arriving.
        case collecting(Arriving)
        /// It is refused, as it is told when all of it has come; so many bytes have.
        case refusing(Answer, Connection, bytes: Int)
        /// It is with the writer.
        case waiting(Arriving)
        /// Another request is on its way through; which of its ends are still to come.
        case passing(Passing)
        /// Nothing more is read.
        case closing
    }

    private struct Arriving {
        let start = SystemClock.bootMicroseconds()
        let connection: Connection
        let terms: AppendTerms
        let client: Client
        var body = ByteBuffer()
    }

    private struct Passing {
        let connection: Connection
        var isRequestOpen = true
        var isResponseOpen = true
    }

    private enum Connection {
        case kept
        case closed
    }

    private enum Held {
        case part(HTTPRequestPart)
        case event(Any)
        case error(any Error)
    }

    init(_ desk: Desk) { self.desk = desk }

    func handlerAdded(context: ChannelHandlerContext) {
        desk.activity.connected()
        rest()
        scheduleWatch(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        desk.activity.disconnected()
        watch?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isHolding { held.append(.part(part)) } else { take(part, context) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Whoever hears that the client has sent all, or that the server is to end, closes.
        if isBusy {
            held.append(.event(event))
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Whoever has asked before gets an answer before.
        if isHolding { return held.append(.error(error)) }
        switch state {
        case .collecting, .refusing:
            state = .passing(Passing(connection: .closed, isRequestOpen: false))
        default: break
        }
        context.fireErrorCaught(error)
    }

    func read(context: ChannelHandlerContext) {
        // A few requests may wait; to stop reading at each append would cost more than they do.
        if held.count > ServerLimits.heldPartsMax { isReadHeld = true } else { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data), case .passing(var passing) = state {
            passing.isResponseOpen = false
            guard passing.connection == .kept else {
                state = .closing
                return writeLast(data, promise, context)
            }
            context.write(data, promise: promise)
            advance(passing, context)
        } else {
            context.write(data, promise: promise)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unreadSince = context.channel.isWritable ? nil : .now()
        context.fireChannelWritabilityChanged()
    }
}

// One request after the other.
extension AppendLane {
    private var isHolding: Bool {
        switch state {
        case .waiting: true
        case .passing(let passing): !passing.isRequestOpen
        case .idle, .collecting, .refusing, .closing: !held.isEmpty
        }
    }

    private var isBusy: Bool {
        switch state {
        case .waiting, .collecting, .refusing: true
        case .idle, .passing, .closing: !held.isEmpty
        }
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.idle, .head(let head)): begin(head, context)
        case (.collecting(var arriving), .body(let piece)):
            // Held once, so that it grows in place.
            state = .idle
            arriving.body.writeImmutableBuffer(piece)
            let length = arriving.body.readableBytes
            state = .collecting(arriving)
            if length > AppendFormat.event.bytesMax {
                state = .refusing(Self.tooLong.answer, arriving.connection, bytes: length)
            }
        case (.refusing(let answer, let connection, let bytes), .body(let piece)):
            let bytes = bytes + piece.readableBytes
            state = .refusing(answer, connection, bytes: bytes)
            // One who does not stop is not waited for.
            if bytes > ServerLimits.batchBytesMax { self.answer(answer, .closed, context) }
        case (.refusing(let answer, let connection, _), .end):
            desk.activity.count(nil, answer.status, since: SystemClock.bootMicroseconds())
            self.answer(answer, connection, context)
        case (.collecting(let arriving), .end): submit(arriving, context)
        case (.passing(var passing), .end):
            context.fireChannelRead(wrapInboundOut(part))
            passing.isRequestOpen = false
            advance(passing, context)
        case (.passing, _):
            deadline = .now() + .init(ServerLimits.requestPatience)
            context.fireChannelRead(wrapInboundOut(part))
        case (.closing, _): break
        case (.idle, _), (.waiting, _), (.collecting, .head), (.refusing, .head):
            context.fireChannelRead(wrapInboundOut(part))
        }
    }

    private func begin(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
        deadline = .now() + .init(ServerLimits.requestPatience)
        if head.headerFields[.expect] != nil, head.method == .post || head.method == .put {
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        guard head.authority != nil else {
            state = .refusing(Self.hostless.answer, Self.connection(head), bytes: 0)
            return
        }
        let target = Target(head.path)
        guard head.method == .post, target.path == Endpoint.appendEvents.path,
            let type = head.headerFields[.contentType],
            (try? AppendFormat(contentType: type)) == .event
        else {
            state = .passing(Passing(connection: Self.connection(head)))
            return context.fireChannelRead(wrapInboundOut(.head(head)))
        }
        do throws(Problem) {
            guard let client = try desk.gate.admitKnown(head.headerFields, to: .appendEvents)
            else {
                // A signature takes its time, once.
                state = .passing(Passing(connection: Self.connection(head)))
                return context.fireChannelRead(wrapInboundOut(.head(head)))
            }
            state = .collecting(
                Arriving(
                    connection: Self.connection(head), terms: try AppendTerms(target.query),
                    client: client))
        } catch {
            state = .refusing(error.answer, Self.connection(head), bytes: 0)
        }
    }

    private static let hostless = Problem(
        .badRequest, .badRequest, "a request names its host, in the field Host")
    private static let tooLong = Problem(
        .contentTooLarge, .tooLarge,
        "an event has at most \(AppendFormat.event.bytesMax) bytes")

    /// Behind the end of a request or of its response.
    private func advance(_ passing: Passing, _ context: ChannelHandlerContext) {
        state = .passing(passing)
        guard !passing.isRequestOpen else { return }
        deadline = .distantFuture
        guard !passing.isResponseOpen else { return }
        state = .idle
        goOn(context)
    }

    /// Takes what was held, up to the next request that has to be waited for.
    private func goOn(_ context: ChannelHandlerContext) {
        rest()
        guard !held.isEmpty else { return }
        // Who is behind takes up what it was given when it hears that this is all for now.
        defer { context.fireChannelReadComplete() }
        while let next = held.first {
            if case .waiting = state { return }
            // That the client has sent all is no reason to wait: it comes in its turn.
            if case .passing(let passing) = state, !passing.isRequestOpen {
                guard case .event = next else { return }
            }
            held.removeFirst()
            switch next {
            case .part(let part): take(part, context)
            case .event(let event): context.fireUserInboundEventTriggered(event)
            case .error(let error): context.fireErrorCaught(error)
            }
        }
        if isReadHeld, held.isEmpty {
            isReadHeld = false
            context.read()
        }
    }

    private func rest() { deadline = .now() + .init(ServerLimits.idlePatience) }
}

// An append of one event.
extension AppendLane {
    private func submit(
        _ arriving: Arriving, _ context: ChannelHandlerContext
    ) {
        let event: IncomingEvent
        do throws(Problem) {
            event = try IncomingEvent(Array(arriving.body.readableBytesView)[...])
            try desk.requireScope(of: arriving.client, for: event)
        } catch {
            return answer(error.answer, to: arriving, context)
        }
        state = .waiting(arriving)
        deadline = .distantFuture
        let place = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        desk.log.append(Append([event.event], condition: arriving.terms.condition)) { result in
            // On the writer's thread, behind the commit.
            loop.execute {
                let (lane, context) = place.value
                lane.finish(event, result, context)
            }
        }
    }

    private func finish(
        _ event: IncomingEvent, _ result: Result<AppendOutcome, LogError>,
        _ context: ChannelHandlerContext
    ) {
        guard case .waiting(let arriving) = state, context.channel.isActive else { return }
        do {
            answer(try AppendTally.answer(to: [event], result.get()), to: arriving, context)
        } catch {
            answer(desk.problem(of: error).answer, to: arriving, context)
        }
    }

    private func answer(
        _ answer: Answer, to arriving: Arriving, _ context: ChannelHandlerContext
    ) {
        desk.activity.count(.appendEvents, answer.status, since: arriving.start)
        self.answer(answer, arriving.connection, context)
    }

    private static func connection(_ head: HTTPRequest) -> Connection {
        guard let options = head.headerFields[.connection] else { return .kept }
        let isLast = options.split(separator: ",").contains {
            $0.trimmed.lowercased() == "close"
        }
        return isLast ? .closed : .kept
    }

    private func answer(
        _ answer: Answer, _ connection: Connection, _ context: ChannelHandlerContext
    ) {
        var head = answer.head(date: desk.date.now)
        if connection == .closed { head.headerFields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: answer.body))), promise: nil)
        switch connection {
        case .kept:
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            state = .idle
            goOn(context)
        case .closed:
            state = .closing
            writeLast(wrapOutboundOut(.end(nil)), nil, context)
        }
    }

    /// Writes the end of the last answer of a connection.
    private func writeLast(
        _ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) {
        held.removeAll()
        let channel = context.channel
        let written = promise ?? context.eventLoop.makePromise()
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(data, promise: written)
    }
}

// Time limits.
extension AppendLane {
    private func scheduleWatch(_ context: ChannelHandlerContext) {
        let place = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleTask(in: .init(ServerLimits.watchInterval)) {
            let (lane, context) = place.value
            guard context.channel.isActive else { return }
            let now = NIODeadline.now()
            let isUnread = lane.unreadSince.map {
                now > $0 + .init(ServerLimits.unreadPatience)
            }
            if now > lane.deadline || isUnread == true {
                context.close(promise: nil)
            } else {
                lane.scheduleWatch(context)
            }
        }
    }
}
