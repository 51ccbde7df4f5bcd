internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import Intake
internal import JSON
internal import Vault
internal import YAML

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring history in from files; running it again appends only what is new.",
        subcommands: [
            ImportCSVVerb.self, ImportQueueLogVerb.self, ImportXESVerb.self, ImportNDJSONVerb.self,
        ])
}

struct ImportOptions: ParsableArguments {
    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Read everything and report, but append nothing.")
    var dryRun = false
    @Flag(help: "Append although the clock has run more than 10 minutes ahead.")
    var acceptClock = false
    @Argument(help: "Files, plain, .gz or .zst; - is standard input.")
    var files: [String]

    /// Runs an import against the log, or against nothing in a dry run, and prints its report.
    func run(
        pseudonymSecret: String = "", _ body: (Importer) async throws -> ImportReport
    ) async throws {
        let opened =
            dryRun
            ? nil : try log.openForWriting(clockPolicy: acceptClock ? .acceptJump : .refuseJumps)
        defer { opened?.close() }
        let destination =
            opened.map { opened in
                Importer.Destination.log { try await opened.append(each: $0) }
            } ?? .nowhere
        let door = log.vaultDoor(dryRun ? .reading : .writing)
        let persons =
            if let opened { try await log.personalIntake(into: opened, by: door) } else {
                log.personalIntakeOfDryRun(by: door)
            }
        defer { if let opened { log.forgetWhoWasErased(in: opened, by: door) } }
        let reading = ProgressBar("reading")
        let appending = ProgressBar("appending")
        let importer = Importer(
            destination: destination,
            scratchDirectory: opened?.directory ?? NSTemporaryDirectory(),
            pseudonymSecret: pseudonymSecret, persons: persons,
            onRefusal: { Standard.error("\($0)") },
            onProgress: { progress in
                switch progress {
                case .reading(let bytes, let total): reading.update(done: bytes, of: total)
                case .appending(let events, let total):
                    appending.update(done: events, of: total)
                }
            })
        let report: ImportReport
        do {
            report = try await body(importer)
        } catch let stopped as ImportStopped {
            // What was done before is told, whatever went wrong then.
            reading.finish()
            appending.finish()
            write(stopped.report)
            throw stopped.cause
        }
        reading.finish()
        appending.finish()
        write(report)
        if report.rejected > 0 { throw VerbOutcome.someInputRefused }
    }

    private func write(_ report: ImportReport) {
        let traces: [(String, Cell)] = report.traces.map { [("traces", .count($0))] } ?? []
        Answer(
            object: [
                ("rows", .count(report.rows)), ("events", .count(report.events)),
                ("already_appended", .count(report.alreadyAppended)),
                ("skipped", .count(report.skipped)), ("rejected", .count(report.rejected)),
                ("anomalies", .object(report.anomalies.map { ($0.name, .count($0.count)) })),
                (
                    "skipped_by_rule",
                    .object(report.skippedByRule.map { ($0.name, .count($0.count)) })
                ),
            ] + traces
        ).write(as: output.chosen)
    }
}

struct ImportCSVVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "csv", abstract: "Import rows by a mapping that says which events they are.")

    @Option(help: "The mapping, a YAML file.")
    var mapping: String
    @OptionGroup var options: ImportOptions

    func run() async throws {
        let text = try textOfFile(mapping, named: "--mapping \(mapping)")
        let read: Mapping
        do throws(YAMLError) { read = try Mapping(yaml: text) } catch {
            throw UsageError("\(mapping): \(error)")
        }
        try await options.run(pseudonymSecret: pseudonymSecret()) { importer in
            try await importer.importCSV(options.files, mapping: read)
        }
    }
}

struct ImportNDJSONVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ndjson",
        abstract: "Import CloudEvents, one a line, or exports of another log, in their order.")

    @OptionGroup var options: ImportOptions

    func run() async throws {
        try await options.run { importer in
            try await importer.importNDJSON(options.files)
        }
    }
}
