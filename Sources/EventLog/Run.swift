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

/// The positions that a run covers; runs of one index follow each other without gaps.
package struct RunExtent: Equatable, Sendable {
    package let first: UInt64
    /// First position behind the run.
    package let end: UInt64

    package init(first: UInt64, end: UInt64) {
        self.first = first
        self.end = end
    }
}

/// The key of one page of a run: kind (1), first position (8), position behind the run (8), and the
/// first posting of the page: hash (5) and unit (5).
struct RunKey: Equatable {
    let kind: IndexKind
    let first: UInt64
    let end: UInt64
    /// 40 bits; the lowest 8 are zero in pages of version 2.
    var hash: UInt64 = 0
    var unit: UInt64 = 0

    static let byteCount = 27

    var bytes: [UInt8] {
        [UInt8](capacity: Self.byteCount) { key in
            key.append(kind.rawValue)
            Keys.appendBigEndian(first, width: 8, to: &key)
            Keys.appendBigEndian(end, width: 8, to: &key)
            Keys.appendBigEndian(hash, width: 5, to: &key)
            Keys.appendBigEndian(unit, width: 5, to: &key)
        }
    }

    init(kind: IndexKind, first: UInt64, end: UInt64, hash: UInt64 = 0, unit: UInt64 = 0) {
        self.kind = kind
        self.first = first
        self.end = end
        self.hash = hash
        self.unit = unit
    }

    /// The key of the page of a run that begins with `posting`.
    init(kind: IndexKind, _ run: RunExtent, _ posting: Posting) {
        self.init(
            kind: kind, first: run.first, end: run.end,
            hash: UInt64(posting.hash) << TermHash.keyShift, unit: UInt64(posting.unit))
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

    var extent: RunExtent { RunExtent(first: first, end: end) }

    func isSameRun(as other: RunKey) -> Bool {
        kind == other.kind && first == other.first && end == other.end
    }
}

/// 32 bits that stand for an identifier, a stream, a tag or a type in an index.
///
/// In a run of two million positions, one look-up of two thousand meets the hash of something else,
/// which costs it the decoding of a block.
enum TermHash {
    /// Keys and pages of version 1 have 40 bits of the hash, these 32 and 8 lower ones.
    static let keyShift: UInt64 = 8

    static func of(_ id: EventID) -> UInt32 { upper(mix(mix(id.high) ^ id.low)) }

    static func of(stream: StreamName) -> UInt32 { of(streamName: stream.text.utf8Span.span) }

    static func of(streamName: Span<UInt8>) -> UInt32 { of(streamName, seed: 0) }

    static func of(tag: Tag) -> UInt32 { of(tag.text.utf8Span.span, seed: 0) }

    /// The hash of each tag.
    static func of(tags: Tags) -> [UInt32] {
        let joined = tags.joined.utf8Span.span
        var hashes: [UInt32] = []
        var start = 0
        while start < joined.count {
            var end = start
            while end < joined.count, joined[end] != Tags.separator { end += 1 }
            hashes.append(of(joined.extracting(start..<end), seed: 0))
            start = end + 1
        }
        return hashes
    }

    /// Types share the index of tags; no tag has their hash seed.
    static func of(type: EventType) -> UInt32 { of(type.text.utf8Span.span, seed: 1) }

    /// FNV-1a over 64 bits, its offset basis changed by the seed, then the finaliser.
    private static func of(_ text: Span<UInt8>, seed: UInt64) -> UInt32 {
        var hash = fnvBasis ^ seed
        for index in text.indices { hash = (hash ^ UInt64(text[index])) &* fnvPrime }
        return upper(mix(hash))
    }

    private static let fnvBasis: UInt64 = 0xCBF2_9CE4_8422_2325
    private static let fnvPrime: UInt64 = 0x0000_0100_0000_01B3

    private static func upper(_ hash: UInt64) -> UInt32 { UInt32(hash >> 32) }

    /// The 64-bit finaliser of MurmurHash3.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ mixed >> 33) &* 0xFF51_AFD7_ED55_8CCD
        mixed = (mixed ^ mixed >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return mixed ^ mixed >> 33
    }
}

/// That something with this hash occurs among the positions of this unit.
///
/// One word, so that sorting and merging compare numbers: first by hash, then by unit.
struct Posting: Hashable, Comparable {
    private let word: UInt64

    var hash: UInt32 { UInt32(truncatingIfNeeded: word >> 32) }
    var unit: UInt32 { UInt32(truncatingIfNeeded: word) }

    init(hash: UInt32, unit: UInt32) { word = UInt64(hash) << 32 | UInt64(unit) }

    /// The first posting that a hash can have.
    init(firstOf hash: UInt32) { self.init(hash: hash, unit: 0) }

    static func < (left: Posting, right: Posting) -> Bool { left.word < right.word }
}

/// The terms under which one event is found, hashed once by whoever appends it.
struct EventTerms: Equatable, Sendable {
    let id: UInt32
    let stream: UInt32
    let type: UInt32
    let tags: [UInt32]

    init(id: EventID, stream: StreamName, type: EventType, tags: Tags) {
        self.id = TermHash.of(id)
        self.stream = TermHash.of(stream: stream)
        self.type = TermHash.of(type: type)
        self.tags = TermHash.of(tags: tags)
    }

    init(of event: Event) {
        self.init(id: event.id, stream: event.stream, type: event.type, tags: event.tags)
    }
}

/// A run of each index over the same positions, as it is to be written.
struct NewRun: Sendable {
    typealias Page = (key: RunKey, value: [UInt8])

    let extent: RunExtent
    private(set) var pages: [Page] = []
    let filters: RunFilters

    var known: KnownRun { KnownRun(extent: extent, filters: filters) }

    /// The run over what `postings` of each index tell, and over the time bounds of its units.
    init(
        _ extent: RunExtent, _ bounds: [TimeBounds],
        postings: (IndexKind) throws -> [Posting]
    ) rethrows {
        self.extent = extent
        let (ids, streams) = (try postings(.id), try postings(.stream))
        filters = RunFilters(ids: ids, streams: streams)
        pages += HashPage.encode(ids, kind: .id, run: extent)
        pages += HashPage.encode(streams, kind: .stream, run: extent)
        pages += HashPage.encode(try postings(.tag), kind: .tag, run: extent)
        pages += TimePage.encode(bounds, run: extent)
    }

    /// The run over whole units from the position `first` on.
    init(of units: ArraySlice<PendingUnit>, first: UInt64) {
        let events = units.flatMap(\.events)
        let bounds = units.map { TimeBounds(of: $0.events[...]) }
        self.init(RunExtent(first: first, end: first + UInt64(events.count)), bounds) { kind in
            Self.sortedPostings(of: events, kind, first: first)
        }
    }

    /// The distinct postings of an index in their order.
    private static func sortedPostings(
        of events: [PendingEvent], _ kind: IndexKind, first: UInt64
    ) -> [Posting] {
        var postings: [Posting] = []
        postings.reserveCapacity(events.count)
        for (offset, pending) in events.enumerated() {
            let event = pending.sent.terms
            let unit = UInt32((first + UInt64(offset)) >> kind.unitShift)
            switch kind {
            case .id: postings.append(Posting(hash: event.id, unit: unit))
            case .stream: postings.append(Posting(hash: event.stream, unit: unit))
            case .tag:
                postings.append(Posting(hash: event.type, unit: unit))
                for tag in event.tags { postings.append(Posting(hash: tag, unit: unit)) }
            case .time: break
            }
        }
        postings.sort()
        return postings.distinctInOrder()
    }
}

extension [Posting] {
    /// The hashes of sorted postings, each once.
    var distinctHashes: [UInt32] {
        var hashes: [UInt32] = []
        hashes.reserveCapacity(count)
        for posting in self where hashes.last != posting.hash { hashes.append(posting.hash) }
        return hashes
    }

    /// The postings without repetitions; they come sorted.
    func distinctInOrder() -> [Posting] {
        var distinct: [Posting] = []
        distinct.reserveCapacity(count)
        for posting in self where distinct.last != posting { distinct.append(posting) }
        return distinct
    }
}
