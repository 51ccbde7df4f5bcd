package import EventLog
internal import Storage

/// An append that the log did not answer with "appended", which would make a figure worthless.
package struct UnexpectedOutcome: Error, CustomStringConvertible {
    package let outcome: AppendOutcome

    package var description: String { "an append that should succeed was answered \(outcome)" }
}

extension EventLog {
    /// Appends in a closed loop: each appender waits for its acknowledgement before its next event.
    package func appendInClosedLoop(_ lists: [[NewEvent]]) async throws -> Sample {
        try await inParallel(lists.map { $0.map { Append([$0]) } })
    }

    /// Appends `calls` of many events each, with at most `inFlight` of them unanswered at a time.
    package func appendBulk(_ calls: [Append], inFlight: Int) async throws -> Sample {
        let lists = (0..<inFlight).map { first in
            stride(from: first, to: calls.count, by: inFlight).map { calls[$0] }
        }
        return try await inParallel(lists)
    }

    private func inParallel(_ lists: [[Append]]) async throws -> Sample {
        let start = ContinuousClock.now
        let latencies = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for list in lists {
                group.addTask { try await self.oneAfterTheOther(list) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let events = lists.reduce(0) { $0 + $1.reduce(0) { $0 + $1.events.count } }
        return Sample(
            events: events, nanoseconds: start.nanosecondsSince, latencies: latencies)
    }

    @concurrent private func oneAfterTheOther(_ appends: [Append]) async throws -> [Int64] {
        var latencies: [Int64] = []
        latencies.reserveCapacity(appends.count)
        for append in appends {
            let start = ContinuousClock.now
            let outcome = try await self.append(append)
            guard case .appended = outcome else { throw UnexpectedOutcome(outcome: outcome) }
            latencies.append(start.nanosecondsSince)
        }
        return latencies
    }

    /// What the log takes to find that an id is new: appends that a condition refuses afterwards.
    ///
    /// Ids come before conditions, so the whole index of ids is asked; nothing is written. What
    /// the way to the writer's thread and back takes is part of it.
    package func lookUpFreshIDs(_ events: [NewEvent]) async throws -> Sample {
        guard let known = try event(at: Position(try head().size - 1))?.stream else {
            return Sample(events: 0, nanoseconds: 0)
        }
        let start = ContinuousClock.now
        var latencies: [Int64] = []
        for var event in events {
            // The stream of the newest event is in the writer's books: no index of streams is read.
            event.stream = known
            let append = Append([event], condition: Condition(streams: [known: .doesNotExist]))
            let call = ContinuousClock.now
            let outcome = try await self.append(append)
            guard case .conflict = outcome else { throw UnexpectedOutcome(outcome: outcome) }
            latencies.append(call.nanosecondsSince)
        }
        return Sample(
            events: events.count, nanoseconds: start.nanosecondsSince, latencies: latencies)
    }
}

/// LMDB alone, in a directory of its own.
package struct RawLMDB: ~Copyable {
    private var baseline: LMDBBaseline

    /// Makes the directory.
    package init(in directory: String) throws {
        try FileSystem.createDirectory(directory)
        baseline = try LMDBBaseline(in: directory)
    }

    /// Opens what was made before and is open nowhere in this process.
    package init(opening directory: String) throws {
        baseline = try LMDBBaseline(in: directory)
    }

    /// Puts lines of equal length, so many in each commit; the latencies are those of commits.
    package mutating func append(
        lines: [UInt8], perCommit: Int
    ) throws -> Sample {
        let start = ContinuousClock.now
        let commits = try baseline.append(
            lines, valueBytes: SizedEvents.lineBytes, perCommit: perCommit)
        return Sample(
            events: lines.count / SizedEvents.lineBytes, nanoseconds: start.nanosecondsSince,
            latencies: commits)
    }

    /// Walks everything that was put.
    package func scan() throws -> Sample {
        try Sample.measuring { Int(try baseline.scan()) / SizedEvents.lineBytes }
    }

    /// Looks positions up, each in a transaction of its own.
    package func read(_ positions: [UInt64]) throws -> Sample {
        try Sample.measuring {
            _ = try baseline.read(positions)
            return positions.count
        }
    }
}
