internal import Storage

/// One page of a run over hashes: postings in Elias-Fano code with their units beside it.
///
/// Version (1), shift of units (1), bits of low parts (1), bits of units (1), number of postings
/// (2), bytes of the upper bits (2), number of the page in its run (4), hash (8) and unit (8) of
/// the next page's first posting, all ones in the last page; then low parts, upper bits and units,
/// each filled up to whole bytes with the lowest bit first; then CRC-32 (4). Hashes are relative to
/// the key's hash, units to the unit of the run's first position. Hashes have 32 bits; in pages of
/// version 1, which are read and no longer written, they have 40.
struct HashPage {
    /// With the key and LMDB's header, a page of the file holds one such value.
    static let bytesMax = 4_076
    static let version: UInt8 = 2
    private static let headerBytes = 28
    private static let postingsMax = 4_096
    /// Stands where no page follows.
    private static let noNext = UInt64.max

    /// Number of the page in its run, from 0.
    let number: UInt32
    /// The key of the page that follows; nil in the last one.
    let next: RunKey?
    private let key: RunKey
    /// Lower bits of the stored hashes that the key of a term does not have.
    private let surplusBits: UInt64
    private let lowBits: Int
    private let unitBits: Int
    private let count: Int
    private let upperBytes: Int

    /// Reads the header of a page; its checksum and lengths are then known to be right.
    init(_ value: Span<UInt8>, key: RunKey) throws(MalformedBytes) {
        guard let end = Format.checkedCount(value, upTo: Self.version) else {
            throw MalformedBytes(offset: 0)
        }
        var reader = ByteReader(value.extracting(0..<end))
        let version = try reader.u8()
        surplusBits = version == 1 ? TermHash.keyShift : 0
        let shift = UInt64(try reader.u8())
        lowBits = Int(try reader.u8())
        unitBits = Int(try reader.u8())
        count = Int(try reader.u16())
        upperBytes = Int(try reader.u16())
        number = try reader.u32()
        let next = (hash: try reader.u64(), unit: try reader.u64())
        guard shift == key.kind.unitShift, lowBits <= 40, unitBits <= 40, count > 0,
            reader.remaining == Self.bytes(count, lowBits) + upperBytes
                + Self.bytes(count, unitBits)
        else { throw MalformedBytes(offset: 1) }
        self.key = key
        self.next =
            next.hash == Self.noNext
            ? nil
            : RunKey(
                kind: key.kind, first: key.first, end: key.end, hash: next.hash, unit: next.unit)
    }

    private static func bytes(_ count: Int, _ width: Int) -> Int { (count * width + 7) / 8 }

    private var lowStart: Int { Self.headerBytes }
    private var upperStart: Int { lowStart + Self.bytes(count, lowBits) }
    private var unitStart: Int { upperStart + upperBytes }
    private var firstUnit: UInt64 { key.first >> key.kind.unitShift }
    private var base: UInt64 { key.hash >> (TermHash.keyShift - surplusBits) }

    /// Visits the page's postings in their order; `value` is what the page was read from.
    func forEachPosting(
        _ value: Span<UInt8>, _ visit: (Posting) -> Void
    ) throws(MalformedBytes) {
        var (bit, index) = (0, 0)
        while index < count {
            let width = min(56, upperBytes * 8 - bit)
            guard width > 0 else { throw MalformedBytes(offset: upperStart) }
            var ones = value.bits(at: upperStart * 8 + bit, width: width)
            while ones != 0, index < count {
                let bucket = UInt64(bit + ones.trailingZeroBitCount - index)
                visit(posting(value, at: index, bucket: bucket))
                index += 1
                ones &= ones - 1
            }
            bit += width
        }
    }

    /// Where a search among the upper bits stands: so many bits on, with so many zeros before.
    struct Place {
        fileprivate var bit = 0
        fileprivate var zeros = 0
    }

    /// Calls `visit` with each unit in which a term of this hash may occur.
    ///
    /// Counts zeros in the upper bits up to the hash's bucket and looks at that bucket only. The
    /// place is where the search for a smaller hash ended, or the beginning.
    func forEachUnit(
        of hash: UInt32, _ value: Span<UInt8>, from place: inout Place, _ visit: (UInt32) -> Void
    ) throws(MalformedBytes) {
        // The bucket of the smallest stored hash that the term's 32 bits can stand for.
        let wanted = UInt64(hash) << surplusBits
        let bucket = wanted > base ? (wanted - base) >> UInt64(lowBits) : 0
        guard moveBehindZeros(bucket, value, &place) else { return }
        var (bit, index) = (place.bit, place.bit - place.zeros)
        while index < count {
            guard let one = nextOne(value, from: bit) else {
                throw MalformedBytes(offset: upperStart)
            }
            let found = posting(value, at: index, bucket: UInt64(one - index))
            if found.hash > hash { return }
            if found.hash == hash { visit(found.unit) }
            bit = one + 1
            index += 1
        }
    }

    private func posting(_ value: Span<UInt8>, at index: Int, bucket: UInt64) -> Posting {
        let low = value.bits(at: lowStart * 8 + index * lowBits, width: lowBits)
        let hash = (base &+ (bucket << UInt64(lowBits) | low)) >> surplusBits
        let unit = value.bits(at: unitStart * 8 + index * unitBits, width: unitBits) &+ firstUnit
        return Posting(
            hash: UInt32(truncatingIfNeeded: hash), unit: UInt32(truncatingIfNeeded: unit))
    }

    /// The place of the first one among the upper bits from `bit` on.
    private func nextOne(_ value: Span<UInt8>, from bit: Int) -> Int? {
        var bit = bit
        while bit < upperBytes * 8 {
            let width = min(56, upperBytes * 8 - bit)
            let word = value.bits(at: upperStart * 8 + bit, width: width)
            if word != 0 { return bit + word.trailingZeroBitCount }
            bit += width
        }
        return nil
    }

    /// Moves on to behind so many zeros among the upper bits; false where there are fewer.
    private func moveBehindZeros(
        _ wanted: UInt64, _ value: Span<UInt8>, _ place: inout Place
    ) -> Bool {
        let wanted = Int(truncatingIfNeeded: wanted)
        while place.zeros < wanted {
            let left = wanted - place.zeros
            let width = min(56, upperBytes * 8 - place.bit)
            guard width > 0 else { return false }
            let word = value.bits(at: upperStart * 8 + place.bit, width: width)
            let zeros = width - word.nonzeroBitCount
            if zeros < left {
                place.zeros += zeros
                place.bit += width
                continue
            }
            var open = ~word
            for _ in 1..<left { open &= open - 1 }
            place.bit += open.trailingZeroBitCount + 1
            place.zeros = wanted
        }
        return true
    }
}

// Writing.
extension HashPage {
    /// Divides sorted, distinct postings into pages and writes them.
    ///
    /// How they are divided follows from the postings and the run alone.
    static func encode(
        _ postings: [Posting], kind: IndexKind, run: RunExtent
    ) -> [NewRun.Page] {
        var pages: [NewRun.Page] = []
        let unitBits = bitWidth((run.end - 1) >> kind.unitShift - run.first >> kind.unitShift)
        var rest = postings[...]
        while let start = rest.first {
            let count = fittingCount(rest, unitBits)
            let next = rest.dropFirst(count).first
            var value: [UInt8] = []
            value.reserveCapacity(bytesMax)
            value.append(version)
            value.append(UInt8(kind.unitShift))
            let page = rest.prefix(count)
            let lowBits = Self.lowBits(page)
            value.append(UInt8(lowBits))
            value.append(UInt8(unitBits))
            value.appendU16(UInt16(count))
            value.appendU16(UInt16(upperBytes(page, lowBits)))
            value.appendU32(UInt32(pages.count))
            value.appendU64(next.map { UInt64($0.hash) << TermHash.keyShift } ?? noNext)
            value.appendU64(next.map { UInt64($0.unit) } ?? noNext)
            appendBits(page, lowBits, unitBits, firstUnit: run.first >> kind.unitShift, to: &value)
            pages.append((RunKey(kind: kind, run, start), Format.sealed(value)))
            rest = rest.dropFirst(count)
        }
        return pages
    }

    private static func appendBits(
        _ page: ArraySlice<Posting>, _ lowBits: Int, _ unitBits: Int, firstUnit: UInt64,
        to value: inout [UInt8]
    ) {
        let base = page.first?.hash ?? 0
        var low = BitWriter()
        for posting in page { low.append(UInt64(posting.hash - base), width: lowBits) }
        value += low.finish()
        var upper = BitWriter()
        var bucket: UInt64 = 0
        for posting in page {
            let next = UInt64(posting.hash - base) >> UInt64(lowBits)
            while bucket < next {
                let zeros = min(56, next - bucket)
                upper.append(0, width: Int(zeros))
                bucket += zeros
            }
            upper.append(1, width: 1)
        }
        value += upper.finish()
        var units = BitWriter()
        for posting in page { units.append(UInt64(posting.unit) - firstUnit, width: unitBits) }
        value += units.finish()
    }

    /// The most postings of which one page can be made.
    private static func fittingCount(_ postings: ArraySlice<Posting>, _ unitBits: Int) -> Int {
        var (fits, tooMany) = (1, min(postings.count, postingsMax) + 1)
        while tooMany - fits > 1 {
            let count = (fits + tooMany) / 2
            let page = postings.prefix(count)
            let lowBits = Self.lowBits(page)
            let size =
                headerBytes + bytes(count, lowBits) + upperBytes(page, lowBits)
                + bytes(count, unitBits) + 4
            if size <= bytesMax { fits = count } else { tooMany = count }
        }
        return fits
    }

    private static func span(_ page: ArraySlice<Posting>) -> UInt64 {
        guard let first = page.first, let last = page.last else { return 0 }
        return UInt64(last.hash - first.hash)
    }

    private static func lowBits(_ page: ArraySlice<Posting>) -> Int {
        max(0, bitWidth((span(page) + 1) / UInt64(page.count)) - 1)
    }

    private static func upperBytes(_ page: ArraySlice<Posting>, _ lowBits: Int) -> Int {
        (Int(span(page) >> UInt64(lowBits)) + page.count + 7) / 8
    }

    private static func bitWidth(_ value: UInt64) -> Int { 64 - value.leadingZeroBitCount }
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
