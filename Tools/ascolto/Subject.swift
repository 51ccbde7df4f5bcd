internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import Subjects
internal import Vault

struct Subject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keys of persons: make, look up, show what is kept, erase.",
        discussion: """
            A person's data are sealed in the log under keys of their own. To erase them is to \
            destroy these keys: the log, its proofs and its receipts stay as they are.
            """,
        subcommands: [
            Create.self, Find.self, Status.self, Show.self, Erase.self, Authorise.self,
            RotateEpoch.self, Retention.self,
        ])
}

extension SubjectRef: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// What leads to a person, from standard input: on a command line, others would see it.
private func identifier() throws -> String {
    let bytes = try FileHandle.standardInput.readToEnd() ?? Data()
    guard let text = String(validating: bytes, as: UTF8.self) else {
        // Bytes that were put right would be the same for two persons.
        throw UsageError("the identifier on standard input is not UTF-8")
    }
    let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
    guard !line.isEmpty, !line.contains("\n") else {
        throw UsageError("the identifier is read from standard input, one line")
    }
    guard line.first?.isWhitespace == false, line.last?.isWhitespace == false else {
        throw UsageError("the identifier begins or ends with white space")
    }
    return line
}

extension Subject {
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make keys for a person, and print the reference that events carry.",
            discussion: """
                The identifier, such as a tax code or a phone number, is read from standard input; \
                write it in one way always. It stands in the vault only as a keyed hash. The same \
                identifier gives the same reference, until the person is erased.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Flag(help: "A person to whom no identifier leads.")
        var anonymous = false

        func run() throws {
            try log.requireNotFrozen()
            let identifier = anonymous ? nil : try identifier()
            let vault = try log.openOrCreateVault()
            let subject = try vault.makeSubject(
                of: identifier, keeping: try PersonalFields.retentions.map(RetentionClass.init),
                at: try LogOptions.clock().now.microseconds)
            Answer(object: [("subject", .text("\(subject)"))]).write(as: output.chosen)
        }
    }

    struct Find: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the reference of a person, by the identifier on standard input.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let identifier = try identifier()
            guard let subject = try log.requireVault(.reading).subject(of: identifier) else {
                Standard.error("nobody is known by that, or the person's data were erased")
                throw VerbOutcome.answerIsNo
            }
            Answer(object: [("subject", .text("\(subject)"))]).write(as: output.chosen)
        }
    }

    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What became of a person's keys, and which events tell it.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The reference of the person.")
        var subject: SubjectRef

        func run() throws {
            let history = try SubjectHistory(
                of: subject, in: log.openForReading(), log.requireVault(.reading))
            Answer(object: history.members).write(as: output.chosen)
            if history.keys.isEmpty { throw VerbOutcome.answerIsNo }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All personal data that are kept of a person, opened.",
            discussion: "What a person may ask to see (GDPR, article 15).")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The reference of the person.")
        var subject: SubjectRef

        func run() throws {
            let opened = try log.openForReading()
            let seal = PersonalSeal(try log.requireVault(.reading), of: opened)
            var rows: [[Cell]] = []
            var damaged = 0
            try opened.forEachEvent(of: subject) { event in
                let (state, data): (Cell, Cell)
                do throws(SealError) {
                    let text = try seal.open(event)
                    guard text != .none else { return .next }
                    (state, data) = (text.state, text.cell)
                } catch {
                    // One that was altered hides no other.
                    guard error.isOfValue else { throw error }
                    Standard.error("position \(event.position): \(error)")
                    damaged += 1
                    (state, data) = (.text("damaged"), .null)
                }
                rows.append([
                    .count(event.position.value), .text(event.type.text),
                    .text("\(event.occurred)"), state, data,
                ])
                return .next
            }
            Answer(columns: ["position", "type", "time", "state", "data"], rows: rows)
                .write(as: output.chosen)
            if damaged > 0 { throw VerbOutcome.corruptionFound }
        }
    }

    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Destroy a person's keys, for ever, and tell it in the log.",
            discussion: """
                Done again, it changes nothing. The last copies of the keys die when the epoch's \
                key does (subject rotate-epoch) and with the last backup of it.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The reference of the person.")
        var subject: SubjectRef
        @Option(help: "On which legal basis; stands in the log for ever, so nothing personal.")
        var basis: String
        @Option(help: "Only data of this retention class; can be given several times.")
        var retention: [String] = []
        @Option(help: "Who does it; stands in the log for ever.")
        var executor = "the operator of the log"

        func run() async throws {
            let classes = try retention.map(RetentionClass.init)
            try await log.withEraser { opened, vault, eraser in
                let erasure = try await eraser.erase(
                    subject, classes: classes.isEmpty ? nil : classes, basis: basis, by: executor)
                if erasure == nil { Standard.error("that was erased before; nothing has changed") }
                let history = try SubjectHistory(of: subject, in: opened, vault)
                Answer(object: history.members).write(as: output.chosen)
            }
        }
    }

    struct Authorise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a person whose data were erased new keys, as when they come back.",
            discussion: "What was sealed before stays closed for ever.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The reference of the person.")
        var subject: SubjectRef
        @Option(help: "On which legal basis; stands in the log for ever, so nothing personal.")
        var basis: String
        @Option(help: "Who does it; stands in the log for ever.")
        var executor = "the operator of the log"

        func run() async throws {
            try await log.withEraser { opened, vault, eraser in
                _ = try await eraser.authorise(subject, basis: basis, by: executor)
                let history = try SubjectHistory(of: subject, in: opened, vault)
                Answer(object: history.members).write(as: output.chosen)
            }
        }
    }

    struct RotateEpoch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-epoch",
            abstract: "Wrap all keys anew, and destroy the key that wrapped them until now.",
            discussion: """
                After it, no copy of a key that was erased before can be unwrapped, wherever it \
                lies, but with a backup of the old epoch's key or of the root that guards it.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await log.withEraser { _, vault, eraser in
                let destroyed = try await eraser.rotateEpoch()
                Answer(object: [
                    ("destroyed_epoch", .count(destroyed)),
                    ("epoch", .count(try vault.currentEpoch())),
                ]).write(as: output.chosen)
            }
        }
    }
}

/// For how long data of a retention class are kept: `contact=730`, in days.
private struct RetentionTerm: ExpressibleByArgument {
    let retention: RetentionClass
    let days: Int64

    init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let retention = try? RetentionClass(String(parts[0])),
            PersonalFields.retentions.contains("\(retention)"), let days = Int64(parts[1]),
            (0...100_000).contains(days)
        else { return nil }
        self.retention = retention
        self.days = days
    }
}

extension Subject {
    struct Retention: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Data that have been kept for as long as they may be.",
            subcommands: [Run.self])

        struct Run: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Erase what is older than its retention class allows.",
                discussion: """
                    The newest event with data of the class decides, by when it happened. Done \
                    again, it erases what has expired since. To be run every night, with a \
                    subject rotate-epoch behind it.
                    """)

            @OptionGroup var log: LogOptions
            @OptionGroup var output: OutputOptions
            @Option(
                parsing: .upToNextOption,
                help: ArgumentHelp(
                    "For how many days a class is kept; the classes are "
                        + PersonalFields.retentions.joined(separator: ", ") + ".",
                    valueName: "class=days"))
            fileprivate var keep: [RetentionTerm]
            @Flag(help: "Only list what would be erased.")
            var dryRun = false
            @Option(help: "Who does it; stands in the log for ever.")
            var executor = "the operator of the log"

            func run() async throws {
                try await log.withEraser { opened, _, eraser in
                    var rows: [[Cell]] = []
                    for term in keep {
                        let age = term.days * Instant.microsecondsOfDay
                        let moment = Instant(microseconds: opened.clock.now.microseconds - age)
                        for expired in try eraser.expired(term.retention, before: moment) {
                            if !dryRun {
                                _ = try await eraser.erase(
                                    expired.subject, classes: [term.retention],
                                    basis: "retention of \(term.retention): \(term.days) days",
                                    by: executor)
                            }
                            rows.append([
                                .text("\(expired.subject)"), .text("\(term.retention)"),
                                .text("\(expired.last)"), .truth(!dryRun),
                            ])
                        }
                    }
                    Answer(columns: ["subject", "class", "last", "erased"], rows: rows)
                        .write(as: output.chosen)
                }
            }
        }
    }
}

extension LogOptions {
    fileprivate func requireVault(_ access: KeyStore.Access) throws -> KeyStore {
        guard let vault = try openVault(access) else {
            throw VaultError.noVault(directory: vaultDirectory)
        }
        return vault
    }

    /// Runs `body` with log and vault open for writing, and what was broken off finished.
    fileprivate func withEraser(
        _ body: (EventLog, KeyStore, SubjectEraser) async throws -> Void
    ) async throws {
        let opened = try openForWriting()
        defer { opened.close() }
        let vault = try requireVault(.writing)
        let eraser = SubjectEraser(vault, of: opened)
        _ = try await eraser.finishWhatWasBegun()
        try await body(opened, vault, eraser)
    }
}

extension SubjectHistory {
    fileprivate var members: [(String, Cell)] {
        [
            ("subject", .text("\(subject)")),
            ("keys", .array(keys.map(\.cell))), ("events", .count(events)),
            (
                "told",
                .array(
                    told.map { told in
                        .object([
                            ("position", .count(told.position.value)), ("type", .text(told.type)),
                            ("recorded", .text(told.recorded)), ("basis", .optional(told.basis)),
                            ("executor", .optional(told.executor)),
                            ("keys", .array(told.keys.map { .text($0) })),
                        ])
                    })
            ),
        ]
    }
}

extension SubjectHistory.Key {
    fileprivate var cell: Cell {
        .object([
            ("class", .text("\(status.retention)")), ("state", .text(status.state.name)),
            ("key", .text("\(status.key)")), ("commitment", .text(status.commitmentHex)),
            ("epoch", .count(status.epoch)),
            ("created", .text("\(Instant(microseconds: status.created))")),
            ("changed", .text("\(Instant(microseconds: status.changed))")),
            ("beyond_recovery", .truth(isBeyondRecovery)),
        ])
    }
}

extension KeyStore.State {
    fileprivate var name: String {
        switch self {
        case .never: "never"
        case .active: "active"
        case .erased: "erased"
        case .authorisedAnew: "authorised_anew"
        }
    }
}

extension PersonalText {
    fileprivate var state: Cell {
        switch self {
        case .none: .null
        case .open: .text("open")
        case .erased: .text("erased")
        case .closed: .text("closed")
        }
    }

    fileprivate var cell: Cell {
        guard case .open(let members) = self else { return .null }
        return .object(members.map { ($0.member, .text($0.text)) })
    }
}
