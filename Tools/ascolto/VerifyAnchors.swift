internal import EventLog
internal import JSON
internal import Merkle
internal import Storage

/// An anchor whose timestamp holds.
struct VerifiedAnchor {
    let anchor: Anchor
    /// What was stamped; the tree has to have had its root.
    let checkpoint: Checkpoint
    let moment: Instant
    let serial: String

    var cell: Cell {
        .object([
            ("position", .count(anchor.position.value)), ("size", .count(checkpoint.size)),
            ("time", .text("\(moment)")), ("recorded", .text("\(anchor.recorded)")),
            ("authority", .text(anchor.authority)), ("serial", .text(serial)),
        ])
    }
}

/// The anchors of a log or of an export, each verified as it is found.
struct FoundAnchors {
    private(set) var verified: [VerifiedAnchor] = []
    private let certificates: [UInt8]
    /// A line with 1 MiB of data in base64 fits; verification refuses longer ones.
    private static let lineBytesMax = 4 << 20

    init(_ certificates: [UInt8]) { self.certificates = certificates }

    mutating func take(_ anchor: Anchor, lastCovered: Instant?) throws {
        let (moment, serial) = try anchor.verify(trusting: certificates, lastCovered: lastCovered)
        verified.append(
            VerifiedAnchor(
                anchor: anchor, checkpoint: try anchor.checkpoint(), moment: moment, serial: serial)
        )
    }

    /// Goes through an export twice: an anchor tells only behind them which events it covers.
    mutating func take(from export: String) throws {
        var anchors: [Anchor] = []
        // The type stands so in the canonical line, and verification refuses any other line.
        let mark = Array(#","type":"\#(Anchor.eventType)","#.utf8)
        try Self.forEachLine(of: export) { line, position in
            guard line.firstRange(of: mark) != nil else { return }
            if let anchor = try Anchor(Self.event(line, at: position)) { anchors.append(anchor) }
        }
        guard !anchors.isEmpty else { return }
        let sizes = try anchors.map { anchor in try anchor.checkpoint().size }
        var last = Set(sizes.filter { $0 > 0 }.map { $0 - 1 })
        var recorded: [UInt64: Instant] = [:]
        try Self.forEachLine(of: export) { line, position in
            guard last.remove(position) != nil else { return }
            recorded[position] = try Self.event(line, at: position).recorded
        }
        for (anchor, covered) in zip(anchors, sizes) {
            try take(anchor, lastCovered: covered == 0 ? nil : recorded[covered - 1])
        }
    }

    private static func event(
        _ line: ArraySlice<UInt8>, at position: UInt64
    ) throws(Refusal) -> Event {
        do {
            return try Event(line: line)
        } catch {
            throw .badEvent(position: position, "\(error)")
        }
    }

    private static func forEachLine(
        of export: String, _ visit: (ArraySlice<UInt8>, UInt64) throws -> Void
    ) throws {
        var lines = LineReader(try InputFile(at: export), bytesMax: lineBytesMax)
        var position: UInt64 = 0
        while let line = try lines.next() {
            if case .whole(let bytes, _) = line { try visit(bytes, position) }
            position += 1
        }
    }
}
