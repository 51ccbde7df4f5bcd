internal import Glibc

/// A mutex, and conditions that threads wait for while they hold it.
@safe final class Monitor: @unchecked Sendable {
    // Sendable because POSIX lets all threads use a mutex, and the pointer never changes.
    fileprivate let mutex: UnsafeMutablePointer<pthread_mutex_t>

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Runs `body` while others may have the mutex that the caller holds.
    func unlocked<Result>(_ body: () throws -> Result) rethrows -> Result {
        unsafe pthread_mutex_unlock(mutex)
        defer { unsafe pthread_mutex_lock(mutex) }
        return try body()
    }
}

/// What threads wait for that hold a monitor's mutex; it is free while they wait.
@safe final class ConditionVariable: @unchecked Sendable {
    // Sendable because POSIX lets all threads use a condition, and the pointers never change.
    private let monitor: Monitor
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    /// Time-outs go by the clock that nobody sets.
    init(of monitor: Monitor) {
        self.monitor = monitor
        unsafe condition = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        // The attributes live as long as the calls.
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe condition.deallocate()
    }

    /// Waits until somebody signals, or for no reason at all.
    func wait() { unsafe pthread_cond_wait(condition, monitor.mutex) }

    /// As ``wait()``; false where the deadline has passed.
    func wait(until deadline: Deadline) -> Bool {
        var time = deadline.time
        // The pointer does not outlive the call.
        return unsafe pthread_cond_timedwait(condition, monitor.mutex, &time) != ETIMEDOUT
    }

    /// Wakes one that waits.
    func signal() { unsafe pthread_cond_signal(condition) }

    /// Wakes all that wait.
    func broadcast() { unsafe pthread_cond_broadcast(condition) }

    /// A moment of the clock that nobody sets.
    struct Deadline {
        fileprivate let time: timespec

        var hasPassed: Bool {
            let now = Self.now
            return (now.tv_sec, now.tv_nsec) >= (time.tv_sec, time.tv_nsec)
        }

        /// So long from now.
        init(in duration: Duration) {
            let now = Self.now
            let (seconds, attoseconds) = duration.components
            let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
            time = timespec(
                tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
                tv_nsec: nanoseconds % 1_000_000_000)
        }

        private static var now: timespec {
            var now = timespec()
            // The pointer does not outlive the call.
            unsafe clock_gettime(CLOCK_MONOTONIC, &now)
            return now
        }
    }
}
