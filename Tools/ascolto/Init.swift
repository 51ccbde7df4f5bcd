internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import JSON

struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Create a log.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "The name under which checkpoints are signed. Default: ascolto.local/<log id>.")
    var origin: String?
    @Option(help: "IANA time zone of contacts that state none.")
    var zone = LogOptions.defaultZone

    func run() throws {
        guard Zone(identifier: zone) != nil else { throw LogError.badZone(zone) }
        try EventLog.create(
            at: log.directory, origin: origin, zone: zone, clock: try LogOptions.clock())
        let opened = try log.openForReading()
        Answer(object: [
            ("log", .text(log.directory)), ("id", .text(opened.identity.id.description)),
            ("origin", .text(opened.identity.origin)), ("zone", .text(opened.identity.zone)),
        ]).write(as: output.chosen)
    }
}
