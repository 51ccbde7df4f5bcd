internal import JSON
internal import Merkle
internal import Storage
internal import Synchronization

extension EventLog {
    /// Appends events that belong together: all at consecutive positions, or none.
    ///
    /// When this returns `appended`, the events are on disk and survive a power cut. Cancelling the
    /// task, or losing the answer, leaves it unknown whether they were: retry with the same ids.
    /// Where too many appends wait, this waits for room, and gives up after
    /// ``LogLimits/overloadPatience`` without having appended anything.
    /// - Throws: ``LogError`` where nothing can be said of this append or it was not attempted:
    ///   ``LogError/overloaded``, ``LogError/cancelled``, ``LogError/clockJumped(aheadSeconds:)``,
    ///   a full disk or map, after all of which the log goes on; or
    ///   ``LogError/writerStopped(reason:)``, after which it has to be opened anew.
    package func append(_ append: Append) async throws(LogError) -> AppendOutcome {
        try await self.append(each: [append])[0]
    }

    /// Hands over independent appends in one call; outcomes stand in the order of `appends`.
    ///
    /// They share commits, so this is how importers append fast.
    package func append(each appends: [Append]) async throws(LogError) -> [AppendOutcome] {
        guard let writer else { throw .readOnly }
        // Checking, identifiers and data hashes are the callers' work, not the writer's.
        let now = clock.read().wall
        let prepared = appends.map { PreparedAppend($0, now: now) }
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(appends.count)
        var rest = prepared[...]
        while !rest.isEmpty {
            let portion = Array(rest.prefix(Self.portionCount(rest)))
            rest = rest.dropFirst(portion.count)
            outcomes += try await writer.submit(portion)
        }
        return outcomes
    }

    /// How many appends go to the writer at once, so that a commit stays within its limit.
    private static func portionCount(_ appends: ArraySlice<PreparedAppend>) -> Int {
        var bytes = 0
        for (count, append) in appends.enumerated() {
            bytes += append.byteCount
            if bytes > LogLimits.commitBytesMax && count > 0 { return count }
        }
        return appends.count
    }
}

/// An append whose content has been checked, numbered and hashed before it meets the writer.
struct PreparedAppend: Sendable {
    let events: [PreparedEvent]
    let condition: Condition
    /// The queries of the condition's absences.
    let queries: [PreparedQuery]
    /// Why it can never succeed, as far as it alone tells.
    let rejection: Rejection?
    /// Bytes of lines and data, for the limits of queue and commit.
    let byteCount: Int

    init(_ append: Append, now: Instant) {
        events = append.events.map { PreparedEvent($0, now: now) }
        condition = append.condition
        queries = append.condition.absences.map { PreparedQuery($0.query) }
        byteCount = events.reduce(0) { $0 + $1.byteCount }
        rejection = Self.rejection(of: events, byteCount)
    }

    private static func rejection(of events: [PreparedEvent], _ byteCount: Int) -> Rejection? {
        if events.isEmpty { return .noEvents }
        if events.count > LogLimits.appendEventsMax { return .tooManyEvents(events.count) }
        if byteCount > LogLimits.appendBytesMax { return .tooManyBytes(byteCount) }
        var seen = Set<EventID>()
        for event in events {
            if !seen.insert(event.id).inserted { return .repeatedID(event.id) }
            if event.sent.type == LogIdentity.eventType { return .reservedType(event.sent.type) }
        }
        return nil
    }
}

struct PreparedEvent: Sendable {
    let sent: NewEvent
    let id: EventID
    let producerPart: [UInt8]
    let dataHash: Hash
    let terms: EventTerms
    let byteCount: Int

    init(_ event: NewEvent, now: Instant) {
        id = event.id ?? .timeOrdered(at: now)
        sent = event
        producerPart = Line.producerPart(of: event, id: id)
        dataHash = event.data.hash
        terms = EventTerms(id: id, stream: event.stream, type: event.type, tags: event.tags)
        byteCount = producerPart.count + event.data.byteCount + 200
    }

    /// Whether the producer sent the same before; what the log set is not compared.
    func isSame(as stored: Event) -> Bool {
        guard stored.producerPart == producerPart else { return false }
        if case .removed(let hash) = stored.data { return hash == dataHash }
        return stored.data == sent.data
    }
}
