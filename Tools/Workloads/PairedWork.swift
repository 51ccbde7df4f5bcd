internal import Admission
internal import EventLog
internal import Storage

/// What one piece of work took, and what LMDB alone took for its like right after it.
public struct Pair: Sendable {
    public let events: Int
    public let nanoseconds: Int
    public let baselineNanoseconds: Int

    init(_ ours: Sample, _ baseline: Sample) {
        events = ours.events
        nanoseconds = Int(ours.nanoseconds)
        baselineNanoseconds = Int(max(1, baseline.nanoseconds))
    }

    /// Ours in thousandths of the baseline: 1,000 is as fast, 2,000 takes twice as long.
    public var permille: Int { nanoseconds * 1_000 / baselineNanoseconds }
}

/// The pieces of work whose speed is watched, each done in turn with LMDB alone.
///
/// Public because the benchmarks are a package of their own, which sees nothing else.
public actor PairedWork {
    private let scratch: Scratch
    private let sizedLog: EventLog
    private let ruledLog: EventLog
    private let freeLog: EventLog
    private var judged: CallLives
    private var raw: RawLMDB
    private var sized: SizedEvents
    private var strangers: CallLives
    private var numbers: SeededNumbers
    private let streams: [StreamName]
    private let events: Int

    private static let zone = "Europe/Rome"
    private static let eventsOfCall = 1_000
    private static let callsInFlight = 8
    private static let eventsOfBlock = 4_096
    /// Events of a contact's stream, about.
    private static let eventsOfStream = 6

    private var callsDirectory: String { scratch.path + "/calls" }
    private var closedDirectory: String { scratch.path + "/closed" }

    /// Builds a log of so many calls' events, and its like in LMDB alone, in a fresh directory.
    public init(in parent: String, events: Int, seed: UInt64) async throws {
        self.events = events
        scratch = try Scratch(in: parent)
        sized = SizedEvents(seed: seed)
        strangers = try CallLives(seed: ~seed)
        numbers = SeededNumbers(seed: seed)
        raw = try RawLMDB(in: scratch.path + "/raw")
        try EventLog.create(at: scratch.path + "/sized", zone: Self.zone)
        sizedLog = try EventLog.open(at: scratch.path + "/sized", access: .writing)
        try EventLog.create(at: scratch.path + "/calls", zone: Self.zone)
        let log = try EventLog.open(at: scratch.path + "/calls", access: .writing)
        defer { log.close() }
        var calls = try CallLives(seed: seed)
        var closed = try RawLMDB(in: scratch.path + "/closed")
        for start in stride(from: 0, to: events, by: Self.eventsOfCall) {
            let count = min(Self.eventsOfCall, events - start)
            _ = try await log.appendBulk([Append(try calls.next(count))], inFlight: 1)
            let lines = try sized.next(count).lines
            _ = try raw.append(lines: lines, perCommit: count)
            _ = try closed.append(lines: lines, perCommit: count)
        }
        streams = calls.sampledStreams
        try EventLog.create(at: scratch.path + "/ruled", zone: Self.zone)
        ruledLog = try EventLog.open(
            at: scratch.path + "/ruled", access: .writing, under: .contactCentre)
        try EventLog.create(at: scratch.path + "/free", zone: Self.zone)
        freeLog = try EventLog.open(at: scratch.path + "/free", access: .writing)
        judged = try CallLives(seed: seed ^ 1)
    }

    /// Takes the logs away.
    public func remove() {
        for log in [sizedLog, ruledLog, freeLog] { log.close() }
        scratch.remove()
    }

    /// Durable appends of one event each; every appender waits for its acknowledgement, LMDB puts
    /// as many in a commit as there are appenders.
    public func append(appenders: Int, eventsEach: Int) async throws -> Pair {
        let (values, lines) = try sized.next(appenders * eventsEach)
        let lists = (0..<appenders).map { appender in
            Array(values[appender * eventsEach..<(appender + 1) * eventsEach])
        }
        let ours = try await sizedLog.appendInClosedLoop(lists)
        return Pair(ours, try raw.append(lines: lines, perCommit: appenders))
    }

    /// Appends of 1,000 events, eight at a time; LMDB puts 1,000 in a commit.
    public func bulk() async throws -> Pair {
        let (values, lines) = try sized.next(Self.callsInFlight * Self.eventsOfCall)
        let calls = stride(from: 0, to: values.count, by: Self.eventsOfCall).map {
            Append(Array(values[$0..<$0 + Self.eventsOfCall]))
        }
        let ours = try await sizedLog.appendBulk(calls, inFlight: Self.callsInFlight)
        return Pair(ours, try raw.append(lines: lines, perCommit: Self.eventsOfCall))
    }

    /// Calls in appends of 1,000 events under the rules of contacts; the baseline is the same log
    /// without rules, and not LMDB.
    public func rules() async throws -> Pair {
        let calls = [Append(try judged.next(Self.eventsOfCall))]
        // Whoever comes first pays for what the machine does beside it.
        if numbers.below(2) == 0 {
            let ours = try await ruledLog.appendBulk(calls, inFlight: 1)
            return Pair(ours, try await freeLog.appendBulk(calls, inFlight: 1))
        }
        let baseline = try await freeLog.appendBulk(calls, inFlight: 1)
        return Pair(try await ruledLog.appendBulk(calls, inFlight: 1), baseline)
    }

    /// One append of as many events as a block holds, so that one is sealed on the way.
    public func seal() async throws -> Pair {
        let (values, lines) = try sized.next(Self.eventsOfBlock)
        let ours = try await sizedLog.appendBulk([Append(values)], inFlight: 1)
        return Pair(ours, try raw.append(lines: lines, perCommit: Self.eventsOfBlock))
    }

    /// The whole log with its payloads; LMDB walks as many values of 256 bytes.
    public func replay() throws -> Pair {
        let log = try EventLog.open(at: callsDirectory, access: .reading)
        return Pair(try log.replayFigure(), try walk())
    }

    /// The whole log's envelopes; LMDB walks as many values of 256 bytes.
    public func scan() throws -> Pair {
        let log = try EventLog.open(at: callsDirectory, access: .reading)
        return Pair(try log.scanFigure(), try walk())
    }

    /// Everything on disk is verified; LMDB walks as many values of 256 bytes.
    public func check() throws -> Pair {
        let ours = try Sample.measuring {
            let report = try EventLog.check(at: callsDirectory, depth: .full) { _ in }
            precondition(report.problems.isEmpty, "the log is sound")
            return Int(report.events)
        }
        return Pair(ours, try walk())
    }

    /// Streams that are asked for the first time; LMDB looks up as many values, by known keys.
    public func readStreams(_ count: Int) throws -> Pair {
        let log = try EventLog.open(at: callsDirectory, access: .reading)
        let asked = (0..<count).map { _ in streams[numbers.below(streams.count)] }
        let ours = try Sample.measuring {
            _ = try log.readStreams(asked, times: 1)
            return count
        }
        let positions = (0..<count * Self.eventsOfStream).map { _ in
            UInt64(numbers.below(events))
        }
        return Pair(ours, try raw.read(positions))
    }

    /// Ids that no event has; LMDB looks up as many keys that it does not have.
    public func lookUpFreshIDs(_ count: Int) async throws -> Pair {
        let log = try EventLog.open(at: callsDirectory, access: .writing)
        defer { log.close() }
        let ours = try await log.lookUpFreshIDs(try strangers.next(count))
        let absent = (0..<count).map { UInt64.max - UInt64($0) }
        return Pair(ours, try raw.read(absent))
    }

    /// From closed to ready for the first append; LMDB opens and closes its environment.
    public func open() throws -> Pair {
        let ours = try Sample.measuring {
            try EventLog.open(at: callsDirectory, access: .writing).close()
            return 1
        }
        let baseline = try Sample.measuring {
            _ = try RawLMDB(opening: closedDirectory)
            return 1
        }
        return Pair(ours, baseline)
    }

    private func walk() throws -> Sample {
        let closed = try RawLMDB(opening: closedDirectory)
        return try closed.scan()
    }
}
