package import EventLog
internal import Foundation
internal import GRDB
internal import JSON

/// How far a read model has followed its log.
package struct ReadModelStanding: Equatable, Sendable {
    /// The last event that was taken in; nil before the first.
    package let position: Position?
    /// Events that the log has and the read model has not.
    package let lagEvents: UInt64
    /// Events that it took in without being able to read them.
    package let unreadable: UnreadableEvents
}

/// How one read model stands towards its log, with what it takes to compare it.
package struct ReadModelStatus: Equatable, Sendable {
    package let name: String
    package let version: Int
    package let configuration: String
    package let standing: ReadModelStanding
    /// From the recording of the last event taken in to that of the log's last event, in seconds.
    ///
    /// Nil where there is no last event to compare.
    package let lagSeconds: Double?
    /// Rows of each declared table, in their declared order.
    package let tables: [TableRows]
    package let digest: ReadModelDigest

    package struct TableRows: Equatable, Sendable {
        package let table: String
        package let rows: Int
    }

    /// Rows of all declared tables together.
    package var rows: Int { tables.reduce(0) { $0 + $1.rows } }
}

/// How far one read model is behind its log.
package struct ReadModelLag: Equatable, Sendable {
    package let standing: ReadModelStanding
    /// From the recording of the last event taken in to that of the log's last event, in seconds.
    ///
    /// Nil where there is no last event to compare.
    package let seconds: Double?
}

extension ReadModel {
    /// How far the read model is, without a look at its rows; nil where there is none.
    package func lag(towards source: EventSource) throws -> ReadModelLag? {
        guard FileManager.default.fileExists(atPath: path.live) else { return nil }
        return try read { database in
            let (state, size) = (try state(in: database, of: source), try source.size())
            return ReadModelLag(
                standing: state.standing(logEvents: size),
                seconds: try lagSeconds(state, towards: source, size: size))
        }
    }

    /// How far the read model is; nil where there is none.
    ///
    /// Linear in its rows, for the digest.
    /// - Throws: ``ReadModelError`` where it is outdated, or does not belong to this log.
    package func status(towards source: EventSource) throws -> ReadModelStatus? {
        guard FileManager.default.fileExists(atPath: path.live) else { return nil }
        return try read { database in
            let state = try state(in: database, of: source)
            let size = try source.size()
            return try ReadModelStatus(
                of: projection, standing: state.standing(logEvents: size),
                lagSeconds: lagSeconds(state, towards: source, size: size), in: database)
        }
    }

    func standing(
        in database: Database, towards source: EventSource
    ) throws -> ReadModelStanding {
        try state(in: database, of: source).standing(logEvents: try source.size())
    }

    /// What a read model that can be read says about itself.
    private func state(
        in database: Database, of source: EventSource
    ) throws -> ReadModelState {
        guard case .state(let state) = try loaded(from: database) else {
            preconditionFailure("only a read model with a state passes as one that can be read")
        }
        try state.requireHistory(of: source, path.live)
        return state
    }

    private func lagSeconds(
        _ state: ReadModelState, towards source: EventSource, size: UInt64
    ) throws -> Double? {
        guard size > 0, let newest = try source.event(at: Position(size - 1))?.recorded,
            let last = state.lastRecorded
        else { return nil }
        return Double(newest.microseconds - last.microseconds) / 1e6
    }
}

extension ReadModelStatus {
    /// Linear in the rows.
    fileprivate init(
        of projection: any Projection, standing: ReadModelStanding, lagSeconds: Double?,
        in database: Database
    ) throws {
        name = projection.name
        version = projection.version
        configuration = projection.configuration
        self.standing = standing
        self.lagSeconds = lagSeconds
        tables = try projection.tables.map { table in
            let rows = try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table.name)")
            return TableRows(table: table.name, rows: rows ?? 0)
        }
        digest = try ReadModelDigest(of: projection.tables, in: database)
    }
}

/// The read model of a prefix of a log, for as long as it is looked at.
package struct PrefixModel: ~Copyable {
    package let standing: ReadModelStanding
    private let model: ReadModel
    private let database: Database

    init(standing: ReadModelStanding, model: ReadModel, database: Database) {
        self.standing = standing
        self.model = model
        self.database = database
    }

    package func answer(_ query: Query) throws -> QueryResult {
        try model.rows(query, in: database)
    }

    /// Linear in the rows, for the digest.
    package func status() throws -> ReadModelStatus {
        try ReadModelStatus(
            of: model.projection, standing: standing, lagSeconds: nil, in: database)
    }
}

extension ReadModelState {
    /// Requires that the log has at least the events that were taken in.
    func standing(logEvents: UInt64) -> ReadModelStanding {
        ReadModelStanding(
            position: events > 0 ? Position(events - 1) : nil, lagEvents: logEvents - events,
            unreadable: unreadable)
    }
}
