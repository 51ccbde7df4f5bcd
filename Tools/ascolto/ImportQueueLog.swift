internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import Intake
internal import JSON

struct ImportQueueLogVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue-log", abstract: "Import Asterisk queue logs.",
        discussion: """
            Give rotated files together, or each with the one before it: a call that goes on \
            in the next file is then told whole. Lines that are in the log already are not \
            appended again. \
            Numbers and names of callers are not imported; members of queues become pseudonyms, \
            with the secret in ASCOLTO_PSEUDONYM_SECRET.
            """)

    @Option(help: "Ids and pseudonyms are derived within it: one for each telephone system.")
    var namespace = QueueLogSource.defaultNamespace
    @Option(help: "The source of every event, a URI reference.")
    var source = QueueLogSource.defaultSource
    @Option(help: "The zone whose dates the calls belong to; by default that of the log.")
    var zone: String?
    @OptionGroup var options: ImportOptions

    func run() async throws {
        let events: Source
        do throws(EventError) { events = try Source(source) } catch {
            throw UsageError("--source: \(error)")
        }
        guard let system = QueueLogSource(namespace: namespace, source: events, zone: zone) else {
            throw UsageError(
                "--zone: \(zone ?? "") must be an IANA time zone such as Europe/Rome")
        }
        try await options.run(pseudonymSecret: pseudonymSecret()) { importer in
            try await importer.importQueueLog(options.files, from: system)
        }
    }
}

/// What goes into the pseudonyms of an import.
func pseudonymSecret() -> String {
    ProcessInfo.processInfo.environment["ASCOLTO_PSEUDONYM_SECRET"] ?? ""
}
