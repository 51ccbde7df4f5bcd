internal import Storage

/// Units that a check takes at once, as they are stored; they share one unit of every index and
/// lie in one run.
struct StoredPiece: Sendable {
    fileprivate let units: Range<UInt64>
    fileprivate var contents: [Content] = []
    fileprivate(set) var bytes = 0

    fileprivate enum Content: Sendable {
        case block(StoredBlock)
        case tail([Event])
        case unreadable(any Error)
    }
}

/// A block's value and the payloads of its events, copied out of the snapshot.
private final class StoredBlock: Sendable {
    let header: BlockHeader
    let value: [UInt8]
    let payloads: [UInt64: [UInt8]]
    let bytes: Int

    init(_ header: BlockHeader, _ value: [UInt8], _ payloads: [UInt64: [UInt8]]) {
        self.header = header
        self.value = value
        self.payloads = payloads
        bytes = payloads.values.reduce(value.count) { $0 + $1.count }
    }
}

/// Copies units out of a snapshot, which only one thread may read, for others to look at.
struct StoredReader: ~Copyable {
    private var snapshot: Snapshot
    private var block: StoredBlock?
    private var nextRun: RunExtent?

    init(_ snapshot: consuming Snapshot) { self.snapshot = snapshot }

    var head: HeadRecord { snapshot.head }

    /// The next pieces from `unit` on, as many as a check looks at together.
    mutating func pieces(
        from unit: UInt64, in transaction: borrowing ReadTransaction
    ) -> [StoredPiece] {
        let unitEvents = UInt64(LogLimits.subframeEvents)
        let end = (snapshot.head.size - 1) / unitEvents + 1
        var pieces: [StoredPiece] = []
        var (next, bytes) = (unit, 0)
        while next < end, pieces.count < LogLimits.checkPieces, bytes < LogLimits.checkBytes {
            let width = UInt64(1) << (IndexKind.id.unitShift - IndexKind.stream.unitShift)
            var behind = min(end, (next / width + 1) * width)
            if let run = run(at: next * unitEvents, transaction) {
                behind = min(behind, max(next + 1, run.end / unitEvents))
            }
            let piece = piece(of: next..<behind, transaction)
            bytes += piece.bytes
            pieces.append(piece)
            next = behind
        }
        return pieces
    }

    /// The run that a position lies in, or nil where there is none or none can be found; that
    /// comes out when the runs are compared.
    private mutating func run(
        at position: UInt64, _ transaction: borrowing ReadTransaction
    ) -> RunExtent? {
        guard position < snapshot.head.indexedSize else { return nil }
        if let nextRun, nextRun.end > position { return nextRun }
        nextRun = try? transaction.withCursor(in: Databases.runs) { cursor in
            try RunSearch.firstRun(of: .id, from: position, &cursor).extent
        }
        return nextRun
    }

    private mutating func piece(
        of units: Range<UInt64>, _ transaction: borrowing ReadTransaction
    ) -> StoredPiece {
        var piece = StoredPiece(units: units)
        for unit in units {
            let first = unit * UInt64(LogLimits.subframeEvents)
            do {
                if first < snapshot.head.sealedSize {
                    let known = block
                    let block = try storedBlock(with: first, transaction)
                    if block !== known { piece.bytes += block.bytes }
                    piece.contents.append(.block(block))
                } else {
                    piece.contents.append(
                        .tail(try snapshot.events(ofUnit: unit, in: transaction)))
                }
            } catch {
                piece.contents.append(.unreadable(error))
            }
        }
        return piece
    }

    private mutating func storedBlock(
        with first: UInt64, _ transaction: borrowing ReadTransaction
    ) throws -> StoredBlock {
        if let block, (block.header.first..<block.header.end).contains(first) { return block }
        let (header, value) = try transaction.withCursor(in: Databases.blocks) { cursor in
            try cursor.withBlock(holding: first) { ($0, [UInt8](copying: $1)) }
        }
        var payloads: [UInt64: [UInt8]] = [:]
        try transaction.withCursor(in: Databases.payloads) { cursor in
            var isEntry = try cursor.seek(atOrAfter: Keys.position(header.first))
            while isEntry {
                let isInBlock = cursor.withEntry { key, value in
                    guard let position = Keys.position(from: key), position < header.end else {
                        return false
                    }
                    payloads[position] = [UInt8](copying: value)
                    return true
                }
                isEntry = try isInBlock && cursor.next()
            }
        }
        let block = StoredBlock(header, value, payloads)
        self.block = block
        return block
    }
}

/// A piece whose events have been looked at.
struct CheckedPiece: Sendable {
    /// What came of each unit, in their order.
    let results: [Result<CheckedUnit, any Error>]
    /// The units in which nothing is wrong by itself.
    let units: [CheckedUnit]
    let sums: TermSums
    let identifiers: CheckedIdentifiers.SharedOut

    /// Looks at pieces on all cores.
    static func check(_ pieces: [StoredPiece], remembered: UInt64?) -> [CheckedPiece] {
        madeOnThreads(pieces.count, on: .all) {
            CheckedPiece(pieces[$0], remembered: remembered)
        }
    }

    private init(_ piece: StoredPiece, remembered: UInt64?) {
        var checker = PieceChecker(remembered)
        results = zip(piece.units, piece.contents).map { unit, content in
            Result { try checker.check(content, unit) }
        }
        units = results.compactMap { try? $0.get() }
        sums = TermSums(of: units)
        identifiers = CheckedIdentifiers.SharedOut(units)
    }
}

private struct PieceChecker: ~Copyable {
    private let remembered: UInt64?
    private var blocks = BlockDecoder()
    private var payloads = ZstdDecoder()
    private var units = ColumnsChecker()

    init(_ remembered: UInt64?) { self.remembered = remembered }

    mutating func check(
        _ content: StoredPiece.Content, _ unit: UInt64
    ) throws -> CheckedUnit {
        switch content {
        case .unreadable(let error): throw error
        case .tail(let events): return try CheckedUnit(events, remembered: remembered)
        case .block(let block):
            let columns = try columns(of: unit, block)
            return try units.check(columns, remembered: remembered)
                ?? CheckedUnit(columns.events(), remembered: remembered)
        }
    }

    private mutating func columns(
        of unit: UInt64, _ block: StoredBlock
    ) throws -> EventColumns {
        let first = unit * UInt64(LogLimits.subframeEvents)
        let index = Int(first - block.header.first) / LogLimits.subframeEvents
        let value = block.value
        let subframe: Subframe
        do {
            subframe = try blocks.subframe(index, of: value.span, block.header)
        } catch {
            throw Corruption(at: first, "a block is damaged at byte \(error.offset)")
        }
        do {
            return try EventColumns(
                subframe, first: first, count: LogLimits.subframeEvents, depth: .whole
            ) { position, length in
                guard let stored = block.payloads[position],
                    let data = PayloadValue.decode(stored.span, length: length, &payloads)
                else { throw Corruption(at: position, "a payload is missing or damaged") }
                return data
            }
        } catch let error as MalformedBytes {
            throw Corruption(at: first, "a sub-frame is damaged at byte \(error.offset)")
        }
    }
}
