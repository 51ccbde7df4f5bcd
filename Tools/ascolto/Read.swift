internal import ArgumentParser
internal import EventLog
internal import JSON

/// Which part of the log is wanted.
struct RangeOptions: ParsableArguments {
    @Option(help: "First position, included.")
    var from: Position?
    @Option(help: "Last position, included.")
    var to: Position?
}

struct Read: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the lines of selected events.",
        discussion: "Times are RFC 3339; --since is included, --until is not.")

    @OptionGroup var log: LogOptions
    @OptionGroup var range: RangeOptions
    @Option(help: "Events of this stream.")
    var stream: String?
    @Option(parsing: .upToNextOption, help: "Events of any of these types.")
    var type: [String] = []
    @Option(parsing: .upToNextOption, help: "Events with all of these tags.")
    var tag: [String] = []
    @Option(help: "Event time from this moment on.")
    var since: Instant?
    @Option(help: "Event time before this moment.")
    var until: Instant?
    @Option(help: "Recorded from this moment on.")
    var recordedSince: Instant?
    @Option(help: "Recorded before this moment.")
    var recordedUntil: Instant?
    @Option(help: "What was known at a position or recorded time, included.")
    var asOf: AsOf?
    @Flag(help: "Newest first.")
    var backward = false
    @Option(help: "At most so many events.")
    var limit: Int?
    @Option(help: "Lines, or one JSON array of them.")
    var format: LineFormat = .ndjson

    func run() throws {
        var selection = Selection()
        selection.from = range.from
        selection.to = range.to
        selection.stream = try stream.map(StreamName.init)
        selection.types = Set(try type.map(EventType.init))
        selection.tags = try tag.map(Tag.init)
        selection.since = since
        selection.until = until
        selection.recordedSince = recordedSince
        selection.recordedUntil = recordedUntil
        selection.asOf = asOf
        selection.direction = backward ? .backward : .forward
        if let limit {
            guard limit >= 0 else { throw UsageError("--limit must not be negative") }
            selection.limit = limit
        }
        try writeLines(of: try log.openForReading(), selection, as: format)
    }
}

/// How events are printed.
enum LineFormat: String, ExpressibleByArgument, CaseIterable {
    case ndjson
    case json
}

/// What an export is written as.
enum ExportFormat: String, ExpressibleByArgument, CaseIterable {
    case ndjson
}

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the canonical lines of the whole log, or of a part of it.")

    @OptionGroup var log: LogOptions
    @OptionGroup var range: RangeOptions
    @Option(help: "What was known at a position or recorded time, included.")
    var asOf: AsOf?
    @Option(help: "Lines of CloudEvents JSON.")
    var `as`: ExportFormat = .ndjson
    @Option(help: "Lines, or one JSON array of them.")
    var format: LineFormat = .ndjson

    func run() throws {
        var selection = Selection()
        selection.from = range.from
        selection.to = range.to
        let opened = try log.openForReading()
        if let asOf {
            // A prefix of the log is a range of positions, and a range is written as it lies.
            let size = try opened.size(asOf: asOf)
            guard size > 0 else { return try writeNothing() }
            selection.to = min(range.to ?? Position(.max), Position(size - 1))
        }
        try writeLines(of: opened, selection, as: format)
    }

    private func writeNothing() throws {
        if format == .json { Standard.output.write(line: "[]") }
        Standard.output.flush()
    }
}

private func writeLines(of log: EventLog, _ selection: Selection, as format: LineFormat) throws {
    // What was printed before an error is whole lines, and the exit code tells of the error.
    defer { Standard.output.flush() }
    switch format {
    case .ndjson where selection.isWholeRange:
        let range = PositionRange(
            first: selection.from ?? Position(0), last: selection.to ?? Position(.max))
        try log.readLines(range) { lines, _ in
            Standard.output.write(lines)
            return .next
        }
    case .ndjson:
        try log.read(selection) { event in
            Standard.output.write(line: event.line[...])
            return .next
        }
    case .json:
        var separator = "["
        try log.read(selection) { event in
            Standard.output.write(line: (Array(separator.utf8) + event.line)[...])
            separator = ","
            return .next
        }
        Standard.output.write(line: separator == "[" ? "[]" : "]")
    }
}
