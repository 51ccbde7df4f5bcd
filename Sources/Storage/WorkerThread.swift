internal import Glibc
internal import Synchronization

/// One operating system thread that works off what it is handed, such as the one that writes.
///
/// Jobs wait in a bounded queue; the thread takes all that wait, up to a weight, and runs them as
/// one batch. Group commit follows from that: while one batch is committed, the next gathers. Those
/// that a batch waits for come to it in portions, so that the first are worked off meanwhile.
package final class WorkerThread<Job: Sendable>: @unchecked Sendable {
    // Sendable because every mutable field is touched only while the monitor is locked.
    private let monitor = Monitor()
    private let changed: ConditionVariable
    private var waiting: [Job] = []
    /// That of each job that waits.
    private var waitingWeights: [Int] = []
    private var waitingWeight = 0
    private var state = State.open
    private var loopThread: pthread_t?
    private let waitingWeightMax: Int
    private let batchWeightMax: Int
    private let priority: Priority
    private let gathering: Gathering
    private let lingering: Lingering
    /// Jobs that have ever been handed over, so that one who lingers looks without the mutex.
    private let arrivals = Atomic<Int>(0)
    /// Whether the last job came so soon that the thread had better stay awake for the next.
    private var isBusy = false
    private var batch = Batch()
    /// Jobs of the batch before it.
    private var lastCount = 0
    /// As many jobs have to wait before the thread is woken.
    private var wanted = 1
    private let run: @Sendable (Portions) -> Void

    /// How the thread shares the processors with the others.
    package enum Priority: Sendable {
        case normal
        /// Gives way: what it does is wanted, but nobody waits for it.
        case background
    }

    /// Whether the thread waits a little for a batch to fill.
    package enum Gathering: Sendable {
        case none
        /// Waits until as many jobs have come as were in the last batch, but no longer than this.
        ///
        /// Those whose jobs were just done are about to hand in their next ones: without the pause
        /// the first of them would have a batch of its own, and all others would wait for it. The
        /// thread is woken when a portion of them is there.
        case upTo(microseconds: Int, portion: Int)
    }

    /// Whether the thread stays awake for a moment when it has nothing to do.
    package enum Lingering: Sendable {
        case none
        /// Looks for the next job so long before it sleeps, if the one before came within three
        /// times as long.
        ///
        /// One who waits for each answer has the next job ready before a thread could fall asleep
        /// and be woken again, which takes about as long.
        case upTo(microseconds: Int)
    }

    private enum State {
        case open
        /// Takes no more jobs, but finishes those that wait.
        case draining
        case ended
    }

    /// What became of a job that was handed over.
    package enum Submission: Sendable {
        case accepted
        /// The queue is full; the job was not taken.
        case full
        case stopped
    }

    /// What a batch is made of, portion by portion; it ends when the batch is whole.
    package struct Portions: Sequence, IteratorProtocol, Sendable {
        fileprivate let thread: WorkerThread

        package func next() -> [Job]? { thread.nextPortion() }
    }

    /// What the batch that runs has been given.
    private struct Batch {
        var count = 0
        var weight = 0
        /// When it waits for no more, once it has begun to wait.
        var end: ConditionVariable.Deadline?
    }

    /// Starts the thread.
    ///
    /// A single job may exceed either weight; it then waits or runs alone. `run` is handed one
    /// batch; what it leaves of it is in the next.
    package init(
        waitingWeightMax: Int, batchWeightMax: Int, priority: Priority = .normal,
        gathering: Gathering = .none, lingering: Lingering = .none,
        run: @escaping @Sendable (Portions) -> Void
    ) throws(StorageError) {
        changed = ConditionVariable(of: monitor)
        self.waitingWeightMax = waitingWeightMax
        self.batchWeightMax = batchWeightMax
        self.priority = priority
        self.gathering = gathering
        self.lingering = lingering
        self.run = run
        var thread = pthread_t()
        // The thread owns a reference to this object until its loop ends.
        let context = unsafe Unmanaged.passRetained(Loop(body: { self.loop() })).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Loop>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, context)
        guard code == 0 else {
            unsafe Unmanaged<Loop>.fromOpaque(context).release()
            throw .system(call: "pthread_create", code: code)
        }
        pthread_detach(thread)
    }

    /// Hands a job over without waiting; for one without weight there is always room.
    package func submit(_ job: Job, weight: Int) -> Submission {
        let (submission, isAwaited) = monitor.locked { () -> (Submission, Bool) in
            guard state == .open else { return (.stopped, false) }
            guard weight == 0 || waiting.isEmpty || waitingWeight + weight <= waitingWeightMax
            else { return (.full, false) }
            waiting.append(job)
            waitingWeights.append(weight)
            arrivals.add(1, ordering: .relaxed)
            waitingWeight += weight
            // Not before a batch is full: to be woken for each job costs more than the job.
            return (.accepted, waiting.count >= wanted)
        }
        // Without the mutex, or the thread would wake only to wait for it.
        if isAwaited { changed.broadcast() }
        return submission
    }

    /// Runs what waits, ends the thread and returns when it has ended.
    ///
    /// Not to be called by a job: it would wait for itself.
    package func stop() {
        monitor.locked {
            precondition(
                loopThread.map { pthread_equal($0, pthread_self()) == 0 } ?? true,
                "a worker thread cannot wait for its own end")
            if state == .open { state = .draining }
            changed.broadcast()
            while state != .ended { changed.wait() }
        }
    }

    /// The weight of the jobs that wait.
    package var waitingWeightNow: Int { monitor.locked { waitingWeight } }

    private func loop() {
        monitor.locked { loopThread = pthread_self() }
        // On Linux 0 means the calling thread; where niceness cannot be set, nothing is lost.
        if priority == .background { setpriority(Int32(PRIO_PROCESS.rawValue), 0, 5) }
        while isJobWaiting() {
            run(Portions(thread: self))
            monitor.locked {
                lastCount = batch.count
                batch = Batch()
            }
        }
    }

    /// Waits for the first job of a batch; false where there will be none.
    private func isJobWaiting() -> Bool {
        monitor.locked {
            awaitJob()
            guard waiting.isEmpty else { return true }
            state = .ended
            changed.broadcast()
            return false
        }
    }

    /// What waits, or nil once the batch is whole.
    private func nextPortion() -> [Job]? {
        monitor.locked { batch.count == 0 || gather() ? takePortion() : nil }
    }

    /// Takes what waits, as much of it as one batch may have; the monitor is locked.
    private func takePortion() -> [Job]? {
        var weight = 0
        var count = 0
        for next in waitingWeights {
            let isFirst = batch.count + count == 0
            if !isFirst && batch.weight + weight + next > batchWeightMax { break }
            weight += next
            count += 1
        }
        guard count > 0 else { return nil }
        batch.count += count
        batch.weight += weight
        waitingWeight -= weight
        guard count < waiting.count else {
            waitingWeights.removeAll(keepingCapacity: true)
            defer { waiting = [] }
            return waiting
        }
        let portion = Array(waiting[..<count])
        waiting.removeFirst(count)
        waitingWeights.removeFirst(count)
        return portion
    }

    /// Waits until there is a job, or there will be none; the monitor is locked.
    private func awaitJob() {
        guard waiting.isEmpty, state == .open else { return }
        let start = SystemClock.bootMicroseconds()
        if case .upTo(let microseconds) = lingering, isBusy {
            linger(until: start + Int64(microseconds))
        }
        while waiting.isEmpty && state == .open { changed.wait() }
        if case .upTo(let microseconds) = lingering {
            // One that slept was woken later than the job came.
            isBusy = SystemClock.bootMicroseconds() < start + 3 * Int64(microseconds)
        }
    }

    /// Looks for a job without sleeping; the monitor is locked, but not while it looks.
    private func linger(until end: Int64) {
        let seen = arrivals.load(ordering: .relaxed)
        monitor.unlocked {
            while arrivals.load(ordering: .relaxed) == seen, SystemClock.bootMicroseconds() < end {
                sched_yield()
            }
        }
    }

    /// Waits for a portion more, where the batch may have one; the monitor is locked.
    private func gather() -> Bool {
        guard case .upTo(let microseconds, let portion) = gathering, batch.count < lastCount else {
            return false
        }
        let end = batch.end ?? ConditionVariable.Deadline(in: .microseconds(microseconds))
        // However fast they come: those who were taken have waited long enough.
        if end.hasPassed { return false }
        batch.end = end
        wanted = min(portion, lastCount - batch.count)
        while waiting.count < wanted, batch.weight + waitingWeight < batchWeightMax, state == .open,
            changed.wait(until: end)
        {}
        wanted = 1
        return true
    }
}

/// What a thread runs; an object, so that a C pointer can carry it.
private final class Loop {
    let body: () -> Void

    init(body: @escaping () -> Void) { self.body = body }
}
