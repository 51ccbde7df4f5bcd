internal import JSON
internal import Merkle
internal import Storage

/// What a commit leaves under the key `head`: the newest state from which opening starts.
///
/// Version (1), size (8), root (32), sealed size (8), last recorded (8), wall clock (8), boot clock
/// (8) and boot id (16) at the commit, indexed size (8), CRC-32 (4). In version 1 the indexed size
/// is missing: it was the sealed size.
struct HeadRecord: Equatable {
    /// Events in the log.
    var size: UInt64
    /// No log comes near; what claims more is damaged.
    private static let sizeMax: UInt64 = 1 << 56
    var root: Hash
    /// Events in blocks, a multiple of 256; the others are in the tail.
    var sealedSize: UInt64
    /// Events that the runs cover, a multiple of 256; blocks behind them are short and few.
    var indexedSize: UInt64
    var lastRecorded: Instant
    var clocks: ClockReading

    private static let version: UInt8 = 2
    private static let byteCounts = [1: 89, 2: 97]

    func encode() -> [UInt8] {
        var value = [Self.version]
        value.appendU64(size)
        root.append(to: &value)
        value.appendU64(sealedSize)
        value.appendI64(lastRecorded.microseconds)
        value.appendI64(clocks.wall.microseconds)
        value.appendI64(clocks.boot)
        clocks.bootID.appendBytes(to: &value)
        value.appendU64(indexedSize)
        return Format.sealed(value)
    }

    /// The inverse of ``encode()``, or nil where the value is damaged.
    init?(_ value: Span<UInt8>) {
        guard let end = Format.checkedCount(value, upTo: Self.version),
            end == Self.byteCounts[Int(value[0])]
        else { return nil }
        var reader = ByteReader(value)
        do throws(MalformedBytes) {
            let version = try reader.u8()
            size = try reader.u64()
            guard let root = Hash(bytes: try reader.array(Hash.byteCount)) else { return nil }
            self.root = root
            sealedSize = try reader.u64()
            lastRecorded = Instant(microseconds: try reader.i64())
            clocks = ClockReading(
                wall: Instant(microseconds: try reader.i64()), boot: try reader.i64(),
                bootID: EventID(high: try reader.bigEndian64(), low: try reader.bigEndian64()))
            indexedSize = version == 1 ? sealedSize : try reader.u64()
        } catch {
            return nil
        }
        guard (1...Self.sizeMax).contains(size), sealedSize <= size,
            sealedSize % UInt64(LogLimits.subframeEvents) == 0, indexedSize <= sealedSize,
            indexedSize % UInt64(LogLimits.subframeEvents) == 0,
            (Instant.earliest...Instant.latest).contains(lastRecorded),
            (Instant.earliest...Instant.latest).contains(clocks.wall), clocks.boot >= 0
        else { return nil }
    }

    init(
        size: UInt64, root: Hash, sealedSize: UInt64, indexedSize: UInt64, lastRecorded: Instant,
        clocks: ClockReading
    ) {
        self.size = size
        self.root = root
        self.sealedSize = sealedSize
        self.indexedSize = indexedSize
        self.lastRecorded = lastRecorded
        self.clocks = clocks
    }
}
