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

    /// At most so many bytes are made; blocks are mostly a tenth of it.
    var byteCount: Int { units.reduce(0) { $0 + $1.decodedByteCount } }

    /// Does the work; touches no file.
    /// - Throws: `Corruption` where columns do not decode to the events that they were made of.
    func seal(on cores: CoreUse) throws -> SealedPart {
        let sealed = unit(at: sealedSize)
        let known = units[..<sealed].compactMap(\.subframe)
        precondition(known.count == sealed, "a unit in a block has its columns")
        let fresh = try madeOnThreads(units.count - sealed, on: cores) { number in
            try Self.columns(of: units[sealed + number], first: position(of: sealed + number))
        }
        let subframes = known + fresh
        let full = fullBlocks()
        let indexed = full.last?.upperBound ?? 0
        // The short blocks that stay cover all units behind `indexed` that were sealed before.
        let short = max(indexed, sealed)..<units.count
        let made = short.isEmpty ? full : full + [short]
        let blocks = madeOnThreads(made.count, on: cores) { number in
            let block = made[number]
            let first = position(of: block.lowerBound)
            var encoder = BlockEncoder()
            return SealedPart.Block(
                first: first, value: encoder.encode(Array(subframes[block]), first: first),
                run: number < full.count ? NewRun(of: units[block], first: first) : nil)
        }
        return SealedPart(
            indexedSize: indexedSize, sealedSize: sealedSize,
            newIndexedSize: position(of: indexed), newSealedSize: position(of: units.count),
            blocks: blocks,
            removedBlocks: shortBlocks.filter { $0.first < position(of: indexed) },
            shortBlocks: shortBlocks.filter { $0.first >= position(of: indexed) }
                + made.dropFirst(full.count).map(extent(of:)),
            subframes: Array(subframes[short]),
            payloads: units[sealed...].flatMap { Self.payloads(of: $0.events) },
            unitRoots: units[sealed...].map(\.tree.root))
    }

    private func unit(at position: UInt64) -> Int {
        Int((position - indexedSize) / Self.unitEvents)
    }

    private func position(of unit: Int) -> UInt64 {
        indexedSize + UInt64(unit) * Self.unitEvents
    }

    private func extent(of units: Range<Int>) -> RunExtent {
        RunExtent(first: position(of: units.lowerBound), end: position(of: units.upperBound))
    }

    /// The units of the full blocks that can be made, one behind the other.
    private func fullBlocks() -> [Range<Int>] {
        var blocks: [Range<Int>] = []
        while let count = fullCount(from: blocks.last?.upperBound ?? 0) {
            let start = blocks.last?.upperBound ?? 0
            blocks.append(start..<start + count)
        }
        return blocks
    }

    /// Long data, as values of their own.
    private static func payloads(
        of events: [PendingEvent]
    ) -> [(position: UInt64, value: [UInt8])] {
        guard events.contains(where: { $0.data.isExternal }) else { return [] }
        var encoder = ZstdEncoder(level: 3)
        return events.filter { $0.data.isExternal }.compactMap { event in
            event.data.content.map {
                (event.position.value, PayloadValue.encode(Array($0), &encoder))
            }
        }
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
    let newIndexedSize: UInt64
    let newSealedSize: UInt64
    let blocks: [Block]
    let removedBlocks: [RunExtent]
    /// The short blocks that there are afterwards.
    let shortBlocks: [RunExtent]
    /// The columns of the units in the last of them, where it is new.
    let subframes: [Subframe]
    let payloads: [(position: UInt64, value: [UInt8])]
    /// Roots over the units that were in the tail.
    let unitRoots: [Hash]

    /// A block as it is to be written, and the run over it where it is a full one.
    struct Block: Sendable {
        let first: UInt64
        let value: [UInt8]
        let run: NewRun?
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
        for page in part.blocks.compactMap(\.run).flatMap(\.pages) {
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
        runs += part.blocks.compactMap { $0.run?.known }
        runs.boundFilters()
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
        var lines = TailLines()
        for position in end..<last.end {
            let event = pending[position].event
            lines.append(leaf: event.leaf, event.data)
        }
        try transaction.put(
            lines.value(ofLast: lines.count), for: Keys.position(end), in: Databases.tail)
        tailValues.insert(RunExtent(first: end, end: last.end), at: 0)
    }

    /// Keeps no more streams than it may beside those of pending events, which it must.
    mutating func forgetStreams() {
        let needed = Int(pending.end - pending.first)
        guard streams.count > LogLimits.rememberedStreamsMax + needed else { return }
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
        runs.boundFilters()
    }
}
