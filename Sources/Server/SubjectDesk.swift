internal import ContactCentre
internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Logging
internal import ProjectionKit
internal import ServiceLifecycle
internal import Storage
internal import Subjects
internal import Synchronization
internal import Vault

/// The vault of the log, from when there is one, and what is done with it.
///
/// What blocks has threads of its own, by what it may wait for: changes of keys for each other,
/// looks and new subjects for the disk, the root for whoever guards it, and what is derived from
/// the log for its readers. So none of them holds up another, and the event loops none at all.
final class SubjectDesk: Service {
    private let log: EventLog
    private let door: VaultDoor
    private let logger: Logger
    private let makeAnew: @Sendable () throws -> Void
    private let standing = Mutex(Standing.closed)
    private let brokenOff = Mutex(BrokenOff.perhaps)
    private let unlocking = Mutex<Task<Void, Never>?>(nil)
    private let pause = Mutex((until: ContinuousClock.now, length: Duration.milliseconds(500)))
    private let troubles = Mutex<[String: String]>([:])
    private let changes: BlockingTasks
    private let looks: BlockingTasks
    private let scans: BlockingTasks
    private let root: BlockingTasks
    private let forgetting: BlockingTasks
    private let changeTurns = Turns()
    private let rotationTurns = Turns()
    private let forgettings = SharedRuns()

    private enum Standing {
        case closed
        /// There is a vault, and its root is asked for the first time; requests for keys wait for a
        /// moment.
        case asking
        /// Its root has not answered in time, or not rightly; nobody waits for it.
        case locked(reason: String)
        case open(PersonalSeal)
    }

    /// Whether something is left half done in the vault, by a process before or a rotation; known
    /// and changed in the turns of changes only.
    private enum BrokenOff {
        case perhaps
        case nothing
    }

    /// What is done with the vault.
    enum Need {
        /// Keys are read, or made.
        case keys
        /// Nothing that the root must be asked for: a key can be destroyed without it.
        case names
    }

    /// `makeAnew` makes anew what is derived from the log and holds personal data.
    init(
        _ door: VaultDoor, of log: EventLog, _ logger: Logger,
        makingAnew makeAnew: @escaping @Sendable () throws -> Void
    ) throws {
        self.door = door
        self.log = log
        self.logger = logger
        self.makeAnew = makeAnew
        changes = try BlockingTasks()
        looks = try BlockingTasks()
        scans = try BlockingTasks()
        root = try BlockingTasks()
        forgetting = try BlockingTasks()
    }

    /// Seals personal data, without waiting for anything; nil while it cannot.
    var seal: PersonalSeal? {
        if case .open(let seal) = standing.withLock({ $0 }) { seal } else { nil }
    }

    /// Whether something is left that was erased, in what is derived from the log; also as long as
    /// nobody knows.
    func isStale() throws -> Bool {
        guard let vault = try door.vault() else { return false }
        return try brokenOff.withLock { $0 } == .perhaps || !vault.staleSubjects().isEmpty
    }

    /// Refuses an event that would be sealed if the root could be asked.
    func requireUnlocked(for event: NewEvent) throws(Problem) {
        let reason: String
        switch standing.withLock({ $0 }) {
        case .asking: reason = Self.noAnswer
        case .locked(let why): reason = why
        case .closed, .open: return
        }
        guard PersonalFields.stand(in: event.data.object, of: event.type.text) else { return }
        throw Self.locked(reason)
    }

    private static let noAnswer = "the root of the vault's keys has not answered yet"

    private static func locked(_ reason: String) -> Problem {
        Problem(.serviceUnavailable, .unavailable, reason).retryable()
    }

    /// Takes up the vault where there is one now, and finishes what was broken off with it, for
    /// which nobody needs the root.
    func takeUp() async throws {
        guard let vault = try door.vault() else { return }
        if try brokenOff.withLock({ $0 }) == .perhaps || !vault.begunErasures().isEmpty {
            await finishWhatWasBegun(in: vault)
        }
        guard seal == nil else { return }
        await FirstToCome.wait(upTo: ServerLimits.rootPatience) { [self] in await unlock(vault) }
        standing.withLock { standing in
            if case .asking = standing { standing = .locked(reason: Self.noAnswer) }
        }
    }

    /// Whether the root is asked again now: less and less often, since an agent may count.
    private func mayAsk() -> Bool {
        pause.withLock { pause in
            let now = ContinuousClock.now
            guard now >= pause.until else { return false }
            pause.length = min(pause.length * 2, ServerLimits.rootPauseMax)
            pause.until = now + pause.length
            return true
        }
    }

    private func finishWhatWasBegun(in vault: KeyStore) async {
        do {
            let finished = try await changeTurns.take(on: changes) { [self] in
                let finished = try await SubjectEraser(vault, of: log).finishWhatWasBegun()
                brokenOff.withLock { $0 = .nothing }
                return finished
            }
            for erasure in finished { logger.notice("\(erasure.finished)") }
            note(nil, "what was broken off in the vault is not finished yet")
        } catch {
            note(error, "what was broken off in the vault is not finished yet")
        }
    }

    /// Has the root unwrap the key of the epoch; who comes meanwhile waits for the same answer.
    private func unlock(_ vault: KeyStore) async {
        standing.withLock { standing in
            if case .closed = standing { standing = .asking }
        }
        let attempt = unlocking.withLock { running in
            guard running == nil, mayAsk() else { return running }
            let attempt = Task(executorPreference: root) { [self] in
                do throws(VaultError) {
                    try vault.unlock()
                    standing.withLock { $0 = .open(PersonalSeal(vault, of: log)) }
                    note(nil, "the vault is locked")
                } catch {
                    standing.withLock { $0 = .locked(reason: "\(error)") }
                    note(error, "the vault is locked")
                }
                unlocking.withLock { $0 = nil }
            }
            running = attempt
            return attempt
        }
        await attempt?.value
    }

    /// Logs what goes wrong, once for as long as it is the same; nil where it goes well again.
    private func note(_ error: (any Error)?, _ what: String) {
        let detail = error.map { "\($0)" }
        let before = troubles.withLock { troubles in
            defer { troubles[what] = detail }
            return troubles[what]
        }
        if let detail, detail != before {
            logger.error("\(what)", metadata: ["detail": "\(detail)"])
        }
    }

    /// Refuses what needs the root while it cannot be asked.
    private func requireKeys() async throws {
        switch standing.withLock({ $0 }) {
        case .closed, .asking: try await takeUp()
        case .locked, .open: break
        }
        if case .locked(let reason) = standing.withLock({ $0 }) { throw Self.locked(reason) }
    }

    /// Looks at the vault, or makes subjects in it.
    func look<Result: Sendable>(
        needing need: Need, _ body: @escaping @Sendable (KeyStore, EventLog) throws -> Result
    ) async throws -> Result {
        if need == .keys { try await requireKeys() }
        return try await Task(executorPreference: looks) { [log, door] in
            try body(door.requireVault(), log)
        }.value
    }

    /// Goes through many subjects, which takes a while; nobody else waits for it.
    func scan<Result: Sendable>(
        _ body: @escaping @Sendable (KeyStore, EventLog) throws -> Result
    ) async throws -> Result {
        try await Task(executorPreference: scans) { [log, door] in
            try body(door.requireVault(), log)
        }.value
    }

    /// Makes a subject, and the vault where there is none yet.
    func makeSubject(
        of identifier: Identifier?, keeping classes: [RetentionClass]
    ) async throws -> SubjectRef {
        if try door.vault() == nil {
            try await changeTurns.take(on: changes) { [door, logger] in
                _ = try door.vaultOrNew { path in
                    logger.warning(
                        """
                        made a root key: keep a copy apart, since without it no sealed data can \
                        be read
                        """, metadata: ["path": "\(path)"])
                }
            }
            try await takeUp()
        }
        return try await look(needing: .keys) { vault, log in
            try vault.makeSubject(
                of: identifier, keeping: classes, at: log.clock.now.microseconds)
        }
    }

    /// Changes keys and tells it in the log, one change after the other.
    ///
    /// It goes on when whoever asked for it goes away, and the server waits for it in the end.
    func change<Result: Sendable>(
        needing need: Need, _ body: @escaping @Sendable (SubjectEraser) async throws -> Result
    ) async throws -> Result {
        let vault = try door.requireVault()
        if need == .keys { try await requireKeys() }
        return try await changeTurns.take(on: changes) { [log] in
            try await body(SubjectEraser(vault, of: log))
        }
    }

    /// Goes on to a new epoch; while the root is asked, other changes go on.
    ///
    /// Gives the epoch whose key was destroyed, and the one that has begun.
    func rotateEpoch() async throws -> (destroyed: UInt32, current: UInt32) {
        let vault = try door.requireVault()
        try await requireKeys()
        return try await rotationTurns.take(on: root) { [self] in
            let next = try vault.makeNextEpoch()
            return try await changeTurns.take(on: changes) { [self] in
                do {
                    let destroyed = try await SubjectEraser(vault, of: log).rotate(to: next)
                    return (destroyed, try vault.currentEpoch())
                } catch {
                    // It may have begun, with the key before it still there.
                    brokenOff.withLock { $0 = .perhaps }
                    throw error
                }
            }
        }
    }

    /// Has what is derived forget who was erased.
    ///
    /// Gives those of whom something is left, where it is in use or takes longer than whoever asks
    /// should wait; it goes on by itself.
    func letForget() async throws -> [SubjectRef] {
        guard let vault = try door.vault() else { return [] }
        await FirstToCome.wait(upTo: ServerLimits.forgetPatience) { [self] in
            await forgettings.joinOne(on: forgetting) { [self] in
                do {
                    try vault.letForget(makeAnew)
                    note(nil, "an erasure is not finished yet")
                } catch {
                    note(error, "an erasure is not finished yet")
                }
            }
        }
        return try vault.staleSubjects()
    }

    /// Looks for a vault that another process makes, and finishes what could not be finished.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do {
                    try await takeUp()
                    if try isStale() { _ = try await letForget() }
                    note(nil, "the vault cannot be used")
                } catch {
                    note(error, "the vault cannot be used")
                }
                try? await Task.sleep(for: ServerLimits.vaultInterval)
            }
        }
        await rotationTurns.end()
        await changeTurns.end()
        await forgettings.end()
        for thread in [changes, looks, scans, root, forgetting] { thread.end() }
    }
}

/// Lets one thing begin when the one before has ended.
private actor Turns {
    private var last: Task<Void, Never>?

    func take<Result: Sendable>(
        on thread: BlockingTasks, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let before = last
        let task = Task(executorPreference: thread) {
            await before?.value
            return try await body()
        }
        last = Task { _ = await task.result }
        return try await task.value
    }

    /// Returns when nothing is under way.
    func end() async { await last?.value }
}

/// Runs of one thing, of which each serves all who asked before it began.
private actor SharedRuns {
    private var running: Task<Void, Never>?
    private var waiting: Task<Void, Never>?
    private var phase = Phase.open

    private enum Phase {
        case open
        case ending
    }

    /// Returns behind a run that begins from now on; one that is under way may have begun too
    /// early.
    func joinOne(on thread: BlockingTasks, _ body: @escaping @Sendable () -> Void) async {
        if let waiting { return await waiting.value }
        let before = running
        let task = Task.detached(executorPreference: thread) {
            await before?.value
            if await self.begin() == .open { body() }
        }
        waiting = task
        await task.value
    }

    private func begin() -> Phase {
        (running, waiting) = (waiting, nil)
        return phase
    }

    /// Returns when nothing is under way; what waits is not begun any more.
    func end() async {
        phase = .ending
        await waiting?.value
        await running?.value
    }
}

/// The end of something, or of the patience of who waits for it.
private final class FirstToCome: Sendable {
    private let waiting: Mutex<CheckedContinuation<Void, Never>?>

    private init(_ continuation: CheckedContinuation<Void, Never>) {
        waiting = Mutex(continuation)
    }

    /// Returns when `body` has ended, or when `patience` has; `body` then goes on.
    static func wait(upTo patience: Duration, for body: @escaping @Sendable () async -> Void) async
    {
        await withCheckedContinuation { continuation in
            let first = FirstToCome(continuation)
            Task {
                await body()
                first.comes()
            }
            Task {
                try? await Task.sleep(for: patience)
                first.comes()
            }
        }
    }

    private func comes() {
        waiting.withLock { waiting in
            waiting?.resume()
            waiting = nil
        }
    }
}
