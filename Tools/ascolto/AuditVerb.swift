internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Merkle
internal import ProjectionKit
internal import Reports
internal import Storage

struct AuditVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Documents for auditors.", subcommands: [Report.self])

    struct Report: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write what was known at a moment, with what proves it.",
            discussion: """
                One self-contained document, as report.html and report.json: the signed head and \
                the proof that it begins with what was known, the events concerned with their \
                receipts, the stories of contacts, digests and definitions of all read models, \
                timestamps that bound the time, and the commands that repeat all of it. The same \
                request under the same --checkpoint gives the same bytes.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var known: ProjectionOptions
        @OptionGroup var output: OutputOptions
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf
        @Option(parsing: .upToNextOption, help: "Contacts whose stories are told and proven.")
        var contact: [String] = []
        @Option(parsing: .upToNextOption, help: "Other events that are proven.")
        var position: [Position] = []
        @Option(
            parsing: .upToNextOption, help: "Tables whose rows are shown: operator-queues/days.")
        var table: [AuditRequest.TableName] = []
        @Option(help: "Prove it under this checkpoint instead of the newest.")
        var checkpoint: String?
        @Option(
            parsing: .upToNextOption,
            help: "Keys that may have signed it, where this copy of the log does not hold them.",
            transform: verifierKey)
        var key: [VerifierKey] = []
        @Option(help: "The directory; without it, the JSON is printed.")
        var out: String?

        func run() async throws {
            let signed = try await signed()
            var request = AuditRequest(asOf: asOf)
            request.contacts = contact
            request.positions = position
            request.tables = table
            request.settings = try known.settings()
            request.definitions = try known.definitionsText(of: log)
            let bar = ProgressBar("audit report")
            let report = try AuditReport(
                of: signed.log, request, projections: try known.repeatable(of: log),
                under: signed.note,
                keys: key
            ) { bar.update(done: Int($0.done), of: Int($0.total)) }
            bar.finish()
            guard let out else { return Standard.output.write(Array((report.json + "\n").utf8)) }
            try FileSystem.createDirectories(out)
            for (name, text) in [("report.json", report.json + "\n"), ("report.html", report.html)]
            {
                try FileSystem.replace("\(out)/\(name)", with: Array(text.utf8), for: .asUsual)
            }
            Answer(object: [
                ("directory", .text(out)), ("position", .count(report.position.value)),
                ("root", .text(report.root.hex)), ("proven_events", .count(report.provenEvents)),
                ("checkpoint_size", .count(report.checkpointSize)),
            ]).write(as: output.chosen)
        }

        private func signed() async throws -> SignedLog {
            guard let checkpoint else {
                return try await SignedLog.open(log, missingKey: .refused)
            }
            let bytes = try RawFile.open(checkpoint).read(SignedNote.bytesMax, at: 0)
            return SignedLog(log: try log.openForReading(), note: try SignedNote(bytes: bytes))
        }
    }
}

extension AuditRequest.TableName: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
