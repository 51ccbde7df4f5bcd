internal import EventLog
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
/// Everything has one thread of its own, so that a rotation of many keys holds up nobody else.
final class SubjectDesk: Service {
    private let log: EventLog
    private let door: VaultDoor
    private let logger: Logger
    private let forget: SubjectEraser.Forget
    private let standing = Mutex(Standing.closed)
    private let thread: BlockingTasks
    private let turns = Turns()

    private enum Standing {
        case closed
        /// An erasure that was broken off is not finished: something derived is in use.
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
        thread = try BlockingTasks()
    }

    /// Seals personal data; nil while the log has no vault.
    var seal: PersonalSeal? {
        switch standing.withLock({ $0 }) {
        case .closed: nil
        case .unfinished(let seal), .open(let seal): seal
        }
    }

    private var isOpen: Bool {
        if case .open = standing.withLock({ $0 }) { true } else { false }
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
        let seal = PersonalSeal(vault, of: log)
        do {
            for erasure in try await eraser(vault).finishWhatWasBegun() {
                logger.notice("\(erasure.finished)")
            }
            standing.withLock { $0 = .open(seal) }
        } catch let error as ReadModelError {
            // The keys are gone; no append waits for what is derived.
            logger.error("an erasure is not finished yet", metadata: ["detail": "\(error)"])
            standing.withLock { $0 = .unfinished(seal) }
        }
    }

    private func eraser(_ vault: KeyStore) -> SubjectEraser {
        SubjectEraser(vault, of: log, forget: forget)
    }

    /// Looks at the vault, or makes subjects in it.
    func look<Result: Sendable>(
        _ body: @escaping @Sendable (KeyStore, EventLog) throws -> Result
    ) async throws -> Result {
        try await takeUp()
        return try await Task(executorPreference: thread) { [log, door] in
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

    /// Changes keys and tells it in the log, one change after the other.
    ///
    /// It goes on when whoever asked for it goes away, and the server waits for it in the end.
    func change<Result: Sendable>(
        _ body: @escaping @Sendable (SubjectEraser, KeyStore) async throws -> Result
    ) async throws -> Result {
        try await takeUp()
        return try await inTurn { [self] in
            let vault = try door.requireVault()
            return try await body(eraser(vault), vault)
        }
    }

    private func inTurn<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await turns.take(on: thread, body)
    }

    /// Looks for a vault that another process makes, and finishes what could not be finished.
    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled, !isOpen {
                try? await Task.sleep(for: ServerLimits.vaultInterval)
                do { try await takeUp() } catch {
                    logger.error("the vault", metadata: ["detail": "\(error)"])
                }
            }
        }
        try? await gracefulShutdown()
        await turns.end()
        thread.end()
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
