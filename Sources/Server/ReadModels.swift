internal import EventLog
internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import NIOPosix
internal import ProjectionKit
internal import ServiceLifecycle
internal import Synchronization

/// Keeps all read models close behind the log while the server runs.
final class LiveReadModels: Service {
    let projections: [any Projection]
    let directory: String
    let source: EventSource
    private let pulse: Pulse
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let problems = Mutex<[String: String]>([:])
    private let isEnding = Atomic(false)

    init(_ projections: [any Projection], of log: EventLog, in directory: String, _ pulse: Pulse) {
        self.projections = projections
        self.directory = directory
        self.pulse = pulse
        source = EventSource(log)
    }

    /// Why read models are not brought up to date, by their names.
    var troubles: [String: String] { problems.withLock { $0 } }

    func run() async throws {
        guard let subscriber = pulse.join() else { return }
        defer { pulse.leave(subscriber) }
        pool.start()
        await withGracefulShutdownHandler {
            follow: while !Task.isCancelled {
                await bringUpToDate()
                try? await Task.sleep(for: ServerLimits.projectInterval)
                // What went wrong, as on a full disk, is tried again without waiting for events.
                guard troubles.isEmpty || subscriber.isOver else { continue }
                if case .over = await subscriber.next() { break follow }
            }
        } onGracefulShutdown: { [self] in
            isEnding.store(true, ordering: .relaxed)
            subscriber.tell(.over)
        }
        for projection in projections {
            let projector = Projector(projection, in: directory)
            try? await pool.runIfActive { try projector.settle() }
        }
        try await pool.shutdownGracefully()
    }

    private func bringUpToDate() async {
        for projection in projections where !isEnding.load(ordering: .relaxed) {
            let projector = Projector(projection, in: directory)
            let problem: String?
            do {
                _ = try await pool.runIfActive { [self] in
                    try projector.bringUpToDate(from: source, upkeep: .live) { _ in
                        // A first build of a long log takes longer than the end is waited for.
                        if isEnding.load(ordering: .relaxed) { throw CancellationError() }
                    }
                }
                problem = nil
            } catch is CancellationError {
                return
            } catch {
                problem = "\(error)"
            }
            problems.withLock { $0[projection.name] = problem }
        }
    }

    /// Makes anew those that hold personal data.
    func forget() throws {
        for projection in projections where projection.content == .personal {
            try Projector(projection, in: directory).forget(from: source, upkeep: .live)
        }
    }

    func named(_ name: String) throws(Problem) -> any Projection {
        guard let projection = projections.first(where: { $0.name == name }) else {
            throw Problem(
                .notFound, .notFound,
                "there is no projection \(quoted(name)); there are: "
                    + projections.map(\.name).joined(separator: ", "))
        }
        return projection
    }

    func model(_ name: String) throws(Problem) -> ReadModel {
        ReadModel(of: try named(name), in: directory)
    }
}

extension Responder {
    func projections(_ query: Substring?) async throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let models = desk.readModels
        let rows = try await desk.readers.run {
            models.projections.map { projection -> JSONNode in
                var members: [(String, JSONNode)] = [
                    ("name", .text(projection.name)), ("version", .count(projection.version)),
                ]
                let model = ReadModel(of: projection, in: models.directory)
                let lag = try? model.lag(towards: models.source)
                members += Self.members(of: lag)
                if let trouble = models.troubles[projection.name] {
                    members.append(("problem", .text(trouble)))
                }
                return .object(members)
            }
        }
        return Answer(.ok, .array(rows))
    }

    private static func members(of lag: ReadModelLag?) -> [(String, JSONNode)] {
        [
            ("position", lag?.standing.position.map { .count($0.value) } ?? .null),
            ("lag_events", lag.map { .count($0.standing.lagEvents) } ?? .null),
            ("lag_seconds", lag?.seconds.map { .real($0) } ?? .null),
            ("unreadable", lag.map { .count($0.standing.unreadable.count) } ?? .null),
        ]
    }

    func describeProjection(_ name: String, _ query: Substring?) throws -> Answer {
        try QueryParameters(query: query).requireNothingLeft()
        let projection = try desk.readModels.named(name)
        let tables = projection.tables.map { table -> JSONNode in
            let columns = table.columns.map { column -> JSONNode in
                .object([
                    ("name", .text(column.name)), ("unit", .text(column.unit.rawValue)),
                    ("meaning", .text(column.meaning)),
                ])
            }
            return .object([
                ("name", .text(table.name)), ("meaning", .text(table.meaning)),
                ("key", .array(table.key.map { .text($0) })),
                ("at", .truth(table.moment != nil)), ("columns", .array(columns)),
            ])
        }
        return Answer(
            .ok,
            .object([
                ("name", .text(projection.name)), ("version", .count(projection.version)),
                ("tables", .array(tables)),
            ]))
    }

    func table(
        _ names: [String], _ query: Substring?, _ client: Client
    ) async throws -> Answer {
        try requireAudience(client, of: names[0], for: .readTable)
        try willShow(names[0], to: client, by: .readTable)
        var parameters = try QueryParameters(query: query)
        let condition = try parameters.one("where")
        let moment = try parameters.time("at")
        let limits = try QueryLimits(&parameters)
        try parameters.requireNothingLeft()
        return try await answer(
            .table(names[1], condition: condition, moment: moment), of: names[0], limits)
    }

    /// Records a look at what holds personal data.
    private func willShow(
        _ name: String, to client: Client, by endpoint: Endpoint
    ) throws {
        let content = try desk.readModels.named(name).content
        guard content == .personal else { return }
        try Self.requireForgotten(content, of: name, desk.subjects)
        desk.journal.looked(client, endpoint, at: name)
    }

    /// Refuses to show what holds personal data while there is something left in it that was
    /// erased.
    private static func requireForgotten(
        _ content: ReadModelContent, of name: String, _ subjects: SubjectDesk
    ) throws {
        if content == .personal, try subjects.isStale() { throw ReadModelError.stale(name: name) }
    }

    /// Refuses one who may not see what this read model shows.
    private func requireAudience(
        _ client: Client, of name: String, for endpoint: Endpoint
    ) throws(Problem) {
        let audience = audience(ofReadModel: name)
        guard client.roles.isDisjoint(with: audience) else { return }
        throw desk.gate.deny(client, endpoint, .otherRole(audience))
    }

    func query(
        _ name: String, _ query: Substring?, _ request: Request, _ client: Client
    ) async throws -> Answer {
        try requireAudience(client, of: name, for: .queryProjection)
        try willShow(name, to: client, by: .queryProjection)
        var parameters = try QueryParameters(query: query)
        let limits = try QueryLimits(&parameters)
        try parameters.requireNothingLeft()
        let media = request.headers[.contentType]?.prefix { $0 != ";" }.trimmed.lowercased()
        guard media == "application/sql" else {
            throw Problem(
                .unsupportedMediaType, .unsupportedMediaType,
                "a query is sent as application/sql: one SELECT")
        }
        let sql = try await withBody(of: request, upTo: ServerLimits.sqlBytesMax) { body in
            guard let sql = String(validating: body, as: UTF8.self) else {
                throw Problem(.badRequest, .badRequest, "the query is not UTF-8")
            }
            return sql
        }
        return try await answer(.sql(sql), of: name, limits)
    }

    /// Rows as they were at one moment, with the position that they are as of.
    private func answer(
        _ query: Query, of name: String, _ limits: QueryLimits
    ) async throws -> Answer {
        let (model, source) = (try desk.readModels.model(name), desk.readModels.source)
        let content = try desk.readModels.named(name).content
        let (result, standing) = try await desk.queries.run { [subjects = desk.subjects] in
            let answer = try model.answer(query, towards: source, within: limits)
            // Also what was erased while this was read is not shown.
            try Self.requireForgotten(content, of: name, subjects)
            return answer
        }
        let rows = result.rows.map { row -> JSONNode in
            .object(zip(result.columns, row).map { ($0, $1.node) })
        }
        return Answer(
            .ok,
            .object([
                ("position", standing.position.map { .count($0.value) } ?? .null),
                ("lag_events", .count(standing.lagEvents)),
                ("unreadable", .count(standing.unreadable.count)),
                ("columns", .array(result.columns.map { .text($0) })), ("rows", .array(rows)),
                ("more", .truth(result.isCut)),
            ]))
    }
}

extension QueryLimits {
    fileprivate init(_ parameters: inout QueryParameters) throws(Problem) {
        let rows = try parameters.whole("limit") ?? UInt64(ServerLimits.rowsDefault)
        guard (1...UInt64(ServerLimits.rowsMax)).contains(rows) else {
            throw Problem.badParameter("limit must be from 1 to \(ServerLimits.rowsMax)")
        }
        self.init(
            rowsMax: Int(rows), skipping: Int(try parameters.whole("offset") ?? 0),
            bytesMax: ServerLimits.rowBytesMax, valueBytesMax: ServerLimits.valueBytesMax,
            patience: ServerLimits.queryPatience)
    }
}
