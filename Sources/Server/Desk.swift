internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Logging
internal import ServiceLifecycle
internal import Storage
internal import Synchronization

/// What all requests are answered with.
struct Desk: Sendable {
    let log: EventLog
    let subjects: SubjectDesk
    /// Cosigns the checkpoints of others; nil where it is no witness.
    let witness: WitnessBook?
    let readers: Readers
    let queries: Readers
    let pulse: Pulse
    let events: SharedEvents
    let cursors: CursorDesk
    let readModels: LiveReadModels
    let journal: Journal
    let gate: Gate
    let health: Health
    let bodies = HeldBodies()
    let date = HTTPDate()
    let activity = HTTPActivity()
    let logger: Logger

    /// The event as the log may have it; one that the client has nothing to do with is refused
    /// before anything is looked up.
    func admitted(
        _ event: IncomingEvent, of client: Client
    ) throws(Problem) -> IncomingEvent {
        try requireScope(of: client, for: event)
        let seal = subjects.seal
        if seal == nil { try subjects.requireUnlocked(for: event.event) }
        return try event.admitted(sealedBy: seal)
    }

    private func requireScope(of client: Client, for event: IncomingEvent) throws(Problem) {
        let event = event.event
        guard client.scope.isAll || client.scope.includes(event.type, event.tags) else {
            let what = "an event of type \(quoted(event.type.text)) with these tags"
            throw gate.deny(client, .appendEvents, .outsideScope(what))
        }
    }

    /// What to answer to an error, which is remembered where it says that the server is ill.
    func problem(of error: any Error) -> Problem {
        let problem = Problem(error)
        switch error {
        case LogError.writerStopped, LogError.corruption, LogError.behindHeadFile:
            health.note(problem.detail)
        case LogError.clockJumped, LogError.storage(.diskFull), LogError.storage(.mapFull):
            health.notePassing(problem.detail, appended: log.activity.appended)
        case _ where problem.kind == .corruption: health.note(problem.detail)
        default: break
        }
        if problem.status.kind == .serverError {
            logger.error("\(problem.kind.rawValue)", metadata: ["detail": "\(error)"])
        }
        return problem
    }
}

/// Whether the server can do its work.
final class Health: Service {
    private let trouble = Mutex<String?>(nil)
    private let passing = Mutex<(reason: String, until: Int64, appended: UInt64)?>(nil)
    private let state = Mutex(State.running)

    enum State {
        case running
        case ending
    }

    /// Remembers the first thing that went wrong for good.
    func note(_ reason: String) { trouble.withLock { $0 = $0 ?? reason } }

    /// Remembers what hindered an append, for a while, in which somebody may mend it, or until one
    /// succeeds.
    func notePassing(_ reason: String, appended: UInt64) {
        let until = SystemClock.bootMicroseconds() + ServerLimits.passingTroubleMicroseconds
        passing.withLock { $0 = (reason, until, appended) }
    }

    /// Until the server is told to end.
    func run() async throws {
        try? await gracefulShutdown()
        state.withLock { $0 = .ending }
    }

    /// Why requests are better sent elsewhere, where the writer has done this; nil where all is
    /// well.
    func reason(_ activity: LogActivity) -> String? {
        if let reason = trouble.withLock({ $0 }) { return reason }
        if let reason = activity.stopped { return "\(LogError.writerStopped(reason: reason))" }
        if let passing = passing.withLock({ $0 }), passing.appended == activity.appended,
            SystemClock.bootMicroseconds() < passing.until
        {
            return passing.reason
        }
        return state.withLock { $0 } == .ending ? "the server is about to end" : nil
    }
}
