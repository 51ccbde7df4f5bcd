internal import Admission
internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import Storage
internal import Subjects
internal import Vault

struct AppendVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Append CloudEvents from standard input, one a line.",
        discussion: """
            Each line is an append of its own, unless --atomic, --expect-revision or \
            --fail-if-match makes one of all. Retrying with the same ids is safe: what is there \
            already is not appended again.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "All lines or none, at consecutive positions.")
    var atomic = false
    @Option(
        help: ArgumentHelp(
            "Only if the stream's last event has revision N (or: none, any). Implies --atomic.",
            valueName: "stream=n"))
    var expectRevision: [String] = []
    @Option(
        help: ArgumentHelp(
            "Only if no event has one of the types, all of the tags and the stream, each "
                + "percent-encoded; repeat it to name several queries. Implies --atomic.",
            valueName: "types=a,b tags=k:v,k:v stream=s"))
    var failIfMatch: [String] = []
    @Option(
        help: ArgumentHelp(
            "Let --fail-if-match look at events behind this position only.", valueName: "position")
    )
    var after: UInt64?
    @Flag(help: "Append although the clock has run more than 10 minutes ahead.")
    var acceptClock = false

    private static let lineBytesMax = 4 << 20
    private static let chunkEventsMax = 4_096
    private static let chunkBytesMax = 8 << 20

    func run() async throws {
        let condition = try readCondition()
        let opened = try log.openForWriting(
            clockPolicy: acceptClock ? .acceptJump : .refuseJumps, under: .contactCentre)
        defer { opened.close() }
        let door = log.vaultDoor(.writing)
        var tally = AppendTally(seal: try await log.personalSeal(of: opened, by: door))
        defer { log.forgetWhoWasErased(in: opened, by: door) }
        do {
            if atomic || !condition.asksForNothing {
                try await appendTogether(to: opened, condition, &tally)
            } else {
                try await appendEach(to: opened, &tally)
            }
        } catch {
            // What was acknowledged before is told, whatever went wrong then.
            tally.tell(as: output.chosen)
            throw error
        }
        tally.tell(as: output.chosen)
        try tally.strangers.tell(of: opened)
        if tally.conflicts > 0 { throw VerbOutcome.answerIsNo }
        if tally.refused > 0 { throw VerbOutcome.someInputRefused }
    }

    private func readCondition() throws -> Condition {
        var condition = Condition.nothing
        for text in expectRevision {
            do throws(ConditionTextError) { try condition.expect(text) } catch {
                throw UsageError("--expect-revision: \(error)")
            }
        }
        if let absence = try readAbsence() { condition.absences = [absence] }
        return condition
    }

    private func readAbsence() throws -> Absence? {
        guard !failIfMatch.isEmpty else {
            if after != nil { throw UsageError("--after goes with --fail-if-match") }
            return nil
        }
        let items = try failIfMatch.map { text in
            do throws(ConditionTextError) { return try EventQuery.Item(text: text) } catch {
                throw UsageError("--fail-if-match: \(error)")
            }
        }
        return Absence(of: EventQuery(items), after: after.map { Position($0) })
    }

    private func appendEach(to opened: EventLog, _ tally: inout AppendTally) async throws {
        var lines = LineReader(try InputFile(at: "-"), bytesMax: Self.lineBytesMax)
        var pipeline = AppendPipeline(opened)
        var submitted: [Int] = []
        while let chunk = try nextChunk(of: &lines, &tally) {
            let outcomes = try await pipeline.submit(chunk.appends)
            for (outcome, number) in zip(outcomes, submitted) { tally.count(outcome, line: number) }
            submitted = chunk.lines
        }
        let outcomes = try await pipeline.finish()
        for (outcome, number) in zip(outcomes, submitted) { tally.count(outcome, line: number) }
    }

    /// The events of the next lines, or nil after the last.
    ///
    /// A chunk waits for its first line only: what a live producer has sent is not kept waiting for
    /// what it will send.
    private func nextChunk(
        of lines: inout LineReader, _ tally: inout AppendTally
    ) throws -> (appends: [Append], lines: [Int])? {
        var appends: [Append] = []
        var numbers: [Int] = []
        var bytes = 0
        while appends.count < Self.chunkEventsMax, bytes < Self.chunkBytesMax {
            if !appends.isEmpty, try !lines.isNextReady() { break }
            guard let line = try lines.next() else { break }
            guard let (event, number) = tally.event(of: line) else { continue }
            appends.append(Append([event]))
            numbers.append(number)
            bytes += event.data.content?.count ?? 0
        }
        return appends.isEmpty ? nil : (appends, numbers)
    }

    private func appendTogether(
        to opened: EventLog, _ condition: Condition, _ tally: inout AppendTally
    ) async throws {
        var lines = LineReader(try InputFile(at: "-"), bytesMax: Self.lineBytesMax)
        var events: [NewEvent] = []
        var bytes = 0
        while let line = try lines.next() {
            if let (event, _) = tally.event(of: line) {
                events.append(event)
                bytes += event.data.content?.count ?? 0
            }
            // The log would refuse more; so much for lines without end.
            if events.count > LogLimits.appendEventsMax || bytes > LogLimits.appendBytesMax {
                break
            }
        }
        // One line that cannot be read makes "all or none" impossible.
        guard tally.refused == 0 else { return }
        tally.count(
            try await opened.append(Append(events, condition: condition)), line: nil)
    }
}

/// What became of the lines of one `append`.
private struct AppendTally {
    private let seal: PersonalSeal?
    private(set) var refused = 0
    private(set) var conflicts = 0
    private var appended = 0
    private var alreadyAppended = 0
    /// Events of our own types that no projection will read.
    private var withoutSchema = 0
    private var misspellings = Misspellings()
    private(set) var strangers = Strangers()
    private var first: Position?
    private var last: Position?

    init(seal: PersonalSeal?) { self.seal = seal }

    /// Prints what was done, and what its user may not have meant.
    func tell(as format: OutputFormat) {
        Answer(object: [
            ("first", first.map { .count($0.value) } ?? .null),
            ("last", last.map { .count($0.value) } ?? .null),
            ("appended", .count(appended)), ("already_appended", .count(alreadyAppended)),
        ]).write(as: format)
        if withoutSchema > 0 {
            Standard.error(
                "ascolto: \(withoutSchema) events of contacts or operators state no schema "
                    + "version, so no projection will read them; send them with \"schema\":1")
        }
        misspellings.tell()
    }

    /// The event of a line; nil for a blank line, and for one that is refused, which is told.
    mutating func event(of line: LineReader.Line) -> (NewEvent, Int)? {
        switch line {
        case .tooLong(let bytes, let number):
            refuse("the line has \(bytes) bytes, which is more than an event can take", number)
        case .whole(let bytes, let number):
            if bytes.allSatisfy({ [0x20, 0x09, 0x0D].contains($0) }) { return nil }
            do {
                let sent = try NewEvent(cloudEvent: bytes, logMembers: .refused)
                let event = try seal?.sealed(sent) ?? sent
                switch checkPayload(of: event) {
                case .passes: break
                case .statesNoSchema: withoutSchema += 1
                case .refused(let error):
                    refuse("\(error)", number)
                    return nil
                }
                misspellings.look(at: sent)
                strangers.look(at: sent)
                return (event, number)
            } catch {
                refuse("\(error)", number)
            }
        }
        return nil
    }

    mutating func count(_ outcome: AppendOutcome, line: Int?) {
        switch outcome {
        case .appended(let range):
            appended += range.count
            first = min(first ?? range.first, range.first)
            last = max(last ?? range.last, range.last)
        case .alreadyAppended(let range):
            alreadyAppended += range.count
            first = min(first ?? range.first, range.first)
            last = max(last ?? range.last, range.last)
        case .conflict(let conflict):
            conflicts += 1
            Standard.error("ascolto: conflict: \(conflict)")
        case .rejected(let rejection):
            refuse("\(rejection)", line)
        }
    }

    private mutating func refuse(_ reason: String, _ line: Int?) {
        refused += 1
        Standard.error(line.map { "line \($0): \(reason)" } ?? "ascolto: \(reason)")
    }
}
