internal import JSON
internal import Merkle
internal import Storage

/// The writer's books: what it must know to give the next event its place.
///
/// They always agree with the last commit. They are rebuilt from disk by the same initialiser when
/// the log is opened and when a commit was refused.
struct WriterState: Sendable {
    private(set) var head: HeadRecord
    var slot: HeadFile.Slot
    var headFileSyncedAt: Int64 = 0
    /// Whether the newest slot survives a power cut; until it does, the other one is left alone.
    var isSlotSynced = true
    private var tree: CompactRange
    private var edge: TileEdge
    /// Events not yet in a block, with their leaf hashes; their first position is
    /// `head.sealedSize`.
    private var tail: [TailEvent] = []
    /// Bytes of the tail after decoding.
    private var tailBytes = 0
    /// Keys of the tail's values on disk.
    private var tailKeys: [UInt64] = []
    /// Where the identifiers of the tail stand in `tail`.
    private var tailIDs: [EventID: Int] = [:]
    /// Ends of all streams in the tail, and of some others.
    private var streams: [StreamName: StreamEnd] = [:]
    /// Lines of events that the next ``write(to:)`` puts on disk.
    private var newLines: [[UInt8]] = []

    private struct TailEvent: Sendable {
        let event: Event
        let leafHash: Hash
    }

    private struct StreamEnd: Sendable {
        let revision: Revision
        let position: Position
    }

    /// Reads the books from disk and checks them against each other and against the head file.
    ///
    /// At most 4,096 events are read and hashed, however long the log is.
    init(
        recovering transaction: borrowing some Transaction & ~Copyable, slot: HeadFile.Slot
    ) throws {
        var snapshot = try Snapshot(transaction)
        head = snapshot.head
        self.slot = slot
        try Self.require(slot, &snapshot, transaction)
        tree = try TileStore.compactRange(sealedSize: head.sealedSize, in: transaction)
        edge = try TileEdge(sealedSize: head.sealedSize, in: transaction)
        tailKeys = try Self.tailKeys(in: transaction)
        if head.sealedSize < head.size {
            let events = try Snapshot.tailEvents(head.sealedSize..<head.size, in: transaction)
            for event in events {
                let leafHash = Tree.leafHash(event.leaf)
                tree.append(leaf: leafHash)
                addToTail(event, leafHash)
            }
        }
        let newest = try snapshot.events(
            ofUnit: (head.size - 1) / UInt64(LogLimits.subframeEvents), in: transaction)
        guard newest.last?.recorded == head.lastRecorded else {
            throw Corruption(
                at: head.size - 1, "the head record has another time of the last recording")
        }
        guard tree.root == head.root else {
            throw Corruption(
                at: head.sealedSize, "the tree does not have the root of the head record")
        }
    }

    /// Refuses a log that does not contain what its head file remembers.
    private static func require(
        _ slot: HeadFile.Slot, _ snapshot: inout Snapshot,
        _ transaction: borrowing some Transaction & ~Copyable
    ) throws {
        guard slot.size <= snapshot.head.size else {
            throw LogError.behindHeadFile(size: snapshot.head.size, remembered: slot.size)
        }
        guard try snapshot.root(atSize: slot.size, in: transaction) == slot.root else {
            throw Corruption(
                at: nil, "the first \(slot.size) events are not those that the head file remembers")
        }
    }

    private static func tailKeys(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt64] {
        var keys: [UInt64] = []
        try transaction.withCursor(in: Databases.tail) { cursor in
            var isEntry = try cursor.first()
            while isEntry {
                guard let key = cursor.withEntry({ key, _ in Keys.position(from: key) }) else {
                    throw Corruption(at: nil, "the key of a tail value is damaged")
                }
                keys.append(key)
                isEntry = try cursor.next()
            }
        }
        return keys
    }

    private mutating func addToTail(_ event: Event, _ leafHash: Hash) {
        tailIDs[event.id] = tail.count
        streams[event.stream] = StreamEnd(revision: event.revision, position: event.position)
        tail.append(TailEvent(event: event, leafHash: leafHash))
        tailBytes += event.decodedByteCount + event.externalByteCount
    }

    /// Decides about appends in their order and gives the accepted ones their places.
    ///
    /// Identifiers come before conditions, because a retry would fail its own condition.
    mutating func sequence(
        _ appends: [PreparedAppend], at now: ClockReading,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [AppendOutcome] {
        let known = try sealedEvents(withIDsOf: appends, in: transaction)
        try rememberStreams(of: appends, known, in: transaction)
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(appends.count)
        for append in appends {
            if let decided = decide(append, known) {
                outcomes.append(decided)
            } else {
                outcomes.append(accept(append, at: now))
            }
        }
        return outcomes
    }

    /// The outcome of an append that writes nothing, or nil where it is to be accepted.
    private func decide(
        _ append: PreparedAppend, _ known: [EventID: Event]
    ) -> AppendOutcome? {
        if let rejection = append.rejection { return .rejected(rejection) }
        let stored = append.events.map { event in
            tailIDs[event.id].map { tail[$0].event } ?? known[event.id]
        }
        let found = stored.compactMap { $0 }
        if let first = found.first, let last = found.last {
            let isConsecutive = zip(found, found.dropFirst()).allSatisfy {
                $1.position == $0.position.next
            }
            guard found.count == stored.count, isConsecutive else {
                return .rejected(.someIDsKnown(found.map(\.id)))
            }
            for (event, old) in zip(append.events, found) where !event.isSame(as: old) {
                return .rejected(.idKnownWithOtherContent(event.id, at: old.position))
            }
            return .alreadyAppended(PositionRange(first: first.position, last: last.position))
        }
        return conflict(append.condition).map { .conflict($0) }
    }

    private func conflict(_ condition: Condition) -> Conflict? {
        for (stream, expected) in condition.streams.sorted(by: { $0.key.text < $1.key.text }) {
            let end = streams[stream]
            let holds =
                switch expected {
                case .exists: end != nil
                case .doesNotExist: end == nil
                case .isAt(let revision): end?.revision == revision
                }
            if !holds {
                return Conflict(
                    stream: stream, expected: expected,
                    found: end.map { .init(revision: $0.revision, position: $0.position) })
            }
        }
        return nil
    }

    private mutating func accept(
        _ append: PreparedAppend, at now: ClockReading
    ) -> AppendOutcome {
        let first = Position(head.size)
        // One value per commit, and never an earlier one than before, whatever the clock says.
        head.lastRecorded = max(head.lastRecorded, now.wall)
        head.clocks = now
        for prepared in append.events {
            let sent = prepared.sent
            let event = Event(
                position: Position(head.size),
                revision: streams[sent.stream]?.revision.next ?? Revision(0),
                recorded: head.lastRecorded, id: prepared.id, type: sent.type,
                schema: sent.schema, stream: sent.stream, tags: sent.tags, source: sent.source,
                time: sent.time, cause: sent.cause, correlation: sent.correlation,
                attributes: sent.attributes, data: sent.data)
            var line = prepared.producerPart
            Line.appendLogPart(
                position: event.position, revision: event.revision, recorded: event.recorded,
                dataHash: prepared.dataHash, to: &line)
            line.append(UInt8(ascii: "}"))
            let leafHash = Tree.leafHash(line)
            line.removeLast()
            Line.appendData(sent.data, to: &line)
            newLines.append(line)
            tree.append(leaf: leafHash)
            addToTail(event, leafHash)
            head.size += 1
        }
        return .appended(PositionRange(first: first, last: Position(head.size - 1)))
    }

    /// Puts the new events, their tiles and the head into the transaction.
    ///
    /// A commit writes one tail value and the head. When the tail has grown to a block's size, the
    /// block, its runs and tiles take the place of the tail's values.
    mutating func write(to transaction: inout WriteTransaction) throws {
        let isFull =
            tail.count >= LogLimits.blockEventsMax || tailBytes > LogLimits.tailBytesMax
        if isFull, let count = Self.sealableCount(tail.map(\.event)[...]) {
            for key in tailKeys {
                try transaction.delete(Keys.position(key), in: Databases.tail)
            }
            tailKeys = []
            try seal(first: count, &transaction)
            newLines = tail.map(\.event.line)
        }
        if !newLines.isEmpty {
            let first = head.size - UInt64(newLines.count)
            try transaction.put(
                TailValue.encode(newLines), for: Keys.position(first), in: Databases.tail)
            tailKeys.append(first)
            newLines = []
        }
        head.root = tree.root
        try transaction.put(head.encode(), for: Keys.head, in: Databases.meta)
    }

    /// How many of the first events form a block, or nil while they are too few.
    ///
    /// A block is full at 4,096 events or 8 MiB; a tail that has become too heavy for its readers
    /// is sealed as far as it fills units.
    private static func sealableCount(_ events: ArraySlice<Event>) -> Int? {
        var (decoded, external, whole) = (0, 0, 0)
        for (event, count) in zip(events, 1...LogLimits.blockEventsMax) {
            decoded += event.decodedByteCount
            external += event.externalByteCount
            if decoded > LogLimits.blockBytesMax { break }
            if count % LogLimits.subframeEvents == 0 { whole = count }
        }
        let isFull =
            whole == LogLimits.blockEventsMax || decoded > LogLimits.blockBytesMax
            || decoded + external > LogLimits.tailBytesMax
        return isFull && whole > 0 ? whole : nil
    }

    private mutating func seal(first count: Int, _ transaction: inout WriteTransaction) throws {
        var encoder = BlockEncoder()
        var start = 0
        var next: Int? = count
        let events = tail.map(\.event)
        while let blockCount = next {
            let range = start..<start + blockCount
            try writeBlock(events[range], &encoder, &transaction)
            let hashes = stride(
                from: range.lowerBound, to: range.upperBound, by: LogLimits.subframeEvents
            ).map { unit in
                Tree.perfectRoot(
                    tail[unit..<unit + LogLimits.subframeEvents].map(\.leafHash)[...])
            }
            try edge.append(hashes, to: &transaction)
            start = range.upperBound
            head.sealedSize += UInt64(blockCount)
            next = Self.sealableCount(events[start...])
        }
        tail.removeFirst(start)
        tailBytes = tail.reduce(0) { $0 + $1.event.decodedByteCount + $1.event.externalByteCount }
        tailIDs = [:]
        for (index, kept) in tail.enumerated() { tailIDs[kept.event.id] = index }
        if streams.count > LogLimits.rememberedStreamsMax {
            streams = [:]
            for kept in tail {
                streams[kept.event.stream] = StreamEnd(
                    revision: kept.event.revision, position: kept.event.position)
            }
        }
    }

    private func writeBlock(
        _ events: ArraySlice<Event>, _ encoder: inout BlockEncoder,
        _ transaction: inout WriteTransaction
    ) throws {
        let first = events[events.startIndex].position.value
        let subframes = try stride(
            from: events.startIndex, to: events.endIndex, by: LogLimits.subframeEvents
        ).map { start in
            let unit = events[start..<start + LogLimits.subframeEvents]
            let subframe = Subframe(encoding: unit)
            // The tail's lines are about to go, so what replaces them must say the same.
            let position = unit[start].position.value
            let decoded = try subframe.events(from: position) { external, _ in
                Array(unit[start + Int(external - position)].data.content ?? [])
            }
            guard decoded.elementsEqual(unit) else {
                throw Corruption(at: position, "a sub-frame does not decode to its events")
            }
            return subframe
        }
        try transaction.put(
            encoder.encode(subframes, first: first), for: Keys.position(first),
            in: Databases.blocks)
        for page in BlockRuns.pages(for: events, first: first) {
            try transaction.put(page.value, for: page.key.bytes, in: Databases.runs)
        }
        var payloads = ZstdEncoder(level: 3)
        for event in events where event.data.byteCount > LogLimits.inlineDataBytesMax {
            guard let data = event.data.content else { continue }
            try transaction.put(
                PayloadValue.encode(Array(data), &payloads),
                for: Keys.position(event.position.value), in: Databases.payloads)
        }
    }
}

// Looking up what the books do not hold.
extension WriterState {
    /// Events in blocks that have one of the appends' identifiers.
    private func sealedEvents(
        withIDsOf appends: [PreparedAppend],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [EventID: Event] {
        var wanted: [UInt64: [EventID]] = [:]
        for append in appends {
            for event in append.events where tailIDs[event.id] == nil {
                wanted[TermHash.of(event.id), default: []].append(event.id)
            }
        }
        let hashes = wanted.keys.sorted()
        let units = try RunSearch.units(
            of: hashes, kind: .id, sealedSize: head.sealedSize, in: transaction)
        var idsByUnit: [UInt64: Set<EventID>] = [:]
        for (hash, units) in zip(hashes, units) {
            for unit in units { idsByUnit[unit, default: []].formUnion(wanted[hash] ?? []) }
        }
        guard !idsByUnit.isEmpty else { return [:] }
        var found: [EventID: Event] = [:]
        var snapshot = try Snapshot(transaction)
        let subframesPerUnit: UInt64 = 1 << (IndexKind.id.unitShift - IndexKind.stream.unitShift)
        for (unit, ids) in idsByUnit.sorted(by: { $0.key < $1.key }) {
            for subframe in 0..<subframesPerUnit {
                let next = unit * subframesPerUnit + subframe
                guard next * UInt64(LogLimits.subframeEvents) < snapshot.head.sealedSize else {
                    break
                }
                for event in try snapshot.events(ofUnit: next, in: transaction)
                where ids.contains(event.id) {
                    found[event.id] = event
                }
            }
        }
        return found
    }

    /// Makes sure that `streams` tells the truth about every stream that the appends touch.
    private mutating func rememberStreams(
        of appends: [PreparedAppend], _ known: [EventID: Event],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        var unknown = Set<StreamName>()
        for append in appends {
            for stream in append.condition.streams.keys where streams[stream] == nil {
                unknown.insert(stream)
            }
            for event in append.events
            where streams[event.sent.stream] == nil && known[event.id] == nil {
                unknown.insert(event.sent.stream)
            }
        }
        let names = unknown.sorted { TermHash.of(stream: $0) < TermHash.of(stream: $1) }
        let hashes = names.map(TermHash.of(stream:))
        let distinct = hashes.enumerated().filter { $0 == 0 || hashes[$0 - 1] != $1 }.map(\.element)
        let units = try RunSearch.units(
            of: distinct, kind: .stream, sealedSize: head.sealedSize, in: transaction)
        var candidates: [StreamName: [UInt64]] = [:]
        let unitsOfHash = Dictionary(uniqueKeysWithValues: zip(distinct, units))
        for (name, hash) in zip(names, hashes) {
            if let units = unitsOfHash[hash], !units.isEmpty { candidates[name] = units }
        }
        try resolve(&candidates, in: transaction)
    }

    /// Finds the last event of each stream in the newest of its candidate units that has one.
    private mutating func resolve(
        _ candidates: inout [StreamName: [UInt64]],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws {
        guard !candidates.isEmpty else { return }
        var snapshot = try Snapshot(transaction)
        while !candidates.isEmpty {
            var byUnit: [UInt64: [StreamName]] = [:]
            for (name, units) in candidates {
                guard let newest = units.last else {
                    candidates[name] = nil
                    continue
                }
                byUnit[newest, default: []].append(name)
            }
            for (unit, names) in byUnit.sorted(by: { $0.key < $1.key }) {
                let events = try snapshot.events(ofUnit: unit, in: transaction)
                for name in names {
                    if let last = events.last(where: { $0.stream == name }) {
                        streams[name] = StreamEnd(revision: last.revision, position: last.position)
                        candidates[name] = nil
                    } else {
                        candidates[name]?.removeLast()
                    }
                }
            }
        }
    }
}

extension Event {
    /// Bytes of the envelope and of inline data once decoded, for the limit of a block.
    var decodedByteCount: Int {
        let envelope =
            64 + type.text.utf8.count + stream.text.utf8.count + tags.joined.utf8.count
            + source.text.utf8.count + attributes.fragment.utf8.count
        return envelope + data.byteCount - externalByteCount
    }

    /// Bytes of data that a block keeps as a value of their own.
    var externalByteCount: Int {
        data.byteCount > LogLimits.inlineDataBytesMax ? data.byteCount : 0
    }
}
