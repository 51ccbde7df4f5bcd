internal import Storage

/// Looks terms up in the runs of an index.
enum RunSearch {
    /// For each hash, the units from `firstUnit` on in which it may occur, ascending.
    ///
    /// Hashes come sorted and without duplicates. A hash costs a search in each run. Pages that
    /// LMDB does not show are noticed: the runs must cover all positions below `indexedSize`, and
    /// each page says which one follows.
    static func units(
        of hashes: [UInt32], kind: IndexKind, from firstUnit: UInt64 = 0, indexedSize: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [[UInt64]] {
        var found = [[UInt64]](repeating: [], count: hashes.count)
        guard !hashes.isEmpty else { return found }
        try transaction.withCursor(in: Databases.runs) { cursor in
            var position: UInt64 = 0
            while position < indexedSize {
                let run = try firstRun(of: kind, from: position, &cursor)
                if (run.end - 1) >> kind.unitShift >= firstUnit {
                    guard try move(to: hashes[0], in: run, &cursor) else { throw gap(run) }
                    try search(run, hashes, &cursor) { index, unit in
                        if unit >= firstUnit, found[index].last != unit {
                            found[index].append(unit)
                        }
                    }
                }
                position = run.end
            }
        }
        ascend(&found)
        return found
    }

    /// The units of a hash in these runs alone, ascending; nil where one of them is not there.
    ///
    /// Runs are merged, so a reader cannot know whether those that it saw last are there still.
    static func units(
        of hash: UInt32, kind: IndexKind, from firstUnit: UInt64, runs: [RunExtent],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [UInt64]? {
        var found: [[UInt64]] = [[]]
        let isWhole = try transaction.withCursor(in: Databases.runs) { cursor in
            for run in runs where (run.end - 1) >> kind.unitShift >= firstUnit {
                let run = RunKey(kind: kind, first: run.first, end: run.end)
                guard try move(to: hash, in: run, &cursor) else { return false }
                try search(run, [hash], &cursor) { _, unit in
                    if unit >= firstUnit, found[0].last != unit { found[0].append(unit) }
                }
            }
            return true
        }
        ascend(&found)
        return isWhole ? found[0] : nil
    }

    /// The same in all runs that the writer knows; those whose filters deny all are not touched.
    static func units(
        of hashes: [UInt32], kind: IndexKind, runs: [KnownRun],
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [[UInt64]] {
        var found = [[UInt64]](repeating: [], count: hashes.count)
        guard !hashes.isEmpty else { return found }
        let probes = hashes.map(TermFilter.Probe.init)
        try transaction.withCursor(in: Databases.runs) { cursor in
            for run in runs {
                let places = probes.indices.filter { run.mayContain(probes[$0], kind) }
                guard !places.isEmpty else { continue }
                let key = RunKey(kind: kind, first: run.extent.first, end: run.extent.end)
                guard try move(to: hashes[places[0]], in: key, &cursor) else { throw gap(key) }
                try search(key, places.map { hashes[$0] }, &cursor) { index, unit in
                    if found[places[index]].last != unit { found[places[index]].append(unit) }
                }
            }
        }
        ascend(&found)
        return found
    }

    /// Pages of version 1 have the units of longer hashes one after the other.
    private static func ascend(_ found: inout [[UInt64]]) {
        for index in found.indices where !zip(found[index], found[index].dropFirst()).allSatisfy(<)
        {
            found[index] = Set(found[index]).sorted()
        }
    }

    /// The run of `kind` that begins at `position`; the cursor then stands on its first page.
    static func firstRun(
        of kind: IndexKind, from position: UInt64, _ cursor: inout Cursor
    ) throws -> RunKey {
        let start = RunKey(kind: kind, first: position, end: 0)
        guard try cursor.seek(atOrAfter: start.bytes), let key = key(&cursor), key.kind == kind,
            key.first == position
        else { throw Corruption(at: position, "the index of \(kind)s has a gap here") }
        return key
    }

    /// What the runs of an index, and so of all, cover from position 0 to `indexedSize`.
    static func extents(
        of kind: IndexKind = .id, indexedSize: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [RunExtent] {
        var extents: [RunExtent] = []
        try transaction.withCursor(in: Databases.runs) { cursor in
            var position: UInt64 = 0
            while position < indexedSize {
                let run = try firstRun(of: kind, from: position, &cursor)
                extents.append(run.extent)
                position = run.end
            }
        }
        return extents
    }

    /// Visits the pages of a run in their order; the cursor stands on the first.
    static func forEachPage(
        of run: RunKey, _ cursor: inout Cursor,
        _ visit: (HashPage, RunKey, Span<UInt8>) throws -> Void
    ) throws {
        var number: UInt32 = 0
        var expected: RunKey? = key(&cursor)
        while let wanted = expected {
            guard key(&cursor) == wanted else { throw gap(run) }
            expected = try withPage(&cursor, of: run) { page, key, value in
                guard page.number == number else { throw gap(run) }
                try visit(page, key, value)
                return page.next
            }
            number += 1
            if expected != nil, try !cursor.next() { throw gap(run) }
        }
    }

    /// Looks up sorted hashes in a run; the cursor stands where the first may be.
    private static func search(
        _ run: RunKey, _ hashes: [UInt32], _ cursor: inout Cursor,
        _ visit: (_ index: Int, _ unit: UInt64) -> Void
    ) throws {
        var index = 0
        var expected: RunKey?
        while index < hashes.count {
            let target = RunKey(kind: run.kind, run.extent, Posting(firstOf: hashes[index]))
            let next = try withPage(&cursor, of: run) { page, key, value in
                // Before what the first page begins with there is nothing.
                let isBefore = (target.hash, target.unit) < (key.hash, key.unit)
                if expected == nil, isBefore, page.number != 0 { throw gap(run) }
                if let expected, expected != key { throw gap(run) }
                try collect(hashes, &index, page, key, value, visit)
                return page.next
            }
            guard let next, index < hashes.count else { return }
            expected = try advance(to: hashes[index], before: next, &cursor, run)
        }
    }

    /// Moves to the last page of a run that begins at or before a hash, or to the first page where
    /// none does; false where the run has no page.
    private static func move(
        to hash: UInt32, in run: RunKey, _ cursor: inout Cursor
    ) throws -> Bool {
        let target = RunKey(kind: run.kind, run.extent, Posting(firstOf: hash))
        if try cursor.seek(atOrBefore: target.bytes), key(&cursor)?.isSameRun(as: run) ?? false {
            return true
        }
        return try cursor.seek(atOrAfter: run.bytes) && key(&cursor)?.isSameRun(as: run) ?? false
    }

    /// Moves on to the page that comes next for a hash, and answers its key where it is known.
    private static func advance(
        to hash: UInt32, before next: RunKey, _ cursor: inout Cursor, _ run: RunKey
    ) throws -> RunKey? {
        let target = RunKey(kind: run.kind, run.extent, Posting(firstOf: hash))
        guard next.hash < target.hash else {
            guard try cursor.next() else { throw gap(run) }
            return next
        }
        // Where a page on the way is missing, the cursor comes no further than where it stands.
        guard try cursor.seek(atOrBefore: target.bytes), let found = key(&cursor),
            found.isSameRun(as: run), (found.hash, found.unit) >= (next.hash, next.unit)
        else { throw gap(run) }
        return found
    }

    /// Looks up the hashes that the page may hold; stops at one that the next page may continue.
    private static func collect(
        _ hashes: [UInt32], _ index: inout Int, _ page: HashPage, _ key: RunKey,
        _ value: Span<UInt8>, _ visit: (_ index: Int, _ unit: UInt64) -> Void
    ) throws {
        var place = HashPage.Place()
        do throws(MalformedBytes) {
            while index < hashes.count {
                let hash = hashes[index]
                let upper = page.next.map { $0.hash >> TermHash.keyShift }
                if let upper, upper < UInt64(hash) { return }
                try page.forEachUnit(of: hash, value, from: &place) {
                    visit(index, UInt64($0))
                }
                if let upper, upper == UInt64(hash) { return }
                index += 1
            }
        } catch {
            throw damaged(key)
        }
    }

    private static func gap(_ run: RunKey) -> Corruption {
        Corruption(at: run.first, "a page of the index of \(run.kind)s is missing")
    }

    private static func damaged(_ key: RunKey) -> Corruption {
        Corruption(at: key.first, "an index page of \(key.kind)s is damaged")
    }

    private static func key(_ cursor: inout Cursor) -> RunKey? {
        cursor.withEntry { key, _ in RunKey(key) }
    }

    /// Runs `body` on the page that the cursor stands on, which must belong to the run.
    private static func withPage<Result>(
        _ cursor: inout Cursor, of run: RunKey,
        _ body: (HashPage, RunKey, Span<UInt8>) throws -> Result
    ) throws -> Result {
        try cursor.withEntry { keyBytes, value in
            guard let key = RunKey(keyBytes), key.isSameRun(as: run) else { throw gap(run) }
            let page: HashPage
            do throws(MalformedBytes) {
                page = try HashPage(value, key: key)
            } catch {
                throw damaged(key)
            }
            return try body(page, key, value)
        }
    }

    /// Visits the time bounds of all units below `indexedSize`, ascending.
    static func forEachTimeBounds(
        indexedSize: UInt64, in transaction: borrowing some Transaction & ~Copyable,
        _ visit: (_ unit: UInt64, TimeBounds) throws -> ReadStep
    ) throws {
        let units = indexedSize >> IndexKind.time.unitShift
        var expected: UInt64 = 0
        try transaction.withCursor(in: Databases.runs) { cursor in
            var isPage = try cursor.seek(atOrAfter: RunKey(kind: .time, first: 0, end: 0).bytes)
            while isPage && expected < units {
                let page = try cursor.withEntry { keyBytes, value in
                    guard let key = RunKey(keyBytes), key.kind == .time, key.unit == expected,
                        let bounds = try? TimePage.decode(value)
                    else { throw timeGap(expected) }
                    return bounds
                }
                for bounds in page {
                    if try visit(expected, bounds) == .stop { return }
                    expected += 1
                }
                isPage = try cursor.next()
            }
            if expected != units { throw timeGap(expected) }
        }
    }

    private static func timeGap(_ unit: UInt64) -> Corruption {
        Corruption(
            at: unit << IndexKind.time.unitShift, "an index page of times is missing or damaged")
    }
}
