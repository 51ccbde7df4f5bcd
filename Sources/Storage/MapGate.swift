/// Counts who uses the memory map, so that it is moved only while nobody does.
///
/// LMDB moves the map of a growing file to another address; a transaction that is alive in this
/// process would read from where the map no longer is.
final class MapGate: @unchecked Sendable {
    // Sendable because `users` and `state` are touched only while the monitor is locked.
    private let monitor = Monitor()
    private let changed: ConditionVariable
    private var users = 0
    private var state = State.open

    private enum State {
        case open
        /// Somebody waits for the users to leave; new ones wait a little.
        case closing
        case moving
    }

    /// How long a new user stands back; longer than any mover waits, but a thread that is inside
    /// already and enters again must not wait for itself for ever.
    private static let standBackMax: Duration = .milliseconds(2_000)

    init() { changed = ConditionVariable(of: monitor) }

    /// Runs `body` while the map stays where it is.
    func using<Result>(_ body: () throws -> Result) rethrows -> Result {
        enter()
        defer { leave() }
        return try body()
    }

    /// Runs `body` while nobody uses the map, or returns nil where that does not come to pass.
    func withoutUsers<Result>(
        within patience: Duration, _ body: () throws -> Result
    ) rethrows -> Result? {
        guard close(within: patience) else { return nil }
        defer { reopen() }
        return try body()
    }

    private func enter() {
        monitor.locked {
            if state != .open {
                let end = ConditionVariable.Deadline(in: Self.standBackMax)
                while state == .moving || (state == .closing && changed.wait(until: end)) {
                    if state == .moving { changed.wait() }
                }
            }
            users += 1
        }
    }

    private func leave() {
        monitor.locked {
            users -= 1
            if state == .closing { changed.broadcast() }
        }
    }

    private func close(within patience: Duration) -> Bool {
        monitor.locked {
            let end = ConditionVariable.Deadline(in: patience)
            while state != .open {
                guard changed.wait(until: end) else { return false }
            }
            state = .closing
            while users > 0 {
                guard changed.wait(until: end) else {
                    state = .open
                    changed.broadcast()
                    return false
                }
            }
            state = .moving
            return true
        }
    }

    private func reopen() {
        monitor.locked {
            state = .open
            changed.broadcast()
        }
    }
}
