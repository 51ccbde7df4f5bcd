internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import JSON
internal import ProjectionKit
internal import Projections
internal import Subjects
internal import Vault
internal import YAML

/// The read models that this binary knows, as they are configured.
struct ProjectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A wait up to so many seconds is within the service threshold. Default: "
                + "$ASCOLTO_SERVICE_THRESHOLD, then 20. Another value makes a read model anew.",
            valueName: "seconds"))
    var serviceThreshold: Double?
    @Option(
        help: ArgumentHelp(
            "The outcomes and groups that equity-and-access compares, a YAML file. Default: "
                + "$ASCOLTO_DEFINITIONS, then definitions.yaml in the log's directory. Another "
                + "content makes the read model anew.",
            valueName: "file"))
    var definitions: String?

    /// What else is in force than definitions, as words for whoever repeats it.
    func settings() throws -> [String] {
        let threshold = try threshold()
        guard threshold != OperatorQueues.defaultServiceThreshold else { return [] }
        let (seconds, rest) = threshold.components
        return ["--service-threshold", "\(Double(seconds) + Double(rest) / 1e18)"]
    }

    /// Those that hold personal data come to the vault by `door`.
    func all(of log: LogOptions, by door: VaultDoor) throws -> [any Projection] {
        [
            OperatorQueues(serviceThreshold: try threshold()), CaseFlow(), CitizenSatisfaction(),
            EquityAndAccess(try equityDefinitions(of: log)), SurveyComments(by: door),
        ]
    }

    /// The same where nothing else needs the vault.
    func all(of log: LogOptions) throws -> [any Projection] {
        try all(of: log, by: log.vaultDoor(.reading))
    }

    /// Those whose rows are the same at the same position for ever, whoever is erased.
    func repeatable(of log: LogOptions) throws -> [any Projection] {
        try all(of: log).filter { $0.content == .impersonal }
    }

    private func equityDefinitions(of log: LogOptions) throws -> EquityDefinitions {
        let path = definitionsPath(of: log)
        let text = try definitionsText(of: log)
        guard !text.isEmpty else { return .none }
        do throws(YAMLError) { return try EquityDefinitions(yaml: text) } catch {
            throw UsageError("\(path.path): \(error)")
        }
    }

    /// What is declared, as it stands in its file; empty where there is none.
    func definitionsText(of log: LogOptions) throws -> String {
        let (path, isNamed) = definitionsPath(of: log)
        guard isNamed || FileManager.default.fileExists(atPath: path) else { return "" }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw UsageError("the definitions \(path) cannot be read as a UTF-8 file")
        }
        return text
    }

    private func definitionsPath(of log: LogOptions) -> (path: String, isNamed: Bool) {
        let setting = ProcessInfo.processInfo.environment["ASCOLTO_DEFINITIONS"] ?? ""
        let named = definitions ?? (setting.isEmpty ? nil : setting)
        return (named ?? log.directory + "/definitions.yaml", named != nil)
    }

    private func threshold() throws -> Duration {
        let setting = ProcessInfo.processInfo.environment["ASCOLTO_SERVICE_THRESHOLD"]
        guard serviceThreshold != nil || setting != nil else {
            return OperatorQueues.defaultServiceThreshold
        }
        let seconds = serviceThreshold ?? setting.flatMap(Double.init)
        guard let seconds, (0...86_400).contains(seconds) else {
            throw UsageError("the service threshold must be a number of seconds, 0 to 86400")
        }
        return .microseconds(Int64((seconds * 1e6).rounded()))
    }

    func named(_ name: String, among all: [any Projection]) throws -> any Projection {
        guard let projection = all.first(where: { $0.name == name }) else {
            throw UsageError(
                "there is no projection \(name); there are: "
                    + all.map(\.name).joined(separator: ", "))
        }
        return projection
    }
}

extension SurveyComments {
    init(by door: VaultDoor) { self.init { event in try door.vault()?.open(event) } }
}

struct Project: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring read models up to date; all of them where none is named.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var known: ProjectionOptions
    @Argument(help: "Names of projections.")
    var names: [String] = []
    @Flag(help: "Make them anew beside the old ones and swap them in.")
    var rebuild = false
    @Option(help: "As of a position or recorded time, included; needs --out.")
    var asOf: AsOf?
    @Option(help: "Directory for read models of --as-of.")
    var out: String?

    func validate() throws {
        if (asOf == nil) != (out == nil) {
            throw ValidationError("--as-of and --out go together")
        }
    }

    /// Where something may be left in it that was erased; nil where nothing is.
    private func madeAnew(
        _ projection: any Projection, by projector: Projector, _ source: EventSource,
        _ door: VaultDoor, _ progress: (ProjectionProgress) throws -> Void
    ) throws -> ProjectionOutcome? {
        guard projection.content == .personal else { return nil }
        var outcome: ProjectionOutcome?
        try door.vault()?.letForget {
            outcome = try projector.rebuild(from: source, progress: progress)
        }
        return outcome
    }

    func run() throws {
        // Opened once in a process, so for all that is done with it.
        // Where it cannot be, only those have to know that need it.
        let isStale = (try? log.isStale()) ?? false
        let door = log.vaultDoor(isStale ? .writing : .reading)
        let all = try known.all(of: log, by: door)
        let projections = try names.isEmpty ? all : names.map { try known.named($0, among: all) }
        let opened = try log.openForReading()
        let source = EventSource(opened)
        var rows: [[Cell]] = []
        for projection in projections {
            let projector = Projector(projection, in: out ?? log.projectionsDirectory)
            let bar = ProgressBar("projecting \(projection.name)")
            let progress = { (progress: ProjectionProgress) in
                bar.update(done: Int(progress.done), of: Int(progress.total))
            }
            let outcome =
                if let asOf {
                    try projector.build(asOf: asOf, from: source, progress: progress)
                } else if let outcome = try madeAnew(
                    projection, by: projector, source, door, progress)
                {
                    outcome
                } else if rebuild {
                    try projector.rebuild(from: source, progress: progress)
                } else {
                    try projector.bringUpToDate(from: source, progress: progress)
                }
            bar.finish()
            rows.append([
                .text(projection.name), .count(projection.version), .count(outcome.events),
                outcome.size > 0 ? .count(outcome.size - 1) : .null,
                .optional(outcome.rebuilt), .count(outcome.unreadable.count),
                .first(of: outcome.unreadable),
            ])
            tellUnreadable(outcome.unreadable, of: projection.name)
        }
        Answer(
            columns: [
                "name", "version", "events", "position", "rebuilt", "unreadable",
                "first_unreadable",
            ], rows: rows
        ).write(as: output.chosen)
    }
}

struct Projections: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List read models: how far each is, and the digest of its rows.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var known: ProjectionOptions
    @Option(
        help: "As they were at a position or recorded time, included: folded anew, kept nowhere.")
    var asOf: AsOf?

    func run() throws {
        let source = EventSource(try log.openForReading())
        let rows = try known.all(of: log).map { projection -> [Cell] in
            let status: ReadModelStatus?
            do {
                status = try self.status(of: projection, source)
            } catch let error as ReadModelError where asOf == nil {
                // One read model that cannot be used does not hide the others.
                Standard.error("ascolto: \(error)")
                status = nil
            }
            guard let status else {
                return [
                    .text(projection.name), .count(projection.version), .null,
                    .count(try source.size()), .null, .null, .null, .null, .null,
                ]
            }
            tellUnreadable(status.standing.unreadable, of: status.name)
            return [
                .text(status.name), .count(status.version),
                status.standing.position.map { .count($0.value) } ?? .null,
                .count(status.standing.lagEvents),
                status.lagSeconds.map { .real($0) } ?? .null, .count(status.rows),
                .text(status.digest.hex), .count(status.standing.unreadable.count),
                .first(of: status.standing.unreadable),
            ]
        }
        Answer(
            columns: [
                "name", "version", "position", "lag_events", "lag_seconds", "rows", "digest",
                "unreadable", "first_unreadable",
            ], rows: rows
        ).write(as: output.chosen)
    }

    private func status(
        of projection: any Projection, _ source: EventSource
    ) throws -> ReadModelStatus? {
        guard let asOf else {
            return try ReadModel(of: projection, in: log.projectionsDirectory)
                .status(towards: source)
        }
        let bar = ProgressBar("projecting \(projection.name)")
        defer { bar.finish() }
        return try Projector(projection, in: log.projectionsDirectory).look(
            asOf: asOf, from: source, { bar.update(done: Int($0.done), of: Int($0.total)) },
            { try $0.status() })
    }
}

struct QueryVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query", abstract: "Print rows of a read model.",
        discussion: "Without a table, the first one of the read model is printed.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var known: ProjectionOptions
    @Argument(help: "The projection's name.")
    var name: String
    @Argument(help: "One of its tables.")
    var table: String?
    @Option(help: "An SQL condition over the table's columns.")
    var `where`: String?
    @Option(help: "An SQL query that changes nothing.")
    var sql: String?
    @Option(help: "What was known at a position or recorded time, included.")
    var asOf: AsOf?
    @Flag(help: "With --as-of: what was so then, as is known now, with all corrections since.")
    var corrected = false
    @Option(help: "How it was at this event time.")
    var at: Instant?

    func validate() throws {
        if sql != nil && (table != nil || `where` != nil || at != nil) {
            throw ValidationError("--sql stands alone, without a table, --where or --at")
        }
        if corrected, asOf == nil {
            throw ValidationError("--corrected goes with --as-of: without it, all is corrected")
        }
    }

    func run() throws {
        let projection = try known.named(name, among: known.all(of: log))
        let query: Query =
            if let sql {
                .sql(sql)
            } else {
                .table(table ?? projection.tables[0].name, condition: `where`, moment: at)
            }
        let source = EventSource(try log.openForReading())
        let (result, standing) =
            if let asOf {
                try answer(query, of: projection, asOf, from: source)
            } else if try projection.content == .personal && log.isStale() {
                throw ReadModelError.stale(name: name)
            } else {
                try ReadModel(of: projection, in: log.projectionsDirectory)
                    .answer(query, towards: source)
            }
        tell(standing, of: name)
        Answer(columns: result.columns, rows: result.rows.map { $0.map(\.node) })
            .write(as: output.chosen)
    }

    private func answer(
        _ query: Query, of projection: any Projection, _ asOf: AsOf, from source: EventSource
    ) throws -> (result: QueryResult, standing: ReadModelStanding) {
        let bar = ProgressBar("projecting \(projection.name)")
        defer { bar.finish() }
        return try Projector(projection, in: log.projectionsDirectory).answer(
            query, asOf: asOf, with: corrected ? .full : .none, from: source
        ) { bar.update(done: Int($0.done), of: Int($0.total)) }
    }

    /// Every figure is as of a position; figures that lag behind the log say so.
    private func tell(_ standing: ReadModelStanding, of name: String) {
        let position = standing.position.map { "position \($0)" } ?? "the log's beginning"
        let lag =
            standing.lagEvents > 0
            ? "; the log has \(standing.lagEvents) more events; run: ascolto project \(name)" : ""
        Standard.error("\(name) as of \(position)\(lag)")
        tellUnreadable(standing.unreadable, of: name)
    }
}

/// Says which events a read model could not read, and why the first of them.
private func tellUnreadable(_ unreadable: UnreadableEvents, of name: String) {
    guard let first = unreadable.first else { return }
    Standard.error(
        "ascolto: \(name) could not read \(unreadable.count) events, which do not count in it; "
            + "the first is at position \(first.position): \(printable(first.reason))")
}

extension Cell {
    /// The position of the first event that could not be read.
    fileprivate static func first(of unreadable: UnreadableEvents) -> Cell {
        unreadable.first.map { .count($0.position.value) } ?? .null
    }
}
