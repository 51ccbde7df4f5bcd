internal import Glibc

/// Counts who uses the memory map, so that it is moved only while nobody does.
///
/// LMDB moves the map of a growing file to another address; a transaction that is alive in this
/// process would read from where the map no longer is.
@safe final class MapGate: @unchecked Sendable {
    // Sendable because `users` and `state` are touched only while `mutex` is held.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
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

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        // The attributes live as long as the three calls; time-outs go by the clock that nobody
        // sets.
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(changed, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe pthread_mutex_destroy(mutex)
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

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
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        if state != .open {
            let deadline = Self.deadline(after: Self.standBackMax)
            while state == .moving || (state == .closing && wait(until: deadline)) {
                if state == .moving { unsafe pthread_cond_wait(changed, mutex) }
            }
        }
        users += 1
    }

    private func leave() {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        users -= 1
        if state == .closing { unsafe pthread_cond_broadcast(changed) }
    }

    private func close(within patience: Duration) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        let deadline = Self.deadline(after: patience)
        while state != .open {
            guard wait(until: deadline) else { return false }
        }
        state = .closing
        while users > 0 {
            guard wait(until: deadline) else {
                state = .open
                unsafe pthread_cond_broadcast(changed)
                return false
            }
        }
        state = .moving
        return true
    }

    private func reopen() {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        state = .open
        unsafe pthread_cond_broadcast(changed)
    }

    /// Waits for a change; false where the deadline has passed.
    private func wait(until deadline: timespec) -> Bool {
        var deadline = deadline
        // The pointer does not outlive the call; the caller holds the mutex.
        return unsafe pthread_cond_timedwait(changed, mutex, &deadline) != ETIMEDOUT
    }

    private static func deadline(after duration: Duration) -> timespec {
        var now = timespec()
        // The pointer does not outlive the call.
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        let (seconds, attoseconds) = duration.components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        return timespec(
            tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
            tv_nsec: nanoseconds % 1_000_000_000)
    }
}
