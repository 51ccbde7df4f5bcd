internal import ArgumentParser
internal import EventLog
internal import JSON

struct Streams: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List streams in the order of their first event.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Only streams whose names begin so.")
    var prefix = ""
    @Option(help: "What was known at a position or recorded time, included.")
    var asOf: AsOf?

    func run() throws {
        let streams = try log.openForReading().streams(prefix: prefix, asOf: asOf)
        Answer(
            columns: ["stream", "events", "first", "last"],
            rows: streams.map {
                [
                    .text($0.stream.text), .count($0.events), .count($0.first.value),
                    .count($0.last.value),
                ]
            }
        ).write(as: output.chosen)
    }
}
