internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JSON
internal import NIOCore

/// What events are written as in an answer.
enum EventFormat: String, CaseIterable {
    /// An event a line.
    case lines = "application/x-ndjson"
    /// One array.
    case batch = "application/cloudevents-batch+json"
}

/// Which events a request asks for, and as what.
struct ReadRequest {
    var selection: Selection
    let format: EventFormat

    private enum Order: String, CaseIterable {
        case forward
        case backward
    }

    init(_ query: Substring?, accept: String?) throws(Problem) {
        var parameters = try QueryParameters(query: query)
        var selection = Selection()
        selection.from = try parameters.position("from")
        selection.to = try parameters.position("to")
        let filter = try EventFilter(&parameters)
        (selection.stream, selection.types, selection.tags) =
            (filter.stream, filter.types, filter.tags)
        selection.since = try parameters.time("since")
        selection.until = try parameters.time("until")
        selection.recordedSince = try parameters.time("recorded_since")
        selection.recordedUntil = try parameters.time("recorded_until")
        selection.asOf = try parameters.asOf("as_of")
        selection.direction =
            try parameters.choice("order", of: Order.self) == .backward ? .backward : .forward
        selection.limit = try parameters.whole("limit").map { Int($0) }
        try parameters.requireNothingLeft()
        self.selection = selection
        format = try Accept(accept).best(of: EventFormat.self, for: "events")
    }

    /// The whole log, or a part of it.
    init(export query: Substring?) throws(Problem) {
        var parameters = try QueryParameters(query: query)
        selection = Selection()
        selection.from = try parameters.position("from")
        selection.to = try parameters.position("to")
        try parameters.requireNothingLeft()
        format = .lines
    }

    /// Bounds the selection by what the log holds now, so that the answer is of one moment however
    /// long it takes to be read; false where nothing is selected.
    mutating func fix(_ size: UInt64) -> Bool {
        selection.asOf = nil
        guard size > 0, selection.from?.value ?? 0 < size else { return false }
        selection.to = Position(min(selection.to?.value ?? .max, size - 1))
        return true
    }

    /// The same form without an event in it.
    var ofNothing: ReadRequest {
        var request = self
        request.selection.limit = 0
        return request
    }
}

extension EventFilter {
    /// The parameters by which events are told apart without a look at time.
    init(_ parameters: inout QueryParameters) throws(Problem) {
        self.init()
        let name = try parameters.one("stream")
        let (typeNames, tagNames) = (parameters.all("type"), parameters.all("tag"))
        do throws(EventError) {
            if let name { stream = try StreamName(name) }
            for name in typeNames { types.insert(try EventType(name)) }
            for name in tagNames { tags.append(try Tag(name)) }
        } catch {
            throw Problem.badParameter("\(error)")
        }
    }
}

/// Writes selected events page after page, each read by itself.
struct EventPages {
    private let log: EventLog
    private var selection: Selection
    private let scope: Scope
    private let format: EventFormat
    private var remaining: Int
    private var isBegun = false
    private var isFirst = true
    private var isFinished = false

    init(_ request: ReadRequest, of log: EventLog, for scope: Scope) {
        self.log = log
        self.scope = scope
        selection = request.selection
        format = request.format
        remaining = request.selection.limit ?? .max
    }

    /// The next page, or nil behind the last; one without events where none of a turn was wanted.
    mutating func next() throws -> ByteBuffer? {
        guard !isFinished else { return nil }
        if let range = wholeRange { return try nextLines(of: range) }
        var page = ByteBuffer()
        page.reserveCapacity(ServerLimits.pageBytes + (64 << 10))
        if format == .batch, !isBegun { page.writeString("[") }
        isBegun = true
        let turn = takeTurn()
        try log.read(turn) { event in
            guard scope.isAll || scope.includes(event.type, event.tags) else { return .next }
            write(event, to: &page)
            remaining -= 1
            guard remaining > 0 else {
                isFinished = true
                return .stop
            }
            guard page.readableBytes >= ServerLimits.pageBytes else { return .next }
            isFinished = !goOn(behind: event.position)
            return .stop
        }
        if format == .batch, isFinished { page.writeString("]\n") }
        return page
    }

    /// What is looked at next; the selection goes on behind it.
    ///
    /// Who seeks what is rare leaves its thread to others after each turn.
    private mutating func takeTurn() -> Selection {
        var turn = selection
        turn.limit = remaining > 0 ? nil : 0
        let first = selection.from?.value ?? 0
        isFinished = true
        guard remaining > 0, let last = selection.to?.value, first <= last,
            last - first >= ServerLimits.turnEvents
        else { return turn }
        isFinished = false
        switch selection.direction {
        case .forward:
            turn.to = Position(first + ServerLimits.turnEvents - 1)
            selection.from = Position(first + ServerLimits.turnEvents)
        case .backward:
            turn.from = Position(last - ServerLimits.turnEvents + 1)
            selection.to = Position(last - ServerLimits.turnEvents)
        }
        return turn
    }

    /// The positions of which every event is wanted as a line, where that is so.
    private var wholeRange: PositionRange? {
        guard format == .lines, selection.isWholeRange, scope.isAll, remaining == .max,
            let last = selection.to
        else { return nil }
        return PositionRange(first: selection.from ?? Position(0), last: last)
    }

    /// The lines up to the end of a block, since a block is read as a whole, unless it is large.
    private mutating func nextLines(of range: PositionRange) throws -> ByteBuffer {
        let block = UInt64(LogLimits.blockEventsMax)
        let last = min(range.last, Position((range.first.value / block + 1) * block - 1))
        var page = ByteBuffer()
        var next = last.next
        try log.readLines(PositionRange(first: range.first, last: last)) { lines, behind in
            page.writeBytes(lines)
            guard page.readableBytes >= ServerLimits.blockPageBytes else { return .next }
            next = behind
            return .stop
        }
        selection.from = next
        isFinished = next.value > range.last.value
        return page
    }

    private mutating func write(_ event: Event, to page: inout ByteBuffer) {
        if format == .batch, !isFirst { page.writeString(",") }
        isFirst = false
        page.writeBytes(event.line)
        if format == .lines { page.writeInteger(UInt8(ascii: "\n")) }
    }

    /// Whether there may be more.
    private mutating func goOn(behind position: Position) -> Bool {
        guard remaining > 0 else { return false }
        switch selection.direction {
        case .forward:
            selection.from = position.next
            return position < selection.to ?? position.next
        case .backward:
            guard position.value > selection.from?.value ?? 0 else { return false }
            selection.to = Position(position.value - 1)
            return true
        }
    }
}

/// The pages of an answer, the next of which is read when the one before has been written.
struct PageStream: BodyStream {
    private let pages: EventPages
    private let first: ByteBuffer?
    private let readers: Readers

    var isWorthCompressing: Bool { true }

    /// Reads the first page: what goes wrong there still has a status of its own.
    init(_ pages: EventPages, _ readers: Readers) async throws {
        (first, self.pages) = try await Self.next(pages, readers)
        self.readers = readers
    }

    @concurrent func write(to writer: inout any ResponseBodyWriter) async throws {
        var (page, rest) = (first, pages)
        while let buffer = page {
            // The next page is read while this one is on its way.
            let behind = rest
            async let following = Self.next(behind, readers)
            if buffer.readableBytes > 0 { try await writer.write(buffer) }
            try Task.checkCancellation()
            (page, rest) = try await following
        }
    }

    private static func next(
        _ pages: EventPages, _ readers: Readers
    ) async throws -> (ByteBuffer?, EventPages) {
        try await readers.run {
            var pages = pages
            return (try pages.next(), pages)
        }
    }
}
