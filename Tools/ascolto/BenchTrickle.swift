internal import EventLog
internal import JSON
internal import Storage
internal import Workloads

/// What a log takes that was filled in small commits, beside one that was filled in great ones.
struct TrickleFigures {
    let scratch: Scratch
    let events: Int
    let input: BenchInput

    /// Events that are made, and then appended, at a time.
    private static let portionEvents = 25_600
    private static let appenders = [1, 4, 16, 64]

    func measure() async throws -> [(String, Cell)] {
        let bar = ProgressBar("trickling")
        var members: [(String, Cell)] = []
        let inBulk = try await bytesPerEvent(of: "bulk", bar) { log, events in
            let size = LogFigures.eventsOfCall
            let calls = stride(from: 0, to: events.count, by: size).map { start in
                Append(Array(events[start...].prefix(size)))
            }
            _ = try await log.appendBulk(calls, inFlight: LogFigures.callsInFlight)
        }
        members.append(("bulk_bytes_per_event", .ratio(inBulk)))
        for appenders in Self.appenders {
            let bytes = try await bytesPerEvent(of: "trickle-\(appenders)", bar) { log, events in
                // Each sends the next event of its own, as counters beside each other do.
                let lists = (0..<appenders).map { first in
                    stride(from: first, to: events.count, by: appenders).map { events[$0] }
                }
                _ = try await log.appendInClosedLoop(lists)
            }
            members.append(("trickle_bytes_per_event_\(appenders)", .ratio(bytes)))
        }
        bar.finish()
        return members
    }

    /// Fills a log with the same events each time, and tells what `data.mdb` has for each.
    private func bytesPerEvent(
        of name: String, _ bar: ProgressBar,
        append: (EventLog, [NewEvent]) async throws -> Void
    ) async throws -> Double {
        let directory = scratch.path + "/" + name
        try EventLog.create(at: directory, zone: LogOptions.defaultZone)
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        var supply = try input.supply()
        var appended = 0
        while appended < events {
            bar.update(done: appended, of: events)
            let portion = try supply.next(min(Self.portionEvents, events - appended))
            try await append(log, portion)
            appended += portion.count
        }
        // Closing makes blocks of what is whole, and is part of it.
        log.close()
        return Double(try FileSystem.size(of: directory + "/data.mdb").bytes) / Double(events)
    }
}
