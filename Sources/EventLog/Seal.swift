internal import Merkle
internal import Storage

/// Whole units that wait to become blocks, taken out of the books to be worked on beside them.
///
/// A unit leaves the tail as soon as it is full, in a short block of its own, so that the tail
/// stays small whatever the size of commits. When as many units have gathered as a block can hold,
/// they become one block, and the runs that index it are made.
struct SealWork: Sendable {
    private let indexedSize: UInt64
    private let sealedSize: UInt64
    /// All full units from `indexedSize` on.
    private let units: [PendingUnit]
    private let shortBlocks: [RunExtent]

    private static let unitEvents = UInt64(LogLimits.subframeEvents)
    private static let blockUnits = LogLimits.blockEventsMax / LogLimits.subframeEvents

    /// Nil where there is no full unit in the tail.
    init?(_ books: WriterState) {
        indexedSize = books.head.indexedSize
        sealedSize = books.head.sealedSize
        shortBlocks = books.shortBlocks
        units = Array(books.pending.units.prefix { $0.isFull })
        guard indexedSize + UInt64(units.count) * Self.unitEvents > sealedSize else { return nil }
    }

    /// Does the work; touches no file.
    /// - Throws: `Corruption` where columns do not decode to the events that they were made of.
    func seal() throws -> SealedPart {
        var part = SealedPart(indexedSize: indexedSize, sealedSize: sealedSize)
        var encoder = BlockEncoder()
        let sealed = Int((sealedSize - indexedSize) / Self.unitEvents)
        var subframes = units[..<sealed].compactMap(\.subframe)
        precondition(subframes.count == sealed, "a unit in a block has its columns")
        for (index, unit) in units.enumerated().dropFirst(sealed) {
            let first = indexedSize + UInt64(index) * Self.unitEvents
            subframes.append(try Self.columns(of: unit, first: first))
            part.unitRoots.append(unit.tree.root)
            part.addPayloads(of: unit.events)
        }
        var start = 0
        while let count = fullCount(from: start) {
            let range = start..<start + count
            let first = indexedSize + UInt64(start) * Self.unitEvents
            part.blocks.append(
                (first, encoder.encode(Array(subframes[range]), first: first)))
            part.addRuns(of: units[range], first: first)
            start += count
        }
        let indexed = indexedSize + UInt64(start) * Self.unitEvents
        part.removedBlocks = shortBlocks.filter { $0.first < indexed }
        part.shortBlocks = shortBlocks.filter { $0.first >= indexed }
        // The short blocks that stay cover all units behind `indexed` that were sealed before.
        let shortStart = max(start, sealed)
        if shortStart < units.count {
            let first = indexedSize + UInt64(shortStart) * Self.unitEvents
            part.blocks.append(
                (first, encoder.encode(Array(subframes[shortStart...]), first: first)))
            part.shortBlocks.append(
                RunExtent(first: first, end: indexedSize + UInt64(units.count) * Self.unitEvents))
            part.subframes = Array(subframes[shortStart...])
        }
        part.newIndexedSize = indexed
        part.newSealedSize = indexedSize + UInt64(units.count) * Self.unitEvents
        return part
    }

    /// How many units from `start` on make a block that cannot hold one more; nil while too few.
    private func fullCount(from start: Int) -> Int? {
        var decoded = 0
        for (count, unit) in units[start...].enumerated() {
            decoded += unit.decodedByteCount
            if decoded > LogLimits.blockBytesMax { return max(1, count) }
            if count + 1 == Self.blockUnits { return Self.blockUnits }
        }
        return nil
    }

    /// The lines of the tail are about to go, so what replaces them must say the same.
    private static func columns(of unit: PendingUnit, first: UInt64) throws -> Subframe {
        let subframe = Subframe(encoding: unit.events[...])
        let decoded = try EventColumns(
            subframe, first: first, count: unit.events.count, depth: .whole
        ) { position, _ in Array(unit.events[Int(position - first)].data.content ?? []) }
        guard decoded.isSame(as: unit.events) else {
            throw Corruption(at: first, "a sub-frame does not decode to its events")
        }
        return subframe
    }
}

/// Blocks, runs and payloads that wait to be written, and what they take the place of.
struct SealedPart: Sendable {
    /// Sizes of the books that it was made from; with others it is of no use.
    let indexedSize: UInt64
    let sealedSize: UInt64
    fileprivate(set) var newIndexedSize: UInt64
    fileprivate(set) var newSealedSize: UInt64
    fileprivate(set) var blocks: [(first: UInt64, value: [UInt8])] = []
    fileprivate(set) var removedBlocks: [RunExtent] = []
    /// The short blocks that there are afterwards.
    fileprivate(set) var shortBlocks: [RunExtent] = []
    /// The columns of the units in the last of them, where it is new.
    fileprivate(set) var subframes: [Subframe] = []
    fileprivate(set) var runs: [NewRun] = []
    fileprivate(set) var payloads: [(position: UInt64, value: [UInt8])] = []
    /// Roots over the units that were in the tail.
    fileprivate(set) var unitRoots: [Hash] = []

    fileprivate init(indexedSize: UInt64, sealedSize: UInt64) {
        self.indexedSize = indexedSize
        self.sealedSize = sealedSize
        newIndexedSize = indexedSize
        newSealedSize = sealedSize
    }

    fileprivate mutating func addPayloads(of events: [PendingEvent]) {
        guard events.contains(where: { $0.data.isExternal }) else { return }
        var encoder = ZstdEncoder(level: 3)
        for event in events where event.data.isExternal {
            guard let data = event.data.content else { continue }
            payloads.append(
                (event.position.value, PayloadValue.encode(Array(data), &encoder)))
        }
    }

    fileprivate mutating func addRuns(of units: ArraySlice<PendingUnit>, first: UInt64) {
        runs.append(NewRun(of: units, first: first))
    }
}

// Putting what was made beside the books into the log.
extension WriterState {
    /// Whether a part was made from what the books say now.
    func fits(_ part: SealedPart) -> Bool {
        part.indexedSize == head.indexedSize && part.sealedSize == head.sealedSize
    }

    /// Puts blocks in the place of tail values, runs in the place of short blocks.
    mutating func install(_ part: SealedPart, _ transaction: inout WriteTransaction) throws {
        precondition(fits(part), "a part is installed where it was made for")
        for block in part.removedBlocks {
            try transaction.delete(Keys.position(block.first), in: Databases.blocks)
        }
        for block in part.blocks {
            try transaction.put(
                block.value, for: Keys.position(block.first), in: Databases.blocks)
        }
        for payload in part.payloads {
            try transaction.put(
                payload.value, for: Keys.position(payload.position), in: Databases.payloads)
        }
        for page in part.runs.flatMap(\.pages) {
            try transaction.put(page.value, for: page.key.bytes, in: Databases.runs)
        }
        try edge.append(part.unitRoots, to: &transaction)
        try takeFromTail(before: part.newSealedSize, &transaction)
        head.sealedSize = part.newSealedSize
        head.indexedSize = part.newIndexedSize
        pending.removeAll(before: head.indexedSize)
        if let short = part.shortBlocks.last, !part.subframes.isEmpty {
            pending.remember(part.subframes, from: short.first)
        }
        shortBlocks = part.shortBlocks
        runs += part.runs.map(\.known)
        forgetStreams()
    }

    /// Removes the tail's values up to `end`; one that reaches beyond is cut.
    private mutating func takeFromTail(
        before end: UInt64, _ transaction: inout WriteTransaction
    ) throws {
        let taken = tailValues.prefix { $0.first < end }
        for value in taken {
            try transaction.delete(Keys.position(value.first), in: Databases.tail)
        }
        tailValues.removeFirst(taken.count)
        guard let last = taken.last, last.end > end else { return }
        var value = TailValueWriter(count: Int(last.end - end))
        for position in end..<last.end {
            let event = pending[position].event
            value.append(leaf: event.leaf, event.data)
        }
        try transaction.put(value.finish(), for: Keys.position(end), in: Databases.tail)
        tailValues.insert(RunExtent(first: end, end: last.end), at: 0)
    }

    private mutating func forgetStreams() {
        guard streams.count > LogLimits.rememberedStreamsMax else { return }
        streams.removeAll(endingBefore: head.indexedSize)
    }

    /// Puts a merged run in the place of the runs that it was made of.
    mutating func install(_ run: MergedRun, _ transaction: inout WriteTransaction) throws {
        guard let start = runs.firstIndex(where: { $0.extent.first == run.new.extent.first }),
            runs[start...].map(\.extent).starts(with: run.replaced)
        else { preconditionFailure("a run is installed where the runs are that it replaces") }
        for key in run.oldKeys { try transaction.delete(key, in: Databases.runs) }
        for page in run.new.pages {
            try transaction.put(page.value, for: page.key.bytes, in: Databases.runs)
        }
        runs.replaceSubrange(start..<start + run.replaced.count, with: [run.new.known])
    }
}
