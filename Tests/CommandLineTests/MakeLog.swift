import TestSupport
import Testing

/// The binary's `generate` and `append` as a source of logs for tests.
enum MakeLog {
    static let morning = ["ASCOLTO_CLOCK": "2026-11-23T09:00:00Z"]
    static let noon = ["ASCOLTO_CLOCK": "2026-11-23T12:00:00.5Z"]
    static let evening = ["ASCOLTO_CLOCK": "2026-11-23T18:00:00.000001Z"]

    static func generate(
        days: Int, contactsPerDay: Int, in log: String, environment: [String: String] = [:]
    ) throws {
        let run = try Ascolto.run(
            [
                "generate", "--days", "\(days)", "--contacts-per-day", "\(contactsPerDay)",
                "--seed", "7",
            ], log: log, environment: environment)
        try #require(run.end == .exit(0), "\(run.error)")
    }

    static func append(
        _ lines: [String], to log: String, environment: [String: String] = [:]
    ) throws {
        let run = try Ascolto.run(
            ["append"], log: log, input: .text(lines.joined(separator: "\n") + "\n"),
            environment: environment)
        try #require(run.end == .exit(0), "\(run.error)")
    }

    /// Two whole blocks and a tail, recorded at three moments, with edge events in both.
    static func mixed(in log: String) throws {
        try append(EdgeEvents.lines(series: 1), to: log, environment: morning)
        try generate(days: 2, contactsPerDay: 300, in: log, environment: noon)
        try generate(days: 3, contactsPerDay: 300, in: log, environment: evening)
        try append(EdgeEvents.lines(series: 2), to: log, environment: evening)
    }

    static func export(_ log: String) throws -> Run {
        let run = try Ascolto.run(["export"], log: log)
        try #require(run.end == .exit(0), "\(run.error)")
        return run
    }

    static func stats(_ log: String) throws -> AnyJSON {
        let run = try Ascolto.run(["stats"], log: log)
        try #require(run.end == .exit(0), "\(run.error)")
        return try run.json()
    }

    static func query(_ table: String, in log: String) throws -> AnyJSON {
        let run = try Ascolto.run(["query", "operator-queues", table], log: log)
        try #require(run.end == .exit(0), "\(run.error)")
        return try run.json()
    }

    static func importCalls(
        _ files: [String], to log: String, environment: [String: String] = [:]
    ) throws -> Run {
        try Ascolto.run(
            ["import", "csv", "--mapping", Places.technionMapping] + files, log: log,
            environment: environment)
    }
}
