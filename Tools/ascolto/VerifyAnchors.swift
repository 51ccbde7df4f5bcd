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

    init(_ anchor: Anchor, lastCovered: Instant?, trusting certificates: Certificates) throws {
        self.anchor = anchor
        checkpoint = try anchor.checkpoint()
        (moment, serial) = try anchor.verify(trusting: certificates, lastCovered: lastCovered)
    }

    var cell: Cell {
        .object([
            ("position", .count(anchor.position.value)), ("size", .count(checkpoint.size)),
            ("time", .text("\(moment)")), ("recorded", .text("\(anchor.recorded)")),
            ("authority", .text(anchor.authority)), ("serial", .text(serial)),
        ])
    }
}

extension Anchor {
    /// The anchors of an export, as they stand in it: nothing of it is verified yet.
    static func all(inExport path: String) throws -> [Anchor] {
        guard FileSystem.isRegular(path) else {
            throw UsageError(
                "--timestamp-ca goes through an export twice, so it must be in a file, not \(path)")
        }
        // The type stands so in the canonical line, and verification refuses any other line.
        let mark = Array(#","type":"\#(Anchor.eventType)","#.utf8)
        var file = try InputFile(at: path)
        var anchors: [Anchor] = []
        var rest: [UInt8] = []
        while true {
            let more = try file.read(upTo: pieceBytes)
            rest += more
            guard let end = more.isEmpty ? rest.count : rest.lastIndex(of: newline).map({ $0 + 1 })
            else { continue }
            anchors += try found(in: rest[..<end], mark)
            rest = Array(rest[end...])
            if more.isEmpty { return anchors }
        }
    }

    private static let pieceBytes = 1 << 20
    private static let newline = UInt8(ascii: "\n")

    private static func found(in lines: ArraySlice<UInt8>, _ mark: [UInt8]) throws -> [Anchor] {
        var anchors: [Anchor] = []
        var start = 0
        while let place = lines.span.firstIndex(of: mark, from: start) {
            let index = lines.startIndex + place
            let from = lines[..<index].lastIndex(of: newline).map { $0 + 1 } ?? lines.startIndex
            let to = lines[index...].firstIndex(of: newline) ?? lines.endIndex
            // A line that is none is told where the whole export is verified.
            if let event = try? Event(line: lines[from..<to]), let anchor = try Anchor(event) {
                anchors.append(anchor)
            }
            start = to - lines.startIndex
        }
        return anchors
    }
}
