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
    /// They share commits, so this is how importers append fast. More than fit into one commit are
    /// handed to the writer in portions: where this throws, those before may have been appended,
    /// and the same call again tells which.
    package func append(each appends: [Append]) async throws(LogError) -> [AppendOutcome] {
        guard let writer else { throw .readOnly }
        // Checking, identifiers and data hashes are the callers' work, not the writer's.
        let now = clock.read().wall
        let prepared = appends.map { PreparedAppend($0, now: now, under: rules) }
        let portion = Self.portionCount(prepared[...])
        if portion == prepared.count, prepared.allSatisfy({ $0.rejection == nil }) {
            return prepared.isEmpty ? [] : try await writer.submit(prepared)
        }
        // What can never succeed is none of the writer's business.
        var rest = prepared.filter { $0.rejection == nil }[...]
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(appends.count)
        while !rest.isEmpty {
            let portion = Array(rest.prefix(Self.portionCount(rest)))
            rest = rest.dropFirst(portion.count)
            outcomes += try await writer.submit(portion)
        }
        guard outcomes.count < prepared.count else { return outcomes }
        var decided = outcomes.makeIterator()
        return prepared.compactMap { $0.rejection.map { .rejected($0) } ?? decided.next() }
    }

    /// Hands over one append and returns at once; for callers who have no task to suspend.
    ///
    /// The answer comes on the thread that writes, which is not to be kept waiting. It means what
    /// that of ``append(_:)`` means, but a full queue is told at once, as ``LogError/overloaded``.
    package func append(
        _ append: Append,
        answer: @escaping @Sendable (Result<AppendOutcome, LogError>) -> Void
    ) {
        guard let writer else { return answer(.failure(.readOnly)) }
        let prepared = PreparedAppend(append, now: clock.read().wall, under: rules)
        if let rejection = prepared.rejection { return answer(.success(.rejected(rejection))) }
        writer.submit([prepared], weight: prepared.byteCount) { answer($0.map { $0[0] }) }
    }

    /// Appends an event that only the log itself may write, and tells where it stands.
    package func appendOwn(_ event: NewEvent) async throws(LogError) -> Position {
        guard let writer else { throw .readOnly }
        if let bytes = event.data.content?.count, bytes > EventLimits.dataBytesMax {
            throw .ownEventRefused("its data have \(bytes) bytes")
        }
        let prepared = PreparedAppend(
            Append([event]), now: clock.read().wall, under: rules, by: .log)
        if let rejection = prepared.rejection { throw .ownEventRefused("\(rejection)") }
        switch try await writer.submit([prepared])[0] {
        case .appended(let range), .alreadyAppended(let range): return range.first
        case .rejected(let rejection): throw .ownEventRefused("\(rejection)")
        case .conflict(let conflict): throw .ownEventRefused("\(conflict)")
        }
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

/// Who has written an event; some types are the log's alone.
enum EventAuthor {
    case producer
    case log
}

extension EventType {
    /// Whether only the log itself may write events of this type.
    package var isWrittenByLog: Bool {
        Self.writtenByLog.contains(self)
    }
}

extension EventType {
    private static let writtenByLog: Set<EventType> = [
        LogIdentity.eventType, KeyRotation.eventType, Anchor.eventType, .erasureRequested, .erased,
        .authorisedAnew, .epochDestroyed,
    ]

    /// What is told of the keys of subjects; whoever destroys a key tells it.
    package static let erasureRequested = EventType(stored: "subject.erasure_requested")
    package static let erased = EventType(stored: "subject.erased")
    package static let authorisedAnew = EventType(stored: "subject.authorised")
    package static let epochDestroyed = EventType(stored: "subject.key_epoch_destroyed")
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

    init(
        _ append: Append, now: Instant, under rules: StreamRules?,
        by author: EventAuthor = .producer
    ) {
        events = append.events.map { PreparedEvent($0, now: now, under: rules) }
        condition = append.condition
        queries = append.condition.absences.map { PreparedQuery($0.query) }
        byteCount = events.reduce(0) { $0 + $1.byteCount }
        rejection = Self.rejection(of: events, byteCount, author)
    }

    private static func rejection(
        of events: [PreparedEvent], _ byteCount: Int, _ author: EventAuthor
    ) -> Rejection? {
        if events.isEmpty { return .noEvents }
        if events.count > LogLimits.appendEventsMax { return .tooManyEvents(events.count) }
        if byteCount > LogLimits.appendBytesMax { return .tooManyBytes(byteCount) }
        for event in events.lazy.map(\.sent) {
            let content = event.content
            if author == .producer, content.type.isWrittenByLog {
                return .reservedType(content.type)
            }
            if let time = content.time, !(Instant.earliest...Instant.latest).contains(time) {
                return .impossibleTime(event.id)
            }
        }
        return repeatedID(in: events).map { .repeatedID($0) }
    }

    private static func repeatedID(in events: [PreparedEvent]) -> EventID? {
        guard events.count > 1 else { return nil }
        var seen = NumberTable(capacity: events.count)
        for (index, event) in events.enumerated() {
            let (id, hash) = (event.sent.id, event.sent.id.keyedHash)
            if seen.number(hash, where: { events[$0].sent.id == id }) != nil { return id }
            seen.insert(index, hash)
        }
        return nil
    }
}

/// An event that waits for its place.
struct PreparedEvent: Sendable {
    let sent: SentEvent
    /// What it is to the rules of the log.
    let step: StreamRules.Step?
    private let producerPart: [UInt8]
    private let dataHash: Hash

    init(_ sent: NewEvent, now: Instant, under rules: StreamRules?) {
        let id = sent.id ?? .timeOrdered(at: now)
        self.sent = SentEvent(sent, id: id)
        producerPart = Line.producerPart(of: sent, id: id)
        dataHash = sent.data.hash
        step = rules?.step(sent.type, sent.schema, sent.data.object)
    }

    /// Bytes of line and data, roughly.
    var byteCount: Int { producerPart.count + sent.content.data.byteCount + 200 }

    /// Appends the leaf that the event has at its place.
    func appendLeaf(
        at position: Position, _ revision: Revision, recorded: [UInt8], to lines: inout [UInt8]
    ) {
        Line.appendLeaf(
            producerPart, position, revision, recorded: recorded, dataHash, to: &lines)
    }

    /// Whether the producer sent the same before; what the log set is not compared.
    func isSame(as stored: Event) -> Bool {
        guard stored.producerPart == producerPart else { return false }
        if case .removed(let hash) = stored.data { return hash == dataHash }
        return stored.data == sent.content.data
    }
}
