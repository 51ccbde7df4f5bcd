internal import ArgumentParser
internal import ContactCentre
internal import Description
internal import EventLog
internal import JSON
internal import Reorganisation

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Append the history of a synthetic municipality; the same seed gives the same.",
        discussion: """
            It begins with the organisation, so the log must have none, or the same. The source of \
            every event begins with \(Generator.sourcePrefix)
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Days from 1 March 2026 on.")
    var days = GeneratorSettings().days
    @Option(help: "Calls to all centres on a day, on average; other channels come on top.")
    var contactsPerDay = GeneratorSettings().contactsPerDay
    @Option(help: "Another number makes another history.")
    var seed: UInt64 = GeneratorSettings().seed
    @Option(
        help: ArgumentHelp(
            "Centres with queues and operators of their own.",
            discussion: """
                The first has a number for each service, the second one number and a first level \
                for all, the third a second level of experts besides, and the fourth is a network \
                of two bodies that answer for each other; then from the first on again.
                """))
    var centres = GeneratorSettings().centres

    @Flag(help: "Append although the clock has run more than 10 minutes ahead.")
    var acceptClock = false

    func run() async throws {
        let settings = GeneratorSettings(
            days: days, contactsPerDay: contactsPerDay, seed: seed, centres: centres)
        var generator: Generator
        do throws(GeneratorError) { generator = try Generator(settings) } catch {
            throw UsageError("\(error)")
        }
        guard let seed = Int64(exactly: seed) else {
            throw UsageError("--seed must be at most \(Int64.max)")
        }
        let opened = try log.openForWriting(
            clockPolicy: acceptClock ? .acceptJump : .refuseJumps)
        defer { opened.close() }
        try refuseOtherOrganisation(opened, generator.organisation)
        let bar = ProgressBar("generating")
        var appended = 0
        var alreadyAppended = 0
        var day = 0
        while let appends = try generator.nextDay() {
            let outcomes = try await opened.append(each: appends.map { Append($0) })
            for (events, outcome) in zip(appends, outcomes) {
                switch outcome {
                case .appended: appended += events.count
                case .alreadyAppended: alreadyAppended += events.count
                case .rejected(let rejection): throw UsageError("\(rejection)")
                case .conflict(let conflict): throw UsageError("\(conflict)")
                }
            }
            day += 1
            bar.update(done: day, of: days)
        }
        bar.finish()
        Answer(object: [
            ("days", .count(days)), ("events", .count(appended)),
            ("already_appended", .count(alreadyAppended)), ("seed", .count(seed)),
        ]).write(as: output.chosen)
    }

    /// What is settled in the log already would be changed, or have a part in the routing that
    /// nobody made up.
    private func refuseOtherOrganisation(
        _ opened: EventLog, _ generated: OrganisationDescription
    ) throws {
        let present = try opened.organisation(before: try opened.head().size).organisation
            .description(at: Instant(microseconds: .max))
        let other = present.settings.sorted { $0.key < $1.key }.first { key, setting in
            generated.settings[key]?.payload != setting.payload
        }
        guard let key = other?.key else { return }
        let thing = printable("\(key.facet.section.rawValue).\(key.thing)")
        throw UsageError(
            "the log has another organisation: \(thing) is not as the municipality has it; "
                + "generate into a log of its own")
    }
}
