internal import JSON
internal import Merkle
internal import Storage

/// The writer's books: what it must know to give the next event its place.
///
/// They always agree with the last commit. They are rebuilt from disk by the same initialiser when
/// the log is opened and when a commit was refused.
struct WriterState: Sendable {
    var head: HeadRecord
    var slot: HeadFile.Slot
    var headFileSyncedAt: Int64 = 0
    /// Whether the newest slot survives a power cut; until it does, the other one is left alone.
    var isSlotSynced = true
    /// All whole units; the leaves behind them are with the pending events.
    var tree: CompactRange
    var edge: TileEdge
    /// Events that no index has yet; their first position is `head.indexedSize`.
    var pending: PendingEvents
    /// What the blocks behind `head.indexedSize` cover, each with fewer than a block can hold.
    var shortBlocks: [RunExtent] = []
    /// What the runs cover, from position 0 to `head.indexedSize`.
    var runs: [KnownRun]
    /// What the tail's values on disk cover, from `head.sealedSize` on.
    var tailValues: [RunExtent]
    /// Ends of all streams of pending events, and of some others.
    var streams = StreamEnds()
    /// States of streams under the rules of the log, as far as they are remembered.
    var judged: JudgedStreams
    /// Lines of the events that were accepted since the last commit, which end the log.
    var accepted = TailLines()
    /// The text of `head.lastRecorded`, made once for all that share it.
    private var recordedText: (moment: Instant, bytes: [UInt8]) = (.earliest, [])

    /// Reads the books from disk and checks them against each other and against the head file.
    ///
    /// At most 8,192 events are read, and 4,096 hashed, however long the log is.
    init(
        recovering transaction: borrowing some Transaction & ~Copyable, slot: HeadFile.Slot,
        under rules: StreamRules? = nil
    ) throws {
        judged = JudgedStreams(rules)
        var snapshot = try Snapshot(transaction)
        head = snapshot.head
        self.slot = slot
        try Self.require(slot, &snapshot, transaction)
        tree = try TileStore.compactRange(sealedSize: head.sealedSize, in: transaction)
        edge = try TileEdge(sealedSize: head.sealedSize, in: transaction)
        tailValues = try Self.tailValues(in: transaction)
        runs = try RunSearch.extents(indexedSize: head.indexedSize, in: transaction)
            .map { KnownRun(extent: $0, filters: nil) }
        shortBlocks = try Self.shortBlocks(head, in: transaction)
        pending = PendingEvents(first: head.indexedSize)
        let unitEvents = UInt64(LogLimits.subframeEvents)
        for start in stride(from: head.indexedSize, to: head.sealedSize, by: Int(unitEvents)) {
            let unit = try snapshot.subframe(ofUnit: start / unitEvents, in: transaction)
            // The tree has them already, and so no hash of theirs is asked for.
            for event in unit.events { _ = addToPending(event, Tree.emptyRoot) }
            pending.remember([unit.subframe], from: start)
        }
        if head.sealedSize < head.size {
            let events = try Snapshot.tailEvents(head.sealedSize..<head.size, in: transaction)
            for event in events {
                if let root = addToPending(event, Tree.leafHash(of: event.leaf.span)) {
                    tree.appendSubtree(
                        root, height: Tile.height, nodeHash: Tree.nodeHash(of:_:))
                }
            }
        }
        try requireAgreement(&snapshot, transaction)
    }

    private func requireAgreement(
        _ snapshot: inout Snapshot, _ transaction: borrowing some Transaction & ~Copyable
    ) throws {
        let newest = try snapshot.events(
            ofUnit: (head.size - 1) / UInt64(LogLimits.subframeEvents), in: transaction)
        guard newest.last?.recorded == head.lastRecorded else {
            throw Corruption(
                at: head.size - 1, "the head record has another time of the last recording")
        }
        guard root == head.root else {
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

    private static func tailValues(
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [RunExtent] {
        var values: [RunExtent] = []
        try transaction.withCursor(in: Databases.tail) { cursor in
            var isEntry = try cursor.first()
            while isEntry {
                let value = cursor.withEntry { key, value -> RunExtent? in
                    guard let first = Keys.position(from: key),
                        let count = try? TailValue.count(value)
                    else { return nil }
                    return RunExtent(first: first, end: first &+ UInt64(count))
                }
                guard let value else { throw Corruption(at: nil, "a tail value is damaged") }
                values.append(value)
                isEntry = try cursor.next()
            }
        }
        return values
    }

    private static func shortBlocks(
        _ head: HeadRecord, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [RunExtent] {
        var blocks: [RunExtent] = []
        var next = head.indexedSize
        while next < head.sealedSize {
            let header = try transaction.withValue(
                for: Keys.position(next), in: Databases.blocks
            ) { try? BlockHeader($0) }
            guard let header = header ?? nil, header.first == next else {
                throw Corruption(at: next, "a block is missing")
            }
            blocks.append(RunExtent(first: next, end: header.end))
            next = header.end
        }
        return blocks
    }

    private mutating func addToPending(_ event: Event, _ leafHash: Hash) -> Hash? {
        streams.set(
            StreamEnd(revision: event.revision, position: event.position), of: event.stream)
        let pendingEvent = PendingEvent(
            sent: SentEvent(event.asSent, id: event.id), position: event.position,
            revision: event.revision,
            recorded: event.recorded)
        return pending.append(pendingEvent, leafHash)
    }

    /// The root over all events.
    private var root: Hash {
        tree.followed(by: pending.openLeaves).root(nodeHash: Tree.nodeHash(of:_:))
    }

    /// Decides about appends in their order and gives the accepted ones their places.
    ///
    /// Identifiers come before conditions and rules, because a retry would fail its own. Each is
    /// judged against the state that those before it have built, and one that is refused has
    /// changed nothing.
    mutating func sequence(
        _ appends: [PreparedAppend], at now: ClockReading,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [AppendOutcome] {
        let known = try indexedEvents(withIDsOf: appends, in: transaction)
        try rememberStreams(of: appends, known, in: transaction)
        var outcomes: [AppendOutcome] = []
        outcomes.reserveCapacity(appends.count)
        for append in appends {
            if let decided = try decide(append, known, in: transaction) {
                outcomes.append(decided)
            } else if let impossible = try impossibleStep(in: append, in: transaction) {
                outcomes.append(.rejected(impossible))
            } else {
                outcomes.append(accept(append, at: now))
            }
        }
        forgetStreams()
        return outcomes
    }

    /// The outcome of an append that writes nothing, or nil where it is to be accepted.
    private func decide(
        _ append: PreparedAppend, _ known: [EventID: Event],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> AppendOutcome? {
        var found: [Event] = []
        for index in append.events.indices {
            let id = append.events[index].sent.id
            if let stored = pending.event(id)?.event ?? known[id] { found.append(stored) }
        }
        if let first = found.first, let last = found.last {
            let isConsecutive = zip(found, found.dropFirst()).allSatisfy {
                $1.position == $0.position.next
            }
            guard found.count == append.events.count, isConsecutive else {
                return .rejected(.someIDsKnown(found.map(\.id)))
            }
            for (event, old) in zip(append.events, found) where !event.isSame(as: old) {
                return .rejected(.idKnownWithOtherContent(old.id, at: old.position))
            }
            return .alreadyAppended(PositionRange(first: first.position, last: last.position))
        }
        if append.condition.asksForNothing { return nil }
        return try conflict(append, in: transaction).map { .conflict($0) }
    }

    private func conflict(
        _ append: PreparedAppend, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Conflict? {
        let expectations = append.condition.streams.sorted { $0.key.text < $1.key.text }
        for (stream, expected) in expectations {
            let end = streams[stream]
            let holds =
                switch expected {
                case .exists: end != nil
                case .doesNotExist: end == nil
                case .isAt(let revision): end?.revision == revision
                }
            if !holds { return .stream(stream, expected: expected, found: end) }
        }
        for (absence, query) in zip(append.condition.absences, append.queries) {
            let after = absence.after?.value
            let match =
                try pending.newestMatch(of: query, after: after)
                ?? newestIndexedMatch(of: query, after: after, in: transaction)
            if let match { return .match(match.position, match.type, match.stream) }
        }
        return nil
    }

    private mutating func accept(
        _ append: PreparedAppend, at now: ClockReading
    ) -> AppendOutcome {
        let first = Position(head.size)
        // One value per commit, and never an earlier one than before, whatever the clock says.
        head.lastRecorded = max(head.lastRecorded, now.wall)
        head.clocks = now.carriedOn(from: head.clocks)
        if recordedText.moment != head.lastRecorded || recordedText.bytes.isEmpty {
            recordedText = (head.lastRecorded, head.lastRecorded.rfc3339Bytes)
        }
        for event in append.events {
            let position = Position(head.size)
            let revision = streams.advance(
                event.sent.content.stream, event.sent.streamHash, to: position)
            let leafHash = accepted.append(
                event, at: position, revision, recorded: recordedText.bytes)
            let pendingEvent = PendingEvent(
                sent: event.sent, position: position, revision: revision,
                recorded: head.lastRecorded)
            if let root = pending.append(pendingEvent, leafHash) {
                tree.appendSubtree(
                    root, height: Tile.height, nodeHash: Tree.nodeHash(of:_:))
            }
            head.size += 1
        }
        return .appended(PositionRange(first: first, last: Position(head.size - 1)))
    }

    /// Puts the new events, their tiles and the head into the transaction.
    ///
    /// A commit writes one tail value and the head, no more. Only where a block's worth of events
    /// has come before those beside the writer could make blocks of them, it is made here and now:
    /// so the tail stays short however fast events come.
    mutating func write(to transaction: inout WriteTransaction) throws {
        let isBlock = head.size - head.sealedSize >= UInt64(LogLimits.blockEventsMax)
        if isBlock, let work = SealWork(self) { try install(try work.seal(on: .all), &transaction) }
        let first = max(head.size - UInt64(accepted.count), head.sealedSize)
        if first < head.size {
            try transaction.put(
                accepted.value(ofLast: Int(head.size - first)), for: Keys.position(first),
                in: Databases.tail)
            tailValues.append(RunExtent(first: first, end: head.size))
        }
        accepted.removeAll()
        try writeHead(to: &transaction)
    }

    mutating func writeHead(to transaction: inout WriteTransaction) throws(StorageError) {
        head.root = root
        try transaction.put(head.encode(), for: Keys.head, in: Databases.meta)
    }
}
