package import JSON
internal import Storage

/// Where the log takes the time of recording from.
package struct LogClock: Sendable {
    package let now: @Sendable () -> Instant

    package init(now: @escaping @Sendable () -> Instant) { self.now = now }

    package static let system = LogClock {
        Instant(microseconds: SystemClock.wallMicroseconds())
    }

    /// A clock that stands still, so that two runs record the same.
    package static func fixed(_ moment: Instant) -> LogClock { LogClock { moment } }
}
