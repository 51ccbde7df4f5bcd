internal import Synchronization

/// Decoded sub-frames that were read lately, for all readers of one log, up to a number of bytes.
///
/// What is kept is known by the checksums of the stored bytes: a block that is written anew, longer
/// or with removed data, is decoded anew. Long scans look here and leave nothing behind, so they do
/// not push out what is read again and again.
final class BlockCache: Sendable {
    private let state: Mutex<BoundedCache<Key, EventColumns>>

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

    /// The events that are in no block yet.
    let recent = RecentEvents()
    /// Where streams were found.
    let streams = KnownStreams()

    init(bytesMax: Int = LogLimits.blockCacheBytesMax) {
        state = Mutex(BoundedCache(bytesMax: bytesMax))
    }

    /// Bytes that are kept.
    var bytes: Int { state.withLock(\.bytes) }

    subscript(key: Key) -> EventColumns? { state.withLock { $0[key] } }

    /// Keeps whole columns, and makes room for them.
    func keep(_ columns: EventColumns, for key: Key) {
        state.withLock { $0.keep(columns, bytes: columns.byteCount, for: key) }
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
