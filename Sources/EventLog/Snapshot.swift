internal import JSON
internal import Merkle
internal import Storage

/// Reads events, streams and roots within one transaction.
///
/// It remembers decoders between calls; one snapshot serves one thread.
struct Snapshot: ~Copyable {
    let head: HeadRecord
    private var blocks = BlockDecoder()
    private var payloads = ZstdDecoder()

    init(_ transaction: borrowing some Transaction & ~Copyable) throws {
        let head = try transaction.withValue(for: Keys.head, in: Databases.meta) {
            HeadRecord($0)
        }
        guard let head = head ?? nil else {
            throw Corruption(at: nil, "the head record is missing or damaged")
        }
        self.head = head
    }

    /// The events of one unit of 256 positions, whether in a block or in the tail.
    mutating func events(
        ofUnit unit: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Event] {
        let first = unit * UInt64(LogLimits.subframeEvents)
        if first < head.sealedSize { return try subframe(ofUnit: unit, in: transaction).events }
        let end = min(first + UInt64(LogLimits.subframeEvents), head.size)
        return first < end ? try Self.tailEvents(first..<end, in: transaction) : []
    }

    /// The sub-frame of a block that holds a unit, and its events.
    mutating func subframe(
        ofUnit unit: UInt64, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> (subframe: Subframe, events: [Event]) {
        let first = unit * UInt64(LogLimits.subframeEvents)
        var subframe: Subframe?
        try transaction.withCursor(in: Databases.blocks) { cursor in
            guard try cursor.seek(atOrBefore: Keys.position(first)) else { return }
            subframe = try cursor.withEntry { key, value in
                guard let start = Keys.position(from: key) else { return nil }
                do throws(MalformedBytes) {
                    let header = try BlockHeader(value)
                    guard header.first == start, first < header.end else { return nil }
                    let index = Int(first - start) / LogLimits.subframeEvents
                    return try blocks.subframe(index, of: value, header)
                } catch {
                    throw Corruption(at: first, "a block is damaged at byte \(error.offset)")
                }
            }
        }
        guard let subframe else { throw Corruption(at: first, "a block is missing") }
        do {
            let events = try subframe.events(from: first) { position, length in
                try payload(at: position, length: length, in: transaction)
            }
            return (subframe, events)
        } catch let error as MalformedBytes {
            throw Corruption(at: first, "a sub-frame is damaged at byte \(error.offset)")
        }
    }

    private mutating func payload(
        at position: UInt64, length: Int, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt8] {
        var data: [UInt8]?
        try transaction.withValue(for: Keys.position(position), in: Databases.payloads) { value in
            data = PayloadValue.decode(value, length: length, &payloads)
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
                range.append(leaf: Tree.leafHash(event.leaf))
            }
        }
        return range.root
    }
}
