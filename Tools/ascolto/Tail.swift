internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import JSON

struct Tail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print selected events as they come, one a line, until interrupted.",
        discussion: """
            Begins with what is appended from now on; with --from at that position, and with \
            --cursor where the cursor stands, which is position 0 for a new one. A cursor is saved \
            after the lines are out, so a consumer that breaks off sees some of them again and \
            misses none. Other processes' appends are looked for every 20 ms.
            """)

    @OptionGroup var log: LogOptions
    @Option(help: "First position, included.")
    var from: Position?
    @Option(help: "A durable position by this name: resume there, and remember how far it came.")
    var cursor: String?
    @Option(help: "Events of this stream.")
    var stream: String?
    @Option(parsing: .upToNextOption, help: "Events of any of these types.")
    var type: [String] = []
    @Option(parsing: .upToNextOption, help: "Events with all of these tags.")
    var tag: [String] = []

    func run() async throws {
        if from != nil && cursor != nil {
            throw UsageError("--from and --cursor exclude each other; see cursors --reset")
        }
        var filter = EventFilter()
        filter.stream = try stream.map(StreamName.init)
        filter.types = Set(try type.map(EventType.init))
        filter.tags = try tag.map(Tag.init)
        let opened = try log.openForReading()
        let durable = try cursor.map { try opened.cursor($0) }
        let start: SubscriptionStart =
            if let durable { .cursor(durable) } else if let from { from.start } else { .end }
        let subscription = try opened.subscribe(filter, from: start)
        // A reader of the lines that goes away is a reason to end, not to die.
        signal(SIGPIPE, SIG_IGN)
        let work = Task {
            for try await batch in subscription {
                for event in batch.events { Standard.output.write(line: event.line[...]) }
                Standard.output.flush()
                try durable?.save(batch.next)
            }
            try durable?.sync()
        }
        let signals = endings(of: work)
        defer { for source in signals { source.cancel() } }
        try await work.value
    }
}

extension Position {
    fileprivate var start: SubscriptionStart {
        value == 0 ? .beginning : .after(Position(value - 1))
    }
}

struct Cursors: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List durable positions of consumers and how far they are.",
        discussion: "--reset and --remove are refused while a consumer uses the cursor.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: ArgumentHelp("Put this cursor to the position --to.", valueName: "name"))
    var reset: String?
    @Option(help: "First position that the cursor's consumer is to see again.")
    var to: Position?
    @Option(help: ArgumentHelp("Forget this cursor.", valueName: "name"))
    var remove: String?

    func run() throws {
        guard (reset == nil) == (to == nil), reset == nil || remove == nil else {
            throw UsageError("give --reset NAME with --to POSITION, or --remove NAME, or neither")
        }
        if reset != nil || remove != nil { try log.requireNotFrozen() }
        let opened = try log.openForReading()
        if let reset, let to { try opened.resetCursor(reset, to: to) }
        if let remove { try opened.removeCursor(remove) }
        let rows = opened.cursorNames().map { name -> [Cell] in
            do {
                let status = try opened.cursorStatus(name)
                return [
                    .text(name), status.position.map { .count($0.value) } ?? .null,
                    .count(status.lagEvents), status.lagSeconds.map { .real($0) } ?? .null,
                    .text(status.updated.description),
                ]
            } catch {
                // One cursor that cannot be used does not hide the others.
                Standard.error("ascolto: \(error)")
                return [.text(name), .null, .null, .null, .null]
            }
        }
        Answer(
            columns: ["name", "position", "lag_events", "lag_seconds", "updated"], rows: rows
        ).write(as: output.chosen)
    }
}
