internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Merkle
internal import Reports
internal import Storage

/// A key on the command line, with what is wrong with it where something is.
func verifierKey(_ text: String) throws -> VerifierKey {
    do {
        return try VerifierKey(text: text)
    } catch {
        throw ValidationError("\(error)")
    }
}

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Verify tiles, an export, a receipt, a report, or the log, against signed checkpoints.",
        discussion: """
            The key must come from where you trust, not from whom you verify; stats prints that of \
            a log. A checkpoint alone proves nothing against who holds its key: give those that \
            you have kept as --old. The same is done by ascolto-verify, which is small enough to \
            be read. Without any of these, the log itself is verified by its tree; \
            check goes through its events.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "A tile directory; with --export, the lines that were altered are named by it.")
    var tiles: String?
    @Option(help: "An export of the whole log, also .gz or .zst; - is standard input.")
    var export: String?
    @Option(help: "A receipt.")
    var receipt: String?
    @Option(help: "A report for the audit, its report.json.")
    var report: String?
    @Option(help: "The line of the event that the receipt is for.")
    var event: String?
    @Option(help: "The checkpoint; that of the tiles or of the log where it is not given.")
    var checkpoint: String?
    @Option(
        parsing: .upToNextOption,
        help: "Keys of the log, of which one must have signed; several where it was rotated.",
        transform: verifierKey)
    var key: [VerifierKey]
    @Option(
        parsing: .upToNextOption,
        help: "Checkpoints that were kept; the newer one must extend each of them.")
    var old: [String] = []
    @Option(
        parsing: .upToNextOption, help: "Keys of witnesses, all of which must have cosigned.",
        transform: verifierKey)
    var witnessKey: [VerifierKey] = []
    @Option(help: "How many of the witnesses must have cosigned, where fewer are enough.")
    var quorum: Int?
    @Option(help: "Cosignatures that are older, in seconds, do not count.")
    var maxAge: UInt64?
    @Option(
        help: """
            Certificates of timestamping authorities, in PEM: verify the anchors in the log or in \
            the export by them, and the times of recording by the anchors.
            """)
    var timestampCa: String?

    /// Far more than the largest report has; who is given more is to look at it first.
    private static let reportBytesMax = 1 << 30

    func validate() throws {
        if receipt != nil, tiles != nil || export != nil || !old.isEmpty {
            throw ValidationError("--receipt is verified alone: without --tiles, --export, --old")
        }
        if report != nil, receipt != nil || tiles != nil || export != nil || !old.isEmpty {
            throw ValidationError(
                "--report is verified alone: without --receipt, --tiles, --export, --old")
        }
        if event != nil, receipt == nil { throw ValidationError("--event goes with --receipt") }
        if timestampCa != nil,
            receipt != nil || tiles != nil && export == nil || export == "-"
        {
            throw ValidationError(
                "--timestamp-ca needs the data of anchors: the log, a --report or an --export"
            )
        }
        if export != nil, checkpoint == nil, tiles == nil {
            throw ValidationError("--export needs the --checkpoint that it is verified against")
        }
    }

    func run() async throws {
        do {
            let verdict = try await verdict()
            Answer(
                object: [("verified", .truth(true))] + verdict.proven.members + [
                    ("timestamps", verdict.anchors.map { .array($0.map(\.cell)) } ?? .null)
                ]
            ).write(as: output.chosen)
        } catch Refusal.badKey(let why) {
            throw UsageError(why)
        } catch let refusal as Refusal {
            Answer(object: [
                ("verified", .truth(false)), ("problem", .text(refusal.description)),
                ("position", refusal.position.map { .count($0) } ?? .null),
                ("file", .optional(refusal.path)),
            ]).write(as: output.chosen)
            Standard.error("not verified: \(refusal)")
            throw VerbOutcome.answerIsNo
        }
    }

    /// What was proven, and the anchors where they were to be verified.
    private func verdict() async throws -> (proven: Audit.Verdict, anchors: [VerifiedAnchor]?) {
        guard let timestampCa, report == nil else {
            return (try await proven(vouched: []), nil)
        }
        let certificates = try TimestampOptions.trusted(in: timestampCa)
        let (proven, anchors) =
            if let export {
                try await provenWithAnchors(inExport: export, certificates)
            } else {
                try await provenOfLog(anchorsOfLog(certificates))
            }
        guard !anchors.isEmpty else { throw Refusal.noAnchor }
        return (proven, anchors)
    }

    private func provenWithAnchors(
        inExport export: String, _ certificates: Certificates
    ) async throws -> (Audit.Verdict, [VerifiedAnchor]) {
        let anchors: [Anchor]
        do { anchors = try Anchor.all(inExport: export) } catch let error as Refusal {
            // Where the events themselves are not those that were signed, that is to be told.
            _ = try await proven(vouched: [])
            throw error
        }
        let stamped = try anchors.map { try $0.checkpoint() }
        let proven = try await proven(vouched: stamped)
        let verified = try zip(anchors, stamped).map { anchor, checkpoint in
            let last = proven.recordedBefore[checkpoint.size].flatMap { Instant(rfc3339: $0) }
            guard checkpoint.size == 0 || last != nil else {
                throw Refusal.badEvent(
                    position: anchor.position.value, "the export has changed meanwhile")
            }
            return try VerifiedAnchor(anchor, lastCovered: last, trusting: certificates)
        }
        return (proven, verified)
    }

    private func provenOfLog(
        _ anchors: [VerifiedAnchor]
    ) async throws -> (Audit.Verdict, [VerifiedAnchor]) {
        (try await proven(vouched: anchors.map(\.checkpoint)), anchors)
    }

    private func anchorsOfLog(_ certificates: Certificates) throws -> [VerifiedAnchor] {
        let opened = try log.openForReading()
        let given = try checkpoint.map { try bytes(of: $0) }
        guard let note = try given ?? opened.signedCheckpoint()?.bytes else { throw LogError.noKey }
        let size = min(
            try Checkpoint(text: SignedNote(bytes: note).text).size, try opened.head().size)
        var verified: [VerifiedAnchor] = []
        try opened.requireTimesInOrder(before: size)
        try opened.forEachAnchor(before: size) { anchor, last in
            verified.append(
                try VerifiedAnchor(anchor, lastCovered: last, trusting: certificates))
        }
        return verified
    }

    private func proven(vouched: [Checkpoint]) async throws -> Audit.Verdict {
        let now = UInt64(max(0, SystemClock.wallMicroseconds() / 1_000_000))
        let policy = try TrustPolicy(
            logKeys: key, witnessKeys: witnessKey, witnessesRequired: quorum,
            cosignedSince: maxAge.map { now - min($0, now) } ?? 0)
        func audit(_ note: [UInt8]?) throws -> Audit {
            Audit(
                policy: policy, checkpoint: note, remembered: try old.map { try bytes(of: $0) },
                vouched: vouched, hashing: .fast)
        }
        let note = try checkpoint.map { try bytes(of: $0) }
        let bar = ProgressBar("verify")
        defer { bar.finish() }
        let show: (UInt64) -> Void = { bar.update(done: Int($0), of: nil) }
        if let receipt {
            return try audit(note).verifyReceipt(
                try bytes(of: receipt), line: try event.map { try bytes(of: $0) })
        }
        if let report {
            let given = try GivenReport(
                json: bytes(of: report, upTo: Self.reportBytesMax), path: report)
            return try given.verify(
                by: audit(note), trusting: try timestampCa.map(TimestampOptions.trusted(in:)))
        }
        let files = tiles.map(TileDirectory.init)
        if let export {
            var input = ExportFile(file: try InputFile(at: export))
            return try await audit(note).verifyExport(&input, against: files, progress: show)
        }
        if let files { return try audit(note).verifyTiles(files, progress: show) }
        let opened = try log.openForReading()
        guard let own = try note ?? opened.signedCheckpoint()?.bytes else { throw LogError.noKey }
        return try audit(own).verifyLog(size: try opened.head().size) { size in
            try opened.root(atSize: size)
        }
    }

    private func bytes(
        of path: String, upTo most: Int = 4 * SignedNote.bytesMax
    ) throws(Refusal) -> [UInt8] {
        do {
            return try RawFile.open(path).whole(upTo: most)
        } catch {
            throw .unreadable(path: path, "\(error)")
        }
    }
}

extension Audit.Verdict {
    fileprivate var members: [(String, Cell)] {
        [
            ("origin", .text(head.checkpoint.origin)), ("size", .count(head.checkpoint.size)),
            ("root", .text(head.checkpoint.root.hex)),
            ("signed_by", .array(head.signers.map { .text($0.key.text) })),
            ("witnessed_by", .array(head.witnesses.map { .text($0.key.name) })),
            (
                "witnessed_at",
                .array(
                    head.witnesses.map {
                        .text(
                            "\(Instant(microseconds: Int64(clamping: $0.moment ?? 0) * 1_000_000))")
                    })
            ),
            ("extends", .array(extends.map { .count($0) })),
            ("removed_data", .count(removed)),
            ("position", leaf.map { .count($0.position) } ?? .null),
            ("leaf", .optional(leaf.map { String(decoding: $0.bytes, as: UTF8.self) })),
        ]
    }
}

/// A tile directory on disk.
private struct TileDirectory: TileFiles {
    let path: String

    func bytes(of name: String) throws(Refusal) -> [UInt8]? {
        let file = path + "/" + name
        guard FileSystem.kind(of: file) == .file else { return nil }
        do {
            // One byte more than any such file has shows that it is none.
            let size = min(try FileSystem.size(of: file).bytes, Bundle.bytesMax + 1)
            return try RawFile.open(file).read(size, at: 0)
        } catch {
            throw .unreadable(path: name, "\(error)")
        }
    }

    func paths() throws(Refusal) -> [String] {
        guard FileSystem.kind(of: path) == .directory else {
            throw .unreadable(path: path, "there is no directory")
        }
        return paths(below: "tile")
    }

    private func paths(below folder: String) -> [String] {
        (FileSystem.entries(of: path + "/" + folder) ?? []).flatMap { name -> [String] in
            let child = folder + "/" + name
            return FileSystem.kind(of: path + "/" + child) == .directory
                ? paths(below: child) : [child]
        }
    }
}

/// An export that is read once.
struct ExportFile: ExportBytes, ~Copyable {
    var file: InputFile

    mutating func next(upTo count: Int) throws -> [UInt8] { try file.read(upTo: count) }
}
