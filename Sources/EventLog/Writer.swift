internal import Merkle
internal import Storage
internal import Synchronization

/// What the writer thread is handed.
enum WriterJob: Sendable {
    case append(AppendRequest)
    /// Blocks and runs that were made beside the books.
    case seal(SealedPart)
    /// A run that was merged beside the books.
    case merge(MergedRun)
    /// What was read of a run beside the books.
    case filters(RunFilters, RunExtent)
    /// Runs could not be read now, as where all reader slots are taken; later they can.
    case later
    /// What was done beside the books showed that something on disk is wrong.
    case failed(Corruption)
    /// Nothing more will come: leave the log as compact as it can be.
    case finish
}

/// What is done to runs beside the writer.
enum RunWork: Sendable {
    /// One run is made of neighbours.
    case merge([RunExtent])
    /// A run that was there when the log was opened is read for its filters.
    case read(RunExtent)

    /// What is to be done next, or nil.
    init?(_ runs: [KnownRun]) {
        if let next = RunMerge.next(of: runs) {
            self = .merge(runs[next].map(\.extent))
        } else if let run = runs.nextWithoutFilters() {
            self = .read(run)
        } else {
            return nil
        }
    }
}

/// Work whose result the disk needs room for.
protocol TakesRoom {
    /// Bytes of the result, rather too many than too few.
    var byteCount: Int { get }
}

extension SealWork: TakesRoom {}

extension RunWork: TakesRoom {
    var byteCount: Int {
        switch self {
        case .merge(let runs):
            runs.reduce(0) { $0 + Int($1.end - $1.first) * LogLimits.runBytesPerEvent }
        case .read: 0
        }
    }
}

/// Appends, and where to answer.
struct AppendRequest: Sendable {
    let appends: [PreparedAppend]
    let answer: @Sendable (Result<[AppendOutcome], LogError>) -> Void
}

/// The one that writes; all that changes the log runs on the writer thread.
///
/// Two threads beside it make blocks and merge runs out of what is durable already. The writer puts
/// into its next commit what they have made.
final class Writer: Sendable {
    let news = News()
    private let done = Mutex(LogActivity())
    private let environment: Environment
    private let headFile: SlotFile
    private let clock: LogClock
    private let clockPolicy: ClockPolicy
    private let state: Mutex<State>
    private let threads = Mutex(Threads.none)

    /// Either the writer's books, which agree with the disk, or why there will be none any more.
    private enum State {
        case running(Books)
        case stopped(reason: String)
    }

    /// An object, so that the books are changed in place: they are too much to be copied.
    fileprivate final class Books {
        var log: WriterState
        var sealing = Beside.idle
        var indexing = Beside.idle
        /// Until when the disk has no room for blocks, or for runs, which can wait; appends cannot.
        var sealingWaitsUntil: Int64 = 0
        var indexingWaitsUntil: Int64 = 0

        init(log: WriterState) { self.log = log }
    }

    /// What a thread beside the writer does; it is given one piece of work at a time.
    fileprivate enum Beside {
        case idle
        case working
    }

    private typealias Portions = WorkerThread<WriterJob>.Portions

    private struct Crew {
        let writer: WorkerThread<WriterJob>
        let sealer: WorkerThread<SealWork>
        let indexer: WorkerThread<RunWork>
    }

    private enum Threads {
        /// Before the start and after the end.
        case none
        case open(Crew)
        /// Finishes what was begun.
        case closing(Crew)

        var crew: Crew? {
            switch self {
            case .none: nil
            case .open(let crew), .closing(let crew): crew
            }
        }
    }

    init(
        environment: Environment, headFile: SlotFile, clock: LogClock, clockPolicy: ClockPolicy,
        state: WriterState
    ) throws(StorageError) {
        self.environment = environment
        self.headFile = headFile
        self.clock = clock
        self.clockPolicy = clockPolicy
        self.state = Mutex(.running(Books(log: state)))
        // The process before this one may have been killed with its newest slot unsynced, or after
        // it had answered and before it wrote a slot.
        try headFile.sync()
        self.state.withLock { state in
            guard case .running(let books) = state, books.log.slot.size < books.log.head.size
            else { return }
            state = remember(books)
        }
        // Unowned is safe: whoever owns the writer stops the threads before letting it go.
        let crew = Crew(
            writer: try WorkerThread(
                waitingWeightMax: LogLimits.waitingBytesMax,
                batchWeightMax: LogLimits.commitBytesMax,
                gathering: .upTo(
                    microseconds: LogLimits.gatherMicroseconds, portion: LogLimits.gatherPortion),
                lingering: .upTo(microseconds: LogLimits.lingerMicroseconds)
            ) { [unowned self] in write($0) },
            sealer: try WorkerThread(
                waitingWeightMax: 1, batchWeightMax: 1, priority: .background
            ) { [unowned self] in for portion in $0 { portion.forEach(seal) } },
            indexer: try WorkerThread(
                waitingWeightMax: 1, batchWeightMax: 1, priority: .background
            ) { [unowned self] in for portion in $0 { portion.forEach(index) } })
        threads.withLock { $0 = .open(crew) }
    }

    /// Enqueues appends and waits for their outcomes.
    ///
    /// A full queue is asked again until patience ends; nothing was appended until then.
    func submit(_ appends: [PreparedAppend]) async throws(LogError) -> [AppendOutcome] {
        let weight = appends.reduce(0) { $0 + $1.byteCount }
        let giveUp = ContinuousClock.now + LogLimits.overloadPatience
        while true {
            if Task.isCancelled { throw .cancelled }
            do throws(LogError) {
                return try await submitOnce(appends, weight: weight).get()
            } catch {
                guard case .overloaded = error, ContinuousClock.now < giveUp else { throw error }
            }
            try? await Task.sleep(for: LogLimits.overloadPause)
        }
    }

    private func submitOnce(
        _ appends: [PreparedAppend], weight: Int
    ) async -> Result<[AppendOutcome], LogError> {
        let answer = Answer()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { caller in
                answer.awaited(by: caller)
                submit(appends, weight: weight) { answer.give($0) }
            }
        } onCancel: {
            answer.give(.failure(.cancelled))
        }
    }

    /// Enqueues appends, and answers once about all of them.
    ///
    /// What the queue does not take is answered before this returns; everything else by the thread
    /// that writes.
    func submit(
        _ appends: [PreparedAppend], weight: Int,
        answer: @escaping @Sendable (Result<[AppendOutcome], LogError>) -> Void
    ) {
        let request = AppendRequest(appends: appends, answer: answer)
        switch crew?.writer.submit(.append(request), weight: weight) {
        case .accepted: break
        case .full: answer(.failure(.overloaded))
        case .stopped, nil: answer(.failure(.writerStopped(reason: "it was closed")))
        }
    }

    /// Writes what waits, makes blocks of what is whole, ends the threads and syncs the head file.
    func stop() {
        let crew: Crew? = threads.withLock { threads in
            guard case .open(let crew) = threads else { return nil }
            threads = .closing(crew)
            return crew
        }
        guard let crew else { return }
        // Those beside the writer first: what they still make, it takes up.
        crew.sealer.stop()
        crew.indexer.stop()
        _ = crew.writer.submit(.finish, weight: 0)
        crew.writer.stop()
        threads.withLock { $0 = .none }
        news.end()
        // What the file has forgotten after a power cut, the log still has.
        try? headFile.sync()
    }

    var activity: LogActivity { done.withLock { $0 } }

    var waitingBytes: Int { crew?.writer.waitingWeightNow ?? 0 }

    private var crew: Crew? { threads.withLock { $0.crew } }

    private func write(_ portions: Portions) {
        state.withLock { state in
            var batch = Batch()
            switch state {
            case .running(let books): state = commit(&batch, portions, books)
            case .stopped(let reason):
                for jobs in portions { batch.take(jobs) }
                batch.refuse(.writerStopped(reason: reason))
            }
            if batch.hasFinish { mergeAll(&state) }
            if case .stopped(let reason) = state { done.withLock { $0.stopped = reason } }
        }
    }

    /// Sequences a batch, commits it, answers, and remembers the new head outside the environment.
    private func commit(
        _ batch: inout Batch, _ portions: Portions, _ books: Books
    ) -> State {
        let before = books.log.head.size
        let start = SystemClock.bootMicroseconds()
        do {
            try environment.write { transaction in
                // Those whom the batch waits for come in portions; the first are sequenced while
                // the others are still about to hand theirs in.
                for jobs in portions {
                    // All who come back are noticed before anything can fail.
                    for job in jobs { books.notice(job) }
                    let requests = batch.take(jobs)
                    for job in jobs where !books.putsOff(job) {
                        try books.log.install(job, &transaction)
                    }
                    try sequence(requests, of: &batch, books, &transaction)
                }
                if books.log.head.size > before { try books.log.write(to: &transaction) }
            }
            // Here the batch is durable: LMDB has synced data and meta page. A crash before this
            // line leaves the log as it was before the batch, unless the sync had just happened;
            // a crash behind it leaves all of it. Either way a retry finds out by its ids.
            batch.answer()
            let microseconds = SystemClock.bootMicroseconds() - start
            done.withLock { $0.add(batch.outcomes, microseconds: microseconds) }
            news.announce(size: books.log.head.size)
            if !batch.isOnlyLater { giveWork(books) }
            return books.log.head.size > before ? remember(books) : .running(books)
        } catch {
            // Where it failed before it took anything, somebody has to be told why.
            if batch.isEmpty, let jobs = portions.next() {
                for job in jobs { books.notice(job) }
                batch.take(jobs)
            }
            let state = recovered(from: error, books)
            done.withLock { $0.failed += UInt64(batch.count) }
            batch.refuse((error as? LogError) ?? wrapped(error))
            return state
        }
    }

    /// Decides whether appends may be recorded now, and about each.
    ///
    /// One time is recorded for all of a batch: that at which it began.
    private func sequence(
        _ requests: ArraySlice<AppendRequest>, of batch: inout Batch, _ books: Books,
        _ transaction: inout WriteTransaction
    ) throws {
        guard !requests.isEmpty else { return }
        switch batch.clock ?? acceptedClock(books.log.head.clocks) {
        case .success(let now):
            batch.clock = .success(now)
            batch.decide(
                try requests.map { request in
                    .success(try books.log.sequence(request.appends, at: now, in: transaction))
                })
        case .failure(let error):
            batch.clock = .failure(error)
            batch.decide(requests.map { _ in .failure(error) })
        }
    }

    private func acceptedClock(_ last: ClockReading) -> Result<ClockReading, LogError> {
        let now = clock.read()
        let ahead = now.ahead(of: last)
        if clockPolicy == .refuseJumps && ahead > LogLimits.clockJumpMax {
            return .failure(.clockJumped(aheadSeconds: ahead.components.seconds))
        }
        return .success(now)
    }

    /// Writes the head file; callers have their answers already, and wait for it no longer.
    ///
    /// Where that fails, the batch is durable all the same, but nothing more is written.
    private func remember(_ books: Books) -> State {
        // The slots lie in one block of the disk, which may lose power halfway through it. So a
        // slot is written again and again until it is synced, and the other stays what it is.
        books.log.slot.sequence += books.log.isSlotSynced ? 1 : 2
        books.log.isSlotSynced = false
        books.log.slot.size = books.log.head.size
        books.log.slot.root = books.log.head.root
        do throws(StorageError) {
            try HeadFile.write(books.log.slot, to: headFile)
            let now = SystemClock.bootMicroseconds()
            if now - books.log.headFileSyncedAt >= LogLimits.headFileSyncMicroseconds {
                try headFile.sync()
                books.log.headFileSyncedAt = now
                books.log.isSlotSynced = true
            }
            return .running(books)
        } catch {
            return .stopped(reason: "the head file cannot be written: \(error)")
        }
    }

    /// After a refusal by a full disk or map nothing has changed, and the books are read anew;
    /// after anything else the writer stops, since nobody knows what the disk holds.
    private func recovered(from error: any Error, _ failed: Books) -> State {
        switch error {
        case StorageError.diskFull, StorageError.mapFull:
            let slot = try? HeadFile.newest(in: headFile)
            let log = slot.flatMap { slot in
                try? environment.read { try WriterState(recovering: $0, slot: slot) }
            }
            let isSynced: Void? = try? headFile.sync()
            failed.waitForRoom()
            try? environment.giveBackUnusedEnd()
            guard let log, isSynced != nil else { return .stopped(reason: "\(error)") }
            failed.log = log
            return .running(failed)
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

// Beside the writer.
extension Writer {
    /// Hands out what can be done beside the writer; nobody takes it once the log is being closed.
    private func giveWork(_ books: Books) {
        guard let crew else { return }
        let now = SystemClock.bootMicroseconds()
        if books.sealing == .idle, now >= books.sealingWaitsUntil, let work = SealWork(books.log) {
            if !hasRoom(for: work) {
                books.sealingWaitsUntil = now + LogLimits.roomMicroseconds
            } else if case .accepted = crew.sealer.submit(work, weight: 1) {
                books.sealing = .working
            }
        }
        if books.indexing == .idle, now >= books.indexingWaitsUntil,
            let work = RunWork(books.log.runs)
        {
            if !hasRoom(for: work) {
                books.indexingWaitsUntil = now + LogLimits.roomMicroseconds
            } else if case .accepted = crew.indexer.submit(work, weight: 1) {
                books.indexing = .working
            }
        }
    }

    /// Whether the disk has room for what is made, before what it is made of goes.
    ///
    /// Without, a commit would fill the disk to its end in vain, again and again. Where the room is
    /// not known, the commit will tell.
    private func hasRoom(for work: some TakesRoom) -> Bool {
        (try? environment.hasRoom(for: work.byteCount + LogLimits.spareRoomBytes)) ?? true
    }

    private func seal(_ work: SealWork) {
        // The others are left to those who append.
        report { .seal(try work.seal(on: .own)) }
    }

    private func index(_ work: RunWork) {
        report {
            switch work {
            case .merge(let runs): .merge(try RunMerge.merge(runs, in: environment))
            case .read(let run): .filters(try RunMerge.filters(of: run, in: environment), run)
            }
        }
    }

    private func report(_ work: () throws -> WriterJob) {
        let job: WriterJob
        do {
            job = try work()
        } catch let corruption as Corruption {
            job = .failed(corruption)
        } catch StorageError.corrupted(let what) {
            job = .failed(Corruption(at: nil, what))
        } catch {
            // Making blocks asks nothing of the system, so runs were read.
            job = .later
        }
        _ = crew?.writer.submit(job, weight: 0)
    }

    /// Merges what is left to merge when the log is closed.
    private func mergeAll(_ state: inout State) {
        while case .running(let books) = state, let next = RunMerge.next(of: books.log.runs),
            hasRoom(for: RunWork.merge(books.log.runs[next].map(\.extent)))
        {
            do {
                let run = try RunMerge.merge(
                    books.log.runs[next].map(\.extent), in: environment)
                try environment.write { transaction in
                    try books.log.install(.merge(run), &transaction)
                }
            } catch {
                // Nobody waits for it, and the log is as sound without.
                state = .stopped(reason: "\(error)")
            }
        }
    }
}

extension Writer {
    /// What is answered together: appends that came, and what was decided about them.
    private struct Batch {
        private var requests: [AppendRequest] = []
        private(set) var outcomes: [Result<[AppendOutcome], LogError>] = []
        /// Whether nothing has come but news that runs could not be read.
        private(set) var isOnlyLater = true
        /// Whether the log is to be left as compact as it can be.
        private(set) var hasFinish = false
        /// Whether nothing has been taken yet.
        private(set) var isEmpty = true
        /// What the clock said to the first append, or why nothing may be recorded by it.
        var clock: Result<ClockReading, LogError>?

        /// Takes jobs in, and returns the appends among them.
        @discardableResult
        mutating func take(_ jobs: [WriterJob]) -> ArraySlice<AppendRequest> {
            let start = requests.count
            isEmpty = false
            for job in jobs {
                if case .append(let request) = job { requests.append(request) }
                if case .finish = job { hasFinish = true }
                if case .later = job { continue }
                isOnlyLater = false
            }
            return requests[start...]
        }

        mutating func decide(_ results: [Result<[AppendOutcome], LogError>]) { outcomes += results }

        var count: Int { requests.count }

        func answer() {
            for (request, outcome) in zip(requests, outcomes) { request.answer(outcome) }
        }

        func refuse(_ error: LogError) {
            for request in requests { request.answer(.failure(error)) }
        }
    }
}

extension Writer.Books {
    /// Who has come back with what was asked for.
    fileprivate func notice(_ job: WriterJob) {
        switch job {
        case .seal: sealing = .idle
        case .merge, .filters, .later: indexing = .idle
        case .append, .failed, .finish: break
        }
    }

    /// Whether a job is left for when the disk has room again, or for whoever opens the log next.
    fileprivate func putsOff(_ job: WriterJob) -> Bool {
        guard case .finish = job else { return false }
        return SystemClock.bootMicroseconds() < sealingWaitsUntil
    }

    /// A commit has found the disk full, whatever it was that had no room.
    fileprivate func waitForRoom() {
        sealingWaitsUntil = SystemClock.bootMicroseconds() + LogLimits.roomMicroseconds
        indexingWaitsUntil = sealingWaitsUntil
    }
}

extension WriterState {
    /// Takes up what was made beside the books.
    fileprivate mutating func install(
        _ job: WriterJob, _ transaction: inout WriteTransaction
    ) throws {
        switch job {
        case .append, .later: return
        case .filters(let filters, let run): return runs.setFilters(filters, of: run)
        case .seal(let part):
            // A great commit makes blocks by itself, and then nobody needs these.
            guard fits(part) else { return }
            try install(part, &transaction)
        case .merge(let run): try install(run, &transaction)
        case .failed(let corruption): throw corruption
        case .finish:
            guard let work = SealWork(self) else { return }
            try install(try work.seal(on: .all), &transaction)
        }
        try writeHead(to: &transaction)
    }
}

/// Hands one result to one caller, whoever comes first with it.
private final class Answer: Sendable {
    private typealias Outcome = Result<[AppendOutcome], LogError>

    private enum State {
        case open
        case awaited(CheckedContinuation<Outcome, Never>)
        case given(Outcome)
        case received
    }

    private let state = Mutex(State.open)

    func awaited(by caller: CheckedContinuation<Result<[AppendOutcome], LogError>, Never>) {
        let given: Outcome? = state.withLock { state in
            if case .given(let outcome) = state {
                state = .received
                return outcome
            }
            state = .awaited(caller)
            return nil
        }
        if let given { caller.resume(returning: given) }
    }

    func give(_ outcome: Result<[AppendOutcome], LogError>) {
        let caller: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .given(outcome)
                return nil
            case .awaited(let caller):
                state = .received
                return caller
            case .given, .received: return nil
            }
        }
        caller?.resume(returning: outcome)
    }
}
