internal import ArgumentParser
internal import ContactCentre
internal import JSON

struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The types of events that are known: what they say, and what their data must be.",
        discussion: """
            Without a type, all of them are listed. With one, its JSON Schema is printed, made of \
            what the reader of the type asks for: what append takes, and what read models read. \
            Versions that are no longer written are read for ever, and taken as well.
            """)

    @OptionGroup var output: OutputOptions
    @Argument(help: "A type, such as contact.received.")
    var type: String?
    @Option(
        help: ArgumentHelp(
            "The schema version, for a type: the one that is written where none is given.",
            valueName: "version"))
    var version: UInt16?
    @Option(help: "Draw a state machine as a diagram of Mermaid: contact, queue_visit, operator.")
    var states: StateMachine?

    func validate() throws {
        if type != nil, states != nil {
            throw ValidationError("a type and --states do not go together")
        }
        if type == nil, version != nil {
            throw ValidationError("--version needs a type")
        }
    }

    func run() throws {
        if let states {
            return Standard.output.write(Array((states.graph.mermaid + "\n").utf8))
        }
        guard let type else {
            return Answer(
                columns: ["type", "schema", "meaning", "members", "personal"],
                rows: Catalogue.types.map { declared in
                    [
                        .text(declared.type), .count(declared.schema), .text(declared.meaning),
                        .array(declared.members.map { .text($0.name) }),
                        .array((declared.personal?.members ?? []).map { .text($0) }),
                    ]
                }
            ).write(as: output.chosen)
        }
        guard let written = Catalogue.type(type) else {
            let group = type.prefix { $0 != "." }
            let near = Catalogue.types.map(\.type).filter { $0.hasPrefix(group + ".") }
            Standard.error(
                "no type \(printable(type)) is known here; such events are stored and served as "
                    + "they come"
                    + (near.isEmpty ? "" : "; there are: " + near.joined(separator: ", ")))
            throw VerbOutcome.answerIsNo
        }
        guard let declared = written.version(version ?? written.schema) else {
            Standard.error(
                "version \(version ?? 0) of \(type) is not known here; there are: "
                    + (1...written.schema).map { "\($0)" }.joined(separator: ", "))
            throw VerbOutcome.answerIsNo
        }
        Standard.output.write(Array((declared.jsonSchema.indented + "\n").utf8))
    }
}

extension StateMachine: ExpressibleByArgument {}
