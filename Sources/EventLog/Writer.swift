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
    /// The newest head is to be signed, whether or not it is time.
    case sign(SigningRequest)
    /// Nothing more will come: leave the log as compact as it can be.
    case finish
}

/// Appends, and where to answer.
struct AppendRequest: Sendable {
    let appends: [PreparedAppend]
    let answer: @Sendable (Result<[AppendOutcome], LogError>) -> Void
}

/// That the newest head is signed, and where to answer.
struct SigningRequest: Sendable {
    /// The keys that sign from now on; nil keeps those that there are.
    var keys: [SigningKey]?
    var answer: @Sendable (Result<SignedNote, LogError>) -> Void = { _ in }
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

        /// Those that sign the head, more than one while one is rotated; none where there is none.
        var keys: [SigningKey]
        /// Whether a checkpoint is due that no commit may bring.
        var signing = PlannedSigning.none

        init(log: WriterState, keys: [SigningKey]) {
            self.log = log
            self.keys = keys
        }
    }

    fileprivate enum PlannedSigning {
        case none
        case soon
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
        state: WriterState, keys: [SigningKey]
    ) throws(StorageError) {
        self.environment = environment
        self.headFile = headFile
        self.clock = clock
        self.clockPolicy = clockPolicy
        self.state = Mutex(.running(Books(log: state, keys: keys)))
        // The process before this one may have been killed with its newest slot unsynced, or after
        // it had answered and before it wrote a slot.
        try headFile.sync()
        self.state.withLock { state in
            guard case .running(let books) = state, books.log.slot.size < books.log.head.size
            else { return }
            state = remember(books, .whenDue)
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
        // The process before this one may have been killed before it signed the newest head.
        if !keys.isEmpty { _ = crew.writer.submit(.sign(SigningRequest()), weight: 0) }
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
            var batch = WriterBatch()
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
        _ batch: inout WriterBatch, _ portions: Portions, _ books: Books
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
            if batch.mayGiveWork { giveWork(books) }
            var state = State.running(books)
            if let keys = batch.keys { books.keys = keys }
            if books.log.head.size > before || batch.signing == .now && !books.isSigned {
                state = remember(books, batch.signing)
            }
            if batch.asksForCheckpoint { batch.answerSigning(signed(state)) }
            return state
        } catch {
            // Where it failed before it took anything, somebody has to be told why.
            if batch.isEmpty, let jobs = portions.next() {
                for job in jobs { books.notice(job) }
                batch.take(jobs)
            }
            let state = recovered(from: error, books)
            if case .running(let books) = state { planSigning(books) }
            done.withLock { $0.failed += UInt64(batch.count) }
            batch.refuse((error as? LogError) ?? wrapped(error))
            return state
        }
    }

    /// Decides whether appends may be recorded now, and about each.
    ///
    /// One time is recorded for all of a batch: that at which it began.
    private func sequence(
        _ requests: ArraySlice<AppendRequest>, of batch: inout WriterBatch, _ books: Books,
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
    /// Once a second, and when asked to, it also signs the head: what is signed here is durable,
    /// since LMDB has synced it. Where the file cannot be written, the batch is durable all the
    /// same, but nothing more is written.
    private func remember(_ books: Books, _ signing: Signing) -> State {
        let now = SystemClock.bootMicroseconds()
        let isDue =
            signing == .now
            || now - books.log.headFileSyncedAt >= LogLimits.headFileSyncMicroseconds
        // The slots lie in one block of the disk, which may lose power halfway through it. So a
        // slot is written again and again until it is synced, and the other stays what it is.
        books.log.slot.sequence += books.log.isSlotSynced ? 1 : 2
        books.log.isSlotSynced = false
        books.log.slot.size = books.log.head.size
        books.log.slot.root = books.log.head.root
        if isDue { books.sign() }
        do throws(StorageError) {
            try HeadFile.write(books.log.slot, to: headFile)
            if isDue {
                try headFile.sync()
                books.log.headFileSyncedAt = now
                books.log.isSlotSynced = true
            }
            planSigning(books)
            return .running(books)
        } catch {
            return .stopped(reason: "the head file cannot be written: \(error)")
        }
    }

    /// Sees to it that the last events before a pause are signed too.
    private func planSigning(_ books: Books) {
        // Commits pass here: the note is looked at once a second, and where nobody signs never.
        guard !books.keys.isEmpty, books.signing == .none, !books.isSigned else { return }
        books.signing = .soon
        Task { [weak self] in
            try? await Task.sleep(for: LogLimits.signingInterval)
            _ = self?.crew?.writer.submit(.sign(SigningRequest()), weight: 0)
        }
    }

    /// The checkpoint that the newest head has, or why it has none.
    private func signed(_ state: State) -> Result<SignedNote, LogError> {
        switch state {
        case .running(let books):
            guard !books.keys.isEmpty else { return .failure(.noKey) }
            do {
                return .success(try SignedNote(bytes: books.log.slot.note))
            } catch {
                return .failure(.refused(error))
            }
        case .stopped(let reason): return .failure(.writerStopped(reason: reason))
        }
    }

    /// Signs the newest head, with other keys from now on where some are given.
    func sign(with keys: [SigningKey]?) async throws(LogError) -> SignedNote {
        let result: Result<SignedNote, LogError> = await withCheckedContinuation { caller in
            let request = SigningRequest(keys: keys) { caller.resume(returning: $0) }
            guard case .accepted = crew?.writer.submit(.sign(request), weight: 0) else {
                return request.answer(.failure(.writerStopped(reason: "it was closed")))
            }
        }
        return try result.get()
    }

    /// After a refusal by a full disk or map nothing has changed, and the books are read anew;
    /// after anything else the writer stops, since nobody knows what the disk holds.
    private func recovered(from error: any Error, _ failed: Books) -> State {
        switch error {
        case StorageError.diskFull, StorageError.mapFull:
            let slot = try? HeadFile.newest(in: headFile)
            let log = slot.flatMap { slot in
                try? environment.read {
                    try WriterState(recovering: $0, slot: slot, under: failed.log.judged.rules)
                }
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

extension Writer.Books {
    /// Who has come back with what was asked for.
    fileprivate func notice(_ job: WriterJob) {
        switch job {
        case .seal: sealing = .idle
        case .merge, .filters, .later: indexing = .idle
        case .sign: signing = .none
        case .append, .failed, .finish: break
        }
    }

    /// Whether the newest checkpoint is that of the newest head, by the keys that sign now.
    fileprivate var isSigned: Bool {
        guard let note = try? SignedNote(bytes: log.slot.note),
            let checkpoint = try? Checkpoint(text: note.text)
        else { return keys.isEmpty }
        return checkpoint.size == log.head.size && keys.allSatisfy { note.names($0.verifierKey) }
            || keys.isEmpty
    }

    /// Puts the checkpoint of the newest head, which is durable, into the next slot.
    fileprivate func sign() {
        guard let key = keys.first, !isSigned else { return }
        let checkpoint = Checkpoint(
            origin: key.verifierKey.name, size: log.head.size, root: log.head.root)
        log.slot.note = checkpoint.signed(with: keys).bytes
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
        case .append, .sign, .later: return
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
