internal import Synchronization

/// Decoded sub-frames that were read lately, for all readers of one log, up to a number of bytes.
///
/// What is kept is known by the checksums of the stored bytes: a block that is written anew, longer
/// or with removed data, is decoded anew. Long scans look here and leave nothing behind, so they do
/// not push out what is read again and again.
final class BlockCache: Sendable {
    private let state: Mutex<State>

    struct Key: Hashable {
        let unit: UInt64
        let checksum: UInt32
        /// That of the sub-frame whose body is the prefix, or 0 where none is needed.
        let prefixChecksum: UInt32

        init(_ unit: UInt64, _ header: BlockHeader) {
            let index = Int(unit - header.first / UInt64(LogLimits.subframeEvents))
            self.unit = unit
            checksum = header.entries[index].checksum
            prefixChecksum =
                header.entries[index].encoding.dependence == .prefixed
                ? header.entries[0].checksum : 0
        }
    }

    fileprivate struct Entry {
        let columns: EventColumns
        let bytes: Int
        var use = Use.notYet
    }

    /// Whether an entry was asked for since it came up for removal.
    fileprivate enum Use {
        case notYet
        case again
    }

    fileprivate struct State {
        var entries: [Key: Entry] = [:]
        /// The keys in the order in which they come up for removal, from `next` on.
        var order: [Key] = []
        var next = 0
        var bytes = 0
    }

    private let bytesMax: Int
    /// The events that are in no block yet.
    let recent = RecentEvents()

    init(bytesMax: Int = LogLimits.blockCacheBytesMax) {
        self.bytesMax = bytesMax
        state = Mutex(State())
    }

    /// Bytes that are kept.
    var bytes: Int { state.withLock(\.bytes) }

    subscript(key: Key) -> EventColumns? {
        state.withLock { state in
            guard let columns = state.entries[key]?.columns else { return nil }
            state.entries[key]?.use = .again
            return columns
        }
    }

    /// Keeps whole columns, and makes room for them.
    func keep(_ columns: EventColumns, for key: Key) {
        let bytes = columns.byteCount
        guard bytes <= bytesMax else { return }
        state.withLock { state in
            guard state.entries[key] == nil else { return }
            state.entries[key] = Entry(columns: columns, bytes: bytes)
            state.order.append(key)
            state.bytes += bytes
            while state.bytes > bytesMax { state.removeNext() }
        }
    }
}

extension BlockCache.State {
    /// Removes the next entry that was not asked for again; the others get another turn.
    fileprivate mutating func removeNext() {
        let key = order[next]
        next += 1
        if entries[key]?.use == .again {
            entries[key]?.use = .notYet
            order.append(key)
        } else if let entry = entries.removeValue(forKey: key) {
            bytes -= entry.bytes
        }
        if 2 * next > order.count {
            order.removeFirst(next)
            next = 0
        }
    }
}

extension EventColumns {
    /// Bytes that the columns take in memory, rounded up.
    var byteCount: Int {
        let perEvent = 16 + 7 + 8 * 4 + 1
        let perText = MemoryLayout<Stream>.stride
        return bytes.count + count * perEvent
            + perText * (kinds.values.count + streams.values.count + tags.values.count)
            + external.values.reduce(1_024) { $0 + $1.count }
    }
}
