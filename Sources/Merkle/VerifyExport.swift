internal import Crypto

/// A piece of an export: whole lines, verified beside the other pieces.
///
/// A line is verified against itself: its leaf is cut out as the format says, its data have the
/// hash that the leaf names, and its position is the next one. Whether the leaves are those that
/// were signed, the root tells.
package struct ExportPiece: Sendable {
    /// Position of the first line, as it says itself; nil in a piece without lines.
    let first: UInt64?
    /// Perfect subtrees over the leaves, divided at the sizes that were asked for too.
    let subtrees: [(height: Int, hash: Hash)]
    package let lines: UInt64
    /// Lines whose data were removed; nothing can be said about these.
    package let removed: UInt64
    /// The first line that is wrong, behind those that are counted.
    let refusal: Refusal?

    /// Verifies lines that each end with a newline; `stops` are sizes at which the root is wanted.
    package init(_ bytes: [UInt8], stops: [UInt64]) {
        var leaves = LeafRange(stops: stops)
        var removed: UInt64 = 0
        var refusal: Refusal?
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: ExportLine.newline) ?? bytes.count
            let position = leaves.end ?? 0
            do throws(LineFault) {
                guard end < bytes.count else { throw .cutOff }
                let line = try ExportLine(bytes, start..<end)
                if let expected = leaves.end, line.position != expected {
                    throw .wrongPosition(found: line.position)
                }
                leaves.append(line.leafHash(bytes), at: line.position)
                if line.data == .removed { removed += 1 }
            } catch {
                refusal = .badEvent(position: position, error.description)
                break
            }
            start = end + 1
        }
        first = leaves.first
        lines = leaves.count
        subtrees = leaves.subtrees.map { ($0.height, $0.hash) }
        self.removed = removed
        self.refusal = refusal
    }
}

/// Puts the pieces of an export together again, in their order.
package struct ExportVerification {
    package private(set) var removed: UInt64 = 0
    private var range = CompactRange()
    private let stops: [UInt64]
    private var roots: [UInt64: Hash] = [:]

    /// `stops` are sizes at which the root is wanted.
    package init(stops: [UInt64]) {
        self.stops = stops
        if stops.contains(0) { roots[0] = Tree.emptyRoot }
    }

    /// Lines so far.
    package var lines: UInt64 { range.size }

    package mutating func take(_ piece: ExportPiece) throws(Refusal) {
        if let first = piece.first, first != range.size {
            throw .badEvent(
                position: range.size,
                range.size == 0
                    ? "the export begins with position \(first); only a whole one has a root"
                    : "the line of position \(first) stands in its place")
        }
        for subtree in piece.subtrees {
            range.appendSubtree(subtree.hash, height: subtree.height)
            if stops.contains(range.size) { roots[range.size] = range.root }
        }
        removed += piece.removed
        if let refusal = piece.refusal {
            // A piece whose first line is wrong does not know where it stands.
            if case .badEvent(_, let why) = refusal {
                throw .badEvent(position: range.size, why)
            }
            throw refusal
        }
    }

    /// Roots at the sizes that were asked for, as far as the export has come.
    package func finish() -> [UInt64: Hash] {
        var roots = roots
        roots[range.size] = range.root
        return roots
    }
}

/// The subtrees over leaves that begin anywhere, each where a tree of RFC 6962 has it.
private struct LeafRange {
    private(set) var subtrees: [(height: Int, hash: Hash)] = []
    private(set) var first: UInt64?
    private(set) var count: UInt64 = 0
    private let stops: [UInt64]
    /// How many of the subtrees stand before the last stop, and are merged no further.
    private var finished = 0

    init(stops: [UInt64]) { self.stops = stops }

    /// The position that comes next, or nil before the first leaf.
    var end: UInt64? { first.map { $0 + count } }

    mutating func append(_ leaf: Hash, at position: UInt64) {
        if first == nil { first = position }
        count += 1
        var (hash, height) = (leaf, 0)
        var index = position
        while index & 1 == 1, subtrees.count > finished,
            subtrees[subtrees.count - 1].height == height
        {
            hash = Tree.nodeHash(left: subtrees.removeLast().hash, right: hash)
            (height, index) = (height + 1, index >> 1)
        }
        subtrees.append((height, hash))
        if stops.contains(position &+ 1) { finished = subtrees.count }
    }
}

/// Why a line of an export is not one.
enum LineFault: Error {
    case cutOff
    case noLeaf
    case noPosition
    case wrongPosition(found: UInt64)
    case badData
    case otherData

    var description: String {
        switch self {
        case .cutOff: "the line does not end"
        case .noLeaf: "the line has no \"datahash\" with 64 digits, and so no leaf"
        case .noPosition: "the line has no \"position\" before its \"datahash\""
        case .wrongPosition(let found): "the line of position \(found) stands in its place"
        case .badData: "behind the \"datahash\" stand no data as the format has them"
        case .otherData: "the data are not those whose hash the leaf has: they were altered"
        }
    }
}

/// Where the parts of a line are.
private struct ExportLine {
    enum Data {
        case present
        /// `null` in the place of data whose hash is another one.
        case removed
    }

    let start: Int
    /// Behind the closing quote of the data's hash.
    let leafEnd: Int
    let position: UInt64
    let data: Data

    static let newline = UInt8(ascii: "\n")
    private static let dataHash = Array(",\"datahash\":\"".utf8)
    private static let positionMember = Array(",\"position\":\"".utf8)
    private static let json = Array(",\"data\":".utf8)
    private static let base64 = Array(",\"data_base64\":\"".utf8)
    private static let quote = UInt8(ascii: "\"")
    private static let null = Array("null".utf8)
    private static let hexDigits = 2 * Hash.byteCount

    init(_ bytes: [UInt8], _ line: Range<Int>) throws(LineFault) {
        start = line.lowerBound
        let span = bytes.span
        // Within strings quotes are escaped, so these bytes stand nowhere else before the data.
        guard let hashStart = find(Self.dataHash, in: span, line) else { throw .noLeaf }
        leafEnd = hashStart + Self.hexDigits + 1
        guard leafEnd < line.upperBound, span[leafEnd - 1] == Self.quote,
            let hash = Hash(hexDigits: span.extracting(hashStart..<leafEnd - 1))
        else { throw .noLeaf }
        position = try Self.position(span, line.lowerBound..<hashStart)
        data = try Self.data(bytes, leafEnd..<line.upperBound, hash)
    }

    /// SHA-256(0x00 ‖ leaf), where the leaf ends with a brace of its own.
    func leafHash(_ bytes: [UInt8]) -> Hash {
        var hasher = SHA256()
        hasher.update(data: Self.leafPrefix)
        hasher.update(data: bytes[start..<leafEnd])
        hasher.update(data: Self.brace)
        return Hash(hasher.finalize())
    }

    private static let leafPrefix: [UInt8] = [Tree.leafPrefix]
    private static let brace = [UInt8(ascii: "}")]

    /// The number in the last `"position"` before the data's hash; no attribute can have its name.
    private static func position(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(LineFault) -> UInt64 {
        guard let start = find(positionMember, in: bytes, range) else { throw .noPosition }
        var position: UInt64 = 0
        var index = start
        while index < range.upperBound, bytes[index] != quote {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10, index - start < 18 else { throw .noPosition }
            position = position * 10 + UInt64(digit)
            index += 1
        }
        let isDecimal = index > start && (bytes[start] != UInt8(ascii: "0") || index == start + 1)
        guard isDecimal else { throw .noPosition }
        return position
    }

    private static func data(
        _ bytes: [UInt8], _ range: Range<Int>, _ hash: Hash
    ) throws(LineFault) -> Data {
        guard bytes[range.upperBound - 1] == UInt8(ascii: "}") else { throw .badData }
        let member = bytes[range.lowerBound..<range.upperBound - 1]
        if member.starts(with: json) {
            let value = member.dropFirst(json.count)
            if Hash(of: value) == hash { return .present }
            if value.elementsEqual(null) { return .removed }
            throw .otherData
        }
        guard member.starts(with: base64), member.count > base64.count, member.last == quote,
            let data = Base64.decode(member.dropFirst(base64.count).dropLast())
        else { throw .badData }
        guard Hash(of: data) == hash else { throw .otherData }
        return .present
    }
}

/// Behind the first occurrence of `pattern` within a range, or nil.
private func find(_ pattern: [UInt8], in bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    let pattern = pattern.span
    var start = range.lowerBound
    let last = range.upperBound - pattern.count
    // The third byte tells members apart better than the comma and quote that all begin with.
    let (key, offset) = (pattern[2], 2)
    while start <= last {
        if bytes[start + offset] == key, matches(pattern, bytes, at: start) {
            return start + pattern.count
        }
        start += 1
    }
    return nil
}

private func matches(_ pattern: Span<UInt8>, _ bytes: Span<UInt8>, at start: Int) -> Bool {
    for index in pattern.indices where bytes[start + index] != pattern[index] { return false }
    return true
}
