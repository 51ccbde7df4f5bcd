internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import ProjectionKit
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
private func identifier() throws -> Identifier {
    let bytes = try FileHandle.standardInput.readToEnd() ?? Data()
    guard let text = String(validating: bytes, as: UTF8.self) else {
        // Bytes that were put right would be the same for two persons.
        throw UsageError("the identifier on standard input is not UTF-8")
    }
    do throws(VaultError) {
        return try Identifier(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    } catch {
        throw UsageError("standard input: \(error)")
    }
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
            guard EventLog.exists(at: log.directory) else {
                throw LogError.noLog(directory: log.directory)
            }
            let vault = try log.vaultDoor(.writing).vaultOrNew(madeRoot: LogOptions.tellRoot)
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
            guard let subject = try log.vaultDoor(.reading).requireVault().subject(of: identifier)
            else {
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
                of: subject, in: log.openForReading(), log.vaultDoor(.reading).requireVault())
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
            let vault = try log.vaultDoor(.reading).requireVault()
            var rows: [[Cell]] = []
            var damaged = 0
            try opened.forEachEvent(of: subject, openedBy: vault) { found in
                if case .damaged(let error) = found.content {
                    Standard.error("position \(found.event.position): \(error)")
                    damaged += 1
                }
                rows.append(found.members.map(\.1))
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
            try await log.withEraser(.erasing) { eraser in
                try await eraser.erase(
                    subject, classes: classes.isEmpty ? nil : classes, basis: basis, by: executor)
            } answer: { erasure, opened, vault in
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
            try await log.withEraser(.changing) { eraser in
                try await eraser.authorise(subject, basis: basis, by: executor)
            } answer: { _, opened, vault in
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
            try await log.withEraser(.changing) { eraser in
                try await eraser.rotate(to: eraser.vault.makeNextEpoch())
            } answer: { destroyed, _, vault in
                Answer(object: [
                    ("destroyed_epoch", .count(destroyed)),
                    ("epoch", .count(try vault.currentEpoch())),
                ]).write(as: output.chosen)
            }
        }
    }
}

/// `contact=730`: for how many days data of a class are kept.
extension RetentionTerm: ExpressibleByArgument {
    public init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let days = Int64(parts[1]) else { return nil }
        self.init(String(parts[0]), days: days)
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
            var keep: [RetentionTerm]
            @Flag(help: "Only list what would be erased.")
            var dryRun = false
            @Option(help: "Who does it; stands in the log for ever.")
            var executor = "the operator of the log"

            func run() async throws {
                if dryRun { return try list() }
                try await log.withEraser(.erasing) { eraser in
                    var rows: [[Cell]] = []
                    for term in keep {
                        let expired = try await eraser.erase(
                            eraser.expired(term), term, by: executor)
                        rows += expired.map { $0.members(.erasing).map(\.1) }
                    }
                    return rows
                } answer: { rows, _, _ in
                    write(rows)
                }
            }

            private func list() throws {
                let eraser = SubjectEraser(
                    try log.vaultDoor(.reading).requireVault(), of: try log.openForReading())
                write(
                    try keep.flatMap { try eraser.expired($0) }.map {
                        $0.members(.listing).map(\.1)
                    })
            }

            private func write(_ rows: [[Cell]]) {
                Answer(columns: ["subject", "class", "last", "erased"], rows: rows)
                    .write(as: output.chosen)
            }
        }
    }
}

extension LogOptions {
    /// Changes keys with log and vault open for writing, and answers; what was broken off is
    /// finished first.
    fileprivate func withEraser<Result>(
        _ work: VaultWork, _ change: (SubjectEraser) async throws -> Result,
        answer: (Result, EventLog, KeyStore) throws -> Void
    ) async throws {
        let opened = try openForWriting()
        defer { opened.close() }
        let door = vaultDoor(.writing)
        let vault = try door.requireVault()
        let eraser = SubjectEraser(vault, of: opened)
        _ = try await eraser.finishWhatWasBegun()
        let result = try await change(eraser)
        var stale: (any Error)?
        if work == .erasing {
            do {
                try vault.letForget(
                    makingAnew(in: opened, by: door, within: ProjectionLimits.forgetWait))
            } catch {
                stale = error
            }
        }
        try answer(result, opened, vault)
        if let stale {
            Standard.error(
                "the keys are destroyed, and the log tells it; what was read with them has yet to "
                    + "be made anew, which the next append or erasure does")
            throw stale
        }
    }
}

/// What a verb does with the vault.
private enum VaultWork {
    /// Keys are destroyed, and what is derived has to forget.
    case erasing
    case changing
}
