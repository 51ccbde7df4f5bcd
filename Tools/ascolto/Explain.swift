internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import JSON
internal import Reports

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
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The contact's id: what stands behind contact/ in the stream's name.")
        var id: String
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf?

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
            switch output.chosen {
            case .table: tell(story)
            case .json:
                Answer(object: [
                    ("contact", .text(id)), ("as_of", .count(size - 1)),
                    ("events", .count(facts.count)), ("ending", .text(story.ending)),
                    ("waited_us", story.waited.map { .integer($0) } ?? .null),
                    ("talked_us", story.talked.map { .integer($0) } ?? .null),
                    ("story", .array(story.sentences.map { .object(Self.members(of: $0)) })),
                ]).write(as: .json)
            case .csv, .ndjson:
                Answer(
                    columns: ["position", "time", "text", "remark"],
                    rows: story.sentences.map { Self.members(of: $0).map(\.1) }
                ).write(as: output.chosen)
            }
        }

        private func tell(_ story: ContactStory) {
            let width = story.sentences.map { "\($0.position)".count }.max() ?? 0
            for sentence in story.sentences {
                let position = "\(sentence.position)"
                let gap = String(repeating: " ", count: width - position.count)
                Standard.output.write(
                    line: "\(gap)\(position)  \(sentence.occurred)  \(printable(sentence.text))")
                if let remark = sentence.remark {
                    Standard.output.write(
                        line: String(repeating: " ", count: width + 2) + "! \(printable(remark))")
                }
            }
            Standard.output.write(
                line: "In queues \(duration(story.waited)), with operators "
                    + "\(duration(story.talked)); in the end \(printable(story.ending)).")
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
