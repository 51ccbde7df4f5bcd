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

/// Tells numbers that come for the first time from others.
private struct DistinctNumbers {
    /// Each number with a bit above it, so that zero stands for none; a power of two.
    private var slots: [UInt64]

    /// Keyed by the process: nobody can choose numbers that crowd.
    private static let key = UInt64.random(in: .min ... .max) | 1

    /// For at most so many numbers.
    init(expecting count: Int) {
        var size = 16
        while size < 2 * count { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
    }

    mutating func insert(_ number: UInt32) -> Bool {
        let entry = UInt64(number) | 1 << 32
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: (entry &* Self.key) >> 32) & mask
        while slots[slot] != 0 {
            if slots[slot] == entry { return false }
            slot = (slot + 1) & mask
        }
        slots[slot] = entry
        return true
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
        var known = DistinctNumbers(expecting: units.reduce(0) { $0 + $1.count })
        for checked in units {
            for id in checked.ids {
                let hash = TermHash.of(id)
                if known.insert(hash) { ids.add(Posting(hash: hash, unit: unit)) }
            }
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
