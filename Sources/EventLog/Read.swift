internal import JSON
internal import Storage

extension EventLog {
    /// Visits the selected events, ascending or backward, in bounded memory.
    ///
    /// What is read is the log as it was when reading began, whatever is appended meanwhile. The
    /// snapshot is renewed every few thousand events and never held while `visit` runs, so a slow
    /// reader costs the writer nothing. Only sub-frames that may hold a selected event are decoded.
    /// - Throws: ``LogError``, and whatever `visit` throws.
    package func read(
        _ selection: Selection, _ visit: (Event) throws -> ReadStep
    ) throws {
        var remaining = selection.limit ?? .max
        guard remaining > 0 else { return }
        // What is planned in a snapshot is begun in it: most reads need no other.
        let begun = try wrapping {
            try environment.read { transaction -> (Scan, [Event])? in
                guard var scan = try Scan.plan(selection, in: transaction, cache) else {
                    return nil
                }
                let batch = try scan.nextBatch(in: transaction, cache)
                return (scan, batch)
            }
        }
        guard var (scan, batch) = begun else { return }
        while true {
            for event in batch.prefix(remaining) {
                remaining -= 1
                if try visit(event) == .stop { return }
            }
            guard remaining > 0, !scan.isFinished else { return }
            batch = try wrapping {
                try environment.read { try scan.nextBatch(in: $0, cache) }
            }
        }
    }

    /// How many events there are, or were as of a position or moment.
    package func size(asOf: AsOf?) throws(LogError) -> UInt64 {
        try wrapping {
            try environment.read { transaction in
                let head = try Snapshot(transaction).head
                return try asOf.map { try Scan.end(of: $0, head, in: transaction) } ?? head.size
            }
        }
    }

    /// The event at a position, or nil where the log is shorter.
    package func event(at position: Position) throws -> Event? {
        var selection = Selection()
        selection.from = position
        selection.to = position
        var found: Event?
        try read(selection) { event in
            found = event
            return .stop
        }
        return found
    }
}

/// A running read: which units are still to be looked at, and what is wanted of them.
private struct Scan {
    private let selection: Selection
    /// Positions that may be selected.
    private let positions: Range<UInt64>
    /// Units that may hold selected events, ascending; nil where all may.
    private let candidates: [UInt64]?
    private let firstUnindexed: UInt64
    private let decoder = UnitDecoder()
    /// The next unit: an index into `candidates`, or the unit itself.
    private var next: Int

    private static let unitEvents = UInt64(LogLimits.subframeEvents)
    private static let shortUnitsMax = 64

    /// Works out which units have to be read; nil where there are none.
    static func plan(
        _ selection: Selection, in transaction: borrowing some Transaction & ~Copyable,
        _ cache: BlockCache
    ) throws -> Scan? {
        let head = try Snapshot(transaction).head
        let end =
            try selection.asOf.map { try Scan.end(of: $0, head, in: transaction) } ?? head.size
        let first = selection.from?.value ?? 0
        let behind = min(end, (selection.to?.value).map { $0 == .max ? $0 : $0 + 1 } ?? end)
        guard first < behind else { return nil }
        let candidates = try self.candidates(
            selection, first..<behind, head, in: transaction, cache.streams)
        return Scan(selection, first..<behind, candidates, head)
    }

    private init(
        _ selection: Selection, _ positions: Range<UInt64>, _ candidates: [UInt64]?,
        _ head: HeadRecord
    ) {
        firstUnindexed = head.indexedSize / Self.unitEvents
        self.selection = selection
        self.positions = positions
        self.candidates = candidates
        switch (candidates, selection.direction) {
        case (nil, .forward): next = Int(positions.lowerBound / Self.unitEvents)
        case (nil, .backward): next = Int((positions.upperBound - 1) / Self.unitEvents)
        case (_?, .forward): next = 0
        case (let units?, .backward): next = units.count - 1
        }
    }

    var isFinished: Bool {
        switch (candidates, selection.direction) {
        case (nil, .forward): next > Int((positions.upperBound - 1) / Self.unitEvents)
        case (nil, .backward): next < Int(positions.lowerBound / Self.unitEvents)
        case (let units?, .forward): next >= units.count
        case (_?, .backward): next < 0
        }
    }

    /// Reads units until a batch is full; empty when the scan has come to its end.
    mutating func nextBatch(
        in transaction: borrowing some Transaction & ~Copyable, _ cache: BlockCache
    ) throws -> [Event] {
        // A scan over everything does not push out what point reads come back to.
        var snapshot = try Snapshot(
            transaction, decoder: decoder,
            cache: Snapshot.CacheUse(cache: cache, keeping: isShort ? .decoded : .nothing))
        var batch: [Event] = []
        var (events, bytes) = (0, 0)
        while !isFinished, events < LogLimits.readBatchEventsMax,
            bytes < LogLimits.readBatchBytesMax
        {
            let unit = candidates?[next] ?? UInt64(next)
            if unit * Self.unitEvents < snapshot.head.sealedSize {
                let columns = try snapshot.columns(
                    ofUnits: [unit], depth: .whole, in: transaction)[0]
                events += columns.count
                if learns(from: unit) { cache.streams.learn(columns, of: unit) }
                add(columns.events(at: places(in: columns)), to: &batch, &bytes)
            } else {
                let read = try snapshot.events(ofUnit: unit, in: transaction)
                events += read.count
                if learns(from: unit) { cache.streams.learn(read, of: unit) }
                add(read.filter(isSelected), to: &batch, &bytes)
            }
            next += selection.direction == .forward ? 1 : -1
        }
        return batch
    }

    /// Whether the streams of a unit are worth remembering: it is read for want of an index.
    private func learns(from unit: UInt64) -> Bool {
        selection.stream != nil && unit >= firstUnindexed
    }

    /// Whether so few units are read that they may stay in the cache.
    private var isShort: Bool {
        (candidates?.count ?? positions.count / LogLimits.subframeEvents) <= Self.shortUnitsMax
    }

    private func add(_ events: [Event], to batch: inout [Event], _ bytes: inout Int) {
        for event in events { bytes += event.decodedByteCount }
        batch += selection.direction == .forward ? events : events.reversed()
    }

    /// Where the selected events stand in the columns of a unit.
    private func places(in columns: EventColumns) -> [Int] {
        var places: [Int] = []
        if let stream = selection.stream?.text {
            // Most units that no index covers yet know nothing of the stream.
            let wanted = columns.streams.values.firstIndex { candidate in
                columns.bytes.span.extracting(candidate.name).elementsEqual(stream.utf8Span.span)
            }
            guard let wanted else { return [] }
            for (place, index) in columns.streams.indexes.enumerated() where index == wanted {
                places.append(place)
            }
        } else {
            places = Array(0..<columns.count)
        }
        if !selection.types.isEmpty {
            let kinds = columns.kinds.values.map { kind in
                selection.types.contains(EventType(stored: columns.text(kind.type)))
            }
            places = places.filter { kinds[Int(columns.kinds.indexes[$0])] }
        }
        if !selection.tags.isEmpty {
            let tags = columns.tags.values.map { range in
                let tags = Tags(stored: columns.text(range))
                return selection.tags.allSatisfy { tags.contains($0) }
            }
            places = places.filter { tags[Int(columns.tags.indexes[$0])] }
        }
        return places.filter { place in
            positions.contains(columns.first.value + UInt64(place))
                && isWithinTimes(
                    occurred: columns.occurred(place), recorded: columns.recorded(place))
        }
    }

    private func isWithinTimes(occurred: Instant, recorded: Instant) -> Bool {
        if let since = selection.since, occurred < since { return false }
        if let until = selection.until, occurred >= until { return false }
        if let since = selection.recordedSince, recorded < since { return false }
        if let until = selection.recordedUntil, recorded >= until { return false }
        return true
    }

    private func isSelected(_ event: Event) -> Bool {
        guard positions.contains(event.position.value) else { return false }
        if let stream = selection.stream, event.stream != stream { return false }
        if !selection.types.isEmpty && !selection.types.contains(event.type) { return false }
        return isWithinTimes(occurred: event.occurred, recorded: event.recorded)
            && selection.tags.allSatisfy { event.tags.contains($0) }
    }

    /// Units of the positions that the indexes cannot exclude; nil where there is nothing to ask.
    private static func candidates(
        _ selection: Selection, _ positions: Range<UInt64>, _ head: HeadRecord,
        in transaction: borrowing some Transaction & ~Copyable, _ known: KnownStreams
    ) throws -> [UInt64]? {
        let (lowest, highest) = (
            positions.lowerBound / unitEvents, (positions.upperBound - 1) / unitEvents
        )
        // What the indexes do not cover yet has to be read in any case.
        let tailStart = max(lowest, head.indexedSize / unitEvents)
        var tail = tailStart <= highest ? Array(tailStart...highest) : []
        var lists: [[UInt64]] = []
        if let stream = selection.stream {
            let hash = TermHash.of(stream: stream)
            lists.append(
                try known.units(of: hash, indexedSize: head.indexedSize, in: transaction))
            tail = known.filter(
                tail, mayHave: hash, indexedSize: head.indexedSize, size: head.size)
        }
        for tag in selection.tags {
            let hash = TermHash.of(tag: tag)
            lists += try RunSearch.units(
                of: [hash], kind: .tag, from: lowest, indexedSize: head.indexedSize,
                in: transaction)
        }
        if !selection.types.isEmpty {
            let hashes = Set(selection.types.map(TermHash.of(type:))).sorted()
            let units = try RunSearch.units(
                of: hashes, kind: .tag, from: lowest, indexedSize: head.indexedSize,
                in: transaction)
            lists.append(Set(units.joined()).sorted())
        }
        if selection.hasTimeBounds {
            lists.append(
                try units(within: selection, indexedSize: head.indexedSize, in: transaction))
        }
        guard let first = lists.first else { return nil }
        let indexed = lists.dropFirst().reduce(first) { units, others in
            let others = Set(others)
            return units.filter(others.contains)
        }
        return indexed.filter { (lowest...highest).contains($0) } + tail
    }

    private static func units(
        within selection: Selection, indexedSize: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt64] {
        var units: [UInt64] = []
        try RunSearch.forEachTimeBounds(indexedSize: indexedSize, in: transaction) { unit, bounds in
            let isPossible =
                bounds.occurred.upperBound >= selection.since?.microseconds ?? .min
                && bounds.occurred.lowerBound < selection.until?.microseconds ?? .max
                && bounds.recorded.upperBound >= selection.recordedSince?.microseconds ?? .min
                && bounds.recorded.lowerBound < selection.recordedUntil?.microseconds ?? .max
            if isPossible { units.append(unit) }
            return .next
        }
        return units
    }

    /// How many events the prefix holds.
    static func end(
        of asOf: AsOf, _ head: HeadRecord, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> UInt64 {
        switch asOf {
        case .position(let position):
            guard position.value < head.size else {
                throw LogError.asOfBeyondLog(position, size: head.size)
            }
            return position.value + 1
        case .recorded(let moment):
            // Recording never goes back, so the units behind the first that ends too late are out.
            var unit = head.indexedSize / unitEvents
            try RunSearch.forEachTimeBounds(
                indexedSize: head.indexedSize, in: transaction
            ) { number, bounds in
                guard bounds.recorded.upperBound > moment.microseconds else { return .next }
                unit = number
                return .stop
            }
            var snapshot = try Snapshot(transaction)
            while unit * unitEvents < head.size {
                let events = try snapshot.events(ofUnit: unit, in: transaction)
                if let late = events.first(where: { $0.recorded > moment }) {
                    return late.position.value
                }
                unit += 1
            }
            return head.size
        }
    }
}

extension Selection {
    fileprivate var hasTimeBounds: Bool {
        since != nil || until != nil || recordedSince != nil || recordedUntil != nil
    }
}
