package import EventLog
internal import Foundation
internal import GRDB
internal import JSON
internal import Storage

/// Brings one read model up to date with its log.
///
/// Each chunk of events and the position after it are committed together, so whatever ends the
/// process leaves a read model that the next run takes further. A rebuild goes on beside the old
/// read model and replaces it in one step at the end.
package struct Projector: Sendable {
    package let projection: any Projection
    /// Events of one transaction; any number gives the same rows.
    package let chunkEvents: UInt64
    let path: ReadModelPath

    /// Requires chunks of at least one event.
    package init(
        _ projection: any Projection, in directory: String,
        chunkEvents: UInt64 = ProjectionLimits.chunkEvents
    ) {
        precondition(chunkEvents > 0, "a chunk has at least one event")
        self.projection = projection
        self.chunkEvents = chunkEvents
        path = ReadModelPath(directory: directory, name: projection.name)
    }

    /// What a read model of a prefix knows of events that were wrong.
    package enum Hindsight: Sendable {
        /// The corrections of the prefix itself: what was known then.
        case none
        /// All corrections of the log: what was so then, as is known now.
        case full
    }

    /// How the file of a read model is left behind a run.
    package enum Upkeep: Sendable {
        /// As one plain file, which can be read without permission to write.
        case once
        /// As readers and the next run, which will come soon, use it side by side.
        case live

        /// How long others who project in the directory are waited for.
        fileprivate var patience: Duration {
            self == .live ? ProjectionLimits.projectorWait : .zero
        }
    }

    /// Makes a read model anew, where there is one, in which nothing may be left that no key opens
    /// any more; leftovers of builds that were broken off go as well.
    ///
    /// While its readers are waited for, others project. What file systems and disks keep of
    /// removed files is out of reach. Linear in the log.
    /// - Throws: ``ReadModelError``, as where readers, or another process that projects, are in the
    ///   way for longer than `patience`.
    package func forget(
        from source: EventSource, upkeep: Upkeep,
        within patience: Duration = ProjectionLimits.forgetWait
    ) throws {
        let deadline = ContinuousClock.now.advanced(by: patience)
        while true {
            do {
                return try forgetOnce(from: source, upkeep, until: deadline)
            } catch ReadModelError.inUse(let path) {
                guard ContinuousClock.now < deadline else { throw ReadModelError.inUse(path: path) }
            }
            Thread.sleep(forTimeInterval: ProjectionLimits.forgetRetrySeconds)
        }
    }

    private func forgetOnce(
        from source: EventSource, _ upkeep: Upkeep, until deadline: ContinuousClock.Instant
    ) throws {
        let patience = max(.zero, ContinuousClock.now.duration(to: deadline))
        try withProjectorLock(on: path.directory, within: patience) {
            path.removeLeftovers()
            guard FileManager.default.fileExists(atPath: path.live) else { return }
            // Before it costs anything: readers of now would be in the way in the end.
            do { try switchJournal(of: path.live, to: .delete, within: .zero) } catch ReadModelError
                .damaged
            {
                // It is replaced in any case.
            }
            _ = try build(
                from: source, until: Prefix(size: try source.size()), because: .asked, upkeep
            ) { _ in }
        }
    }

    /// Takes in what the log has gained; builds anew where there is no read model of this version.
    ///
    /// Whoever keeps it up ``Upkeep/live`` calls ``settle()`` at the end. Behind each chunk
    /// `progress` may throw to break off; a first build then begins anew the next time.
    /// - Throws: ``ReadModelError``, also where the read model belongs to another log or is ahead
    ///   of this one. What was committed before stays.
    package func bringUpToDate(
        from source: EventSource, upkeep: Upkeep = .once,
        progress: (ProjectionProgress) throws -> Void = { _ in }
    ) throws -> ProjectionOutcome {
        try withProjectorLock(on: path.directory, within: upkeep.patience) {
            let end = Prefix(size: try source.size())
            if let reason = try reasonToRebuild(source, end) {
                return try build(from: source, until: end, because: reason, upkeep, progress)
            }
            try switchJournal(of: path.live, to: .wal, within: ProjectionLimits.swapWait)
            let outcome = try withDatabase(at: path.live, for: .updating) { database in
                try fold(from: source, until: end, into: database, rebuilt: nil, progress)
            }
            if upkeep == .once { leaveSettled() }
            return outcome
        }
    }

    /// Leaves the read model as one plain file, where no reader is in the way.
    /// - Throws: ``ReadModelError/locked(directory:)`` where another process projects.
    package func settle() throws {
        try withProjectorLock(on: path.directory) { leaveSettled() }
    }

    /// Where readers are in the way, the next run does it.
    private func leaveSettled() {
        // SQLite would make a file where there is none, which would be no read model.
        guard FileManager.default.fileExists(atPath: path.live) else { return }
        try? switchJournal(of: path.live, to: .delete, within: ProjectionLimits.settleWait)
    }

    /// Builds anew from the first event and replaces whatever stands there.
    /// - Throws: ``ReadModelError``; the old read model then stays as it was.
    package func rebuild(
        from source: EventSource, progress: (ProjectionProgress) throws -> Void = { _ in }
    ) throws -> ProjectionOutcome {
        try withProjectorLock(on: path.directory) {
            let end = Prefix(size: try source.size())
            return try build(from: source, until: end, because: .asked, .once, progress)
        }
    }

    /// Builds the read model of a prefix of the log, in a directory other than the live one's.
    /// - Throws: ``ReadModelError``, also where the prefix ends beyond the log.
    package func build(
        asOf: AsOf, with hindsight: Hindsight = .none, from source: EventSource,
        progress: (ProjectionProgress) throws -> Void = { _ in }
    ) throws -> ProjectionOutcome {
        let end = try Prefix(of: source, asOf: asOf, hindsight)
        return try withProjectorLock(on: path.directory) {
            try build(from: source, until: end, because: .asked, .once, progress)
        }
    }

    /// Asks the read model of a prefix of the log, which is gone again afterwards.
    ///
    /// It is a database without a name, so that no end of the process leaves anything of it behind.
    /// - Throws: ``ReadModelError``, as where a read model of the prefix was built and asked.
    package func answer(
        _ query: Query, asOf: AsOf, with hindsight: Hindsight = .none, from source: EventSource,
        progress: (ProjectionProgress) throws -> Void = { _ in }
    ) throws -> (result: QueryResult, standing: ReadModelStanding) {
        try look(asOf: asOf, with: hindsight, from: source, progress) { prefix in
            (try prefix.answer(query), prefix.standing)
        }
    }

    /// Looks at the read model of a prefix of the log, which is gone again afterwards.
    /// - Throws: ``ReadModelError``, as where a read model of the prefix was built and asked.
    package func look<Result>(
        asOf: AsOf, with hindsight: Hindsight = .none, from source: EventSource,
        _ progress: (ProjectionProgress) throws -> Void = { _ in },
        _ body: (borrowing PrefixModel) throws -> Result
    ) throws -> Result {
        let end = try Prefix(of: source, asOf: asOf, hindsight)
        return try withDatabase(at: ReadModelPath.nameless, for: .building) { database in
            try createTables(in: database, of: source.log)
            let outcome = try fold(
                from: source, until: end, into: database, rebuilt: .asked, progress)
            return try database.readOnly {
                let standing = ReadModelStanding(
                    position: outcome.size > 0 ? Position(outcome.size - 1) : nil, lagEvents: 0,
                    unreadable: outcome.unreadable)
                return try body(
                    PrefixModel(
                        standing: standing, model: ReadModel(of: projection, in: path.directory),
                        database: database))
            }
        }
    }

    /// Nil where the read model that stands there can be taken further.
    ///
    /// Where the log has gained corrections since, it cannot: a read model at a position knows all
    /// corrections before it, and none behind.
    private func reasonToRebuild(
        _ source: EventSource, _ end: Prefix
    ) throws -> RebuildReason? {
        guard FileManager.default.fileExists(atPath: path.live) else { return .notBuilt }
        let model = ReadModel(of: projection, in: path.directory)
        let loaded = try withDatabase(at: path.live, for: .inspecting) {
            try model.loaded(from: $0)
        }
        if case .state(let state) = loaded { try state.requireHistory(of: source, path.live) }
        if let reason = try model.rebuildReason(loaded) { return reason }
        guard case .state(let state) = loaded, state.events < end.size else { return nil }
        return try source.corrections(state.events..<end.size, end.recordedBy).isEmpty
            ? nil : .corrected
    }

    /// What is built becomes the read model when the rename in ``publish(_:)`` is done; a crash
    /// before leaves the old one.
    private func build(
        from source: EventSource, until end: Prefix, because reason: RebuildReason,
        _ upkeep: Upkeep, _ progress: (ProjectionProgress) throws -> Void
    ) throws -> ProjectionOutcome {
        path.removeLeftovers()
        let building = path.building(version: projection.version)
        if projection.content == .personal { try makeForOwnerOnly(building) }
        defer { path.removeLeftovers() }
        let outcome = try withDatabase(at: building, for: .building) { database in
            try createTables(in: database, of: source.log)
            return try fold(
                from: source, until: end, into: database, rebuilt: reason, progress)
        }
        if upkeep == .live {
            // As long as nobody reads it: later a long query would be in the way.
            try switchJournal(of: building, to: .wal, within: .zero)
        }
        try publish(building, as: path.live)
        return outcome
    }

    /// SQLite keeps to how a file is open to others, and gives what is beside it the same.
    private func makeForOwnerOnly(_ file: String) throws {
        do { try FileSystem.replace(file, with: [], for: .ownerOnly) } catch {
            throw ReadModelError.storage(path: file, reason: "\(error)")
        }
    }

    private func createTables(in database: Database, of log: LogReference) throws {
        try database.inTransaction(.immediate) {
            try database.execute(sql: ReadModelState.schema)
            for statement in projection.schema { try database.execute(sql: statement) }
            for table in projection.tables {
                if let select = table.derivation?.select {
                    try database.execute(sql: "CREATE VIEW \(table.name) AS \(select)")
                }
                guard let moment = table.moment else { continue }
                let select = moment.selecting(at: "(\(moment.latest))")
                try database.execute(sql: "CREATE VIEW \(table.name) AS \(select)")
            }
            try ReadModelState(
                name: projection.name, version: projection.version,
                configuration: projection.configuration, log: log.id, events: 0
            ).save(to: database)
            return .commit
        }
    }

    /// The only way in which events reach a read model, chunk by chunk.
    private func fold(
        from source: EventSource, until end: Prefix, into database: Database,
        rebuilt: RebuildReason?, _ progress: (ProjectionProgress) throws -> Void
    ) throws -> ProjectionOutcome {
        guard case .state(var state) = try ReadModelState.load(from: database) else {
            preconditionFailure("a read model is folded into only after its state was read")
        }
        let first = state.events
        let fold = try projection.fold(into: database, of: source.log)
        // What is taken further has gained none: ``reasonToRebuild(_:_:)``.
        let corrections =
            first == 0
            ? try source.corrections(0..<end.corrections.below, end.corrections.recordedBy) : .none
        while state.events < end.size {
            let chunkEnd = min(end.size, (state.events / chunkEvents + 1) * chunkEvents)
            try database.inTransaction(.immediate) {
                try apply(
                    source, corrections, until: end.limited(to: chunkEnd), to: fold, &state)
                try fold.flush()
                try state.save(to: database)
                // The chunk's rows and the position after them are committed together: a crash
                // before leaves the previous chunk's end, a crash after leaves this one's.
                return .commit
            }
            try progress(ProjectionProgress(done: state.events - first, total: end.size - first))
            if state.events < chunkEnd { break }
        }
        return ProjectionOutcome(
            events: state.events - first, size: state.events, unreadable: state.unreadable,
            rebuilt: rebuilt)
    }

    private func apply(
        _ source: EventSource, _ corrections: Corrections, until end: Prefix,
        to fold: any EventFold, _ state: inout ReadModelState
    ) throws {
        let range = PositionRange(first: Position(state.events), last: Position(end.size - 1))
        var next = state
        var isOver = false
        try source.read(range) { columns, places in
            let first = columns.first.value + UInt64(places.lowerBound)
            guard first == next.events else { return .stop }
            var places = places
            if let moment = end.recordedBy,
                let late = places.first(where: { columns.recorded($0) > moment })
            {
                isOver = true
                places = places.lowerBound..<late
            }
            guard let last = places.last else { return .stop }
            try fold.apply(corrections.applied(to: columns), at: places) { place, reason in
                next.unreadable.add(Position(columns.first.value + UInt64(place)), reason: reason)
            }
            next.events += UInt64(places.count)
            next.lastEvent = columns.id(last)
            next.lastRecorded = columns.recorded(last)
            return isOver ? .stop : .next
        }
        guard isOver || next.events == end.size else {
            throw ReadModelError.missingEvent(at: Position(next.events))
        }
        state = next
    }
}

/// How far a run has come, in events.
package struct ProjectionProgress: Sendable {
    package let done: UInt64
    package let total: UInt64
}

/// What a run did.
package struct ProjectionOutcome: Equatable, Sendable {
    /// Events taken in by this run.
    package let events: UInt64
    /// Events that the read model has now: every position below this number.
    package let size: UInt64
    /// Those among all events of the read model that it could not read.
    package let unreadable: UnreadableEvents
    /// Why the read model was made anew; nil where it was taken further.
    package let rebuilt: RebuildReason?
}

/// The part of a log that is folded: so many events, and none recorded later than a moment.
private struct Prefix {
    var size: UInt64
    var recordedBy: Instant?
    /// Corrections at positions below the number are known, up to a moment of recording.
    var corrections: (below: UInt64, recordedBy: Instant?)

    init(size: UInt64, recordedBy: Instant? = nil) {
        self.size = size
        self.recordedBy = recordedBy
        corrections = (size, recordedBy)
    }

    init(of source: EventSource, asOf: AsOf, _ hindsight: Projector.Hindsight) throws {
        let size = try source.size()
        switch asOf {
        case .position(let position):
            guard position.value < size else {
                throw ReadModelError.asOfBeyondLog(position, logEvents: size)
            }
            self.init(size: position.value + 1)
        case .recorded(let moment): self.init(size: size, recordedBy: moment)
        }
        if hindsight == .full { corrections = (size, nil) }
    }

    func limited(to size: UInt64) -> Prefix { Prefix(size: size, recordedBy: recordedBy) }
}

extension ReadModel {
    func loaded(from database: Database) throws -> ReadModelState.Loaded {
        try ReadModelState.load(from: database)
    }

    /// Why a read model in this state has to be made anew for the projection, or nil.
    func rebuildReason(_ loaded: ReadModelState.Loaded) throws -> RebuildReason? {
        switch loaded {
        case .unreadable(let reason):
            throw ReadModelError.damaged(path: path.live, reason: reason)
        case .otherFormat(let found): .format(found: found, current: ReadModelState.format)
        case .state(let state) where state.version != projection.version:
            .version(found: state.version, current: projection.version)
        case .state(let state) where state.configuration != projection.configuration:
            .configuration(found: state.configuration, current: projection.configuration)
        case .state: nil
        }
    }
}

extension ReadModelState {
    /// Refuses a read model whose events are not a prefix of the log's.
    func requireHistory(of source: EventSource, _ path: String) throws {
        guard log == source.log.id else {
            throw ReadModelError.otherLog(path: path, found: log, expected: source.log.id)
        }
        let size = try source.size()
        guard events <= size else {
            throw ReadModelError.aheadOfLog(path: path, events: events, logEvents: size)
        }
        guard events > 0 else { return }
        let last = Position(events - 1)
        guard try source.event(at: last)?.id == lastEvent else {
            throw ReadModelError.otherHistory(path: path, at: last)
        }
    }
}
