internal import JSON
internal import Merkle
internal import Storage
internal import Synchronization

extension EventLog {
    /// Appends events that belong together: all at consecutive positions, or none.
    ///
    /// When this returns `appended`, the events are on disk and survive a power cut. Cancelling the
    /// task, or losing the answer, leaves it unknown whether they were: retry with the same ids.
    /// - Throws: ``LogError`` where nothing can be said of this append or it was not attempted.
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
    /// Why it can never succeed, as far as it alone tells.
    let rejection: Rejection?
    /// Bytes of lines and data, for the limits of queue and commit.
    let byteCount: Int

    init(_ append: Append, now: Instant) {
        events = append.events.map { PreparedEvent($0, now: now) }
        condition = append.condition
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
    let byteCount: Int

    init(_ event: NewEvent, now: Instant) {
        id = event.id ?? .timeOrdered(at: now)
        sent = event
        producerPart = Line.producerPart(of: event, id: id)
        dataHash = event.data.hash
        byteCount = producerPart.count + event.data.byteCount + 200
    }

    /// Whether the producer sent the same before; what the log set is not compared.
    func isSame(as stored: Event) -> Bool {
        guard stored.producerPart == producerPart else { return false }
        if case .removed(let hash) = stored.data { return hash == dataHash }
        return stored.data == sent.data
    }
}

/// What the writer thread is handed: appends, and where to answer.
struct AppendRequest: Sendable {
    let appends: [PreparedAppend]
    let answer: @Sendable (Result<[AppendOutcome], LogError>) -> Void
}

/// The one that writes; all of it but ``submit(_:)`` runs on the writer thread.
final class Writer: Sendable {
    private let environment: Environment
    private let headFile: SlotFile
    private let clock: LogClock
    private let clockPolicy: ClockPolicy
    private let state: Mutex<State>
    private let thread: Mutex<WriterThread<AppendRequest>?>

    /// Either the writer's books, which agree with the disk, or why there will be none any more.
    private enum State {
        case running(WriterState)
        case stopped(reason: String)
    }

    init(
        environment: Environment, headFile: SlotFile, clock: LogClock, clockPolicy: ClockPolicy,
        state: WriterState
    ) throws(StorageError) {
        self.environment = environment
        self.headFile = headFile
        self.clock = clock
        self.clockPolicy = clockPolicy
        self.state = Mutex(.running(state))
        // The process before this one may have been killed with its newest slot unsynced.
        try headFile.sync()
        thread = Mutex(nil)
        // Unowned is safe: whoever owns the writer stops the thread before letting it go.
        let started = try WriterThread<AppendRequest>(
            waitingWeightMax: LogLimits.waitingBytesMax, batchWeightMax: LogLimits.commitBytesMax
        ) { [unowned self] in self.write($0) }
        thread.withLock { $0 = started }
    }

    /// Enqueues appends and waits for their outcomes.
    func submit(_ appends: [PreparedAppend]) async throws(LogError) -> [AppendOutcome] {
        let thread = self.thread.withLock { $0 }
        let result: Result<[AppendOutcome], LogError> = await withCheckedContinuation { waiting in
            let request = AppendRequest(appends: appends) { waiting.resume(returning: $0) }
            let weight = appends.reduce(0) { $0 + $1.byteCount }
            switch thread?.submit(request, weight: weight) ?? .stopped {
            case .accepted: break
            case .full: waiting.resume(returning: .failure(.overloaded))
            case .stopped:
                waiting.resume(returning: .failure(.writerStopped(reason: "it was closed")))
            }
        }
        return try result.get()
    }

    /// Writes what waits, ends the thread and syncs the head file.
    func stop() {
        let thread = self.thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let thread else { return }
        thread.stop()
        // What the file has forgotten after a power cut, the log still has.
        try? headFile.sync()
    }

    private func write(_ batch: [AppendRequest]) {
        let answers = state.withLock { state in commit(batch, &state) }
        for (request, answer) in zip(batch, answers) { request.answer(answer) }
    }

    /// Sequences a batch, commits it, and remembers the new head outside the environment.
    private func commit(
        _ batch: [AppendRequest], _ state: inout State
    ) -> [Result<[AppendOutcome], LogError>] {
        guard case .running(var books) = state else {
            guard case .stopped(let reason) = state else { return [] }
            return batch.map { _ in .failure(.writerStopped(reason: reason)) }
        }
        let now: ClockReading
        do throws(LogError) { now = try acceptedClock(books.head.clocks) } catch {
            return batch.map { _ in .failure(error) }
        }
        // The books are moved out, so that they are changed in place and not copied.
        state = .stopped(reason: "it failed while writing")
        let before = books.head.size
        do {
            let outcomes = try environment.write { transaction in
                let outcomes = try batch.map { request in
                    try books.sequence(request.appends, at: now, in: transaction)
                }
                if books.head.size > before { try books.write(to: &transaction) }
                return outcomes
            }
            // Here the batch is durable: LMDB has synced data and meta page. A crash before this
            // line leaves the log as it was before the batch, unless the sync had just happened;
            // a crash behind it leaves all of it. Either way a retry finds out by its ids.
            state = books.head.size > before ? remember(books) : .running(books)
            return outcomes.map { .success($0) }
        } catch {
            state = recovered(from: error)
            let failure = (error as? LogError) ?? wrapped(error)
            return batch.map { _ in .failure(failure) }
        }
    }

    private func acceptedClock(_ last: ClockReading) throws(LogError) -> ClockReading {
        let now = clock.read()
        let ahead = now.ahead(of: last)
        if clockPolicy == .refuseJumps && ahead > LogLimits.clockJumpMax {
            throw .clockJumped(aheadSeconds: ahead.components.seconds)
        }
        return now
    }

    /// Writes the head file.
    ///
    /// Where that fails, the batch is durable all the same and is acknowledged, but nothing more is
    /// written.
    private func remember(_ committed: WriterState) -> State {
        var books = committed
        // The slots lie in one block of the disk, which may lose power halfway through it. So a
        // slot is written again and again until it is synced, and the other stays what it is.
        books.slot.sequence += books.isSlotSynced ? 1 : 2
        books.isSlotSynced = false
        books.slot.size = books.head.size
        books.slot.root = books.head.root
        do throws(StorageError) {
            try HeadFile.write(books.slot, to: headFile)
            let now = SystemClock.bootMicroseconds()
            if now - books.headFileSyncedAt >= LogLimits.headFileSyncMicroseconds {
                try headFile.sync()
                books.headFileSyncedAt = now
                books.isSlotSynced = true
            }
            return .running(books)
        } catch {
            return .stopped(reason: "the head file cannot be written: \(error)")
        }
    }

    /// After a refusal by a full disk or map nothing has changed, and the books are read anew;
    /// after anything else the writer stops, since nobody knows what the disk holds.
    private func recovered(from error: any Error) -> State {
        switch error {
        case StorageError.diskFull, StorageError.mapFull:
            let slot = try? HeadFile.newest(in: headFile)
            let books = slot.flatMap { slot in
                try? environment.read { try WriterState(recovering: $0, slot: slot) }
            }
            let isSynced: Void? = try? headFile.sync()
            if let books, isSynced != nil { return .running(books) }
            return .stopped(reason: "\(error)")
        default:
            return .stopped(reason: "\(error)")
        }
    }

    private func wrapped(_ error: any Error) -> LogError {
        do throws(LogError) {
            return try wrapping { throw error }
        } catch {
            return error
        }
    }
}
