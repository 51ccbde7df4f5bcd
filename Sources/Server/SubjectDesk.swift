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
/// Changes of keys have a thread of their own, and so have looks and new subjects: a rotation of
/// many keys, or a read model that is made anew, holds up only the next change.
final class SubjectDesk: Service {
    private let log: EventLog
    private let door: VaultDoor
    private let logger: Logger
    private let forget: SubjectEraser.Forget
    private let standing = Mutex(Standing.closed)
    private let changes: BlockingTasks
    private let looks: BlockingTasks
    private let turns = Turns()

    private enum Standing {
        case closed
        /// There is a vault, and its root cannot be asked; the event loops do not wait for it.
        case locked(VaultError)
        /// An erasure is not finished: something that is derived is in use.
        case unfinished(PersonalSeal)
        case open(PersonalSeal)
    }

    init(
        _ door: VaultDoor, of log: EventLog, _ logger: Logger,
        forget: @escaping SubjectEraser.Forget
    ) throws {
        self.door = door
        self.log = log
        self.logger = logger
        self.forget = forget
        changes = try BlockingTasks()
        looks = try BlockingTasks()
    }

    /// Seals personal data, without waiting for anything; nil while it cannot.
    var seal: PersonalSeal? {
        switch standing.withLock({ $0 }) {
        case .closed, .locked: nil
        case .unfinished(let seal), .open(let seal): seal
        }
    }

    /// Whether something is left that was erased, in what is derived from the log.
    var isUnfinished: Bool {
        if case .unfinished = standing.withLock({ $0 }) { true } else { false }
    }

    private var isOpen: Bool {
        if case .open = standing.withLock({ $0 }) { true } else { false }
    }

    /// Refuses an event that would be sealed if the root could be asked.
    func requireUnlocked(for event: NewEvent) throws(Problem) {
        guard case .locked(let error) = standing.withLock({ $0 }),
            PersonalFields.stand(in: event.data.object, of: event.type.text)
        else { return }
        throw Problem(.serviceUnavailable, .unavailable, "\(error)").retryable()
    }

    /// Takes up the vault where there is one now, and finishes what was begun with it.
    func takeUp() async throws {
        guard !isOpen else { return }
        try await inTurn { [self] in
            guard !isOpen, let vault = try door.vault() else { return }
            try await takeUp(vault)
        }
    }

    private func takeUp(_ vault: KeyStore) async throws {
        do throws(VaultError) { try vault.unlock() } catch {
            let isNews = seal == nil && !isLocked
            standing.withLock { $0 = .locked(error) }
            if isNews {
                logger.error("the vault is locked", metadata: ["detail": "\(error)"])
            }
            return
        }
        try await finishing(vault) { eraser in
            for erasure in try await eraser.finishWhatWasBegun() {
                logger.notice("\(erasure.finished)")
            }
        }
    }

    private var isLocked: Bool {
        if case .locked = standing.withLock({ $0 }) { true } else { false }
    }

    /// Remembers whether what was begun is finished behind it.
    private func finishing<Result>(
        _ vault: KeyStore, _ body: (SubjectEraser) async throws -> Result
    ) async throws -> Result? {
        let seal = PersonalSeal(vault, of: log)
        do {
            let result = try await body(SubjectEraser(vault, of: log, forget: forget))
            let isFinished = try vault.begunErasures().isEmpty
            standing.withLock { $0 = isFinished ? .open(seal) : .unfinished(seal) }
            return result
        } catch let error as ReadModelError {
            // The keys are gone and the log tells it; no append waits for what is derived.
            logger.error("an erasure is not finished yet", metadata: ["detail": "\(error)"])
            standing.withLock { $0 = .unfinished(seal) }
            return nil
        }
    }

    /// Looks at the vault, or makes subjects in it.
    func look<Result: Sendable>(
        _ body: @escaping @Sendable (KeyStore, EventLog) throws -> Result
    ) async throws -> Result {
        if seal == nil { try await takeUp() }
        return try await Task(executorPreference: looks) { [log, door] in
            try body(door.requireVault(), log)
        }.value
    }

    /// Makes a subject, and the vault where there is none yet.
    func makeSubject(
        of identifier: Identifier?, keeping classes: [RetentionClass]
    ) async throws -> SubjectRef {
        if seal == nil {
            try await inTurn { [self] in
                guard seal == nil else { return }
                try await takeUp(
                    door.vaultOrNew { path in
                        logger.warning(
                            """
                            made a root key: keep a copy apart, since without it no sealed data \
                            can be read
                            """, metadata: ["path": "\(path)"])
                    })
            }
        }
        return try await look { vault, log in
            try vault.makeSubject(
                of: identifier, keeping: classes, at: log.clock.now.microseconds)
        }
    }

    /// Changes keys and tells it in the log, one change after the other; nil where all of it is
    /// done but that what is derived has yet to forget, which goes on by itself.
    ///
    /// It goes on when whoever asked for it goes away, and the server waits for it in the end.
    func change<Result: Sendable>(
        _ body: @escaping @Sendable (SubjectEraser, KeyStore) async throws -> Result
    ) async throws -> Result? {
        try await inTurn { [self] in
            let vault = try door.requireVault()
            try vault.unlock()
            return try await finishing(vault) { eraser in try await body(eraser, vault) }
        }
    }

    private func inTurn<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await turns.take(on: changes, body)
    }

    /// Looks for a vault that another process makes, and finishes what could not be finished.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: ServerLimits.vaultInterval)
                do { try await takeUp() } catch {
                    logger.error("the vault", metadata: ["detail": "\(error)"])
                }
            }
        }
        await turns.end()
        changes.end()
        looks.end()
    }
}

/// Lets one change begin when the one before has ended.
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
