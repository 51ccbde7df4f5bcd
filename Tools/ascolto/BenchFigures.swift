internal import EventLog
internal import JSON
internal import Storage
internal import Workloads

/// Durable appends from one appender and from 64, in turns with LMDB alone.
struct AppendFigures {
    let scratch: Scratch
    let rounds: Int
    let seed: UInt64

    private static let manyAppenders = 64
    /// Events of one appender in one round.
    private static let eventsAlone = 150
    private static let eventsOfMany = 100

    /// Both sides of one race, round by round.
    private struct Race {
        var ours: [Sample] = []
        var raw: [Sample] = []

        /// The median of ours to raw within each round, so that what slows the machine for a while
        /// slows both.
        var medianShare: Double {
            let shares = zip(ours, raw).map { $0.eventsPerSecond / $1.eventsPerSecond }.sorted()
            guard !shares.isEmpty else { return 0 }
            return (shares[(shares.count - 1) / 2] + shares[shares.count / 2]) / 2
        }
    }

    func measure() async throws -> [(String, Cell)] {
        let directory = scratch.path + "/appends"
        try EventLog.create(at: directory, zone: LogOptions.defaultZone)
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        var raw = try RawLMDB(in: scratch.path + "/raw")
        var events = SizedEvents(seed: seed)
        let bar = ProgressBar("appending")
        // What has never been touched, on either side, is not what a running system meets.
        _ = try await turn(&events, appenders: 1, eventsEach: 50, log, &raw)
        var (alone, many) = (Race(), Race())
        for round in 0..<rounds {
            bar.update(done: round, of: rounds)
            let first = try await turn(
                &events, appenders: 1, eventsEach: Self.eventsAlone, log, &raw)
            let second = try await turn(
                &events, appenders: Self.manyAppenders, eventsEach: Self.eventsOfMany, log, &raw)
            alone.ours.append(first.ours)
            alone.raw.append(first.raw)
            many.ours.append(second.ours)
            many.raw.append(second.raw)
        }
        bar.finish()
        return figures(alone, suffix: "1") + figures(many, suffix: "\(Self.manyAppenders)")
            + [("append_blocks_sealed", .count(try log.statistics().blocks))]
    }

    /// First ours, then the raw baseline, with the same events.
    private func turn(
        _ events: inout SizedEvents, appenders: Int, eventsEach: Int, _ log: EventLog,
        _ raw: inout RawLMDB
    ) async throws -> (ours: Sample, raw: Sample) {
        let (values, lines) = try events.next(appenders * eventsEach)
        let lists = (0..<appenders).map { appender in
            Array(values[appender * eventsEach..<(appender + 1) * eventsEach])
        }
        let ours = try await log.appendInClosedLoop(lists)
        return (ours, try raw.append(lines: lines, perCommit: appenders))
    }

    private func figures(_ race: Race, suffix: String) -> [(String, Cell)] {
        [
            ("appends_per_second_\(suffix)", .rounded(race.ours.medianEventsPerSecond)),
            ("raw_lmdb_appends_per_second_\(suffix)", .rounded(race.raw.medianEventsPerSecond)),
            ("share_of_raw_lmdb_\(suffix)", .ratio(race.medianShare)),
            ("append_\(suffix)_p50_us", .rounded(race.ours.latencyMicroseconds(at: 0.5))),
            ("append_\(suffix)_p99_us", .rounded(race.ours.latencyMicroseconds(at: 0.99))),
            ("append_\(suffix)_max_us", .rounded(race.ours.latencyMicroseconds(at: 1))),
            ("raw_lmdb_commit_\(suffix)_p50_us", .rounded(race.raw.latencyMicroseconds(at: 0.5))),
            ("raw_lmdb_commit_\(suffix)_p99_us", .rounded(race.raw.latencyMicroseconds(at: 0.99))),
        ]
    }
}

/// The events that logs are filled with, the same ones each time.
struct BenchInput {
    /// CloudEvents one a line; nil for synthetic calls.
    let file: String?
    let seed: UInt64

    func supply() throws -> any EventSupply {
        if let file { try RecordedEvents(at: file, seed: seed) } else { try CallLives(seed: seed) }
    }
}

/// A log of calls, built in bulk, then opened, searched, read and checked.
struct LogFigures {
    let scratch: Scratch
    let events: Int
    let input: BenchInput

    static let eventsOfCall = 1_000
    static let callsInFlight = 8
    /// Events that are made, and then appended, at a time.
    private static let portionEvents = 100_000
    private static let lookUps = 500
    private static let streamsRead = 1_000
    private static let streamsTime: Duration = .seconds(10)
    private static let openings = 5
    private static let passes = 3

    private var directory: String { scratch.path + "/calls" }
    private var rawDirectory: String { scratch.path + "/raw-bulk" }

    func measure() async throws -> [(String, Cell)] {
        try EventLog.create(at: directory, zone: LogOptions.defaultZone)
        var supply = try input.supply()
        var members = try await build(&supply)
        members += try openings()
        members += try reads(supply.sampledStreams)
        members += try check()
        return members
    }

    private func build(_ supply: inout any EventSupply) async throws -> [(String, Cell)] {
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        var raw = try RawLMDB(in: rawDirectory)
        var sized = SizedEvents(seed: input.seed)
        var rawPortions: [Sample] = []
        let bar = ProgressBar("building")
        // Other events than those of the log, so that none of their ids is known.
        var strangers = try CallLives(seed: ~input.seed)
        var portions: [Sample] = []
        var (appended, lookUpsAtTenth): (Int, Sample?) = (0, nil)
        while appended < events {
            bar.update(done: appended, of: events)
            if lookUpsAtTenth == nil, appended >= events / 10 {
                lookUpsAtTenth = try await lookUp(&strangers, log)
            }
            let count = min(Self.portionEvents, max(1, events / 10), events - appended)
            let appends = try stride(from: 0, to: count, by: Self.eventsOfCall).map { start in
                Append(try supply.next(min(Self.eventsOfCall, count - start)))
            }
            portions.append(try await log.appendBulk(appends, inFlight: Self.callsInFlight))
            rawPortions.append(
                try raw.append(lines: try sized.next(count).lines, perCommit: Self.eventsOfCall))
            appended += count
        }
        let lookUps = try await lookUp(&strangers, log)
        bar.finish()
        let statistics = try log.statistics()
        return [
            ("bulk_events_per_second", .rounded(portions.medianEventsPerSecond)),
            ("raw_lmdb_bulk_events_per_second", .rounded(rawPortions.medianEventsPerSecond)),
            ("bulk_call_p50_us", .rounded(portions.latencyMicroseconds(at: 0.5))),
            ("bulk_call_p99_us", .rounded(portions.latencyMicroseconds(at: 0.99))),
            (
                "fresh_id_lookup_p50_us_at_a_tenth",
                lookUpsAtTenth.map { .rounded([$0].latencyMicroseconds(at: 0.5)) } ?? .null
            ),
            ("fresh_id_lookup_p50_us", .rounded([lookUps].latencyMicroseconds(at: 0.5))),
            (
                "bytes_per_event",
                .ratio(Double(statistics.fileBytes) / Double(max(1, statistics.events)))
            ),
            (
                "raw_lmdb_bytes_per_event",
                .ratio(
                    Double(try FileSystem.size(of: rawDirectory + "/data.mdb").onDisk)
                        / Double(events))
            ),
        ]
    }

    private func lookUp(_ strangers: inout CallLives, _ log: EventLog) async throws -> Sample {
        try await log.lookUpFreshIDs(try strangers.next(Self.lookUps))
    }

    /// From nothing to a log that could append.
    private func openings() throws -> [(String, Cell)] {
        var times: [Sample] = []
        for _ in 0..<Self.openings {
            times.append(
                try Sample.measuring {
                    let log = try EventLog.open(at: directory, access: .writing)
                    log.close()
                    return 1
                })
        }
        let microseconds = times.map(\.nanoseconds).microseconds(at: 0.5)
        return [("open_p50_us", .rounded(microseconds))]
    }

    private func reads(_ streams: [StreamName]) throws -> [(String, Cell)] {
        let log = try EventLog.open(at: directory, access: .reading)
        let bar = ProgressBar("reading")
        let times = try log.readStreams(
            Array(streams.prefix(Self.streamsRead)), times: 2, within: Self.streamsTime)
        let (cold, again) = (times[0], times[1])
        let raw = try RawLMDB(opening: rawDirectory)
        var (scans, replays, walks): ([Sample], [Sample], [Sample]) = ([], [], [])
        for pass in 0..<Self.passes {
            bar.update(done: pass, of: Self.passes)
            scans.append(try log.scanFigure())
            replays.append(try log.replayFigure())
            walks.append(try raw.scan())
        }
        bar.finish()
        return [
            ("stream_read_p50_us", .rounded(cold.microseconds(at: 0.5))),
            ("stream_read_p99_us", .rounded(cold.microseconds(at: 0.99))),
            ("stream_read_again_p50_us", .rounded(again.microseconds(at: 0.5))),
            ("stream_read_again_p99_us", .rounded(again.microseconds(at: 0.99))),
            ("scan_events_per_second", .rounded(scans.medianEventsPerSecond)),
            ("replay_events_per_second", .rounded(replays.medianEventsPerSecond)),
            ("raw_lmdb_scan_events_per_second", .rounded(walks.medianEventsPerSecond)),
        ]
    }

    private func check() throws -> [(String, Cell)] {
        let bar = ProgressBar("checking")
        var problems = 0
        let sample = try Sample.measuring {
            let report = try EventLog.check(at: directory, depth: .full) { done in
                bar.update(done: Int(done), of: events)
            }
            problems = report.problems.count
            return Int(report.events)
        }
        bar.finish()
        return [
            ("check_events_per_second", .rounded(sample.eventsPerSecond)),
            ("check_problems", .count(problems)),
        ]
    }
}

extension Cell {
    /// A figure whose digits behind the point mean nothing.
    static func rounded(_ value: Double) -> Cell { .integer(Int64(value.rounded())) }

    /// A figure with three digits behind the point.
    static func ratio(_ value: Double) -> Cell {
        .real((value * 1_000).rounded() / 1_000)
    }
}
