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
    private let told = Mutex<String?>(nil)
    private let changes: BlockingTasks
    private let looks: BlockingTasks
    private let root: BlockingTasks
    private let forgetting: BlockingTasks
    private let changeTurns = Turns()
    private let forgettingTurns = Turns()

    private enum Standing {
        case closed
        /// There is a vault, and its root cannot be asked; nobody waits for it.
        case locked(VaultError)
        case open(PersonalSeal)
    }

    /// Whether a process before has left something half done in the vault.
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
        root = try BlockingTasks()
        forgetting = try BlockingTasks()
    }

    /// Seals personal data, without waiting for anything; nil while it cannot.
    var seal: PersonalSeal? {
        if case .open(let seal) = standing.withLock({ $0 }) { seal } else { nil }
    }

    /// Whether something is left that was erased, in what is derived from the log.
    func isStale() throws -> Bool { try door.vault()?.isStale() ?? false }

    /// Refuses an event that would be sealed if the root could be asked.
    func requireUnlocked(for event: NewEvent) throws(Problem) {
        guard case .locked(let error) = standing.withLock({ $0 }),
            PersonalFields.stand(in: event.data.object, of: event.type.text)
        else { return }
        throw Self.locked(error)
    }

    private static func locked(_ error: VaultError) -> Problem {
        Problem(.serviceUnavailable, .unavailable, "\(error)").retryable()
    }

    /// Takes up the vault where there is one now, and finishes what was broken off with it.
    func takeUp() async throws {
        guard let vault = try door.vault() else { return }
        if seal == nil { await unlock(vault) }
        guard seal != nil, try brokenOff.withLock({ $0 }) == .perhaps || isBegun(in: vault)
        else { return }
        do {
            let finished = try await changeTurns.take(on: changes) { [log] in
                try await SubjectEraser(vault, of: log).finishWhatWasBegun()
            }
            for erasure in finished { logger.notice("\(erasure.finished)") }
            brokenOff.withLock { $0 = .nothing }
        } catch {
            tell("what was broken off in the vault is not finished yet", error)
        }
    }

    private func isBegun(in vault: KeyStore) throws -> Bool { try !vault.begunErasures().isEmpty }

    /// Has the root unwrap the key of the epoch; who comes meanwhile waits for the same answer.
    private func unlock(_ vault: KeyStore) async {
        let attempt = unlocking.withLock { running in
            let attempt =
                running
                ?? Task(executorPreference: root) { [self] in
                    do throws(VaultError) {
                        try vault.unlock()
                        standing.withLock { $0 = .open(PersonalSeal(vault, of: log)) }
                    } catch {
                        standing.withLock { $0 = .locked(error) }
                        tell("the vault is locked", error)
                    }
                    unlocking.withLock { $0 = nil }
                }
            running = attempt
            return attempt
        }
        await attempt.value
    }

    /// Logs what goes wrong, once for as long as it is the same.
    private func tell(_ what: String, _ error: any Error) {
        let isNews = told.withLock { told in
            defer { told = "\(what): \(error)" }
            return told != "\(what): \(error)"
        }
        if isNews { logger.error("\(what)", metadata: ["detail": "\(error)"]) }
    }

    /// Refuses what needs the root while it cannot be asked.
    private func requireKeys() async throws {
        if case .closed = standing.withLock({ $0 }), let vault = try door.vault() {
            await unlock(vault)
        }
        if case .locked(let error) = standing.withLock({ $0 }) { throw Self.locked(error) }
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
        needing need: Need,
        _ body: @escaping @Sendable (SubjectEraser, KeyStore) async throws -> Result
    ) async throws -> Result {
        let vault = try door.requireVault()
        if need == .keys { try await requireKeys() }
        return try await changeTurns.take(on: changes) { [log] in
            try await body(SubjectEraser(vault, of: log), vault)
        }
    }

    /// What is derived from the log and personal.
    enum Derived {
        case upToDate
        /// It has yet to forget what was erased, which goes on by itself.
        case stale
    }

    /// Has what is derived forget what was erased.
    func letForget() async throws -> Derived {
        guard let vault = try door.vault() else { return .upToDate }
        do {
            try await forgettingTurns.take(on: forgetting) { [makeAnew] in
                try vault.letForget(makeAnew)
            }
            return .upToDate
        } catch {
            tell("an erasure is not finished yet", error)
            return .stale
        }
    }

    /// Looks for a vault that another process makes, and finishes what could not be finished.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                do {
                    try await takeUp()
                    _ = try await letForget()
                } catch {
                    tell("the vault", error)
                }
                try? await Task.sleep(for: ServerLimits.vaultInterval)
            }
        }
        await changeTurns.end()
        await forgettingTurns.end()
        for thread in [changes, looks, root, forgetting] { thread.end() }
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
