internal import Storage
internal import Synchronization

/// Where streams occur, as far as the readers of one log have found out, within limits of memory.
///
/// What is committed at a position never changes. So where a stream was found up to some position,
/// it is found there for ever, however runs are merged, and only what came later is searched.
final class KnownStreams: Sendable {
    private let state: Mutex<State>

    fileprivate struct State {
        /// The runs of the newest snapshot that was searched.
        var runs: [SearchedRun] = []
        /// By the hash of the stream.
        var found: BoundedCache<UInt32, FoundUnits>
        /// Streams of units that no run covers, by the number of the unit.
        var unindexed: [UInt64: UnitStreams] = [:]
        /// Below this all units are covered by the runs of the newest snapshot that was seen.
        var firstUnindexed: UInt64 = 0
    }

    fileprivate struct SearchedRun {
        let extent: RunExtent
        /// Nil until the run was searched so often that a filter is worth its making.
        var filter: TermFilter?
        var searches = 0

        private static let searchesForPage = 16

        init(_ extent: RunExtent) { self.extent = extent }

        /// Whoever has searched so often will go on, and soon earns what the filter takes.
        ///
        /// To read a page for it takes as long as some 40 searches; a run of streams has about one
        /// for a block.
        var isDue: Bool {
            let blocks = Int(extent.end - extent.first) / LogLimits.blockEventsMax
            return filter == nil && searches >= Self.searchesForPage * max(1, blocks)
        }
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
    func units(
        of hash: UInt32, indexedSize: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt64] {
        let known = state.withLock { $0.found[hash] }
        if let known, known.end >= indexedSize {
            return Array(known.units.prefix { $0 << IndexKind.stream.unitShift < indexedSize })
        }
        let later = try search(
            hash, from: (known?.end ?? 0) >> IndexKind.stream.unitShift, indexedSize: indexedSize,
            in: transaction)
        let found = FoundUnits(end: indexedSize, units: (known?.units ?? []) + later)
        state.withLock { state in
            // Another reader may have seen a newer snapshot meanwhile.
            if let other = state.found[hash], other.end >= indexedSize { return }
            state.found.keep(found, bytes: found.bytes, for: hash)
        }
        return found.units
    }

    /// Looks into the runs that are known, and into those that there are where some have been
    /// merged or others have come.
    private func search(
        _ hash: UInt32, from firstUnit: UInt64, indexedSize: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt64] {
        let known = state.withLock { $0.runsToSearch(for: hash, indexedSize: indexedSize) }
        if let known,
            let units = try RunSearch.units(
                of: hash, kind: .stream, from: firstUnit, runs: known, in: transaction)
        {
            makeFilter(in: transaction)
            return units
        }
        let runs = try RunSearch.extents(of: .stream, indexedSize: indexedSize, in: transaction)
        state.withLock { $0.setRuns(runs) }
        let units = try RunSearch.units(
            of: hash, kind: .stream, from: firstUnit, runs: runs, in: transaction)
        guard let units else { throw Corruption(at: nil, "a run of streams cannot be found") }
        return units
    }

    /// Makes the filter of one run that is due, so that no search waits for many of them.
    private func makeFilter(in transaction: borrowing some Transaction & ~Copyable) {
        guard let run = state.withLock({ $0.takeDueRun() }) else { return }
        var keys: [[UInt8]] = []
        // What is damaged is told to those whom it concerns: this search has found its units.
        let postings = try? RunMerge.postings(of: run, .stream, &keys, in: transaction)
        guard let postings else { return }
        let filter = TermFilter(postings.distinctHashes)
        state.withLock { $0.setFilter(filter, of: run) }
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
    /// The runs that may have the hash; nil where others are known than those below `indexedSize`.
    fileprivate mutating func runsToSearch(
        for hash: UInt32, indexedSize: UInt64
    ) -> [RunExtent]? {
        guard runs.last?.extent.end == indexedSize else { return nil }
        var extents: [RunExtent] = []
        for index in runs.indices where runs[index].filter?.mayContain(hash) ?? true {
            runs[index].searches += 1
            extents.append(runs[index].extent)
        }
        return extents
    }

    /// Takes note of other runs; those that stay keep their filters.
    fileprivate mutating func setRuns(_ extents: [RunExtent]) {
        let old = runs
        runs = extents.map { extent in
            old.first { $0.extent == extent } ?? KnownStreams.SearchedRun(extent)
        }
    }

    /// A run that is to have a filter now, as long as there is memory for them.
    fileprivate mutating func takeDueRun() -> RunExtent? {
        guard let index = runs.firstIndex(where: \.isDue) else { return nil }
        // Another reader does not make the same one meanwhile.
        runs[index].searches = 0
        let bytes = runs.reduce(0) { $0 + ($1.filter?.byteCount ?? 0) }
        return bytes < LogLimits.streamFiltersBytesMax ? runs[index].extent : nil
    }

    fileprivate mutating func setFilter(_ filter: TermFilter, of extent: RunExtent) {
        guard let index = runs.firstIndex(where: { $0.extent == extent }) else { return }
        runs[index].filter = filter
    }

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
