internal import Storage

/// The index runs as they must be, compared with those on disk as each is completed.
struct ExpectedRuns {
    private var current: RunExtent?
    private var terms: [EventTerms] = []
    private var bounds: [TimeBounds] = []
    private var pages = 0
    private var end: UInt64 = 0

    /// Takes up the events of one unit; answers what is wrong with runs that end there.
    mutating func append(
        _ events: ArraySlice<Event>, in transaction: borrowing ReadTransaction
    ) throws -> [Corruption] {
        guard let first = events.first?.position.value, let last = events.last?.position.value
        else { return [] }
        if current == nil {
            current = try transaction.withCursor(in: Databases.runs) { cursor in
                try RunSearch.firstRun(of: .id, from: first, &cursor).extent
            }
        }
        guard let run = current else { return [] }
        terms += events.map(EventTerms.init(of:))
        bounds.append(TimeBounds(of: events))
        end = last + 1
        guard end >= run.end else { return [] }
        defer {
            current = nil
            terms = []
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
        let stored = try RunMerge.postings(of: run, kind, &keys, in: transaction)
        return stored == RunPages.sortedPostings(of: terms, kind, first: run.first)
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
