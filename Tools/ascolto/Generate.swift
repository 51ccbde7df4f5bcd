internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Reorganisation

struct Generate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Append the history of a synthetic municipality; the same seed gives the same.",
        discussion: "The source of every event begins with \(Generator.sourcePrefix)")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Days from 1 March 2026 on.")
    var days = GeneratorSettings().days
    @Option(help: "Calls to all centres on a day, on average; other channels come on top.")
    var contactsPerDay = GeneratorSettings().contactsPerDay
    @Option(help: "Another number makes another history.")
    var seed: UInt64 = GeneratorSettings().seed
    @Option(help: "Centres with queues and operators of their own.")
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
        let bar = ProgressBar("generating")
        var appended = 0
        var alreadyAppended = 0
        var day = 0
        while let events = try generator.nextDay() {
            for outcome in try await opened.append(each: events.map { Append([$0]) }) {
                switch outcome {
                case .appended: appended += 1
                case .alreadyAppended: alreadyAppended += 1
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
}
