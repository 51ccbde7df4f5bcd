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

extension SystemClock {
    /// A UUID that the kernel draws at each start of the machine, or nil where it tells none.
    package static var bootID: String? {
        let descriptor = unsafe Glibc.open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 36)
        // The buffer lives as long as the call.
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
        }
        return count == bytes.count ? String(decoding: bytes, as: UTF8.self) : nil
    }
}
