/// Tells of most hashes that a run does not have them, without a look at its pages.
///
/// A split block Bloom filter (Putze, Sanders, Singler 2007; the layout is that of Parquet): a hash
/// sets one bit in each of the eight words of one block of 32 bytes, so that asking costs one line
/// of the cache. With twelve bits for each hash, about one of 180 strangers is let through, and
/// costs a look into the run. It is kept in memory only.
package struct TermFilter: Equatable, Sendable {
    private var blocks: [SIMD8<UInt32>]

    static let bitsOfHash = 12
    private static let bitsOfBlock = 256

    /// A hash as all filters ask for it.
    struct Probe {
        let hash: UInt32
        /// One bit in each word of a block.
        let bits: SIMD8<UInt32>

        private static let salts = SIMD8<UInt32>(
            0x47B6_137B, 0x4497_4D91, 0x8824_AD5B, 0xA2B7_289D,
            0x7054_95C7, 0x2DF1_424B, 0x9EFC_4947, 0x5C6B_FB31)

        /// Hashes of one block have their upper bits in common, so all bits are mixed (the 32-bit
        /// finaliser of MurmurHash3).
        init(_ hash: UInt32) {
            self.hash = hash
            var mixed = hash
            mixed = (mixed ^ mixed >> 16) &* 0x85EB_CA6B
            mixed = (mixed ^ mixed >> 13) &* 0xC2B2_AE35
            mixed ^= mixed >> 16
            bits = SIMD8(repeating: 1) &<< ((Self.salts &* mixed) &>> 27)
        }
    }

    /// A filter of distinct hashes.
    package init(_ hashes: [UInt32]) {
        let count = hashes.count * Self.bitsOfHash / Self.bitsOfBlock + 1
        blocks = Array(repeating: .zero, count: count)
        for hash in hashes {
            let probe = Probe(hash)
            blocks[place(of: probe)] |= probe.bits
        }
    }

    package var byteCount: Int { blocks.count * Self.bitsOfBlock / 8 }

    /// False where the hash is certainly not among those of the run.
    package func mayContain(_ hash: UInt32) -> Bool { mayContain(Probe(hash)) }

    func mayContain(_ probe: Probe) -> Bool {
        blocks[place(of: probe)] & probe.bits == probe.bits
    }

    /// The upper bits of a hash choose its block.
    private func place(of probe: Probe) -> Int {
        Int((UInt64(probe.hash) * UInt64(blocks.count)) >> 32)
    }
}

/// The filters of a run's identifiers and streams, which every append asks for.
package struct RunFilters: Equatable, Sendable {
    let ids: TermFilter
    let streams: TermFilter

    package init(ids: TermFilter, streams: TermFilter) {
        self.ids = ids
        self.streams = streams
    }

    /// The filters of what sorted postings name.
    init(ids: [Posting], streams: [Posting]) {
        self.ids = TermFilter(ids.distinctHashes)
        self.streams = TermFilter(streams.distinctHashes)
    }

    package var byteCount: Int { ids.byteCount + streams.byteCount }

    /// More than the filters of so many events take.
    static func byteCountMax(events: UInt64) -> Int {
        2 * (Int(events) * TermFilter.bitsOfHash / 8 + 64)
    }
}

/// A run as the writer knows it.
package struct KnownRun: Equatable, Sendable {
    package let extent: RunExtent
    /// Nil for what was there when the log was opened, until it has been read beside the writer,
    /// and for the oldest runs where the filters of all would take too much.
    package var filters: RunFilters?

    package init(extent: RunExtent, filters: RunFilters?) {
        self.extent = extent
        self.filters = filters
    }

    func mayContain(_ probe: TermFilter.Probe, _ kind: IndexKind) -> Bool {
        guard let filters else { return true }
        return switch kind {
        case .id: filters.ids.mayContain(probe)
        case .stream: filters.streams.mayContain(probe)
        case .tag, .time: true
        }
    }
}

extension [KnownRun] {
    /// False where certainly none of the runs has the hash.
    func mayContain(_ hash: UInt32, _ kind: IndexKind) -> Bool {
        let probe = TermFilter.Probe(hash)
        for index in indices where self[index].mayContain(probe, kind) { return true }
        return false
    }

    /// The newest run that has no filters, if there is memory for them.
    package func nextWithoutFilters(
        bytesMax: Int = LogLimits.runFilterBytesMax
    ) -> RunExtent? {
        guard let next = last(where: { $0.filters == nil })?.extent else { return nil }
        let bytes = RunFilters.byteCountMax(events: next.end - next.first)
        return filterBytes + bytes <= bytesMax ? next : nil
    }

    /// Gives a run its filters; one that has been merged meanwhile does not need them any more.
    mutating func setFilters(_ filters: RunFilters, of extent: RunExtent) {
        guard let index = firstIndex(where: { $0.extent == extent }) else { return }
        self[index].filters = filters
    }

    /// Lets go of the oldest filters until the others have room.
    package mutating func boundFilters(bytesMax: Int = LogLimits.runFilterBytesMax) {
        var bytes = filterBytes
        for index in indices where bytes > bytesMax {
            bytes -= self[index].filters?.byteCount ?? 0
            self[index].filters = nil
        }
    }

    private var filterBytes: Int { reduce(0) { $0 + ($1.filters?.byteCount ?? 0) } }
}
