internal import Synchronization

/// Where streams occur, as far as the readers of one log have found out, within limits of memory.
///
/// What is committed at a position never changes. So where a stream was found up to some position,
/// it is found there for ever, however runs are merged, and only what came later is searched.
final class KnownStreams: Sendable {
    private let state: Mutex<State>

    fileprivate struct State {
        /// By the hash of the stream.
        var found: BoundedCache<UInt32, FoundUnits>
        /// Streams of units that no run covers, by the number of the unit.
        var unindexed: [UInt64: UnitStreams] = [:]
        /// Below this all units are covered by the runs of the newest snapshot that was seen.
        var firstUnindexed: UInt64 = 0
    }

    /// The units, ascending, in which a hash may occur below the position `end`.
    fileprivate struct FoundUnits {
        let end: UInt64
        let units: [UInt64]

        var bytes: Int { 128 + 8 * units.count }
    }

    /// The streams of the first events of a unit.
    fileprivate struct UnitStreams {
        var events = 0
        /// Distinct.
        var hashes: [UInt32] = []
    }

    init(bytesMax: Int = LogLimits.foundStreamsBytesMax) {
        state = Mutex(State(found: BoundedCache(bytesMax: bytesMax)))
    }

    /// The units below `indexedSize` in which a stream of this hash may occur, ascending.
    ///
    /// `search` is asked for those from a unit on.
    func units(
        of hash: UInt32, indexedSize: UInt64, _ search: (_ from: UInt64) throws -> [UInt64]
    ) rethrows -> [UInt64] {
        let known = state.withLock { $0.found[hash] }
        if let known, known.end >= indexedSize {
            return Array(known.units.prefix { $0 << IndexKind.stream.unitShift < indexedSize })
        }
        let later = try search((known?.end ?? 0) >> IndexKind.stream.unitShift)
        let found = FoundUnits(end: indexedSize, units: (known?.units ?? []) + later)
        state.withLock { state in
            // Another reader may have seen a newer snapshot meanwhile.
            if let other = state.found[hash], other.end >= indexedSize { return }
            state.found.keep(found, bytes: found.bytes, for: hash)
        }
        return found.units
    }

    /// Those of `units`, all behind `indexedSize`, that may have the stream among their events
    /// below `size`.
    func filter(
        _ units: [UInt64], mayHave hash: UInt32, indexedSize: UInt64, size: UInt64
    ) -> [UInt64] {
        let unindexed = state.withLock { state in
            state.drop(before: indexedSize >> IndexKind.stream.unitShift)
            return state.unindexed
        }
        return units.filter { unit in
            guard let known = unindexed[unit] else { return true }
            let first = unit * UInt64(LogLimits.subframeEvents)
            let events = min(size - first, UInt64(LogLimits.subframeEvents))
            return known.events < events || known.hashes.contains(hash)
        }
    }

    /// Notes the streams of all events of a unit that no run covers.
    func learn(_ columns: EventColumns, of unit: UInt64) {
        learn(of: unit, events: columns.count) { _ in
            columns.streams.values.map { stream in
                TermHash.of(stream: StreamName(stored: columns.text(stream.name)))
            }
        }
    }

    /// Notes the streams of the first events of a unit that no run covers.
    func learn(_ events: [Event], of unit: UInt64) {
        learn(of: unit, events: events.count) { known in
            events[known...].map { TermHash.of(stream: $0.stream) }
        }
    }

    /// `hashes` is asked for those of the events behind so many.
    private func learn(of unit: UInt64, events: Int, _ hashes: (_ known: Int) -> [UInt32]) {
        let known = state.withLock { $0.unindexed[unit]?.events ?? 0 }
        guard known < events else { return }
        let hashes = hashes(known)
        state.withLock { $0.learn(hashes, of: unit, events: known..<events) }
    }
}

extension KnownStreams.State {
    fileprivate mutating func drop(before unit: UInt64) {
        guard unit > firstUnindexed else { return }
        firstUnindexed = unit
        for old in unindexed.keys where old < unit { unindexed[old] = nil }
    }

    fileprivate mutating func learn(_ hashes: [UInt32], of unit: UInt64, events: Range<Int>) {
        let isRoom = unindexed.count < LogLimits.unindexedUnitsMax
        guard unit >= firstUnindexed, isRoom || unindexed[unit] != nil else { return }
        var streams = unindexed[unit, default: KnownStreams.UnitStreams()]
        // Another reader may have come first, and further.
        guard events.contains(streams.events) else { return }
        for hash in hashes where !streams.hashes.contains(hash) { streams.hashes.append(hash) }
        streams.events = events.upperBound
        unindexed[unit] = streams
    }
}
