internal import Synchronization

/// Events of the tail that were read lately, for all readers of one log, up to a number of bytes.
///
/// What is committed at a position never changes, so a reader parses only what was appended since
/// the last one looked, and the checksum of a value is verified when it is parsed. Units that have
/// gone into a block are dropped.
final class RecentEvents: Sendable {
    private let state = Mutex(State())
    private let bytesMax: Int

    fileprivate struct State {
        /// The first events of units, by the number of the unit.
        var units: [UInt64: [Event]] = [:]
        var bytes = 0
        /// Below this no unit is in the tail of the newest snapshot that was seen.
        var firstUnit: UInt64 = 0
    }

    init(bytesMax: Int = LogLimits.recentEventsBytesMax) { self.bytesMax = bytesMax }

    /// Bytes that are kept.
    var bytes: Int { state.withLock(\.bytes) }

    /// The events at these positions of the tail, all of one unit and from its beginning.
    ///
    /// `read` is asked for those that are not known yet.
    func events(
        _ wanted: Range<UInt64>, sealedSize: UInt64, _ read: (Range<UInt64>) throws -> [Event]
    ) rethrows -> [Event] {
        let unit = wanted.lowerBound / UInt64(LogLimits.subframeEvents)
        let known = state.withLock { state in
            state.drop(before: sealedSize / UInt64(LogLimits.subframeEvents))
            return state.units[unit] ?? []
        }
        if known.count == wanted.count { return known }
        if known.count > wanted.count { return Array(known.prefix(wanted.count)) }
        let fresh = try read(wanted.lowerBound + UInt64(known.count)..<wanted.upperBound)
        let all = known + fresh
        state.withLock { state in
            state.keep(all, unit, bytesMax: bytesMax)
        }
        return all
    }
}

extension RecentEvents.State {
    fileprivate mutating func drop(before unit: UInt64) {
        guard unit > firstUnit else { return }
        firstUnit = unit
        for old in units.keys where old < unit {
            bytes -= units.removeValue(forKey: old)?.keptBytes ?? 0
        }
    }

    /// Keeps the events of a unit where nobody has kept more meanwhile and there is room.
    fileprivate mutating func keep(_ events: [Event], _ unit: UInt64, bytesMax: Int) {
        let old = units[unit] ?? []
        guard unit >= firstUnit, events.count > old.count else { return }
        let more = events[old.count...].reduce(0) { $0 + $1.keptBytes }
        guard bytes + more <= bytesMax else { return }
        units[unit] = events
        bytes += more
    }
}

extension [Event] {
    fileprivate var keptBytes: Int { reduce(0) { $0 + $1.keptBytes } }
}

extension Event {
    /// Bytes that the event takes in memory, rounded up.
    fileprivate var keptBytes: Int {
        MemoryLayout<Event>.stride + decodedByteCount
    }
}
