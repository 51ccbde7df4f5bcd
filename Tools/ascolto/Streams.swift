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

    /// Streams that are looked up at a time.
    private static let pageStreams = 10_000

    func run() throws {
        let opened = try log.openForReading()
        // Fixed first, so that all pages are of one moment.
        let size = try opened.size(asOf: asOf)
        var rows: [[Cell]] = []
        var from = size > 0 ? Position(0) : nil
        while let first = from {
            let page = try opened.streams(
                prefix: prefix, asOf: .position(Position(size - 1)), from: first,
                limit: Self.pageStreams)
            rows += page.streams.map {
                [
                    .text($0.stream.text), .count($0.events), .count($0.first.value),
                    .count($0.last.value),
                ]
            }
            from = page.next
        }
        Answer(columns: ["stream", "events", "first", "last"], rows: rows).write(as: output.chosen)
    }
}
