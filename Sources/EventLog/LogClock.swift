package import JSON
internal import Storage

/// The clocks at one moment: what the wall says, and what has really passed since the start.
struct ClockReading: Equatable, Sendable {
    let wall: Instant
    /// Microseconds since the machine started; never set by anyone.
    let boot: Int64
    /// Which start of the machine; readings of two starts say nothing about each other.
    let bootID: EventID

    /// How far the wall clock has run ahead of real progress since `earlier`; zero or negative
    /// where it has not, or where that cannot be known.
    func ahead(of earlier: ClockReading) -> Duration {
        guard bootID == earlier.bootID, bootID != .zero else { return .zero }
        let wallProgress = wall.microseconds - earlier.wall.microseconds
        return .microseconds(wallProgress - (boot - earlier.boot))
    }

    /// What the next reading is held against, where this one came behind `earlier`.
    ///
    /// A wall clock that was set back stands for what it would show otherwise: when it is set right
    /// again, it has not run ahead. What it loses little by little is lost here, too.
    func carriedOn(from earlier: ClockReading) -> ClockReading {
        guard bootID == earlier.bootID, bootID != .zero,
            ahead(of: earlier) < .zero - LogLimits.clockJumpMax
        else { return self }
        let expected = earlier.wall.microseconds + (boot - earlier.boot)
        let wall = Instant(microseconds: min(expected, Instant.latest.microseconds))
        return ClockReading(wall: wall, boot: boot, bootID: bootID)
    }
}

/// Where the log takes the time of recording from.
package struct LogClock: Sendable {
    let read: @Sendable () -> ClockReading

    /// A clock whose hands are given: the wall's, and microseconds since the start `bootID`.
    package init(
        wall: @escaping @Sendable () -> Instant, boot: @escaping @Sendable () -> Int64,
        bootID: EventID
    ) {
        read = { ClockReading(wall: wall(), boot: boot(), bootID: bootID) }
    }

    /// What the wall says now.
    package var now: Instant { read().wall }

    /// The machine's clock.
    package static let system: LogClock = {
        let bootID = SystemClock.bootID.flatMap(EventID.init) ?? .zero
        return LogClock(
            wall: { Instant(microseconds: SystemClock.wallMicroseconds()) },
            boot: { SystemClock.bootMicroseconds() }, bootID: bootID)
    }()

    /// A clock that stands still, so that two runs record the same.
    package static func fixed(_ moment: Instant) -> LogClock {
        LogClock(wall: { moment }, boot: { 0 }, bootID: .zero)
    }
}

extension EventID {
    static let zero = EventID(high: 0, low: 0)

    /// A new UUID of version 7 (RFC 9562, 5.7): milliseconds since 1970, then random bits.
    package static func timeOrdered(at moment: Instant) -> EventID {
        var generator = SystemRandomNumberGenerator()
        let milliseconds = UInt64(max(0, moment.microseconds) / 1_000)
        return EventID(
            high: milliseconds << 16 | 0x7000 | generator.next() & 0x0FFF,
            low: 0b10 << 62 | generator.next() >> 2)
    }
}
