internal import EventLog
internal import HTTPTypes
internal import NIOCore

/// The lines of a body that arrives piece by piece.
struct IncomingLines {
    private var pending: [UInt8] = []
    private(set) var number = 0
    var pendingBytes: Int { pending.count }

    /// The whole lines of what has come, without their ends; what is left waits for more.
    mutating func take(_ piece: ByteBuffer) -> [(
        text: ArraySlice<UInt8>, number: Int
    )] {
        let view = piece.readableBytesView
        var (start, next) = (0, pending.count)
        pending.append(contentsOf: view)
        // A line that comes in many pieces is looked at once, and moved once.
        guard view.contains(UInt8(ascii: "\n")) else { return [] }
        var lines: [(text: ArraySlice<UInt8>, number: Int)] = []
        while let end = pending[next...].firstIndex(of: UInt8(ascii: "\n")) {
            add(pending[start..<end], to: &lines)
            (start, next) = (end + 1, end + 1)
        }
        pending = Array(pending[start...])
        return lines
    }

    /// Requires that the line that is arriving is not too long.
    func requireEnd() throws(Problem) {
        guard pending.count > ServerLimits.eventBytesMax else { return }
        throw Problem(
            .contentTooLarge, .tooLarge,
            "line \(number + 1) has more than \(ServerLimits.eventBytesMax) bytes; those before it "
                + "have been appended or refused")
    }

    /// The line that no line end follows.
    mutating func takeRest() -> [(text: ArraySlice<UInt8>, number: Int)] {
        var lines: [(text: ArraySlice<UInt8>, number: Int)] = []
        if !pending.isEmpty { add(pending[...], to: &lines) }
        pending = []
        return lines
    }

    private mutating func add(
        _ line: ArraySlice<UInt8>, to lines: inout [(text: ArraySlice<UInt8>, number: Int)]
    ) {
        number += 1
        guard !isBlank(line) else { return }
        lines.append((line, number))
    }
}

/// Appends each line of a body while the next ones arrive.
struct LineAppender {
    let desk: Desk
    let client: Client
    private var tally = AppendTally()
    private var appends: [Append] = []
    private var numbers: [Int] = []
    private var bytes = 0
    private var pipeline: AppendPipeline
    /// The lines of the appends that are under way.
    private var submitted: [Int] = []

    init(_ desk: Desk, for client: Client) {
        pipeline = AppendPipeline(desk.log)
        self.desk = desk
        self.client = client
    }

    mutating func append(_ body: some AsyncSequence<ByteBuffer, any Error>) async throws -> Answer {
        var lines = IncomingLines()
        let share = desk.bodies.share()
        var pieces = body.makeAsyncIterator()
        while let piece = try await pieces.nextPiece() {
            for line in lines.take(piece) { try await take(line) }
            do throws(Problem) {
                try lines.requireEnd()
                // Those that are with the log count there.
                if (try? share.resize(to: lines.pendingBytes + bytes)) != nil { continue }
            } catch {
                try await finish()
                throw error
            }
            // Without room, what is whole goes to the log at once.
            try await finish()
            try share.resize(to: lines.pendingBytes)
        }
        for line in lines.takeRest() { try await take(line) }
        try await finish()
        return tally.answer
    }

    private mutating func take(_ line: (text: ArraySlice<UInt8>, number: Int)) async throws {
        do throws(Problem) {
            let event = try desk.admitted(IncomingEvent(line.text), of: client)
            tally.take(event)
            appends.append(Append([event.event]))
            numbers.append(line.number)
            bytes += line.text.count
        } catch {
            tally.refuse(error, line: line.number)
        }
        if appends.count >= ServerLimits.chunkEventsMax || bytes >= ServerLimits.chunkBytesMax {
            try await flush()
        }
    }

    private mutating func flush() async throws {
        guard !appends.isEmpty else { return }
        count(try await pipeline.submit(appends))
        submitted = numbers
        appends.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        bytes = 0
    }

    private mutating func finish() async throws {
        try await flush()
        count(try await pipeline.finish())
    }

    private mutating func count(_ outcomes: [AppendOutcome]) {
        for (outcome, number) in zip(outcomes, submitted) { tally.count(outcome, line: number) }
    }
}

/// The lines of a body as the events of one append.
func readTogether(_ body: ArraySlice<UInt8>) throws(Problem) -> [IncomingEvent] {
    var events: [IncomingEvent] = []
    var (number, start) = (0, body.startIndex)
    while start < body.endIndex {
        let end = body[start...].firstIndex(of: UInt8(ascii: "\n")) ?? body.endIndex
        let line = body[start..<end]
        number += 1
        start = end < body.endIndex ? end + 1 : end
        guard !isBlank(line) else { continue }
        guard events.count < LogLimits.appendEventsMax else { throw .tooManyEvents }
        do throws(Problem) {
            events.append(try IncomingEvent(line, at: ("line", number)))
        } catch {
            throw error.naming("line", number: number)
        }
    }
    return events
}

private func isBlank(_ line: ArraySlice<UInt8>) -> Bool {
    line.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
}
