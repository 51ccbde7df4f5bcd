internal import ArgumentParser
internal import ContactCentre
internal import Description
internal import EventLog
internal import JSON

extension Explain {
    struct DecisionVerb: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "decision",
            abstract: "Tell why a contact was routed as it was, or who decided a change and why.",
            discussion: """
                A routing decision is named by its id, which the offer that followed from it \
                names, too; a change of the organisation by the ref of the decision, as an act's \
                number.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The id of a routing decision, or the ref of a decision of a change.")
        var ref: String
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf?
        @Option(
            help: ArgumentHelp(
                "Tell of this operator only, also where the record does not.",
                discussion: "Of a routing decision; reads the log up to it.", valueName: "name"))
        var `operator`: String?

        func run() throws {
            let opened = try log.openForReading()
            if let routed = try opened.routingDecision(ref, before: try opened.size(asOf: asOf)) {
                guard let name = `operator` else { return try tell(routed, in: opened) }
                return try tell(of: name, by: routed, in: opened)
            }
            if `operator` != nil {
                Standard.error(
                    "ascolto: --operator is about a routing decision, and \(printable(ref)) is none"
                )
                throw VerbOutcome.answerIsNo
            }
            let told = try opened.organisation(before: try opened.size(asOf: asOf))
            let organisation = told.tellingOfOthers()
            let steps = organisation.history.filter {
                $0.change.decision.map { ExactText($0) } == ExactText(ref)
            }
            let said = organisation.allDecisions.filter { ExactText($0.name) == ExactText(ref) }
                .map(\.decided)
            let decided = said.last
            guard decided != nil || !steps.isEmpty else {
                let known = organisation.allDecisions.map { printable($0.name) }
                Standard.error(
                    "ascolto: no decision \(printable(ref)) is told of; "
                        + (known.isEmpty ? "there are none" : "there are: ")
                        + known.joined(separator: ", "))
                throw VerbOutcome.answerIsNo
            }
            if output.chosen == .table {
                return tell(said, steps, told, by: WallClock(of: opened))
            }
            Answer(object: [
                ("decision", .text(ref)),
                ("position", decided.map { .count($0.position) } ?? .null),
                ("time", .optional(decided?.occurred)), ("by", .optional(decided?.author)),
                ("sponsor", .optional(decided?.decision.sponsor)),
                (
                    "objectives",
                    .array((decided?.decision.objectives ?? []).map { .text($0) })
                ),
                (
                    "expected_effects",
                    .array((decided?.decision.expectedEffects ?? []).map(Self.members))
                ),
                ("review_at", .optional(decided?.decision.reviewAt)),
                ("said_before_at", .array(said.dropLast().map { .count($0.position) })),
                ("changes", .array(steps.map { Self.members(of: $0, told) })),
            ]).write(as: output.chosen)
        }

        private static func members(of effect: ExpectedEffect) -> JSONNode {
            .object([
                ("metric_id", .text(effect.metric)),
                ("direction", .text(effect.direction.rawValue)),
                ("amount", effect.amount.map { .real($0) } ?? .null),
            ])
        }

        private static func members(
            of step: Organisation.Step, _ told: ToldOrganisation
        ) -> JSONNode {
            .object([
                ("position", .count(step.change.position)),
                ("recorded", .text("\(step.change.recorded)")),
                ("effective", .text("\(step.change.effective)")),
                (
                    "change",
                    .text(
                        step.words
                            + told.wordsOfCorrections(at: Position(step.change.position)))
                ),
                ("by", .optional(step.change.author)),
            ])
        }

        private func tell(
            _ said: [Organisation.DecidedAt], _ steps: [Organisation.Step],
            _ told: ToldOrganisation, by clock: WallClock
        ) {
            func write(_ line: String) { Standard.output.write(line: printable(line)) }
            for decided in said {
                write(
                    "\(decided.position)  \(clock.told(decided.occurred))  \(ref) was decided"
                        + (decided.decision.sponsor.map { " by \($0)" } ?? "")
                        + (decided.author.map { ", as \($0) has put down" } ?? ""))
                for objective in decided.decision.objectives { write("  to: \(objective)") }
                for effect in decided.decision.expectedEffects {
                    let amount = effect.amount.map { ", by \(JSONNode.real($0).json)" } ?? ""
                    write("  expected: \(effect.metric) goes \(effect.direction.rawValue)\(amount)")
                }
                if let date = decided.decision.reviewAt {
                    write("  to be looked at again on \(date)")
                }
            }
            if said.isEmpty {
                write("changes name \(ref), but nobody has put down what was decided")
            }
            for step in steps {
                let by = step.change.author.map { ", by \($0)" } ?? ""
                write(
                    "\(step.change.position)  from \(clock.told(step.change.effective))\(by)  "
                        + step.words + told.wordsOfCorrections(at: Position(step.change.position)))
            }
            if steps.isEmpty { write("nothing has been changed by it so far") }
            Standard.output.flush()
        }
    }
}
