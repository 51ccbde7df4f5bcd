internal import Admission
internal import ArgumentParser
internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import Routing

struct RouteVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route",
        abstract: "Route contacts: append where they go, and why, until interrupted.",
        discussion: """
            Contacts that wait in queues with a routing policy (org apply) are offered to \
            operators who are logged in, by its rules; each decision is appended with all that led \
            to it. Who is to be called back is queued when the time has come. What a router knows \
            is in the log: one that is started anew goes on where the last one was, and several at \
            once offer nothing twice. Without --server it is the one who writes.

            A contact whose stream tells what cannot be, as imports may bring it, is left aside \
            (left_aside), with a warning, until something more is told of it.

            In the end it tells how many contacts wait; of these, waiting_without_policy are in \
            queues that nobody routes, or that are not described (queues_without_policy), \
            waiting_unserved in queues that no operator serves, and waiting_unstaffed in queues of \
            whose operators nobody is at work.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var server: ServerOption
    @Flag(help: "Decide what can be decided now, and end.")
    var once = false
    @Option(help: "Told in the source of what it appends; each of several routers has its own.")
    var name = "1"

    /// Of what is sent to a server, whose requests hold so many conditions.
    private static let sentLimits: RouterLimits = {
        var limits = RouterLimits()
        limits.events = 48
        limits.conditionBytes = 1_000
        return limits
    }()
    private static let patience: (first: Duration, longest: Duration) = (
        .milliseconds(500), .seconds(30)
    )

    func run() async throws {
        let clock = try LogOptions.clock()
        // Elsewhere a log is made where there is none; nobody waits in a new one.
        guard EventLog.exists(at: log.directory) else {
            throw LogError.noLog(directory: log.directory)
        }
        guard let url = try server.appendURL() else {
            let opened = try log.openForWriting(under: .contactCentre)
            defer { opened.close() }
            let router = try router(opened, RouterLimits()) { try await opened.appendRouted($0) }
            return try await route(router, clock)
        }
        let opened = try log.openForReading()
        let router = try router(opened, Self.sentLimits) { append in
            switch try await post(
                append.events, to: url, writing: opened.identity, under: append.condition)
            {
            case .appended(let range): .at(range)
            case .conflict: .overtaken
            }
        }
        try await route(router, clock)
    }

    private func router(
        _ opened: EventLog, _ limits: RouterLimits,
        append: @escaping @Sendable (Append) async throws -> RouterAppend
    ) throws -> Router {
        guard isName(name) else { throw UsageError("--name must be a name") }
        do { return try Router(opened, name: name, limits: limits, append: append) } catch let error
            as EventError
        {
            throw UsageError("--name: \(error)")
        }
    }

    private func route(_ router: Router, _ clock: LogClock) async throws {
        let work = Task {
            var router = router
            var decided = 0
            var overtaken = 0
            var patience = Self.patience.first
            var warned = 0
            var problem: String?
            while !Task.isCancelled {
                let now = clock.now
                let step: Router.Step
                do { step = try await router.step(at: now) } catch  where Task.isCancelled {
                    // What was being appended is in the log, or is decided by the next router.
                    break
                } catch VerbOutcome.unavailable where !once {
                    // Why has been told; who routes stays until somebody ends it.
                    await router.waitForNews(atMost: patience)
                    patience = min(patience * 2, Self.patience.longest)
                    continue
                }
                patience = Self.patience.first
                warn(of: router.notUnderstood.dropFirst(warned))
                warned = router.notUnderstood.count
                if router.snapshotProblem != problem {
                    problem = router.snapshotProblem
                    warn(ofSnapshots: problem)
                }
                switch step {
                case .decided(let count): decided += count
                case .settled: break
                case .leftAside(let stream, let reason):
                    Standard.error(
                        "ascolto: warning: \(printable(stream)) is not routed until something more "
                            + "is told of it: \(printable(reason))")
                case .overtaken:
                    overtaken += 1
                    // Who was faster is there to be read, as a rule.
                    await router.waitForNews(atMost: .milliseconds(20))
                case .nothing(let moment):
                    if once {
                        return (
                            decided, overtaken, router.waiting(at: now), router.leftAsideCount
                        )
                    }
                    await router.waitForNews(
                        atMost: moment.map {
                            .microseconds($0.microseconds - now.microseconds)
                        })
                }
            }
            return (decided, overtaken, router.waiting(at: clock.now), router.leftAsideCount)
        }
        let signals = endings(of: work)
        defer { for source in signals { source.cancel() } }
        let (decided, overtaken, waiting, leftAside) = try await work.value
        Answer(object: [
            ("decisions", .count(decided)), ("conflicts", .count(overtaken)),
            ("left_aside", .count(leftAside)), ("waiting", .count(waiting.total)),
            ("waiting_without_policy", .count(waiting.withoutPolicy)),
            ("waiting_unserved", .count(waiting.unserved)),
            ("waiting_unstaffed", .count(waiting.unstaffed)),
            ("queues_without_policy", .array(waiting.queuesWithoutPolicy.map { .text($0) })),
        ]).write(as: output.chosen)
    }
}

/// Says why the next router will take longer to begin.
private func warn(ofSnapshots problem: String?) {
    guard let problem else { return }
    Standard.error(
        "ascolto: warning: what the router knows could not be kept beside the log, so that the "
            + "next one reads more of it when it starts: \(problem)")
}

/// Says which events of the organisation are not followed.
private func warn(of notUnderstood: some Collection<UInt64>) {
    guard !notUnderstood.isEmpty else { return }
    Standard.error(
        "ascolto: warning: \(wordsOfNotUnderstood(notUnderstood)); what they settle is not "
            + "followed: use the version that wrote them")
}

struct Redecide: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make routing decisions again, and list those that come out otherwise.",
        discussion: """
            Each is made from the events that it knew, by the policy that held then. Exit code 1 \
            where one differs, and where one cannot be judged here: it was made by another \
            version of the rules, or is told in a schema version that is not read here.

            With --assignments, those who answered and were not decided to are held against the \
            policies that are described for that time, and how far they are apart is reported; \
            the exit code is 0 whatever comes out. CSV and NDJSON list them one by one.
            """)

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Position of the first decision or answer, included.")
    var from: Position?
    @Option(help: "Position of the last one, included.")
    var to: Position?
    @Flag(help: "Compare who answered and was not decided to with whom the policy would choose.")
    var assignments = false
    @Option(
        help: ArgumentHelp(
            "How long an operator may be idle who is at work: 30s, 5m or 2h; 15m otherwise.",
            discussion: "Of operators of whom no event tells when they are at work."))
    var idleCut: IdleCut?

    func validate() throws {
        if idleCut != nil, !assignments {
            throw ValidationError("--idle-cut says something to --assignments only")
        }
    }

    func run() throws {
        let opened = try log.openForReading()
        let first = from?.value ?? 0
        let end = to.map { $0.value == .max ? .max : $0.value + 1 } ?? .max
        guard first < end else { throw UsageError("--from must not be behind --to") }
        if assignments {
            return try CompareAssignments(idleCut: idleCut ?? .usual, output: output.chosen)
                .run(opened, first..<end)
        }
        try judge(opened, first..<end)
    }

    /// What has come of all decisions of a range.
    private struct Tally {
        var same = 0
        var otherEngine = 0
        var otherSchema = 0
        var differing: [Redecision] = []

        mutating func add(_ redecision: Redecision) {
            switch redecision.verdict {
            case .same: same += 1
            case .otherEngine: otherEngine += 1
            case .otherSchema: otherSchema += 1
            case .differs: differing.append(redecision)
            }
        }

        var words: String {
            let unjudged = [
                (otherEngine, "made by other rules"),
                (otherSchema, "told in a schema version that is not read here"),
            ].filter { $0.0 > 0 }.map { "; \($0.0) not judged, \($0.1)" }
            return "\(same) decisions came out the same, \(differing.count) otherwise"
                + unjudged.joined()
        }
    }

    private func judge(_ opened: EventLog, _ range: Range<UInt64>) throws {
        var tally = Tally()
        warn(of: try opened.redecide(range) { tally.add($0) })
        switch output.chosen {
        case .json:
            Answer(object: [
                ("same", .count(tally.same)), ("differ", .count(tally.differing.count)),
                ("other_engine", .count(tally.otherEngine)),
                ("other_schema", .count(tally.otherSchema)),
                ("differences", .array(tally.differing.map { .object(Self.members(of: $0)) })),
            ]).write(as: .json)
        case .csv, .ndjson:
            Answer(
                columns: ["position", "contact", "decision", "causes"],
                rows: tally.differing.map { Self.members(of: $0).map(\.1) }
            ).write(as: output.chosen)
        case .table: tell(tally)
        }
        guard tally.differing.isEmpty, tally.otherEngine + tally.otherSchema == 0 else {
            throw VerbOutcome.answerIsNo
        }
    }

    private static func members(of redecision: Redecision) -> [(String, Cell)] {
        [
            ("position", .count(redecision.position.value)),
            ("contact", .text(redecision.stream.text)),
            ("decision", .text("\(redecision.id)")),
            ("causes", .array(redecision.causes.map { .text($0) })),
        ]
    }

    private func tell(_ tally: Tally) {
        for redecision in tally.differing {
            Standard.output.write(
                line: "\(redecision.position)  \(printable(redecision.stream.text))")
            for cause in redecision.causes {
                Standard.output.write(line: "  \(printable(cause))")
            }
        }
        Standard.output.write(line: tally.words)
        Standard.output.flush()
    }
}

extension Redecision {
    fileprivate var causes: [String] {
        if case .differs(let causes) = verdict { causes } else { [] }
    }
}
