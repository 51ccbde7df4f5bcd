internal import EventLog
internal import Foundation
internal import JSON
internal import Merkle
internal import Storage
internal import Workloads

/// Receipts, verification of an export, and what signing costs those who append.
struct ProofFigures {
    let scratch: Scratch
    let events: Int
    let rounds: Int
    let input: BenchInput

    private static let portionEvents = 100_000
    private static let receipts = 2_000
    private static let passes = 5
    /// An export of more takes gigabytes.
    private static let exportEventsMax = 2_000_000
    private static let appenders = 64
    /// Of one appender in one round, so that a round takes more than a second.
    private static let eventsEach = 1_500

    private var directory: String { scratch.path + "/proofs" }

    func measure() async throws -> [(String, Cell)] {
        let key = try await Self.makeLog(at: directory)
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        try await build(log)
        let note = try await log.sign()
        var members = try receipts(log, note)
        if events <= Self.exportEventsMax {
            members += try await verification(log, note, key)
        }
        return members + (try await signing())
    }

    /// A log with a signing key.
    private static func makeLog(at directory: String) async throws -> VerifierKey {
        try EventLog.create(at: directory, zone: LogOptions.defaultZone)
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        return try await log.generateKey()
    }

    private func build(_ log: EventLog) async throws {
        let bar = ProgressBar("building")
        var supply = try input.supply()
        let size = LogFigures.eventsOfCall
        for start in stride(from: 0, to: events, by: Self.portionEvents) {
            bar.update(done: start, of: events)
            let count = min(Self.portionEvents, events - start)
            let appends = try stride(from: 0, to: count, by: size).map { first in
                Append(try supply.next(min(size, count - first)))
            }
            _ = try await log.appendBulk(appends, inFlight: LogFigures.callsInFlight)
        }
        bar.finish()
    }

    private func receipts(_ log: EventLog, _ note: SignedNote) throws -> [(String, Cell)] {
        var numbers = SystemRandomNumberGenerator()
        var nanoseconds: [Int64] = []
        for _ in 0..<Self.receipts {
            let position = Position(UInt64.random(in: 0...UInt64(events), using: &numbers))
            let start = ContinuousClock.now
            _ = try log.receipt(of: position, under: note)
            nanoseconds.append(start.nanosecondsSince)
        }
        return [
            ("receipt_p50_us", .rounded(nanoseconds.microseconds(at: 0.5))),
            ("receipt_p99_us", .rounded(nanoseconds.microseconds(at: 0.99))),
        ]
    }

    private func verification(
        _ log: EventLog, _ note: SignedNote, _ key: VerifierKey
    ) async throws -> [(String, Cell)] {
        let path = scratch.path + "/export"
        let file = try RawFile.create(path)
        var bytes = 0
        try log.readLines(PositionRange(first: Position(0), last: Position(.max))) { lines, _ in
            try file.write(lines, at: bytes)
            bytes += lines.count
            return .next
        }
        let audit = Audit(
            policy: try TrustPolicy(logKeys: [key]), checkpoint: note.bytes, hashing: .fast)
        var passes: [Sample] = []
        for _ in 0..<Self.passes {
            let start = ContinuousClock.now
            var export = ExportFile(file: try InputFile(at: path))
            let verdict = try await audit.verifyExport(&export)
            passes.append(
                Sample(
                    events: Int(verdict.head.checkpoint.size),
                    nanoseconds: start.nanosecondsSince))
        }
        return [("verify_events_per_second", .rounded(passes.medianEventsPerSecond))]
    }

    /// The same appends to a log that signs every second and to one that does not, in turns.
    private func signing() async throws -> [(String, Cell)] {
        let (signed, plain) = (scratch.path + "/signed", scratch.path + "/unsigned")
        _ = try await Self.makeLog(at: signed)
        try EventLog.create(at: plain, zone: LogOptions.defaultZone)
        let logs = (
            signed: try EventLog.open(at: signed, access: .writing),
            plain: try EventLog.open(at: plain, access: .writing)
        )
        defer {
            logs.signed.close()
            logs.plain.close()
        }
        var sized = SizedEvents(seed: input.seed)
        var shares: [Double] = []
        let bar = ProgressBar("signing")
        for round in 0..<rounds {
            bar.update(done: round, of: rounds)
            let lists = try (0..<Self.appenders).map { _ in try sized.next(Self.eventsEach).events }
            // Whoever comes first meets the disk as the round before has left it.
            let order =
                round.isMultiple(of: 2) ? [logs.signed, logs.plain] : [logs.plain, logs.signed]
            let first = try await order[0].appendInClosedLoop(lists).eventsPerSecond
            let second = try await order[1].appendInClosedLoop(lists).eventsPerSecond
            shares.append(round.isMultiple(of: 2) ? first / second : second / first)
        }
        bar.finish()
        let sorted = shares.sorted()
        return [
            ("signed_share_of_unsigned_appends", .ratio(sorted[sorted.count / 2])),
            ("signed_share_low", .ratio(sorted[0])),
            ("signed_share_high", .ratio(sorted[sorted.count - 1])),
        ]
    }
}
