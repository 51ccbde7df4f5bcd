internal import EventLog
internal import HTTPTypes
internal import JSON
internal import Logging
internal import Synchronization

/// What all requests are answered with.
struct Desk: Sendable {
    let log: EventLog
    let readers: Readers
    let pulse: Pulse
    let events: SharedEvents
    let cursors: CursorDesk
    let readModels: LiveReadModels
    let journal: Journal
    let gate: Gate
    let health: Health
    let date = HTTPDate()
    let activity = HTTPActivity()
    let logger: Logger

    /// Refuses an event that a client has nothing to do with.
    func requireScope(of client: Client, for event: IncomingEvent) throws(Problem) {
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
        default: break
        }
        if problem.status.kind == .serverError {
            logger.error("\(problem.kind.rawValue)", metadata: ["detail": "\(error)"])
        }
        return problem
    }
}

/// Whether the server can do its work.
final class Health: Sendable {
    private let trouble = Mutex<String?>(nil)
    private let state = Mutex(State.running)

    enum State {
        case running
        case ending
    }

    /// Remembers the first thing that went wrong for good.
    func note(_ reason: String) { trouble.withLock { $0 = $0 ?? reason } }

    func end() { state.withLock { $0 = .ending } }

    /// Why requests are better sent elsewhere; nil where all is well.
    var reason: String? {
        if let reason = trouble.withLock({ $0 }) { return reason }
        return state.withLock { $0 } == .ending ? "the server is about to end" : nil
    }
}
