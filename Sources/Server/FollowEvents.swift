internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JSON
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// What a subscription is written as.
enum SubscriptionFormat: String, CaseIterable {
    /// Server-sent events, whose id is the event's position.
    case serverSentEvents = "text/event-stream"
    /// An event a line.
    case lines = "application/x-ndjson"
}

/// What a subscriber asks for.
struct SubscriptionRequest {
    let filter: EventFilter
    let format: SubscriptionFormat
    /// Nil for what is appended from now on, or for where the cursor stands.
    let start: Position?
    let cursor: String?
    let scope: Scope
    /// Filters that are written alike want the same.
    let filterText: String

    init(_ query: Substring?, _ fields: HTTPFields, _ client: Client) throws(Problem) {
        scope = client.scope
        var parameters = try QueryParameters(query: query)
        filter = try EventFilter(&parameters)
        let from = try parameters.position("from")
        cursor = try parameters.one("cursor")
        try parameters.requireNothingLeft()
        format = try Accept(fields[.accept]).best(of: SubscriptionFormat.self, for: "events")
        if from != nil && cursor != nil {
            throw Problem.badParameter("from and cursor exclude each other")
        }
        if let seen = fields[.lastEventID] {
            guard let position = QueryParameters.whole(seen) else {
                throw Problem.badParameter("Last-Event-ID must be a position, not \(quoted(seen))")
            }
            // The client knows better than its cursor what it has seen.
            start = Position(position).next
        } else {
            start = from
        }
        filterText = [
            filter.stream?.text ?? "", filter.types.map(\.text).sorted().joined(separator: "\u{0}"),
            filter.tags.map(\.text).sorted().joined(separator: "\u{0}"), format.rawValue,
            scope.text,
        ].joined(separator: "\u{1}")
    }
}

extension HTTPField.Name {
    static let lastEventID = known("Last-Event-ID")

    /// A name that is written in the source, and so is one.
    static func known(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else {
            preconditionFailure("\(text) is no name of a field")
        }
        return name
    }
}

/// Events as subscribers get them, and how far they reach.
struct WrittenEvents: Sendable {
    let buffer: ByteBuffer
    /// Everything before this position has been examined.
    let next: Position

    init(_ batch: SubscriptionBatch, as format: SubscriptionFormat, for scope: Scope) {
        var buffer = ByteBuffer()
        for event in batch.events where scope.isAll || scope.includes(event.type, event.tags) {
            if format == .serverSentEvents {
                buffer.writeString("id: \(event.position)\ndata: ")
            }
            buffer.writeBytes(event.line)
            buffer.writeStaticString(format == .serverSentEvents ? "\n\n" : "\n")
        }
        self.buffer = buffer
        next = batch.next
    }
}

/// What says that a silent subscription is alive, and in server-sent events how far it is, so that
/// one that is resumed need not examine the same events again.
private func heartbeat(_ format: SubscriptionFormat, next: Position) -> ByteBuffer {
    switch format {
    case .lines: ByteBuffer(string: "\n")
    case .serverSentEvents:
        ByteBuffer(string: next.value > 0 ? "id: \(next.value - 1)\n\n" : ":\n\n")
    }
}

/// Reads what subscribers want, once for all who want the same.
final class SharedEvents: Sendable {
    private let log: EventLog
    private let readers: Readers
    private let pulse: Pulse
    private let shared = Mutex(Shared())

    private struct Key: Hashable {
        let filter: String
        let next: UInt64
    }

    private struct Shared {
        /// The end of the pulse that they belong to.
        var end: UInt64 = 0
        var events: [Key: Task<WrittenEvents, any Error>] = [:]
    }

    init(_ log: EventLog, _ readers: Readers, _ pulse: Pulse) {
        self.log = log
        self.readers = readers
        self.pulse = pulse
    }

    /// The next events of a subscription; none where `next` is where the log ends.
    func events(
        _ request: SubscriptionRequest, from next: Position
    ) async throws -> WrittenEvents {
        let interval = pulse.newest
        // One who catches up is alone with what it reads.
        guard next.value >= interval.start, next.value < interval.end else {
            return try await read(request, next, interval.end)
        }
        let key = Key(filter: request.filterText, next: next.value)
        let task = shared.withLock { shared -> Task<WrittenEvents, any Error>? in
            if shared.end != interval.end {
                shared.end = interval.end
                shared.events.removeAll(keepingCapacity: true)
            }
            if let task = shared.events[key] { return task }
            guard shared.events.count < ServerLimits.sharedReadsMax else { return nil }
            let task = Task { try await read(request, next, interval.end) }
            shared.events[key] = task
            return task
        }
        guard let task else { return try await read(request, next, interval.end) }
        return try await task.value
    }

    private func read(
        _ request: SubscriptionRequest, _ next: Position, _ end: UInt64
    ) async throws -> WrittenEvents {
        let (filter, format, scope, log) = (request.filter, request.format, request.scope, log)
        return try await readers.run {
            WrittenEvents(
                try log.nextBatch(filter, from: next, before: end), as: format, for: scope)
        }
    }
}

/// A subscription that runs: what there is, then what comes, until one of both sides ends it.
struct RunningSubscription: BodyStream {
    let request: SubscriptionRequest
    /// Ends when the client goes away.
    let body: RequestBody
    /// Left when the subscription ends, also where its client is gone before it begins.
    let seat: Pulse.Seat
    let events: SharedEvents
    /// Kept for as long as the subscription runs.
    let lease: CursorLease?
    let next: Position

    var isWorthCompressing: Bool { false }

    /// Writes until one of both sides ends it.
    ///
    /// A client that does not read holds back only itself.
    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws {
        let subscriber = seat.subscriber
        // Who has closed the other direction is gone, and will not read what is being written.
        try await body.consumeWithCancellationOnInboundClose { _ in
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await follow(&writer)
                } onGracefulShutdown: {
                    subscriber.tell(.over)
                }
            } onCancel: {
                subscriber.tell(.over)
            }
        }
    }

    @concurrent private func follow(_ writer: inout any ResponseBodyWriter) async throws {
        var next = next
        // The head of the answer goes out at once, also where no event comes.
        try await writer.write(heartbeat(request.format, next: next))
        while !Task.isCancelled {
            let written = try await events.events(request, from: next)
            let isBehind = written.next > next
            next = max(next, written.next)
            if written.buffer.readableBytes > 0 { try await writer.write(written.buffer) }
            // One who is behind goes on, but for the end, which it hears all the same.
            if isBehind, !seat.subscriber.isOver { continue }
            switch await seat.subscriber.next() {
            case .size: continue
            case .alive: try await writer.write(heartbeat(request.format, next: next))
            case .over: return
            }
        }
    }
}
