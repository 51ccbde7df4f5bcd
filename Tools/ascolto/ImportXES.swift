internal import ArgumentParser
internal import EventLog
internal import Intake
internal import JSON

struct ImportXESVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xes", abstract: "Import event logs in XES, the format of IEEE 1849.",
        discussion: """
            Every trace becomes a case, every event an activity of it. Resources (org:resource) \
            become pseudonyms, with the secret in ASCOLTO_PSEUDONYM_SECRET; all other \
            attributes are imported as they stand, so look for people in them first.
            """)

    @Option(help: "Ids and pseudonyms are derived within it.")
    var namespace = XESSource.defaultNamespace
    @Option(help: "The source of every event, a URI reference.")
    var source = XESSource.defaultSource
    @OptionGroup var options: ImportOptions

    func run() async throws {
        let events: Source
        do throws(EventError) { events = try Source(source) } catch {
            throw UsageError("--source: \(error)")
        }
        let system = XESSource(namespace: namespace, source: events)
        try await options.run(pseudonymSecret: pseudonymSecret()) { importer in
            try await importer.importXES(options.files, from: system)
        }
    }
}
