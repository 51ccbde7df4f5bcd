internal import JSON
internal import Merkle
internal import Storage

/// What decoding needs besides the bytes; one serves one thread.
final class UnitDecoder {
    fileprivate var blocks = BlockDecoder()
    fileprivate var payloads = ZstdDecoder()
}

/// Reads events, streams and roots within one transaction.
///
/// It remembers decoders between calls; one snapshot serves one thread.
struct Snapshot: ~Copyable {
    let head: HeadRecord
    private let decoder: UnitDecoder
    private let cache: CacheUse?

    /// A cache, and whether what is decoded stays in it.
    struct CacheUse {
        let cache: BlockCache
        let keeping: Keeping

        enum Keeping {
            case decoded
            case nothing
        }
    }

    init(
        _ transaction: borrowing some Transaction & ~Copyable,
        decoder: UnitDecoder = UnitDecoder(), cache: CacheUse? = nil
    ) throws {
        let head = try transaction.withValue(for: Keys.head, in: Databases.meta) {
            HeadRecord($0)
        }
        guard let head = head ?? nil else {
            throw Corruption(at: nil, "the head record is missing or damaged")
        }
        self.head = head
        self.decoder = decoder
        self.cache = cache
    }

    /// The events of one unit of 256 positions, whether in a block or in the tail.
    mutating func events(
        ofUnit unit: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Event] {
        let first = unit * UInt64(LogLimits.subframeEvents)
        if first < head.sealedSize {
            return try blockColumns(of: [unit], depth: .whole, in: transaction)[0].events()
        }
        let end = min(first + UInt64(LogLimits.subframeEvents), head.size)
        guard first < end else { return [] }
        guard let cache else { return try Self.tailEvents(first..<end, in: transaction) }
        return try cache.cache.recent.events(first..<end, sealedSize: head.sealedSize) { missing in
            try Self.tailEvents(missing, in: transaction)
        }
    }

    /// The columns of these units, all of which begin below the log's size.
    mutating func columns(
        ofUnits units: [UInt64], depth: EventColumns.Depth,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [EventColumns] {
        let isSealed = units.map { $0 * UInt64(LogLimits.subframeEvents) < head.sealedSize }
        guard isSealed.contains(false) else {
            return try blockColumns(of: units, depth: depth, in: transaction)
        }
        var columns: [EventColumns] = []
        for (unit, isSealed) in zip(units, isSealed) {
            if isSealed {
                columns += try blockColumns(of: [unit], depth: depth, in: transaction)
            } else {
                let events = try events(ofUnit: unit, in: transaction)
                columns.append(try EventColumns(of: events[...]))
            }
        }
        return columns
    }

    /// The sub-frame of a block that holds a unit, and its events; for a snapshot without a cache.
    mutating func subframe(
        ofUnit unit: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> (subframe: Subframe, events: [Event]) {
        guard case .stored(let subframe, _) = try find([unit], in: transaction)[0] else {
            preconditionFailure("without a cache all is found in blocks")
        }
        let columns = try decode(subframe, of: unit, depth: .whole, in: transaction)
        return (subframe, columns.events())
    }

    /// The columns of units that stand in blocks.
    private mutating func blockColumns(
        of units: [UInt64], depth: EventColumns.Depth,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [EventColumns] {
        let found = try find(units, in: transaction)
        var columns: [EventColumns] = []
        columns.reserveCapacity(units.count)
        for (unit, found) in zip(units, found) {
            switch found {
            case .cached(let cached): columns.append(cached)
            case .stored(let subframe, let key):
                let decoded = try decode(subframe, of: unit, depth: depth, in: transaction)
                if depth == .whole, let cache, cache.keeping == .decoded {
                    cache.cache.keep(decoded, for: key)
                }
                columns.append(decoded)
            }
        }
        return columns
    }

    private mutating func decode(
        _ subframe: Subframe, of unit: UInt64, depth: EventColumns.Depth,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> EventColumns {
        let first = unit * UInt64(LogLimits.subframeEvents)
        do {
            return try EventColumns(
                subframe, first: first, count: LogLimits.subframeEvents, depth: depth
            ) { position, length in
                try payload(at: position, length: length, in: transaction)
            }
        } catch let error as MalformedBytes {
            throw Corruption(at: first, "a sub-frame is damaged at byte \(error.offset)")
        }
    }

    /// Whether a unit that stands in a block has an event with one of these identifiers.
    func unit(
        _ unit: UInt64, hasAnyOf ids: Set<EventID>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Bool {
        let first = unit * UInt64(LogLimits.subframeEvents)
        return try transaction.withCursor(in: Databases.blocks) { cursor in
            try cursor.withBlock(holding: first) { header, value in
                let index = Int(first - header.first) / LogLimits.subframeEvents
                let column = try BlockDecoder.ids(index, of: value, header)
                return (0..<LogLimits.subframeEvents).contains { ids.contains(column[$0]) }
            }
        }
    }

    private enum Found {
        case cached(EventColumns)
        case stored(Subframe, BlockCache.Key)
    }

    private mutating func find(
        _ units: [UInt64], in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Found] {
        var found: [Found] = []
        found.reserveCapacity(units.count)
        try transaction.withCursor(in: Databases.blocks) { cursor in
            while found.count < units.count {
                let first = units[found.count] * UInt64(LogLimits.subframeEvents)
                try cursor.withBlock(holding: first) { header, value in
                    try find(units, in: value, header, &found)
                }
            }
        }
        return found
    }

    /// Finds the next units as far as the block holds them.
    private func find(
        _ units: [UInt64], in value: Span<UInt8>, _ header: BlockHeader, _ found: inout [Found]
    ) throws(MalformedBytes) {
        while found.count < units.count {
            let unit = units[found.count]
            let first = unit * UInt64(LogLimits.subframeEvents)
            guard (header.first..<header.end).contains(first) else { return }
            let key = BlockCache.Key(unit, header)
            if let cached = cache?.cache[key] {
                found.append(.cached(cached))
                continue
            }
            let index = Int(first - header.first) / LogLimits.subframeEvents
            found.append(.stored(try subframe(index, of: value, header), key))
        }
    }

    /// Decodes a sub-frame, with the prefix that the cache may have.
    private func subframe(
        _ index: Int, of value: Span<UInt8>, _ header: BlockHeader
    ) throws(MalformedBytes) -> Subframe {
        guard let cache, header.entries[index].encoding.dependence == .prefixed,
            decoder.blocks.prefix(of: header) == nil
        else { return try decoder.blocks.subframe(index, of: value, header) }
        let known = cache.cache.prefix(of: header)
        if let known { decoder.blocks.remember(prefix: known, of: header) }
        let subframe = try decoder.blocks.subframe(index, of: value, header)
        if known == nil, cache.keeping == .decoded,
            let prefix = decoder.blocks.prefix(of: header)
        {
            cache.cache.keep(prefix: prefix, of: header)
        }
        return subframe
    }

    private mutating func payload(
        at position: UInt64, length: Int, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8] {
        var data: [UInt8]?
        try transaction.withValue(for: Keys.position(position), in: Databases.payloads) { value in
            data = PayloadValue.decode(value, length: length, &decoder.payloads)
        }
        guard let data else { throw Corruption(at: position, "a payload is missing or damaged") }
        return data
    }

    /// The events of the tail at these positions, all of which must be in the tail.
    static func tailEvents(
        _ wanted: Range<UInt64>, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Event] {
        var events: [Event] = []
        try transaction.withCursor(in: Databases.tail) { cursor in
            var isEntry = try cursor.seek(atOrBefore: Keys.position(wanted.lowerBound))
            if !isEntry { isEntry = try cursor.first() }
            while isEntry {
                let isDone = try cursor.withEntry { key, value in
                    guard let start = Keys.position(from: key) else {
                        throw Corruption(at: nil, "the key of a tail value is damaged")
                    }
                    guard start < wanted.upperBound else { return true }
                    let places =
                        Int(max(start, wanted.lowerBound) - start)..<Int(wanted.upperBound - start)
                    do {
                        events += try TailValue.decode(value, wanted: places)
                    } catch {
                        throw Corruption(at: start, "a tail value is damaged (\(error))")
                    }
                    return false
                }
                if isDone { break }
                isEntry = try cursor.next()
            }
        }
        let isWhole =
            events.count == Int(wanted.count)
            && zip(events, wanted).allSatisfy { $0.position.value == $1 }
        guard isWhole else {
            throw Corruption(at: wanted.lowerBound, "events of the tail are missing")
        }
        return events
    }

    /// The root that the log had when it held `size` events.
    ///
    /// At most 255 leaves of blocks are hashed anew.
    mutating func root(
        atSize size: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> Hash {
        let unit = UInt64(LogLimits.subframeEvents)
        let covered = min(size / unit * unit, head.sealedSize)
        var range = try TileStore.compactRange(sealedSize: covered, in: transaction)
        for start in stride(from: covered, to: size, by: LogLimits.subframeEvents) {
            let events = try events(ofUnit: start / unit, in: transaction)
            for event in events where event.position.value < size {
                range.append(
                    leaf: Tree.leafHash(of: event.leaf.span), nodeHash: Tree.nodeHash(of:_:))
            }
        }
        return range.root(nodeHash: Tree.nodeHash(of:_:))
    }
}
