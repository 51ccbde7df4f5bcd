internal import Admission
internal import ArgumentParser
internal import ContactCentre
internal import Description
internal import EventLog
internal import JSON
internal import YAML

struct Org: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The organisation: who serves whom, where, when, and since which decision.",
        discussion: """
            It is in the log as events. A description is a YAML file of what is settled at one \
            moment: apply appends what turns the organisation into it, and show prints it.
            """,
        subcommands: [Apply.self, Show.self, History.self, Hours.self])
}

extension Org {
    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Append the events that turn the organisation into the one described.",
            discussion: """
                Sections that the file does not have stay as they are; in those that it has, what \
                is not there any more ends. All events are appended, or none: also where somebody \
                else changes the organisation meanwhile. Applying a file again changes nothing.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The description, or - for standard input.")
        var file: String
        @Flag(help: "Show the events, and append nothing.")
        var dryRun = false
        @Option(help: "From when it holds: an RFC 3339 time, also one to come. Default: now.")
        var from: Instant?
        @OptionGroup var server: ServerOption
        @Option(help: "Who changes it: a pseudonym or an office; it stays for ever.")
        var by: String?

        func run() async throws {
            let description = try readDescription()
            if let by, !isName(by) { throw UsageError("--by must be a name") }
            let url = try server.appendURL()
            let terms = PlannedChanges.Terms(
                now: try LogOptions.clock().now, from: from, author: by)
            if dryRun, !EventLog.exists(at: log.directory) {
                Standard.error("ascolto: there is no log in \(log.directory) yet")
                return tell(try plan(ToldOrganisation(), description, terms), at: nil)
            }
            if dryRun || url != nil {
                let opened = try log.openForReading()
                let size = try opened.size(asOf: nil)
                let plan = try plan(try opened.organisation(before: size), description, terms)
                guard let url, !dryRun, !plan.events.isEmpty else { return tell(plan, at: nil) }
                let absence = try PlannedChanges.absence(after: Position(size - 1))
                return tell(
                    plan,
                    at: try await send(
                        plan.events, to: url, writing: opened.identity, unless: absence,
                        conflict: Self.changedMeanwhile))
            }
            let opened = try log.openForWriting(under: .contactCentre)
            defer { opened.close() }
            let size = try opened.size(asOf: nil)
            let plan = try plan(try opened.organisation(before: size), description, terms)
            guard !plan.events.isEmpty else { return tell(plan, at: nil) }
            tell(plan, at: try await append(plan, to: opened, after: Position(size - 1)))
        }

        private func append(
            _ plan: PlannedChanges, to opened: EventLog, after last: Position
        ) async throws -> PositionRange {
            let outcome = try await opened.append(
                Append(
                    plan.events,
                    condition: Condition(absences: [try PlannedChanges.absence(after: last)])))
            switch outcome {
            case .appended(let range), .alreadyAppended(let range): return range
            case .conflict(let conflict):
                Standard.error("ascolto: \(Self.changedMeanwhile): \(conflict)")
                throw VerbOutcome.answerIsNo
            case .rejected(let rejection):
                Standard.error("ascolto: \(file): \(rejection)")
                throw VerbOutcome.someInputRefused
            }
        }

        private static let changedMeanwhile =
            "the organisation has been changed meanwhile; look at it again, and apply"

        private func readDescription() throws -> WrittenDescription {
            let text = try textOfFile(file, named: file)
            do throws(YAMLError) { return try WrittenDescription(yaml: text) } catch {
                throw UsageError("\(file): \(error)")
            }
        }

        private func plan(
            _ told: ToldOrganisation, _ description: WrittenDescription,
            _ terms: PlannedChanges.Terms
        ) throws -> PlannedChanges {
            guard told.notUnderstood.isEmpty else {
                Standard.error(
                    "ascolto: \(told.wordsOfOthers); what they say would be overlooked, so "
                        + "nothing is applied: void them, or use the version that wrote them")
                throw VerbOutcome.answerIsNo
            }
            let plan: PlannedChanges
            do throws(YAMLError) {
                plan = try PlannedChanges(turning: told.organisation, into: description, terms)
            } catch {
                throw UsageError("\(file): \(error)")
            }
            guard plan.events.count <= LogLimits.appendEventsMax else {
                throw UsageError(
                    "\(file): \(plan.events.count) events are more than the "
                        + "\(LogLimits.appendEventsMax) that are appended together; apply less "
                        + "first, leaving out some of what is new, and then all of it")
            }
            return plan
        }

        private func tell(_ plan: PlannedChanges, at range: PositionRange?) {
            for warning in plan.warnings {
                Standard.error("ascolto: warning: \(printable(warning))")
            }
            if output.chosen == .table { return tellInWords(plan, at: range) }
            let events = plan.events.map { event -> JSONNode in
                let data = event.data.content.flatMap { JSONValue(checked: $0) }
                    .map { JSONNode($0) }
                return .object([
                    ("type", .text(event.type.text)), ("stream", .text(event.stream.text)),
                    ("tags", .text(event.tags.joined)), ("data", data ?? .null),
                ])
            }
            if output.chosen == .json {
                return Answer(object: [
                    ("first", range.map { .count($0.first.value) } ?? .null),
                    ("last", range.map { .count($0.last.value) } ?? .null),
                    ("appended", .count(range?.count ?? 0)),
                    ("decision", .optional(plan.namedDecision)),
                    ("planned_for_later", .count(plan.plannedForLater)),
                    (
                        "ends",
                        .object(
                            plan.endings.map { ($0.section.rawValue, .integer(Int64($0.count))) })
                    ),
                    ("warnings", .array(plan.warnings.map { .text($0) })),
                    (
                        "superseded",
                        .array(
                            plan.superseded.map {
                                .object([
                                    ("setting", .text($0.key.place)),
                                    ("until", .text("\($0.until)")),
                                    ("position", .count($0.position)),
                                ])
                            })
                    ),
                    ("events", .array(events)),
                ]).write(as: .json)
            }
            Answer(
                columns: ["change", "setting", "before", "after"],
                rows: plan.steps.map { step in
                    [
                        .text(step.kind.type), .text(step.key.place),
                        .optional(step.before.map { $0.line }),
                        .optional(step.after.map { $0.line }),
                    ]
                }
            ).write(as: output.chosen)
        }

        private func tellInWords(_ plan: PlannedChanges, at range: PositionRange?) {
            func write(_ line: String) { Standard.output.write(line: printable(line)) }
            if let decision = plan.decision { write("+ decision \(decision.name)") }
            for step in plan.steps {
                write(step.words)
                if let next = plan.superseded.first(where: { $0.key == step.key }) {
                    write(
                        "    until \(next.until) only, when what position \(next.position) says "
                            + "takes over")
                }
            }
            guard !plan.events.isEmpty else {
                write("nothing changes")
                return Standard.output.flush()
            }
            let place =
                range.map { "appended at positions \($0.first) to \($0.last)" }
                ?? "none of them appended"
            let by = by.map { "by \($0)" } ?? "by nobody that is named (--by)"
            let decision = plan.namedDecision.map { "on the decision \($0)" } ?? "on no decision"
            write("\(counted(plan.events.count, "event")), \(by), \(decision); \(place)")
            if !plan.endings.isEmpty {
                let ends = plan.endings.map { "\($0.count) of \($0.section.rawValue)" }
                write("ends what the file has no more: " + ends.joined(separator: ", "))
            }
            if plan.plannedForLater > 0 {
                write("planned for later before, and left: \(plan.plannedForLater)")
            }
            Standard.output.flush()
        }
    }
}

/// That there are events of the organisation at these positions which nobody here can read.
func wordsOfNotUnderstood(_ positions: some Collection<UInt64>) -> String {
    let named = positions.prefix(5).map { "\($0)" }.joined(separator: ", ")
    return "\(counted(positions.count, "event")) of the organisation not understood here, at "
        + named + (positions.count > 5 ? " and others" : "")
}

private func counted(_ number: Int, _ what: String) -> String {
    "\(number) \(what)" + (number == 1 ? "" : "s")
}

extension ToldOrganisation {
    fileprivate var wordsOfOthers: String { wordsOfNotUnderstood(notUnderstood.map(\.value)) }

    /// What was said since about an event, behind what is told of it; empty for nearly all.
    func wordsOfCorrections(at position: Position) -> String {
        (corrections[position] ?? []).map { word in
            let what =
                switch word.change {
                case .voided: "void"
                case .corrected: "as corrected"
                }
            let author = word.author.map { ", as \($0) says" } ?? ""
            return " (\(what) by position \(word.position) at \(word.recorded): \(word.reason), "
                + "by \(word.authority)\(author))"
        }.joined()
    }

    /// The organisation; of what is not understood here is told.
    func tellingOfOthers() -> Organisation {
        if !notUnderstood.isEmpty { Standard.error("ascolto: \(wordsOfOthers)") }
        return organisation
    }
}

extension Org {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the organisation as a description, which apply takes.")

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf?
        @Option(help: "As it is at an RFC 3339 time, also one to come. Default: now.")
        var at: Instant?

        func run() throws {
            let opened = try log.openForReading()
            let organisation = try opened.organisation(before: try opened.size(asOf: asOf))
                .tellingOfOthers()
            let description = organisation.description(
                at: try at ?? LogOptions.clock().now)
            switch output.format {
            case nil, .table:
                Standard.output.write(Array(description.written.document.utf8))
            case .json: Standard.output.write(line: description.written.json.json)
            case .csv?, .ndjson?:
                Answer(
                    columns: ["setting", "value"],
                    rows: description.withoutStrays.settings.sorted { $0.key < $1.key }.map {
                        [.text($0.key.place), .text($0.value.line)]
                    }
                ).write(as: output.chosen)
            }
            Standard.output.flush()
        }
    }

    struct History: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Who changed what, when, from when on, and on whose decision.",
            discussion: """
                In the order in which it was said. What a decision expects is told by ascolto \
                explain decision.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(
            help: "Only this, as calendars, calendars.office or operators.op-1.skills.")
        var setting: String?
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf?

        func run() throws {
            let opened = try log.openForReading()
            let told = try opened.organisation(before: try opened.size(asOf: asOf))
            let organisation = told.tellingOfOthers()
            let steps = organisation.history.filter { step in
                setting.map { step.key.places.contains($0) } ?? true
            }
            let decisions = setting == nil ? organisation.allDecisions : []
            let voided = told.voided.filter { setting == nil || Self.isAbout(setting, $0) }
            if steps.isEmpty, voided.isEmpty, let setting {
                Standard.error(
                    "ascolto: nothing is told of \(printable(setting)); ascolto org history lists "
                        + "all changes")
                throw VerbOutcome.answerIsNo
            }
            let clock = WallClock(of: opened)
            let time: (Instant) -> Cell = { [isForPeople = output.chosen == .table] moment in
                .text(isForPeople ? clock.told(moment) : "\(moment)")
            }
            let rows =
                steps.map { ($0.change.position, Self.row($0, organisation, told, time)) }
                + decisions.map { ($0.decided.position, Self.row($0.name, $0.decided, time)) }
                + voided.map { ($0.position.value, Self.row($0, told, time)) }
            Answer(
                columns: [
                    "position", "recorded", "effective", "by", "decision", "sponsor", "change",
                ],
                rows: rows.sorted { $0.0 < $1.0 }.map(\.1)
            ).write(as: output.chosen)
        }

        private static func row(
            _ step: Organisation.Step, _ organisation: Organisation, _ told: ToldOrganisation,
            _ time: (Instant) -> Cell
        ) -> [Cell] {
            let (change, decision) = (step.change, step.change.decision)
            // As it was worded when the change was made.
            let decided = decision.flatMap { organisation.decision($0, at: change.position) }
            return [
                .count(change.position), time(change.recorded), time(change.effective),
                .optional(change.author), .optional(decision),
                .optional(decided?.decision.sponsor),
                .text(step.words + told.wordsOfCorrections(at: Position(change.position))),
            ]
        }

        /// An event that never happened, which is told all the same.
        private static func row(
            _ event: Event, _ told: ToldOrganisation, _ time: (Instant) -> Cell
        ) -> [Cell] {
            let said = said(by: event)
            return [
                .count(event.position.value), time(event.recorded),
                time(said?.effectiveFrom ?? event.occurred), .optional(said?.author),
                .optional(said?.decision), .null,
                .text(
                    "void: " + (said?.words(in: event.stream.text) ?? "\(event.type)")
                        + told.wordsOfCorrections(at: event.position)),
            ]
        }

        private static func said(by event: Event) -> OrganisationEvent? {
            OrganisationEvent.Kind(type: event.type.text).flatMap {
                try? OrganisationEvent($0, schema: event.schema, payload: event.data.object)
            }
        }

        private static func isAbout(_ setting: String?, _ event: Event) -> Bool {
            guard let key = said(by: event)?.key(in: event.stream.text) else { return false }
            return key.places.contains(setting ?? "")
        }

        private static func row(
            _ name: String, _ decided: Organisation.DecidedAt, _ time: (Instant) -> Cell
        ) -> [Cell] {
            [
                .count(decided.position), time(decided.recorded), time(decided.occurred),
                .optional(decided.author), .text(name), .optional(decided.decision.sponsor),
                .text("+ decision: \(decided.decision.line)"),
            ]
        }
    }

    struct Hours: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "When a calendar is open, date by date, and why.",
            discussion: """
                An exception decides before a holiday, a holiday before the week. Each date has \
                the hours of the version that is in force on it; hours past midnight belong to \
                the date on which they begin. open_us are microseconds that pass, also where \
                clocks are changed, but for those that the hours of the day before have \
                already.
                """)

        @OptionGroup var log: LogOptions
        @OptionGroup var output: OutputOptions
        @Argument(help: "The calendar.")
        var calendar: String
        @Option(help: "The first date. Default: today.")
        var since: CivilDate?
        @Option(help: "The last date. Default: two weeks from the first.")
        var until: CivilDate?
        @Option(help: "What was known at a position or recorded time, included.")
        var asOf: AsOf?

        private static let daysMax = 40_000

        func run() throws {
            let opened = try log.openForReading()
            let organisation = try opened.organisation(before: try opened.size(asOf: asOf))
                .tellingOfOthers()
            guard let zone = Zone(identifier: opened.identity.zone) else {
                throw UsageError("the log's time zone \(opened.identity.zone) is not known here")
            }
            let calendar = try found(organisation, otherwiseIn: zone)
            let first = try since ?? zone.date(at: LogOptions.clock().now)
            let end = CivilDate(year: 9999, month: 12, day: 31) ?? first
            let last =
                until ?? min(end, CivilDate(daysSince1970: first.daysSince1970 + 13))
            guard first <= last, last.daysSince1970 - first.daysSince1970 < Self.daysMax else {
                throw UsageError("--until must not be before --since, nor a century behind it")
            }
            Answer(
                columns: ["date", "weekday", "hours", "why", "open_us"],
                rows: (first.daysSince1970...last.daysSince1970).map { day in
                    Self.row(CivilDate(daysSince1970: day), calendar)
                }
            ).write(as: output.chosen)
        }

        private func found(
            _ organisation: Organisation, otherwiseIn zone: Zone
        ) throws -> OpeningCalendar {
            do throws(CalendarError) {
                return try organisation.calendar(calendar, otherwiseIn: zone)
            } catch {
                Standard.error("ascolto: \(error)")
                throw VerbOutcome.answerIsNo
            }
        }

        private static func row(_ date: CivilDate, _ calendar: OpeningCalendar) -> [Cell] {
            let weekday = Weekday.allCases[date.weekday].rawValue
            guard let (hours, reason) = calendar.hours(on: date)?.hours(on: date) else {
                return [
                    .text("\(date)"), .text(weekday), .array([]), .text("nothing is in force"),
                    .integer(0),
                ]
            }
            let why =
                switch reason {
                case .week: "week"
                case .holiday(let name): "holiday: \(name)"
                case .exception: "exception"
                }
            // An exception may begin while the hours of the day before have not ended.
            let before = CivilDate(daysSince1970: date.daysSince1970 - 1)
            let open =
                calendar.openTimes(on: before...date).total
                - calendar.openTimes(on: before...before).total
            return [
                .text("\(date)"), .text(weekday), .array(hours.map { .text("\($0)") }),
                .text(why), .integer(open),
            ]
        }
    }
}

extension CivilDate: ExpressibleByArgument {
    public init?(argument: String) { self.init(text: argument) }
}
