internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Merkle
internal import Storage

/// A log and its newest checkpoint, signed now where this process may, else by whoever writes.
struct SignedLog {
    let log: EventLog
    var note: SignedNote

    /// Whether a log without a signing key gets one.
    enum MissingKey {
        case made
        case refused
    }

    static func open(_ options: LogOptions, missingKey: MissingKey) async throws -> SignedLog {
        guard !options.frozen else { return try alreadySigned(options) }
        do {
            let log = try options.openForWriting()
            if missingKey == .made { try await makeMissingKey(log) }
            _ = try await log.sign()
            guard let note = try log.signedCheckpoint() else { throw LogError.noKey }
            return SignedLog(log: log, note: note)
        } catch LogError.storage(.locked) {
            return try await signedByWriter(options)
        } catch LogError.storage(.notPermitted), LogError.storage(.readOnlyMount) {
            return try alreadySigned(options)
        }
    }

    static func makeMissingKey(_ log: EventLog) async throws {
        guard try SigningKeys(of: log).verifierKey() == nil else { return }
        let key = try await log.generateKey()
        Standard.error("made a signing key; give its public half to who verifies: \(key.text)")
    }

    /// Who writes signs at least every second.
    private static func signedByWriter(_ options: LogOptions) async throws -> SignedLog {
        let log = try options.openForReading()
        let wanted = try log.head().size
        let giveUp = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < giveUp {
            if let note = try log.signedCheckpoint(), try Checkpoint(text: note.text).size >= wanted
            {
                return SignedLog(log: log, note: note)
            }
            try await Task.sleep(for: LogLimits.pollInterval)
        }
        if let note = try log.signedCheckpoint() {
            Standard.error("the process that writes has not signed the newest events yet")
            return SignedLog(log: log, note: note)
        }
        throw UsageError(
            "the log is open in a process that writes, and that has no signing key: end it, run "
                + "ascolto keys generate, and start it again")
    }

    static func alreadySigned(_ options: LogOptions) throws -> SignedLog {
        let log = try options.openForReading()
        guard let note = try log.signedCheckpoint() else { throw LogError.noKey }
        return SignedLog(log: log, note: note)
    }
}

struct CheckpointVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Print the signed head of the log: a checkpoint that anybody can verify.",
        discussion: """
            Keep it, or give it to somebody: what it covers can then no longer be altered, removed \
            or reordered without being noticed. Makes a signing key where there is none. Where \
            another process writes, this prints what that process has signed, at most a second \
            ago. Witnesses cosign it only where it extends what they have seen before: with them \
            nobody can be shown another history.
            """)

    @OptionGroup var log: LogOptions
    @Option(help: "Write it to this file.")
    var out: String?
    @OptionGroup var witnesses: WitnessOptions
    @Option(help: "What it says, and the note, as one object; without it the note as it is.")
    var format: OutputFormat?

    func run() async throws {
        var signed = try await SignedLog.open(log, missingKey: .made)
        let gathered = try await witnesses.gather(for: &signed)
        let checkpoint = try Checkpoint(text: signed.note.text)
        let note = String(decoding: signed.note.bytes, as: UTF8.self)
        if let out {
            try FileSystem.replace(out, with: signed.note.bytes, for: .asUsual)
            Standard.error("wrote the checkpoint of \(checkpoint.size) events to \(out)")
        }
        if let format {
            Answer(object: [
                ("origin", .text(checkpoint.origin)), ("size", .count(checkpoint.size)),
                ("root", .text(checkpoint.root.hex)), ("note", .text(note)),
            ]).write(as: format)
        } else if out == nil {
            Standard.output.write(signed.note.bytes)
        }
        if gathered != .enough { throw VerbOutcome.answerIsNo }
    }
}

struct Prove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the receipt of an event: the proof that it is in the log, at its place.",
        discussion: """
            A receipt (C2SP tlog-proof) holds the event's leaf, the way to the root, and the \
            signed checkpoint. It is verified alone, without the log and without us; who has \
            appended an event keeps it against the operator.
            """)

    @OptionGroup var log: LogOptions
    @Argument(help: "The event's position.")
    var position: Position
    @Option(help: "Write it to this file, by custom *.tlog-proof.")
    var out: String?

    func run() async throws {
        let signed = try await covering()
        let receipt = try signed.log.receipt(of: position, under: signed.note).bytes
        guard let out else { return Standard.output.write(receipt) }
        try FileSystem.replace(out, with: receipt, for: .asUsual)
        Standard.error("wrote the receipt of position \(position) to \(out)")
    }

    private func alreadyCovering() throws -> SignedLog? {
        let opened = try log.openForReading()
        return try opened.checkpoint(covering: position).map { SignedLog(log: opened, note: $0) }
    }

    /// A checkpoint that covers the position, made now where there is none.
    private func covering() async throws -> SignedLog {
        if let signed = try alreadyCovering() { return signed }
        return try await SignedLog.open(log, missingKey: .refused)
    }
}

struct Tiles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the tree as a directory of tiles (C2SP tlog-tiles) for any verifier.",
        discussion: """
            Run again on the same directory, it adds what is new. Any web server can offer it. The \
            entries are leaves: metadata of the events and the hashes of their data, no data.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "The directory.")
    var out: String

    func run() async throws {
        let signed = try await SignedLog.open(log, missingKey: .refused)
        let checkpoint = try Checkpoint(text: signed.note.text)
        let bar = ProgressBar("tiles")
        let written = try signed.log.writeTiles(to: out, under: signed.note) { events in
            bar.update(done: Int(events), of: Int(checkpoint.size))
        }
        bar.finish()
        Answer(object: [
            ("directory", .text(out)), ("size", .count(written.size)),
            ("root", .text(checkpoint.root.hex)), ("files", .count(written.files)),
        ]).write(as: output.chosen)
    }
}
