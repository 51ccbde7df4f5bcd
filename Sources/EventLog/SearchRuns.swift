internal import Storage

/// Looks terms up in the runs of an index.
enum RunSearch {
    /// For each hash, the units in which it may occur, ascending.
    ///
    /// Hashes come sorted and without duplicates. Each run costs a search for each page that some
    /// hash may stand in.
    static func units(
        of hashes: [UInt64], kind: IndexKind, in transaction: borrowing some Transaction & ~Copyable
    ) throws -> [[UInt64]] {
        var found = [[UInt64]](repeating: [], count: hashes.count)
        guard !hashes.isEmpty else { return found }
        try transaction.withCursor(in: Databases.runs) { cursor in
            var run = try firstRun(of: kind, from: 0, &cursor)
            while let current = run {
                try search(current, hashes, &cursor, &found)
                run = try firstRun(of: kind, from: current.end, &cursor)
            }
        }
        return found
    }

    /// The run of `kind` that begins at `position`, or nil where the index ends there.
    static func firstRun(
        of kind: IndexKind, from position: UInt64, _ cursor: inout Cursor
    ) throws -> RunKey? {
        let start = RunKey(kind: kind, first: position, end: 0)
        guard try cursor.seek(atOrAfter: start.bytes) else { return nil }
        guard let key = cursor.withEntry({ key, _ in RunKey(key) }) else {
            throw Corruption(at: position, "the key of an index page is damaged")
        }
        guard key.kind == kind else { return nil }
        guard key.first == position else {
            throw Corruption(at: position, "the index of \(kind)s has a gap")
        }
        return key
    }

    private static func search(
        _ run: RunKey, _ hashes: [UInt64], _ cursor: inout Cursor, _ found: inout [[UInt64]]
    ) throws {
        var index = 0
        while index < hashes.count {
            var target = RunKey(kind: run.kind, first: run.first, end: run.end)
            target.hash = hashes[index]
            // The page before the target may end with it, the one behind may begin with it.
            var hasPage = try cursor.seek(atOrBefore: target.bytes)
            if hasPage, try postings(&cursor, of: run) == nil { hasPage = try cursor.next() }
            if !hasPage { hasPage = try cursor.first() }
            guard hasPage, var page = try postings(&cursor, of: run) else { return }
            while index < hashes.count {
                collect(page, hashes, &index, &found)
                guard try cursor.next(), let next = try postings(&cursor, of: run),
                    let nextHash = next.first?.hash, let nextLast = next.last?.hash
                else { return }
                while index < hashes.count, hashes[index] < nextHash { index += 1 }
                guard index < hashes.count, hashes[index] <= nextLast else { break }
                page = next
            }
        }
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

    /// The page that the cursor stands on, or nil where it belongs to another run.
    private static func postings(_ cursor: inout Cursor, of run: RunKey) throws -> [Posting]? {
        try cursor.withEntry { keyBytes, value in
            guard let key = RunKey(keyBytes), key.isSameRun(as: run) else { return nil }
            do throws(MalformedBytes) {
                return try HashPage.decode(value, key: key)
            } catch {
                throw Corruption(at: key.first, "an index page of \(key.kind)s is damaged")
            }
        }
    }

    /// Visits the time bounds of all units in blocks, ascending.
    static func forEachTimeBounds(
        in transaction: borrowing some Transaction & ~Copyable,
        _ visit: (_ unit: UInt64, TimeBounds) throws -> ReadStep
    ) throws {
        try transaction.withCursor(in: Databases.runs) { cursor in
            let start = RunKey(kind: .time, first: 0, end: 0)
            var isPage = try cursor.seek(atOrAfter: start.bytes)
            while isPage {
                let page = try cursor.withEntry { keyBytes, value in
                    guard let key = RunKey(keyBytes), key.kind == .time,
                        let bounds = try? TimePage.decode(value)
                    else { throw Corruption(at: nil, "an index page of times is damaged") }
                    return (key.unit, bounds)
                }
                for (offset, bounds) in page.1.enumerated() {
                    if try visit(page.0 + UInt64(offset), bounds) == .stop { return }
                }
                isPage = try cursor.next()
            }
        }
    }
}
