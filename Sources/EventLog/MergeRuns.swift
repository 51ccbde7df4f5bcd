internal import Storage

/// Merging runs, so that a look-up has few of them to search however long the log is.
///
/// Runs have levels: a block's is of level 0, and eight neighbours of one level are merged into one
/// of the next, up to two million positions. A posting is so written at most four times, and a log
/// of n events has ten to thirty runs and one more for every two million events.
enum RunMerge {
    private static let runsMerged = 8
    /// What is merged is at most a third of the log, but for the first level.
    ///
    /// The pages of the runs that go lie scattered, so that no block can use them again: they are
    /// then at most a twentieth of the file.
    private static let shareDivisor: UInt64 = 3

    /// Which neighbours should be merged next, the oldest first; nil where none should.
    static func next(of runs: [KnownRun]) -> Range<Int>? {
        var start = 0
        while start < runs.count {
            let level = level(of: runs[start].extent)
            var end = start
            while end < runs.count, self.level(of: runs[end].extent) == level { end += 1 }
            let isDue =
                end - start >= runsMerged && level < levelMax
                && (level == 0 || isSmall(runs[start..<start + runsMerged], of: runs))
            if isDue { return start..<start + runsMerged }
            start = end
        }
        return nil
    }

    private static func isSmall(_ part: ArraySlice<KnownRun>, of runs: [KnownRun]) -> Bool {
        guard let first = part.first?.extent, let last = part.last?.extent,
            let end = runs.last?.extent.end
        else { return false }
        return (last.end - first.first) * shareDivisor <= end
    }

    private static let levelMax = 3

    private static func level(of run: RunExtent) -> Int {
        var (level, positions) = (0, UInt64(LogLimits.blockEventsMax) * UInt64(runsMerged))
        while level < levelMax, run.end - run.first >= positions {
            level += 1
            positions *= UInt64(runsMerged)
        }
        return level
    }

    /// The pages of the one run that takes the place of neighbouring `runs`.
    ///
    /// Each run and index is read in a snapshot of its own, since a long one would keep pages from
    /// being used again; runs do not change until this one is put in their place.
    static func merge(_ runs: [RunExtent], in environment: Environment) throws -> MergedRun {
        guard let first = runs.first, let last = runs.last else {
            preconditionFailure("a merge has runs to merge")
        }
        var oldKeys: [[UInt8]] = []
        var bounds: [TimeBounds] = []
        for run in runs {
            bounds += try environment.read { try self.bounds(of: run, &oldKeys, in: $0) }
        }
        let whole = RunExtent(first: first.first, end: last.end)
        let new = try NewRun(whole, bounds) { kind in
            mergeSorted(
                try runs.map { run in
                    try environment.read { try postings(of: run, kind, &oldKeys, in: $0) }
                })
        }
        return MergedRun(new: new, replaced: runs, oldKeys: oldKeys)
    }

    /// The filters of a run, read from its pages.
    static func filters(of run: RunExtent, in environment: Environment) throws -> RunFilters {
        var keys: [[UInt8]] = []
        return RunFilters(
            ids: try environment.read { try postings(of: run, .id, &keys, in: $0) },
            streams: try environment.read { try postings(of: run, .stream, &keys, in: $0) })
    }

    /// All postings of a run in their order.
    static func postings(
        of run: RunExtent, _ kind: IndexKind, _ keys: inout [[UInt8]],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [Posting] {
        var postings: [Posting] = []
        try transaction.withCursor(in: Databases.runs) { cursor in
            let first = try RunSearch.firstRun(of: kind, from: run.first, &cursor)
            guard first.extent == run else {
                throw Corruption(at: run.first, "the indexes are not divided alike here")
            }
            try RunSearch.forEachPage(of: first, &cursor) { page, key, value in
                keys.append(key.bytes)
                let start = postings.count
                do throws(MalformedBytes) {
                    try page.forEachPosting(value) { postings.append($0) }
                } catch {
                    throw Corruption(at: key.first, "an index page of \(kind)s is damaged")
                }
                let isOfKey =
                    UInt64(postings[start].hash) == key.hash >> TermHash.keyShift
                    && UInt64(postings[start].unit) == key.unit
                guard isOfKey else {
                    throw Corruption(
                        at: key.first, "an index page of \(kind)s has the key of another")
                }
            }
        }
        // Pages of version 1 are in the order of longer hashes, which these may not be.
        let isSorted = zip(postings, postings.dropFirst()).allSatisfy { $0 < $1 }
        return isSorted ? postings : postings.sorted().distinctInOrder()
    }

    /// The time bounds of a run's units in their order.
    static func bounds(
        of run: RunExtent, _ keys: inout [[UInt8]],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [TimeBounds] {
        var bounds: [TimeBounds] = []
        let units = Int((run.end - run.first) >> IndexKind.time.unitShift)
        try transaction.withCursor(in: Databases.runs) { cursor in
            _ = try RunSearch.firstRun(of: .time, from: run.first, &cursor)
            while bounds.count < units {
                try cursor.withEntry { keyBytes, value in
                    guard let key = RunKey(keyBytes), key.kind == .time, key.extent == run,
                        let page = try? TimePage.decode(value)
                    else { throw Corruption(at: run.first, "an index page of times is damaged") }
                    keys.append(key.bytes)
                    bounds += page
                }
                guard try bounds.count >= units || cursor.next() else { break }
            }
        }
        guard bounds.count == units else {
            throw Corruption(at: run.first, "an index page of times is missing")
        }
        return bounds
    }

    /// One sorted list without repetitions out of several, two by two.
    private static func mergeSorted(_ lists: [[Posting]]) -> [Posting] {
        var lists = lists
        while lists.count > 1 {
            lists = stride(from: 0, to: lists.count, by: 2).map { index in
                guard index + 1 < lists.count else { return lists[index] }
                return mergeSorted(lists[index], with: lists[index + 1])
            }
        }
        return lists.first ?? []
    }

    private static func mergeSorted(_ left: [Posting], with right: [Posting]) -> [Posting] {
        var merged: [Posting] = []
        merged.reserveCapacity(left.count + right.count)
        var (one, other) = (0, 0)
        while one < left.count, other < right.count {
            if left[one] < right[other] {
                merged.append(left[one])
                one += 1
            } else {
                // Where both are equal, the left one is passed over.
                if left[one] == right[other] { one += 1 }
                merged.append(right[other])
                other += 1
            }
        }
        merged += left[one...]
        merged += right[other...]
        return merged
    }
}

/// A run that was built beside the log and waits to take the place of others.
struct MergedRun: Sendable {
    let new: NewRun
    let replaced: [RunExtent]
    /// Keys of the pages that go.
    let oldKeys: [[UInt8]]
}
