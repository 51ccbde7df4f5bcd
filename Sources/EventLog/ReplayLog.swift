internal import JSON
internal import Storage
internal import Synchronization

/// Reads the columns of a range of positions in order, in bounded memory.
///
/// Its snapshot is renewed with every block and never held between two calls, so whoever looks at
/// the columns costs the writer nothing. One reader serves one thread.
package struct ColumnsReader: ~Copyable {
    private let environment: Environment
    private let depth: EventColumns.Depth
    private let decoder = UnitDecoder()
    private var units: Range<UInt64>
    private var waiting: [EventColumns] = []

    /// Units that are decoded at once.
    ///
    /// One at first, and twice as many each time while they are small, since data that are values
    /// of their own come with them, and those of one unit alone can be 256 MiB.
    private var batchUnits: UInt64 = 1

    /// As many as a full block has.
    private static let batchUnitsMax = UInt64(LogLimits.blockEventsMax / LogLimits.subframeEvents)

    fileprivate init(
        _ environment: Environment, units: Range<UInt64>, depth: EventColumns.Depth
    ) {
        self.environment = environment
        self.units = units
        self.depth = depth
    }

    /// As many events as are left to be read, or a few more.
    package var eventsMax: Int { (units.count + waiting.count) * LogLimits.subframeEvents }

    /// The columns of the next unit, or nil after the last one.
    ///
    /// - Throws: ``LogError``.
    package mutating func next() throws(LogError) -> EventColumns? {
        if waiting.isEmpty {
            guard !units.isEmpty else { return nil }
            let behindBlock = (units.lowerBound / Self.batchUnitsMax + 1) * Self.batchUnitsMax
            let end = min(units.upperBound, behindBlock, units.lowerBound + batchUnits)
            let batch = Array(units.lowerBound..<end)
            waiting = try wrapping {
                try environment.read { transaction in
                    var snapshot = try Snapshot(transaction, decoder: decoder)
                    return try snapshot.columns(ofUnits: batch, depth: depth, in: transaction)
                }
            }
            let bytes = waiting.reduce(0) { $0 + $1.byteCount }
            batchUnits =
                bytes > LogLimits.readBatchBytesMax ? 1 : min(2 * batchUnits, Self.batchUnitsMax)
            waiting.reverse()
            units = end..<units.upperBound
        }
        return waiting.popLast()
    }
}

/// How a replay shares the log out; any way gives the same.
package struct ReplayDivision: Sendable {
    /// How many threads take part.
    package var threads = coreCount
    /// Units of 256 events that one thread takes at a time.
    package var segmentUnits = LogLimits.segmentUnits

    package init() {}
}

extension EventLog {
    /// Visits a range of positions in order as columns, each with the places in the range.
    ///
    /// What is read is the log as it was when reading began; positions beyond it are passed over.
    /// - Throws: ``LogError``, and whatever `visit` throws.
    package func readColumns(
        _ range: PositionRange, depth: EventColumns.Depth = .whole,
        _ visit: (EventColumns, Range<Int>) throws -> ReadStep
    ) throws {
        let unitEvents = UInt64(LogLimits.subframeEvents)
        let end = min(try head().size, range.last.value == .max ? .max : range.last.value + 1)
        let first = range.first.value
        guard first < end else { return }
        var reader = ColumnsReader(
            environment, units: first / unitEvents..<(end - 1) / unitEvents + 1, depth: depth)
        while let columns = try reader.next() {
            let positions = columns.positions.clamped(to: first..<end)
            let start = columns.first.value
            let places = Int(positions.lowerBound - start)..<Int(positions.upperBound - start)
            if try visit(columns, places) == .stop { return }
        }
    }

    /// Takes the log in on all cores: every core makes something of a segment of the log, and
    /// what was made of the segments is merged in their order.
    ///
    /// What is read is the log as it was when reading began. Of `make` and `merge` each runs
    /// outside any snapshot, `merge` on one thread at a time. In memory are the segments that are
    /// being made, and a few that wait for their turn.
    /// - Throws: ``LogError``, and whatever `make` or `merge` throws.
    package func replay<Part: Sendable, Whole: Sendable>(
        depth: EventColumns.Depth = .whole, division: ReplayDivision = ReplayDivision(),
        into whole: Whole,
        make: @Sendable (inout ColumnsReader) throws -> Part,
        merge: @escaping @Sendable (inout Whole, Part) throws -> Void
    ) throws -> Whole {
        let size = try head().size
        let unitEvents = UInt64(LogLimits.subframeEvents)
        let units = (size + unitEvents - 1) / unitEvents
        let segmentUnits = division.segmentUnits
        let segments = (units + segmentUnits - 1) / segmentUnits
        let next = Atomic<UInt64>(0)
        let line = MergeLine(whole, lead: UInt64(2 * division.threads), merge)
        onThreads(min(division.threads, Int(segments))) { _ in
            while !line.hasFailed {
                let segment = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard segment < segments else { return }
                let start = segment * segmentUnits
                line.hand(over: segment) {
                    var reader = ColumnsReader(
                        environment, units: start..<min(units, start + segmentUnits),
                        depth: depth)
                    return try make(&reader)
                }
            }
        }
        return try line.finish()
    }
}
