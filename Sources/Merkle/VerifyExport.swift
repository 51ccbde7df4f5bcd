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
    /// The leaf hashes, where they are to be compared one by one.
    let leaves: [Hash]
    /// Lines whose data were removed; nothing can be said about these.
    let removed: UInt64
    /// When the first and the last line were recorded; empty in a piece without lines.
    let recorded: (first: RecordedText, last: RecordedText)
    /// When the last line before each stop was recorded.
    let recordedBefore: [UInt64: RecordedText]
    /// The first line that is wrong, behind those that are counted.
    let refusal: Refusal?

    /// What is kept of a piece.
    package enum Keeping: Sendable {
        case subtrees
        /// The leaf hashes too.
        case leaves
    }

    /// Verifies lines that each end with a newline; `stops` are sizes at which the root is wanted.
    init(_ bytes: [UInt8], stops: [UInt64], keeping: Keeping, hashing: Hashing) {
        var range = LeafRange(stops: stops, hashing)
        var leaves: [Hash] = []
        var scratch: [UInt8] = []
        var removed: UInt64 = 0
        var refusal: Refusal?
        var recorded: (first: Range<Int>, last: Range<Int>) = (0..<0, 0..<0)
        var recordedBefore: [UInt64: RecordedText] = [:]
        var start = 0
        while start < bytes.count {
            let position = range.end ?? 0
            do throws(LineFault) {
                let line = try ExportLine(bytes, from: start, hashing)
                if let expected = range.end, line.position != expected {
                    throw .wrongPosition(found: line.position)
                }
                guard !RecordedText.isEarlier(line.recorded, than: recorded.last, in: bytes.span)
                else { throw .recordedEarlier }
                let leaf = line.leafHash(bytes, &scratch, hashing)
                if range.end == nil { recorded.first = line.recorded }
                recorded.last = line.recorded
                if stops.contains(line.position &+ 1) {
                    recordedBefore[line.position + 1] = RecordedText(bytes, line.recorded)
                }
                range.append(leaf, at: line.position)
                if keeping == .leaves { leaves.append(leaf) }
                if line.data == .removed { removed += 1 }
                start = line.end + 1
            } catch {
                refusal = .badEvent(position: position, error.description)
                break
            }
        }
        first = range.first
        subtrees = range.subtrees
        self.leaves = leaves
        self.removed = removed
        self.recorded = (
            RecordedText(bytes, recorded.first), RecordedText(bytes, recorded.last)
        )
        self.recordedBefore = recordedBefore
        self.refusal = refusal
    }
}

/// A time as lines have it, in UTC and without superfluous digits: so it is compared as it stands.
struct RecordedText: Comparable, Sendable {
    private var bytes: [UInt8] = []

    init() {}

    init(_ bytes: [UInt8], _ range: Range<Int>) { self.bytes = Array(bytes[range]) }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    static func < (left: RecordedText, right: RecordedText) -> Bool {
        let both = left.bytes + right.bytes
        let end = left.bytes.count
        return isEarlier(0..<end, than: end..<both.count, in: both.span)
    }

    /// Compares times where they stand; the `Z` at the end comes before a point and any digit.
    static func isEarlier(
        _ left: Range<Int>, than right: Range<Int>, in bytes: Span<UInt8>
    ) -> Bool {
        for offset in 0..<min(left.count, right.count) {
            let (left, right) = (
                bytes[left.lowerBound + offset], bytes[right.lowerBound + offset]
            )
            guard left != right else { continue }
            if left == UInt8(ascii: "Z") { return true }
            return right != UInt8(ascii: "Z") && left < right
        }
        return left.count < right.count
    }
}

extension ExportPiece {
    /// The leaf of the line of the event at `position`, and whether its data were removed.
    static func leaf(
        of line: [UInt8], at position: UInt64
    ) throws(Refusal) -> (bytes: [UInt8], removed: UInt64) {
        do throws(LineFault) {
            let line = line.last == ExportLine.newline ? line : line + [ExportLine.newline]
            let parts = try ExportLine(line, from: 0, .own)
            guard parts.end == line.count - 1 else { throw .badData }
            return (
                Array(line[..<parts.leafEnd]) + [UInt8(ascii: "}")],
                parts.data == .removed ? 1 : 0
            )
        } catch {
            throw .badEvent(position: position, error.description)
        }
    }

    /// Refuses the leaf of an event that says it is at another position; other entries say none.
    static func require(position: UInt64, of leaf: [UInt8]) throws(Refusal) {
        let stated: UInt64
        do throws(LineFault) {
            stated = try ExportLine.position(leaf.span, leaf.indices)
        } catch {
            return
        }
        guard stated == position else {
            throw .badEvent(position: position, "the leaf says that it is at \(stated)")
        }
    }
}

/// Puts the pieces of an export together again, in their order.
struct ExportAssembly {
    private(set) var removed: UInt64 = 0
    private var range = CompactRange()
    private let stops: [UInt64]
    private var roots: [UInt64: Hash] = [:]
    private var lastRecorded = RecordedText()
    private(set) var recordedBefore: [UInt64: RecordedText] = [:]

    /// `stops` are sizes at which the root is wanted.
    init(stops: [UInt64]) {
        self.stops = stops
        if stops.contains(0) { roots[0] = Tree.emptyRoot }
    }

    /// Lines so far.
    var lines: UInt64 { range.size }

    mutating func take(_ piece: ExportPiece) throws(Refusal) {
        if let first = piece.first, first != range.size {
            throw .badEvent(
                position: range.size,
                range.size == 0
                    ? "the export begins with position \(first); only a whole one has a root"
                    : "the line of position \(first) stands in its place")
        }
        if piece.first != nil {
            guard lastRecorded <= piece.recorded.first else {
                throw .badEvent(position: range.size, LineFault.recordedEarlier.description)
            }
            lastRecorded = piece.recorded.last
            recordedBefore.merge(piece.recordedBefore) { $1 }
        }
        for subtree in piece.subtrees {
            range.appendSubtree(subtree.hash, height: subtree.height)
            if stops.contains(range.size) { roots[range.size] = range.root }
        }
        removed += piece.removed
        if case .badEvent(_, let why) = piece.refusal {
            // A piece whose first line is wrong does not know where it stands.
            throw .badEvent(position: range.size, why)
        }
    }

    /// Roots at the sizes that were asked for, as far as the export has come, and at its end.
    func finish() -> [UInt64: Hash] {
        roots.merging([range.size: range.root]) { $1 }
    }
}

/// The subtrees over leaves that begin anywhere, each where a tree of RFC 6962 has it.
private struct LeafRange {
    private(set) var subtrees: [(height: Int, hash: Hash)] = []
    private(set) var first: UInt64?
    private(set) var count: UInt64 = 0
    private let stops: [UInt64]
    private let hashing: Hashing
    /// How many of the subtrees stand before the last stop, and are merged no further.
    private var finished = 0

    init(stops: [UInt64], _ hashing: Hashing) {
        self.stops = stops
        self.hashing = hashing
    }

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
            hash = hashing.node(subtrees.removeLast().hash, hash)
            (height, index) = (height + 1, index >> 1)
        }
        subtrees.append((height, hash))
        if stops.contains(position &+ 1) { finished = subtrees.count }
    }
}

/// Why a line of an export is not one.
enum LineFault: Error {
    case cutOff
    case noObject
    case noLeaf
    case noPosition
    case wrongPosition(found: UInt64)
    case noRecorded
    case recordedEarlier
    case badData
    case otherData

    var description: String {
        switch self {
        case .cutOff: "the line does not end"
        case .noObject: "the line does not begin as an event does"
        case .noLeaf: "the line has no \"datahash\" with 64 digits, and so no leaf"
        case .noPosition: "the line has no \"position\" before its \"datahash\""
        case .wrongPosition(let found): "the line of position \(found) stands in its place"
        case .noRecorded: "the line has no \"recorded\" right before its \"datahash\""
        case .recordedEarlier:
            "it was recorded before the event in front of it, by the times that they say: the "
                + "times were altered"
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
    /// Where the line's end stands.
    let end: Int
    let position: UInt64
    /// When it was recorded, without the quotes.
    let recorded: Range<Int>
    let data: Data

    static let newline = UInt8(ascii: "\n")
    private static let dataHash = Array(",\"datahash\":\"".utf8)
    private static let positionMember = Array(",\"position\":\"".utf8)
    private static let recordedMember = Array(",\"recorded\":\"".utf8)
    private static let json = Array(",\"data\":".utf8)
    private static let base64 = Array(",\"data_base64\":\"".utf8)
    private static let quote = UInt8(ascii: "\"")
    private static let null = Array("null".utf8)
    private static let hexDigits = 2 * Hash.byteCount

    /// The line that begins at `start` and ends with the next newline.
    init(_ bytes: [UInt8], from start: Int, _ hashing: Hashing) throws(LineFault) {
        self.start = start
        let span = bytes.span
        guard start + 1 < bytes.count, bytes[start] == UInt8(ascii: "{"),
            bytes[start + 1] == Self.quote
        else { throw .noObject }
        // Within strings quotes are escaped, so these bytes stand nowhere else before the data; and
        // no attribute of a producer can have these names.
        guard let place = find(Self.positionMember, in: span, from: start) else {
            throw .noPosition
        }
        guard let hash = find(Self.dataHash, in: span, from: place) else { throw .noLeaf }
        leafEnd = hash + Self.hexDigits + 1
        guard leafEnd < bytes.count, span[leafEnd - 1] == Self.quote else { throw .noLeaf }
        guard let end = bytes[leafEnd...].firstIndex(of: Self.newline) else { throw .cutOff }
        self.end = end
        position = try Self.decimal(span, place..<hash)
        recorded = try Self.recorded(span, from: place, before: hash - Self.dataHash.count)
        data = try Self.data(
            bytes, leafEnd..<end, span.extracting(hash..<leafEnd - 1), hashing)
    }

    /// The value of the member that ends right before `end`.
    private static func recorded(
        _ bytes: Span<UInt8>, from start: Int, before end: Int
    ) throws(LineFault) -> Range<Int> {
        guard end > start, bytes[end - 1] == quote else { throw .noRecorded }
        var first = end - 1
        while first > start, bytes[first - 1] != quote { first -= 1 }
        guard first - recordedMember.count >= start,
            matches(recordedMember.span, bytes, at: first - recordedMember.count)
        else { throw .noRecorded }
        return first..<end - 1
    }

    /// SHA-256(0x00 ‖ leaf), where the leaf ends with a brace of its own.
    ///
    /// It is put together in `scratch` for the length of the call.
    func leafHash(_ bytes: [UInt8], _ scratch: inout [UInt8], _ hashing: Hashing) -> Hash {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(Tree.leafPrefix)
        scratch.append(contentsOf: bytes[start..<leafEnd])
        scratch.append(UInt8(ascii: "}"))
        return hashing.hash(scratch, scratch.indices)
    }

    /// The number that a leaf says is its position.
    static func position(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(LineFault) -> UInt64 {
        guard let place = find(positionMember, in: bytes, from: range.lowerBound) else {
            throw .noPosition
        }
        return try decimal(bytes, place..<range.upperBound)
    }

    /// The number before the next quote.
    private static func decimal(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(LineFault) -> UInt64 {
        let start = range.lowerBound
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
        _ bytes: [UInt8], _ range: Range<Int>, _ hash: Span<UInt8>, _ hashing: Hashing
    ) throws(LineFault) -> Data {
        guard !range.isEmpty, bytes[range.upperBound - 1] == UInt8(ascii: "}") else {
            throw .badData
        }
        let member = bytes[range.lowerBound..<range.upperBound - 1]
        if member.starts(with: json) {
            let value = member.dropFirst(json.count)
            // The hash covers the bytes and not the form: what was never JSON, shown as if it were,
            // could give the line members that nobody has signed.
            guard isOneValue(value) else { throw .badData }
            if hashing.hash(bytes, value.indices).isWritten(hash) { return .present }
            guard Hash(hexDigits: hash) != nil else { throw .noLeaf }
            if value.elementsEqual(null) { return .removed }
            throw .otherData
        }
        guard member.starts(with: base64), member.count > base64.count, member.last == quote,
            let data = Base64.decode(member.dropFirst(base64.count).dropLast())
        else { throw .badData }
        guard Hash(of: data).isWritten(hash) else { throw .otherData }
        return .present
    }
}

/// Whether bytes can be one JSON value that ends where they end, as their brackets and quotes tell.
private func isOneValue(_ bytes: ArraySlice<UInt8>) -> Bool {
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    var text = bytes.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    guard let first = text.first else { return false }
    let isContainer = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    guard isContainer || first == UInt8(ascii: "\"") else {
        // Numbers, true, false and null have no other bytes.
        return text.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
                || [UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "E")]
                    .contains(byte)
        }
    }
    return endOfValue(text.span) == text.count
}

/// Behind the string, object or array that begins here; nil where it does not end.
private func endOfValue(_ text: Span<UInt8>) -> Int? {
    var depth = 0
    var isInString = false
    var index = 0
    while index < text.count {
        let byte = text[index]
        index += 1
        if isInString {
            if byte == UInt8(ascii: "\\") { index += 1 }
            if byte != UInt8(ascii: "\"") { continue }
            isInString = false
        } else {
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: continue
            }
        }
        if depth == 0, !isInString { return index }
    }
    return nil
}

extension Hash {
    /// Whether these bytes are the 64 lower-case hexadecimal digits of the hash.
    fileprivate func isWritten(_ digits: Span<UInt8>) -> Bool {
        guard digits.count == 2 * Self.byteCount else { return false }
        return Self.isWritten(words.0, digits, at: 0) && Self.isWritten(words.1, digits, at: 16)
            && Self.isWritten(words.2, digits, at: 32) && Self.isWritten(words.3, digits, at: 48)
    }

    private static func isWritten(
        _ word: UInt64, _ digits: Span<UInt8>, at start: Int
    ) -> Bool {
        let upper = hexDigits(of: UInt32(truncatingIfNeeded: word >> 32))
        let lower = hexDigits(of: UInt32(truncatingIfNeeded: word))
        var difference: UInt8 = 0
        for index in 0..<8 {
            let shift = UInt64(56 - 8 * index)
            difference |= digits[start + index] ^ UInt8(truncatingIfNeeded: upper >> shift)
            difference |= digits[start + 8 + index] ^ UInt8(truncatingIfNeeded: lower >> shift)
        }
        return difference == 0
    }
}

/// Behind the first occurrence of `pattern` on the line, or nil.
private func find(_ pattern: [UInt8], in bytes: Span<UInt8>, from start: Int) -> Int? {
    let pattern = pattern.span
    var start = start
    // The third byte tells members apart better than the comma and quote that all begin with.
    let (key, offset) = (pattern[2], 2)
    while start <= bytes.count - pattern.count {
        let byte = bytes[start + offset]
        if byte == key, matches(pattern, bytes, at: start) { return start + pattern.count }
        if byte == ExportLine.newline { return nil }
        start += 1
    }
    return nil
}

private func matches(_ pattern: Span<UInt8>, _ bytes: Span<UInt8>, at start: Int) -> Bool {
    for index in pattern.indices where bytes[start + index] != pattern[index] { return false }
    return true
}
