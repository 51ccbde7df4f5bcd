internal import EventLog
internal import HTTPTypes
internal import NIOCore
internal import Storage

/// Answers appends of one event on the connection's own event loop, and lets all else pass.
///
/// This is what a contact centre does all day. Such a request needs no task of its own: its event
/// is read where its bytes arrive and handed to the writer, and the answer is written when the
/// commit has come. It also keeps the time limits of its connection, and the order of requests
/// that a client sends without waiting for answers.
final class AppendLane<Spoken: Dialect>: ChannelDuplexHandler {
    typealias InboundIn = Spoken.RequestPart
    typealias InboundOut = Spoken.RequestPart
    typealias OutboundIn = Spoken.ResponsePart
    typealias OutboundOut = Spoken.ResponsePart

    private let desk: Desk
    private var state = State.idle
    /// What has come behind the request that is being answered.
    private var held: CircularBuffer<Held> = []
    private var heldBytes = 0
    private var isReadHeld = false
    private var deadline = NIODeadline.distantFuture
    /// Since when the client reads too little, and what was left to send then.
    private var unread: (since: NIODeadline, bytes: Int?)?
    private var watch: Scheduled<Void>?

    private enum State {
        case idle
        /// An append of one event is arriving.
        case collecting(Arriving)
        /// It is refused, as it is told when all of it has come; so many bytes have.
        case refusing(Answer, Connection, of: Endpoint?, bytes: Int)
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
        /// What it holds of all bodies, where it is not small.
        var share: HeldBodies.Share?
    }

    private struct Passing {
        var connection: Connection
        var isHead = false
        /// Whether the end of the answer would be written as that of a body, which it has not.
        var isEndSilent = false
        var isRequestOpen = true
        var isResponseOpen = true
    }

    private enum Held {
        case part(Spoken.RequestPart)
        case event(Any)
        case error(any Error)

        var isPart: Bool { if case .part = self { true } else { false } }
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
        if isHolding { hold(part) } else { take(part, context) }
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
        case .collecting(let arriving): passLast(arriving.connection)
        case .refusing(_, let connection, _, _): passLast(connection)
        default: break
        }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A request that is broken off must not be taken for one that has ended.
        if case .passing(let passing) = state, passing.isRequestOpen {
            context.fireErrorCaught(ChannelError.eof)
        }
        context.fireChannelInactive()
    }

    /// What cannot be read on is answered by those behind, and then nothing more comes.
    private func passLast(_ connection: Connection) {
        state = .passing(Passing(connection: connection.ended, isRequestOpen: false))
    }

    func read(context: ChannelHandlerContext) {
        // A few requests may wait; to stop reading at each append would cost more than they do.
        let isFull =
            held.count > ServerLimits.heldPartsMax || heldBytes > ServerLimits.heldPartsBytesMax
        if isFull || isAhead(context) { isReadHeld = true } else { context.read() }
    }

    /// Whether the client asks for more than it reads; only answers of the lane do not wait for it.
    private func isAhead(_ context: ChannelHandlerContext) -> Bool {
        if case .passing = state { return false }
        return !context.channel.isWritable
    }

    private func goOnReading(_ context: ChannelHandlerContext) {
        guard isReadHeld, held.isEmpty, !isAhead(context) else { return }
        isReadHeld = false
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .passing(var passing) = state else {
            return context.write(data, promise: promise)
        }
        let part = unwrapOutboundIn(data)
        if passing.isHead, Spoken.isOfUnknownLength(part) {
            if passing.connection.isLast {
                passing.connection = passing.connection.endedWithAnswer
            } else {
                passing.isEndSilent = true
            }
            state = .passing(passing)
        }
        switch (Spoken.isEnd(part), passing.connection.isLast) {
        case (false, false): context.write(data, promise: promise)
        case (false, true):
            let part = Spoken.last(part, of: passing.connection)
            context.write(wrapOutboundOut(part), promise: promise)
        case (true, true):
            state = .closing
            writeLast(data, promise, context)
        case (true, false):
            passing.isResponseOpen = false
            if passing.isEndSilent {
                promise?.succeed()
            } else {
                context.write(data, promise: promise)
            }
            advance(passing, context)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        unread =
            context.channel.isWritable
            ? nil : (.now(), Spoken.unsentBytes(on: context.channel))
        goOnReading(context)
        context.fireChannelWritabilityChanged()
    }
}

// One request after the other.
extension AppendLane {
    private var isHolding: Bool {
        switch state {
        case .waiting: true
        case .passing(let passing): !passing.isRequestOpen
        case .idle, .collecting, .refusing, .closing: held.contains(where: \.isPart)
        }
    }

    private func hold(_ part: Spoken.RequestPart) {
        held.append(.part(part))
        heldBytes += Self.bodyBytes(of: part)
    }

    private static func bodyBytes(of part: Spoken.RequestPart) -> Int {
        if case .body(let body) = Spoken.piece(part) { body.readableBytes } else { 0 }
    }

    private var isBusy: Bool {
        switch state {
        case .waiting, .collecting, .refusing: true
        case .idle, .passing, .closing: !held.isEmpty
        }
    }

    private func take(_ part: Spoken.RequestPart, _ context: ChannelHandlerContext) {
        switch (state, Spoken.piece(part)) {
        case (.idle, .head(let head)): begin(Spoken.heading(head), part, context)
        case (.collecting(var arriving), .body(let piece)):
            deadline = .now() + .init(ServerLimits.requestPatience)
            // Held once, so that it grows in place.
            state = .idle
            arriving.body.writeImmutableBuffer(piece)
            let length = arriving.body.readableBytes
            do throws(Problem) {
                if length > ServerLimits.smallBodyBytes { try hold(length, for: &arriving) }
                state = .collecting(arriving)
            } catch {
                state = .refusing(
                    error.answer, arriving.connection, of: .appendEvents, bytes: length)
            }
        case (.refusing(let answer, let connection, let endpoint, let bytes), .body(let piece)):
            deadline = .now() + .init(ServerLimits.requestPatience)
            let bytes = bytes + piece.readableBytes
            state = .refusing(answer, connection, of: endpoint, bytes: bytes)
            // One who does not stop is not waited for.
            if bytes > ServerLimits.batchBytesMax {
                desk.activity.count(
                    endpoint, answer.status, since: SystemClock.bootMicroseconds())
                self.answer(answer, connection.ended, context)
            }
        case (.refusing(let answer, let connection, let endpoint, _), .end):
            desk.activity.count(endpoint, answer.status, since: SystemClock.bootMicroseconds())
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

    private func begin(
        _ heading: Heading, _ part: Spoken.RequestPart, _ context: ChannelHandlerContext
    ) {
        deadline = .now() + .init(ServerLimits.requestPatience)
        let connection = heading.connection
        if heading.isWaiting {
            context.writeAndFlush(wrapOutboundOut(Spoken.goOn), promise: nil)
        }
        guard heading.namesHost else {
            state = .refusing(Self.hostless.answer, connection, of: nil, bytes: 0)
            return
        }
        do throws(Problem) {
            // A signature takes its time, once.
            if let arriving = try arriving(heading) {
                state = .collecting(arriving)
            } else {
                state = .passing(Passing(connection: connection, isHead: heading.isHead))
                context.fireChannelRead(wrapInboundOut(part))
            }
        } catch {
            state = .refusing(error.answer, connection, of: .appendEvents, bytes: 0)
        }
    }

    /// The append that begins so; nil where it is anything else, or has to wait for its client.
    private func arriving(_ heading: Heading) throws(Problem) -> Arriving? {
        let target = Target(heading.target)
        guard heading.isPost, !heading.isBinary, target.path == Endpoint.appendEvents.path,
            let type = heading.contentType, (try? AppendFormat(contentType: type)) == .event,
            let client = try desk.gate.admitKnown(heading.authorization, to: .appendEvents)
        else { return nil }
        return Arriving(
            connection: heading.connection, terms: try AppendTerms(target.query), client: client)
    }

    private static var hostless: Problem {
        Problem(
            .badRequest, .badRequest, "a request names its host, in one field Host")
    }
    private static var tooLong: Problem {
        Problem(
            .contentTooLarge, .tooLarge,
            "an event has at most \(AppendFormat.event.bytesMax) bytes")
    }

    private func hold(_ bytes: Int, for arriving: inout Arriving) throws(Problem) {
        guard bytes <= AppendFormat.event.bytesMax else { throw Self.tooLong }
        let share = arriving.share ?? desk.bodies.share()
        arriving.share = share
        try share.resize(to: bytes)
    }

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
            case .part(let part):
                heldBytes -= Self.bodyBytes(of: part)
                take(part, context)
            case .event(let event): context.fireUserInboundEventTriggered(event)
            case .error(let error): context.fireErrorCaught(error)
            }
        }
        goOnReading(context)
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
            event = try desk.admitted(
                IncomingEvent(Array(arriving.body.readableBytesView)[...]), of: arriving.client)
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

    private func answer(
        _ answer: Answer, _ connection: Connection, _ context: ChannelHandlerContext
    ) {
        var head = Spoken.head(answer, date: desk.date.now)
        if connection.isLast { head = Spoken.last(head, of: connection) }
        context.write(wrapOutboundOut(head), promise: nil)
        context.write(wrapOutboundOut(Spoken.body(answer.body)), promise: nil)
        if connection.isLast {
            state = .closing
            writeLast(wrapOutboundOut(Spoken.end), nil, context)
        } else {
            context.writeAndFlush(wrapOutboundOut(Spoken.end), promise: nil)
            state = .idle
            goOn(context)
        }
    }

    /// Writes the end of the last answer of a connection.
    private func writeLast(
        _ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext
    ) {
        held.removeAll()
        heldBytes = 0
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
            lane.noteProgress(context)
            let isUnread = lane.unread.map {
                now > $0.since + .init(ServerLimits.unreadPatience)
            }
            if now > lane.deadline || isUnread == true {
                context.close(promise: nil)
            } else {
                lane.scheduleWatch(context)
            }
        }
    }
    /// Who reads slowly, but reads, is waited for, also behind the last answer.
    private func noteProgress(_ context: ChannelHandlerContext) {
        guard let left = Spoken.unsentBytes(on: context.channel) else { return }
        if left > 0, case .idle = state { rest() }
        if let before = unread?.bytes {
            if left == 0 {
                unread = nil
            } else if before - left >= ServerLimits.readBytesMin {
                unread = (.now(), left)
            }
        } else if left > 0, case .idle = state {
            unread = (.now(), left)
        }
    }
}
