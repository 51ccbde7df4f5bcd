internal import JSON
internal import Merkle
internal import Storage

/// The indexes of a log.
///
/// Each consists of runs: sorted pieces that cover consecutive positions.
enum IndexKind: UInt8, CaseIterable {
    /// Identifiers, so that a retry is recognised.
    case id = 1
    case stream = 2
    /// Tags, and types as terms of their own.
    case tag = 3
    /// Times of occurrence and recording, by unit instead of by hash.
    case time = 4

    /// A posting names the unit of 2^shift positions in which something occurs.
    var unitShift: UInt64 {
        switch self {
        case .id: 12
        case .stream, .tag, .time: 8
        }
    }
}

/// The key of one page of a run: kind (1), first position (8), position behind the run (8), and the
/// first posting of the page: hash (5) and unit (5).
struct RunKey: Equatable {
    let kind: IndexKind
    let first: UInt64
    let end: UInt64
    var hash: UInt64 = 0
    var unit: UInt64 = 0

    static let byteCount = 27

    var bytes: [UInt8] {
        var key = [kind.rawValue]
        Keys.appendBigEndian(first, width: 8, to: &key)
        Keys.appendBigEndian(end, width: 8, to: &key)
        Keys.appendBigEndian(hash, width: 5, to: &key)
        Keys.appendBigEndian(unit, width: 5, to: &key)
        return key
    }

    init(kind: IndexKind, first: UInt64, end: UInt64, hash: UInt64 = 0, unit: UInt64 = 0) {
        self.kind = kind
        self.first = first
        self.end = end
        self.hash = hash
        self.unit = unit
    }

    /// The inverse of ``bytes``, or nil for what is no key of a run.
    init?(_ key: Span<UInt8>) {
        guard key.count == Self.byteCount, let kind = IndexKind(rawValue: key[0]) else {
            return nil
        }
        self.kind = kind
        first = Keys.bigEndian(key, 1..<9)
        end = Keys.bigEndian(key, 9..<17)
        hash = Keys.bigEndian(key, 17..<22)
        unit = Keys.bigEndian(key, 22..<27)
        guard first < end else { return nil }
    }

    func isSameRun(as other: RunKey) -> Bool {
        kind == other.kind && first == other.first && end == other.end
    }
}

/// 40 bits that stand for an identifier, a stream, a tag or a type in an index.
enum TermHash {
    static let bits: UInt64 = 40

    static func of(_ id: EventID) -> UInt64 {
        mix(mix(id.high) ^ id.low) >> (64 - bits)
    }

    static func of(stream: StreamName) -> UInt64 { of(stream.text.utf8, seed: 0) }

    static func of(tag: Substring) -> UInt64 { of(tag.utf8, seed: 0) }

    /// Types share the index of tags; no tag has their hash seed.
    static func of(type: EventType) -> UInt64 { of(type.text.utf8, seed: 1) }

    /// FNV-1a over 64 bits, its offset basis changed by the seed, then the finaliser.
    private static func of(_ text: some Sequence<UInt8>, seed: UInt64) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ seed
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return mix(hash) >> (64 - bits)
    }

    /// The 64-bit finaliser of MurmurHash3.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 33) &* 0xFF51_AFD7_ED55_8CCD
        mixed = (mixed ^ mixed >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return mixed ^ mixed >> 33
    }
}

/// That something with this hash occurs among the positions of this unit.
struct Posting: Hashable, Comparable {
    let hash: UInt64
    let unit: UInt64

    static func < (left: Posting, right: Posting) -> Bool {
        (left.hash, left.unit) < (right.hash, right.unit)
    }
}

/// One page of a run over hashes: postings in Elias-Fano code with their units beside it.
///
/// Version (1), shift of units (1), bits of low parts (1), bits of units (1), number of postings
/// (2), bytes of the upper bits (2), number of the page in its run (4), hash (8) and unit (8) of
/// the next page's first posting, all ones in the last page; then low parts, upper bits and units,
/// each filled up to whole bytes with the lowest bit first; then CRC-32 (4). Hashes are relative to
/// the key's hash, units to the unit of the run's first position.
enum HashPage {
    /// With the key and LMDB's header, a page of the file holds one such value.
    static let bytesMax = 4_076
    /// Stands where no page follows.
    private static let noNext = UInt64.max

    /// What a page holds, and which page must follow it in the run.
    struct Content {
        let postings: [Posting]
        let number: UInt32
        /// The first posting of the next page; nil in the last one.
        let next: Posting?
    }
    private static let postingsMax = 2_048

    /// Divides sorted postings into pages and writes them.
    static func encode(
        _ postings: [Posting], kind: IndexKind, first: UInt64, end: UInt64
    ) -> [(key: RunKey, value: [UInt8])] {
        var pages: [(RunKey, [UInt8])] = []
        var rest = postings[...]
        while let start = rest.first {
            var count = min(rest.count, postingsMax)
            let number = UInt32(pages.count)
            var value = encode(rest, count: count, number: number, kind: kind, first: first)
            while value.count > bytesMax {
                count = max(1, min(count - 1, count * bytesMax / value.count))
                value = encode(rest, count: count, number: number, kind: kind, first: first)
            }
            let key = RunKey(kind: kind, first: first, end: end, hash: start.hash, unit: start.unit)
            pages.append((key, value))
            rest = rest.dropFirst(count)
        }
        return pages
    }

    private static func encode(
        _ all: ArraySlice<Posting>, count: Int, number: UInt32, kind: IndexKind, first: UInt64
    ) -> [UInt8] {
        let postings = all.prefix(count)
        let next = all.dropFirst(count).first
        guard let start = postings.first, let last = postings.last else { return [] }
        let firstUnit = first >> kind.unitShift
        let span = last.hash - start.hash + 1
        let lowBits = bitWidth(span / UInt64(postings.count)) - 1
        let greatestUnit = postings.reduce(0) { max($0, $1.unit - firstUnit) }
        let unitBits = bitWidth(greatestUnit)
        var low = BitWriter()
        var upper = BitWriter()
        var units = BitWriter()
        var bucket: UInt64 = 0
        for posting in postings {
            let hash = posting.hash - start.hash
            low.append(hash, width: max(0, lowBits))
            let next = hash >> UInt64(max(0, lowBits))
            while bucket < next {
                upper.append(0, width: 1)
                bucket += 1
            }
            upper.append(1, width: 1)
            units.append(posting.unit - firstUnit, width: unitBits)
        }
        var value: [UInt8] = [
            Format.version, UInt8(kind.unitShift), UInt8(max(0, lowBits)), UInt8(unitBits),
        ]
        let upperBytes = upper.finish()
        value.appendU16(UInt16(postings.count))
        value.appendU16(UInt16(upperBytes.count))
        value.appendU32(number)
        value.appendU64(next?.hash ?? noNext)
        value.appendU64(next?.unit ?? noNext)
        value.append(contentsOf: low.finish())
        value.append(contentsOf: upperBytes)
        value.append(contentsOf: units.finish())
        return Format.sealed(value)
    }

    /// Bits needed to write `value`; 0 for 0.
    private static func bitWidth(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }

    /// The inverse of the encoding.
    static func decode(_ value: Span<UInt8>, key: RunKey) throws(MalformedBytes) -> Content {
        guard let end = Format.checkedCount(value) else { throw MalformedBytes(offset: 0) }
        var reader = ByteReader(value.extracting(0..<end))
        _ = try reader.u8()
        let shift = UInt64(try reader.u8())
        let lowBits = Int(try reader.u8())
        let unitBits = Int(try reader.u8())
        let count = Int(try reader.u16())
        let upperCount = Int(try reader.u16())
        let number = try reader.u32()
        let next = Posting(hash: try reader.u64(), unit: try reader.u64())
        guard shift < 64, lowBits <= 40, unitBits <= 40 else { throw MalformedBytes(offset: 1) }
        var low = BitReader(try reader.array((count * lowBits + 7) / 8))
        var upper = BitReader(try reader.array(upperCount))
        var units = BitReader(try reader.array((count * unitBits + 7) / 8))
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }
        var postings: [Posting] = []
        postings.reserveCapacity(count)
        var bucket: UInt64 = 0
        for _ in 0..<count {
            guard let zeros = upper.skipZeros() else { throw MalformedBytes(offset: 8) }
            bucket += zeros
            let hash = bucket << UInt64(lowBits) | low.next(width: lowBits)
            let unit = units.next(width: unitBits) + key.first >> shift
            postings.append(Posting(hash: key.hash + hash, unit: unit))
        }
        return Content(
            postings: postings, number: number, next: next.hash == noNext ? nil : next)
    }
}

/// Writes numbers of any width into bytes, lowest bit first.
private struct BitWriter {
    private var bytes: [UInt8] = []
    private var pending: UInt64 = 0
    private var pendingBits = 0

    /// Appends the lowest `width` bits, at most 56.
    mutating func append(_ value: UInt64, width: Int) {
        guard width > 0 else { return }
        pending |= (value & (1 << UInt64(width) - 1)) << UInt64(pendingBits)
        pendingBits += width
        while pendingBits >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: pending))
            pending >>= 8
            pendingBits -= 8
        }
    }

    mutating func finish() -> [UInt8] {
        if pendingBits > 0 { bytes.append(UInt8(truncatingIfNeeded: pending)) }
        return bytes
    }
}

/// The inverse of `BitWriter`; behind its end it reads zeros.
private struct BitReader {
    private let bytes: [UInt8]
    private var next = 0
    private var pending: UInt64 = 0
    private var pendingBits = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next(width: Int) -> UInt64 {
        guard width > 0 else { return 0 }
        while pendingBits < width {
            fill()
        }
        let value = pending & (1 << UInt64(width) - 1)
        pending >>= UInt64(width)
        pendingBits -= width
        return value
    }

    private mutating func fill() {
        let byte = next < bytes.count ? bytes[next] : 0
        pending |= UInt64(byte) << UInt64(pendingBits)
        next += 1
        pendingBits += 8
    }

    /// Steps over zeros and the one behind them; nil where no one follows.
    mutating func skipZeros() -> UInt64? {
        var zeros: UInt64 = 0
        while pending == 0 {
            zeros += UInt64(pendingBits)
            pendingBits = 0
            guard next < bytes.count else { return nil }
            fill()
        }
        let count = pending.trailingZeroBitCount
        zeros += UInt64(count)
        pending >>= UInt64(count)
        pending >>= 1
        pendingBits -= count + 1
        return zeros
    }
}

/// The bounds of time within one unit of 256 positions.
struct TimeBounds: Equatable {
    /// Earliest and latest occurrence; events without a time count at their recording.
    var occurred: ClosedRange<Int64>
    var recorded: ClosedRange<Int64>

    init(occurred: ClosedRange<Int64>, recorded: ClosedRange<Int64>) {
        self.occurred = occurred
        self.recorded = recorded
    }

    init(of events: ArraySlice<Event>) {
        let times = events.map(\.occurred.microseconds)
        let first = events[events.startIndex].recorded.microseconds
        let last = events[events.endIndex - 1].recorded.microseconds
        recorded = first...max(first, last)
        occurred = (times.min() ?? first)...(times.max() ?? first)
    }
}

/// One page of a run of times: the bounds of consecutive units.
///
/// Version (1), shift of units (1), number of units (2), then for each unit: earliest occurrence as
/// the signed step from the unit before, latest minus earliest, first recording as the signed step
/// from the unit before, last minus first; variable numbers; then CRC-32 (4).
enum TimePage {
    private static let unitsMax = 256

    static func encode(
        _ units: [TimeBounds], first: UInt64, end: UInt64
    ) -> [(key: RunKey, value: [UInt8])] {
        let firstUnit = first >> IndexKind.time.unitShift
        return stride(from: 0, to: units.count, by: unitsMax).map { start in
            let page = units[start..<min(start + unitsMax, units.count)]
            var value: [UInt8] = [Format.version, UInt8(IndexKind.time.unitShift)]
            value.appendU16(UInt16(page.count))
            var (occurred, recorded): (Int64, Int64) = (0, 0)
            for unit in page {
                value.appendSignedVarint(unit.occurred.lowerBound - occurred)
                value.appendVarint(UInt64(unit.occurred.upperBound - unit.occurred.lowerBound))
                value.appendSignedVarint(unit.recorded.lowerBound - recorded)
                value.appendVarint(UInt64(unit.recorded.upperBound - unit.recorded.lowerBound))
                occurred = unit.occurred.lowerBound
                recorded = unit.recorded.lowerBound
            }
            let key = RunKey(
                kind: .time, first: first, end: end, unit: firstUnit + UInt64(start))
            return (key, Format.sealed(value))
        }
    }

    /// The inverse of ``encode(_:first:end:)`` for one page; the key's unit is the first.
    static func decode(_ value: Span<UInt8>) throws(MalformedBytes) -> [TimeBounds] {
        guard let end = Format.checkedCount(value) else { throw MalformedBytes(offset: 0) }
        var reader = ByteReader(value.extracting(0..<end))
        _ = try reader.u16()
        let count = Int(try reader.u16())
        var units: [TimeBounds] = []
        var (occurred, recorded): (Int64, Int64) = (0, 0)
        for _ in 0..<count {
            occurred &+= try reader.signedVarint()
            let latest = occurred &+ Int64(bitPattern: try reader.varint())
            recorded &+= try reader.signedVarint()
            let last = recorded &+ Int64(bitPattern: try reader.varint())
            guard latest >= occurred, last >= recorded else {
                throw MalformedBytes(offset: reader.offset)
            }
            units.append(TimeBounds(occurred: occurred...latest, recorded: recorded...last))
        }
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset) }
        return units
    }
}

/// The runs that a block gets when it is sealed, one for each index.
enum BlockRuns {
    static func pages(
        for events: ArraySlice<Event>, first: UInt64
    ) -> [(key: RunKey, value: [UInt8])] {
        let end = first + UInt64(events.count)
        var pages: [(key: RunKey, value: [UInt8])] = []
        for kind in [IndexKind.id, .stream, .tag] {
            let postings = self.postings(of: events, kind).sorted()
            pages += HashPage.encode(postings, kind: kind, first: first, end: end)
        }
        let units = stride(
            from: events.startIndex, to: events.endIndex, by: LogLimits.subframeEvents
        ).map { TimeBounds(of: events[$0..<$0 + LogLimits.subframeEvents]) }
        return pages + TimePage.encode(units, first: first, end: end)
    }

    /// The distinct postings of an index, in no order.
    static func postings(of events: ArraySlice<Event>, _ kind: IndexKind) -> [Posting] {
        var postings = Set<Posting>()
        for event in events {
            let unit = event.position.value >> kind.unitShift
            switch kind {
            case .id: postings.insert(Posting(hash: TermHash.of(event.id), unit: unit))
            case .stream:
                postings.insert(Posting(hash: TermHash.of(stream: event.stream), unit: unit))
            case .tag:
                postings.insert(Posting(hash: TermHash.of(type: event.type), unit: unit))
                for tag in event.tags.texts {
                    postings.insert(Posting(hash: TermHash.of(tag: tag), unit: unit))
                }
            case .time: break
            }
        }
        return Array(postings)
    }
}
