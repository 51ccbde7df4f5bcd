internal import Storage

/// The index runs as they must be, compared with those on disk as each is completed.
///
/// Of a run's postings only their number and a keyed sum are kept, so that nothing has to be
/// sorted, and a run of any length takes no memory. Nobody who does not know the key of the process
/// can make other postings with the same sum.
struct ExpectedRuns {
    private var current: RunExtent?
    private var sums = TermSums()
    private var bounds: [TimeBounds] = []
    private var pages = 0
    private var end: UInt64 = 0

    /// Takes up the units of one piece, which lies in one run; answers what is wrong with the runs
    /// that end there.
    mutating func append(
        _ piece: CheckedPiece, in transaction: borrowing ReadTransaction
    ) throws -> [Corruption] {
        guard let first = piece.units.first?.first, let last = piece.units.last else { return [] }
        if current == nil {
            current = try transaction.withCursor(in: Databases.runs) { cursor in
                try RunSearch.firstRun(of: .id, from: first, &cursor).extent
            }
        }
        guard let run = current else { return [] }
        sums.add(piece.sums)
        bounds += piece.units.map(\.bounds)
        end = last.first + UInt64(last.count)
        guard end >= run.end else { return [] }
        defer {
            current = nil
            sums = TermSums()
            bounds = []
        }
        return IndexKind.allCases.compactMap { kind in
            do {
                return try compare(run, kind, transaction)
                    ? nil : Corruption(at: run.first, "the index of \(kind)s is wrong")
            } catch {
                return (error as? Corruption) ?? Corruption(at: run.first, "\(error)")
            }
        }
    }

    /// Whether the run of an index says what the events say.
    private mutating func compare(
        _ run: RunExtent, _ kind: IndexKind, _ transaction: borrowing ReadTransaction
    ) throws -> Bool {
        var keys: [[UInt8]] = []
        defer { pages += keys.count }
        if kind == .time {
            return try RunMerge.bounds(of: run, &keys, in: transaction) == bounds
        }
        var stored = PostingSum()
        for posting in try RunMerge.postings(of: run, kind, &keys, in: transaction) {
            stored.add(posting)
        }
        return stored == sums[kind]
    }

    mutating func finish(
        _ head: HeadRecord, in transaction: borrowing ReadTransaction
    ) throws -> [Corruption] {
        var problems: [Corruption] = []
        if end != head.indexedSize {
            problems.append(Corruption(at: end, "the indexes end at a wrong position"))
        }
        if try transaction.statistics(of: Databases.runs).entries != pages {
            problems.append(Corruption(at: nil, "there are index pages that belong to no events"))
        }
        return problems
    }
}

/// Number and keyed sum of distinct postings, in any order.
struct PostingSum: Equatable, Sendable {
    private var count = 0
    private var sum: UInt64 = 0

    private static let key = UInt64.random(in: .min ... .max)

    mutating func add(_ posting: Posting) {
        count += 1
        let word = UInt64(posting.hash) << 32 | UInt64(posting.unit)
        // Multiplied to 128 bits twice, so that every bit of the word and of the key counts.
        let (high, low) = (word ^ Self.key).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        let (above, below) = (high ^ low ^ Self.key)
            .multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        sum &+= above ^ below
    }

    mutating func add(_ other: PostingSum) {
        count += other.count
        sum &+= other.sum
    }
}

/// The sums of the postings that some units have in the indexes of terms.
struct TermSums: Sendable {
    private var ids = PostingSum()
    private var streams = PostingSum()
    private var tags = PostingSum()

    init() {}

    /// The sums of units that share one unit of the index of identifiers.
    init(of units: [CheckedUnit]) {
        guard let first = units.first?.first else { return }
        let unit = UInt32(truncatingIfNeeded: first >> IndexKind.id.unitShift)
        for hash in units.flatMap(\.terms.ids).distinct() {
            ids.add(Posting(hash: hash, unit: unit))
        }
        for checked in units {
            let unit = UInt32(truncatingIfNeeded: checked.first >> IndexKind.stream.unitShift)
            for hash in checked.terms.streams { streams.add(Posting(hash: hash, unit: unit)) }
            for hash in checked.terms.tags { tags.add(Posting(hash: hash, unit: unit)) }
        }
    }

    mutating func add(_ other: TermSums) {
        ids.add(other.ids)
        streams.add(other.streams)
        tags.add(other.tags)
    }

    /// That of an index of terms; nil for the index of times.
    subscript(kind: IndexKind) -> PostingSum? {
        switch kind {
        case .id: ids
        case .stream: streams
        case .tag: tags
        case .time: nil
        }
    }
}
