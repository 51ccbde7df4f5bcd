internal import Storage

/// Looks terms up in the runs of an index.
enum RunSearch {
    /// For each hash, the units in which it may occur, ascending.
    ///
    /// Hashes come sorted and without duplicates. Each run costs a search for each page that some
    /// hash may stand in. Pages that LMDB does not show are noticed: the runs must cover all
    /// positions below `sealedSize`, and each page says which one follows.
    static func units(
        of hashes: [UInt64], kind: IndexKind, sealedSize: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [[UInt64]] {
        var found = [[UInt64]](repeating: [], count: hashes.count)
        guard !hashes.isEmpty else { return found }
        try transaction.withCursor(in: Databases.runs) { cursor in
            var position: UInt64 = 0
            while position < sealedSize {
                let run = try firstRun(of: kind, from: position, &cursor)
                try search(run, hashes, &cursor, &found)
                position = run.end
            }
        }
        return found
    }

    /// The run of `kind` that begins at `position`; the cursor then stands on its first page.
    static func firstRun(
        of kind: IndexKind, from position: UInt64, _ cursor: inout Cursor
    ) throws -> RunKey {
        let start = RunKey(kind: kind, first: position, end: 0)
        guard try cursor.seek(atOrAfter: start.bytes),
            let key = cursor.withEntry({ key, _ in RunKey(key) }), key.kind == kind,
            key.first == position
        else { throw Corruption(at: position, "the index of \(kind)s has a gap here") }
        return key
    }

    private static func search(
        _ run: RunKey, _ hashes: [UInt64], _ cursor: inout Cursor, _ found: inout [[UInt64]]
    ) throws {
        // The cursor stands on the run's first page.
        var page = try page(&cursor, of: run)
        guard page.number == 0 else { throw gap(run) }
        var index = 0
        while index < hashes.count {
            collect(page.postings, hashes, &index, &found)
            guard let next = page.next else { return }
            while index < hashes.count, hashes[index] < next.hash { index += 1 }
            guard index < hashes.count else { return }
            page = try self.page(for: hashes[index], after: next, &cursor, run)
        }
    }

    /// The page that comes next for a hash: the following one, or one further on.
    private static func page(
        for hash: UInt64, after next: Posting, _ cursor: inout Cursor, _ run: RunKey
    ) throws -> HashPage.Content {
        guard try cursor.next(), key(&cursor) == next.key(in: run) else { throw gap(run) }
        let following = try page(&cursor, of: run)
        guard let last = following.postings.last, let beyond = following.next,
            hash > last.hash, beyond.hash < hash
        else { return following }
        // The page before the hash may end with it, the one that begins with it comes after.
        let target = Posting(hash: hash, unit: 0)
        guard try cursor.seek(atOrBefore: target.key(in: run).bytes) else { throw gap(run) }
        let found = try page(&cursor, of: run)
        guard found.next.map({ $0 > target }) ?? true else { throw gap(run) }
        return found
    }

    private static func gap(_ run: RunKey) -> Corruption {
        Corruption(at: run.first, "a page of the index of \(run.kind)s is missing")
    }

    private static func key(_ cursor: inout Cursor) -> RunKey? {
        cursor.withEntry { key, _ in RunKey(key) }
    }

    /// Collects from one page; stops at the page's last hash, which the next page may continue.
    private static func collect(
        _ page: [Posting], _ hashes: [UInt64], _ index: inout Int, _ found: inout [[UInt64]]
    ) {
        var next = 0
        while index < hashes.count, let last = page.last, hashes[index] <= last.hash {
            while page[next].hash < hashes[index] { next += 1 }
            while next < page.count, page[next].hash == hashes[index] {
                found[index].append(page[next].unit)
                next += 1
            }
            if hashes[index] == last.hash { return }
            index += 1
        }
    }

    /// The page that the cursor stands on, which must belong to the run.
    private static func page(
        _ cursor: inout Cursor, of run: RunKey
    ) throws -> HashPage.Content {
        try cursor.withEntry { keyBytes, value in
            guard let key = RunKey(keyBytes), key.isSameRun(as: run) else { throw gap(run) }
            do throws(MalformedBytes) {
                return try HashPage.decode(value, key: key)
            } catch {
                throw Corruption(at: key.first, "an index page of \(key.kind)s is damaged")
            }
        }
    }

    /// Visits the time bounds of all units below `sealedSize`, ascending.
    static func forEachTimeBounds(
        sealedSize: UInt64, in transaction: borrowing some Transaction & ~Copyable,
        _ visit: (_ unit: UInt64, TimeBounds) throws -> ReadStep
    ) throws {
        let units = sealedSize >> IndexKind.time.unitShift
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

extension Posting {
    /// The key of the page that begins with this posting.
    fileprivate func key(in run: RunKey) -> RunKey {
        RunKey(kind: run.kind, first: run.first, end: run.end, hash: hash, unit: unit)
    }
}
