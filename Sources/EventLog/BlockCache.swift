internal import Synchronization

/// Decoded sub-frames that were read lately, for all readers of one log, up to a number of bytes.
///
/// What is kept is known by the checksums of the stored bytes: a block that is written anew, longer
/// or with removed data, is decoded anew. Long scans look here and leave nothing behind, so they do
/// not push out what is read again and again.
final class BlockCache: Sendable {
    private let state: Mutex<BoundedCache<Key, Kept>>

    /// What is kept of a sub-frame.
    private enum Kept {
        case columns(EventColumns)
        /// The body alone, which others of the block need as prefix.
        case body([UInt8])
    }

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

        /// The key of the block's first sub-frame.
        init(prefixOf header: BlockHeader) {
            self.init(header.first / UInt64(LogLimits.subframeEvents), header)
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

    subscript(key: Key) -> EventColumns? {
        guard case .columns(let columns) = state.withLock({ $0[key] }) else { return nil }
        return columns
    }

    /// The body of the block's first sub-frame, which others need as prefix.
    func prefix(of header: BlockHeader) -> [UInt8]? {
        switch state.withLock({ $0[Key(prefixOf: header)] }) {
        case .columns(let columns): columns.bytes
        case .body(let body): body
        case nil: nil
        }
    }

    /// Keeps whole columns, and makes room for them.
    func keep(_ columns: EventColumns, for key: Key) {
        state.withLock { $0.keep(.columns(columns), bytes: columns.byteCount, for: key) }
    }

    /// Keeps the body of the block's first sub-frame: 15 others may be decoded with it.
    func keep(prefix body: [UInt8], of header: BlockHeader) {
        state.withLock { state in
            let key = Key(prefixOf: header)
            if state[key] == nil { state.keep(.body(body), bytes: body.count + 256, for: key) }
        }
    }
}

extension EventColumns {
    /// Bytes that the columns take in memory, rounded up.
    var byteCount: Int {
        let perEvent = 16 + 7 + 8 * 3 + 1
        let perText = MemoryLayout<Stream>.stride
        let texts =
            kinds.values.count + streams.values.count + tags.values.count + sources.values.count
            + attributes.values.count
        let perID = MemoryLayout<EventID?>.stride
        return bytes.count + count * perEvent + perText * texts
            + perID * (causes.values.count + correlations.values.count)
            + 8 * (data?.lengths.count ?? 0)
            + external.values.reduce(1_024) { $0 + $1.count }
    }
}
