internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import JSON
internal import Reports
internal import Routing

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say in words what happened, with the positions of the events that say so.",
        subcommands: [Contact.self, DecisionVerb.self])

    struct Contact: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell a contact's story, event by event.",
            discussion: """
                It is read from the contact's stream, in the order of its positions. What cannot \
                follow what came before, and what a clock contradicts, is told beside it.

                With --why, what happened in its queues while it waited is told as well: who was \
                answered meanwhile, and why before it, and what the operators did. That reads the \
                log from the last snapshot of a router before it, or from its beginning.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The contact's id: what stands behind contact/ in the stream's name.")
        var id: String
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf?
        @Flag(help: "Tell what happened in its queues while it waited.")
        var why = false

        func run() throws {
            let opened = try log.openForReading()
            let size = try opened.size(asOf: asOf)
            let facts = try opened.facts(ofContact: id, before: size)
            guard !facts.isEmpty else {
                Standard.error(
                    "there is no contact \(printable(id)) among the first \(size) events; "
                        + "ascolto streams --prefix contact/ lists them")
                throw VerbOutcome.answerIsNo
            }
            let story = ContactStory(facts)
            let moment = try moment(in: opened, size)
            let waits = why ? try opened.waits(ofContact: id, before: size, at: moment) : []
            switch output.chosen {
            case .table: tell(story, waits, at: moment, by: WallClock(of: story, in: opened))
            case .json:
                Answer(object: [
                    ("contact", .text(id)), ("as_of", .count(size - 1)),
                    ("events", .count(facts.count)), ("ending", .text(story.ending)),
                    ("waited_us", story.waited(at: moment).map { .integer($0) } ?? .null),
                    ("talked_us", story.talked.map { .integer($0) } ?? .null),
                    ("unknown_waits", .count(story.unknownWaits)),
                    ("unknown_talks", .count(story.unknownTalks)),
                    ("held_us", story.held.map { .integer($0) } ?? .null),
                    ("waiting_since", .optional(story.waitingSince?.description)),
                    ("waiting_us", story.waiting(at: moment).map { .integer($0) } ?? .null),
                    ("waits", why ? .array(waits.map(\.node)) : .null),
                    ("story", .array(story.sentences.map { .object(Self.members(of: $0)) })),
                ]).write(as: .json)
            case .csv, .ndjson:
                Answer(
                    columns: ["position", "time", "text", "remark"],
                    rows: story.sentences.map { Self.members(of: $0).map(\.1) }
                ).write(as: output.chosen)
            }
        }

        /// The moment that is asked about: now, or when the last event that is known was recorded.
        private func moment(in opened: EventLog, _ size: UInt64) throws -> Instant {
            switch asOf {
            case .recorded(let moment)?: return moment
            case .position?:
                if let last = try opened.event(at: Position(size - 1)) { return last.recorded }
            case nil: break
            }
            return try LogOptions.clock().now
        }

        private func tell(
            _ story: ContactStory, _ waits: [WaitTold], at moment: Instant, by clock: WallClock
        ) {
            let width = story.sentences.map { "\($0.position)".count }.max() ?? 0
            for sentence in story.sentences {
                let position = "\(sentence.position)"
                let gap = String(repeating: " ", count: width - position.count)
                let time = clock.told(sentence.occurred)
                Standard.output.write(
                    line: "\(gap)\(position)  \(time)  \(printable(sentence.text))")
                if let remark = sentence.remark {
                    Standard.output.write(
                        line: String(repeating: " ", count: width + 2) + "! \(printable(remark))")
                }
            }
            let since =
                story.waitingSince.map { since in
                    let span = story.waiting(at: moment).map { ", for \(duration($0)) now" }
                    return ", since \(clock.told(since))" + (span ?? "")
                } ?? ""
            func told(_ known: Int64?, _ unknown: Int) -> String {
                switch (known, unknown) {
                case (_, 0): duration(known)
                case (0, _): duration(nil)
                default: "\(duration(known)) and \(duration(nil))"
                }
            }
            let onHold = story.held == 0 ? "" : ", of that \(duration(story.held)) on hold"
            Standard.output.write(
                line: "In queues \(told(story.waited(at: moment), story.unknownWaits)), with "
                    + "operators \(told(story.talked, story.unknownTalks))\(onHold); in the end "
                    + "\(printable(story.ending))\(since).")
            for line in waits.flatMap(\.lines) { Standard.output.write(line: printable(line)) }
            Standard.output.flush()
        }

        private static func members(of sentence: ContactStory.Sentence) -> [(String, Cell)] {
            [
                ("position", .count(sentence.position)), ("time", .text("\(sentence.occurred)")),
                ("text", .text(sentence.text)), ("remark", .optional(sentence.remark)),
            ]
        }
    }
}
