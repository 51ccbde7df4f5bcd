internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Merkle

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a verified copy of the log into one file, while others write.",
        discussion: """
            A backup of the same log that holds no more events is replaced; any other file is \
            refused. Read models, definitions and cursors are not in it.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The backup file.")
    var file: String

    func run() throws {
        let summary = try log.openForReading().backup(to: file) { copy in
            try CheckInChild.requireSound(["--backup=" + copy])
        }
        Answer(object: summary.members).write(as: output.chosen)
    }
}

extension BackupSummary {
    fileprivate var members: [(String, Cell)] {
        [
            ("events", .count(events)), ("root", .text(root.hex)),
            ("log_id", .text(logID.description)), ("taken", .text(takenAt.description)),
            ("file_bytes", .count(fileBytes)),
        ]
    }
}

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the log from a backup, which is verified before anything is replaced.",
        discussion: """
            A log that is there already is replaced only if the backup holds all of its events; it \
            is moved into a directory of its own beside the new data, never deleted. Nobody else \
            may have it open.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Argument(help: "The backup file.")
    var file: String
    @Flag(help: "Replace whatever is there, even if it has events that the backup has not.")
    var replace = false

    func run() throws {
        try log.requireNotFrozen()
        let summary = try EventLog.restore(
            file, to: log.directory, policy: replace ? .replaceAnything : .extendOnly
        ) { backup in
            try CheckInChild.requireSound(["--backup=" + backup])
        }
        if let keys = summary.movedKeys {
            Standard.error(
                "the backup does not hold all that was signed, so the signing key is no longer "
                    + "that of this log, and was moved to \(keys); ascolto keys generate makes "
                    + "another")
        }
        Answer(object: summary.backup.members + [("replaced", .optional(summary.replaced))])
            .write(as: output.chosen)
    }
}

struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give the free pages of data.mdb back, by a verified copy in its place.",
        discussion: """
            Nobody may write meanwhile, and at the end nobody else may have the log open: end \
            readers such as tail first. Needs free space for the copy.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try log.requireNotFrozen()
        let summary = try EventLog.compact(at: log.directory) { copy in
            try CheckInChild.requireSound(["--copy=" + copy, "--log=" + log.directory])
        }
        Answer(object: [
            ("bytes_before", .count(summary.bytesBefore)),
            ("bytes_after", .count(summary.bytesAfter)),
        ]).write(as: output.chosen)
    }
}
