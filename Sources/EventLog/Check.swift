internal import JSON
package import Merkle
internal import Storage

/// What a check found.
package struct CheckReport: Equatable, Sendable {
    /// Events that were read and verified.
    package var events: UInt64 = 0
    /// The root over them; nil where they could not all be read.
    package var root: Hash?
    /// What is wrong, in the order of discovery; empty for a sound log.
    package var problems: [Corruption] = []
}

/// How much a check reads.
package enum CheckDepth: Sendable {
    /// Everything.
    case full
    /// The head, the head file, the edge of the tree, the tail and the free pages.
    case quick
}

extension EventLog {
    /// Verifies that everything on disk is what was written.
    ///
    /// Every line, leaf hash, tile, index page and payload, the order of positions, revisions and
    /// times of recording, the uniqueness of identifiers, the head, the head file and the list of
    /// free pages. Damaged pages can kill the process inside LMDB, so callers run this in a process
    /// of its own. Works on all cores, on one snapshot throughout, out of which some 250,000 events
    /// at a time are copied as they are stored. Takes 10 bytes of memory per event and some 50 per
    /// stream; `progress` is told the number of events so far after every 256.
    ///
    /// - Throws: ``LogError`` where the log could not be looked at: no log, no permission, no
    ///   reader slot. What is wrong with the log itself is in the report.
    package static func check(
        at directory: String, depth: CheckDepth, access: Access = .reading,
        progress: (UInt64) -> Void
    ) throws(LogError) -> CheckReport {
        guard exists(at: directory) else { throw .noLog(directory: directory) }
        return try reporting {
            // As when opening, the slot comes before the snapshot.
            let headFile = try HeadFile.open(in: directory, access: access.ofHeadFile)
            defer { withExtendedLifetime(headFile) {} }
            let slot: Result<HeadFile.Slot, any Error> = Result {
                try HeadFile.newest(in: headFile)
            }
            let environment = try Environment.open(
                in: directory, access: access.ofEnvironment, databases: Databases.all,
                readersMax: LogLimits.readersMax)
            return try check(
                environment, slot: slot, keysIn: directory, depth: depth, progress: progress)
        }
    }

    /// Verifies an environment against what the head file remembers.
    static func check(
        _ environment: Environment, slot: Result<HeadFile.Slot, any Error>,
        keysIn directory: String? = nil, depth: CheckDepth, progress: (UInt64) -> Void
    ) throws -> CheckReport {
        let pages = Result { try environment.pageUse() }
        return try environment.read { transaction in
            var checker = try Checker(transaction, slot: try? slot.get())
            if case .failure(let error) = pages { checker.note(error) }
            switch depth {
            case .full: checker.checkEverything(transaction, progress)
            case .quick: checker.checkEdges(transaction)
            }
            if case .failure(let error) = slot { checker.note(error) }
            checker.checkSigned(transaction, keysIn: directory)
            return checker.report
        }
    }

    /// Runs `body`; corruption that keeps it from its end becomes a report of its own.
    static func reporting(
        _ body: () throws -> CheckReport
    ) throws(LogError) -> CheckReport {
        do {
            return try body()
        } catch let corruption as Corruption {
            return CheckReport(problems: [corruption])
        } catch StorageError.corrupted(let what) {
            return CheckReport(problems: [Corruption(at: nil, what)])
        } catch {
            return try wrapping { throw error }
        }
    }
}

/// Walks a snapshot and compares everything with what the events say it should be.
private struct Checker: ~Copyable {
    let head: HeadRecord
    var report = CheckReport()
    private var reader: StoredReader
    private let slot: HeadFile.Slot?
    private var tree = CompactRange()
    private var tiles = ExpectedTiles()
    private var runs = ExpectedRuns()
    private var identifiers = CheckedIdentifiers()
    private var revisions = ExpectedRevisions()
    private var lastRecorded = Instant(microseconds: .min)
    private var payloads = 0

    private static let problemsMax = 100

    init(_ transaction: borrowing ReadTransaction, slot: HeadFile.Slot?) throws {
        reader = StoredReader(try Snapshot(transaction))
        head = reader.head
        self.slot = slot
    }

    private mutating func note(_ problem: Corruption) {
        if report.problems.count < Self.problemsMax { report.problems.append(problem) }
    }

    private mutating func note(at position: UInt64?, _ what: String) {
        note(Corruption(at: position, what))
    }

    /// Notes why something could not be looked at, as concerning `position`.
    mutating func note(_ error: any Error, at position: UInt64? = nil) {
        switch error {
        case let corruption as Corruption: note(corruption)
        case StorageError.corrupted(let what): note(at: position, what)
        default: note(at: position, "\(error)")
        }
    }

    /// The head, the edge of the tree, the tail and what the head file remembers.
    mutating func checkEdges(_ transaction: borrowing ReadTransaction) {
        _ = part(nil) { checker in
            guard let slot = checker.slot else { return }
            _ = try WriterState(recovering: transaction, slot: slot)
            checker.report.events = checker.head.size
            checker.report.root = checker.head.root
        }
    }

    /// The newest checkpoint: that it is of this history, and its signature.
    mutating func checkSigned(_ transaction: borrowing ReadTransaction, keysIn directory: String?) {
        _ = part(nil) { checker in
            guard let slot = checker.slot, !slot.note.isEmpty else { return }
            var snapshot = try Snapshot(transaction)
            guard let first = try snapshot.events(ofUnit: 0, in: transaction).first,
                let identity = LogIdentity(first)
            else { throw Corruption(at: 0, "position 0 does not say which log this is") }
            let key = try directory.flatMap { directory in
                try SigningKeys(in: directory, origin: identity.origin).verifierKey()
            }
            try slot.requireSigned(for: identity.origin, by: key, &snapshot, transaction)
        }
    }

    /// Runs one part of the check; what it throws is noted, and the other parts go on.
    private mutating func part(
        _ position: UInt64?, _ body: (inout Checker) throws -> Void
    ) -> PartResult {
        do {
            try body(&self)
            return .done
        } catch {
            note(error, at: position)
        }
        return .failed
    }

    private enum PartResult {
        case done
        case failed
    }

    mutating func checkEverything(
        _ transaction: borrowing ReadTransaction, _ progress: (UInt64) -> Void
    ) {
        let unitEvents = UInt64(LogLimits.subframeEvents)
        let units = (head.size - 1) / unitEvents + 1
        var isWhole = true
        var next: UInt64 = 0
        // A damaged size must not keep anybody waiting for positions that never were.
        while next < units, report.problems.count < Self.problemsMax {
            let pieces = reader.pieces(from: next, in: transaction)
            for piece in CheckedPiece.check(pieces, remembered: slot?.size) {
                if check(piece, &next, transaction, progress) == .failed { isWhole = false }
            }
        }
        if isWhole, next == units {
            _ = part(nil) { checker in try checker.checkEnd(transaction) }
            report.root = tree.root
        }
        _ = part(nil) { checker in try checker.checkBlockKeys(transaction) }
        _ = part(nil) { checker in try checker.checkTailKeys(transaction) }
    }

    private mutating func check(
        _ piece: CheckedPiece, _ next: inout UInt64, _ transaction: borrowing ReadTransaction,
        _ progress: (UInt64) -> Void
    ) -> PartResult {
        let unitEvents = UInt64(LogLimits.subframeEvents)
        var result = PartResult.done
        let first = next * unitEvents
        identifiers.append(piece.identifiers)
        for unit in piece.results {
            guard report.problems.count < Self.problemsMax else { return .failed }
            let checked = part(next * unitEvents) { checker in
                try checker.check(try unit.get(), transaction)
            }
            if checked == .failed { result = .failed }
            progress(next * unitEvents)
            next += 1
        }
        guard first < head.indexedSize else { return result }
        let compared = part(first) { checker in
            for problem in try checker.runs.append(piece, in: transaction) {
                checker.note(problem)
            }
        }
        return compared == .failed ? .failed : result
    }

    private mutating func check(
        _ unit: CheckedUnit, _ transaction: borrowing ReadTransaction
    ) throws {
        report.events += UInt64(unit.count)
        checkOrder(of: unit)
        if unit.first < head.sealedSize { payloads += unit.payloads }
        if unit.leaves.isEmpty, let root = unit.root {
            tree.appendSubtree(root, height: Tile.height, nodeHash: Tree.nodeHash(of:_:))
            checkRemembered()
        } else {
            for leaf in unit.leaves {
                tree.append(leaf: leaf, nodeHash: Tree.nodeHash(of:_:))
                checkRemembered()
            }
        }
        guard unit.first < head.sealedSize, let root = unit.root else { return }
        if let problem = try tiles.append(root, in: transaction) { note(problem) }
    }

    private mutating func checkRemembered() {
        guard let slot, slot.size == tree.size, slot.root != tree.root else { return }
        note(at: nil, "the first \(slot.size) events are not those of the head file")
    }

    private mutating func checkOrder(of unit: CheckedUnit) {
        var found: [(position: UInt64, what: String)] = unit.late.map { ($0, Self.late) }
        if unit.recorded.first < lastRecorded { found.append((unit.first, Self.late)) }
        lastRecorded = unit.recorded.last
        for steps in unit.streams {
            let expected = revisions.take(steps)
            if steps.revision != expected {
                found.append(
                    (
                        steps.position,
                        "revision \(steps.revision) of its stream, not \(expected)"
                    ))
            }
        }
        for (position, what) in found.sorted(by: { $0.position < $1.position }) {
            note(at: position, what)
        }
    }

    private static let late = "it was recorded before its forerunner"

    private mutating func checkEnd(_ transaction: borrowing ReadTransaction) throws {
        if tree.root != head.root { note(at: nil, "the root of the head record is not the tree's") }
        if lastRecorded != head.lastRecorded {
            note(at: nil, "the head record has another time of the last recording")
        }
        if let slot, slot.size > head.size {
            note(at: head.size, "the head file remembers \(slot.size) events, the log has fewer")
        }
        for problem in try tiles.finish(in: transaction) { note(problem) }
        for problem in try runs.finish(head, in: transaction) { note(problem) }
        if try transaction.statistics(of: Databases.payloads).entries != payloads {
            note(at: nil, "there are payloads that belong to no event")
        }
        if try transaction.statistics(of: Databases.meta).entries != 1 {
            note(at: nil, "there are unknown entries beside the head record")
        }
        try checkIdentifiers(transaction)
    }

    private mutating func checkIdentifiers(
        _ transaction: borrowing ReadTransaction
    ) throws {
        var snapshot = try Snapshot(transaction)
        for (earlier, later) in identifiers.candidates() {
            let pair = try [earlier, later].map { position in
                let unit = position / UInt64(LogLimits.subframeEvents)
                return try snapshot.events(ofUnit: unit, in: transaction)
                    .first { $0.position.value == position }?.id
            }
            if pair[0] == pair[1] {
                note(at: later, "its identifier is also that of \(earlier)")
            }
        }
    }

    /// Blocks must follow each other without gaps, and end where the head record says.
    private mutating func checkBlockKeys(_ transaction: borrowing ReadTransaction) throws {
        var expected: UInt64 = 0
        try transaction.withCursor(in: Databases.blocks) { cursor in
            var isEntry = try cursor.first()
            while isEntry {
                try cursor.withEntry { key, value in
                    guard Keys.position(from: key) == expected,
                        let header = try? BlockHeader(value)
                    else { throw Corruption(at: expected, "a block is missing or damaged") }
                    expected = header.end
                }
                isEntry = try cursor.next()
            }
        }
        if expected != head.sealedSize { note(at: expected, "the blocks end at a wrong position") }
    }

    private mutating func checkTailKeys(_ transaction: borrowing ReadTransaction) throws {
        var expected = head.sealedSize
        try transaction.withCursor(in: Databases.tail) { cursor in
            var isEntry = try cursor.first()
            while isEntry {
                try cursor.withEntry { key, value in
                    guard Keys.position(from: key) == expected,
                        let count = try? TailValue.count(value)
                    else { throw Corruption(at: expected, "a tail value is missing or damaged") }
                    expected += UInt64(count)
                }
                isEntry = try cursor.next()
            }
        }
        if expected != head.size { note(at: expected, "the tail ends at a wrong position") }
    }
}

/// The tiles as they must be, compared with those on disk as each is completed.
private struct ExpectedTiles {
    private var levels: [[Hash]] = []
    private var counts: [UInt64] = []
    private var tiles = 0

    mutating func append(
        _ hash: Hash, level: Int = 1, in transaction: borrowing ReadTransaction
    ) throws -> Corruption? {
        if levels.count < level {
            levels.append([])
            counts.append(0)
        }
        levels[level - 1].append(hash)
        counts[level - 1] += 1
        guard levels[level - 1].count == Tile.width else { return nil }
        let problem = try compare(level, transaction)
        let root = Tree.unitRoot(levels[level - 1])
        levels[level - 1] = []
        let above = try append(root, level: level + 1, in: transaction)
        return problem ?? above
    }

    private mutating func compare(
        _ level: Int, _ transaction: borrowing ReadTransaction
    ) throws -> Corruption? {
        tiles += 1
        let index = (counts[level - 1] - 1) / UInt64(Tile.width)
        let stored = try TileStore.hashes(level: level, index: index, in: transaction)
        guard stored != levels[level - 1] else { return nil }
        return Corruption(
            at: TileStore.firstPosition(level: level, index: index),
            "tile \(index) of level \(level) does not hold the tree's hashes")
    }

    mutating func finish(in transaction: borrowing ReadTransaction) throws -> [Corruption] {
        var problems: [Corruption] = []
        for level in levels.indices where !levels[level].isEmpty {
            if let problem = try compare(level + 1, transaction) { problems.append(problem) }
        }
        if try transaction.statistics(of: Databases.tiles).entries != tiles {
            problems.append(Corruption(at: nil, "there are tiles that belong to no events"))
        }
        return problems
    }
}
