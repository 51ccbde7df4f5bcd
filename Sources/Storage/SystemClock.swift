internal import Glibc

/// The clocks of the machine.
package enum SystemClock {
    /// Microseconds since 1970 by the wall clock, which an administrator can set.
    package static func wallMicroseconds() -> Int64 { read(CLOCK_REALTIME) }

    /// Microseconds since the machine started, sleep included; never set, never goes back.
    package static func bootMicroseconds() -> Int64 { read(CLOCK_BOOTTIME) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // The pointer does not outlive the call.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
