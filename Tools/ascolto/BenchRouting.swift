internal import EventLog
internal import JSON
internal import Workloads

/// Routing decisions: alone, in memory, and as a router makes them durable.
struct RoutingFigures {
    let scratch: Scratch
    let rounds: Int

    private static let candidates = [15, 200]
    private static let decisions = 2_000
    private static let waiting = 5_000

    func measure() async throws -> [(String, Cell)] {
        let bar = ProgressBar("routing")
        var members: [(String, Cell)] = []
        for candidates in Self.candidates {
            var contacts = try RoutedContacts(operators: candidates)
            _ = try contacts.decide(Self.decisions)
            let samples = try (0..<rounds).map { _ in try contacts.decide(Self.decisions) }
            let latencies = samples.flatMap(\.latencies).sorted()
            members += [
                (
                    "routing_decisions_per_second_\(candidates)",
                    .ratio(samples.medianEventsPerSecond)
                ),
                (
                    "routing_decision_\(candidates)_p50_us",
                    .ratio(Double(latencies[latencies.count / 2]) / 1_000)
                ),
                (
                    "routing_decision_\(candidates)_p99_us",
                    .ratio(Double(latencies[latencies.count * 99 / 100]) / 1_000)
                ),
            ]
        }
        var samples: [Sample] = []
        for round in 0..<rounds {
            bar.update(done: round, of: rounds)
            samples.append(try await route("router-\(round)"))
        }
        bar.finish()
        return members + [
            ("durable_decisions_per_second", .ratio(samples.medianEventsPerSecond))
        ]
    }

    private func route(_ name: String) async throws -> Sample {
        let directory = scratch.path + "/" + name
        try EventLog.create(at: directory, zone: LogOptions.defaultZone)
        let log = try EventLog.open(at: directory, access: .writing)
        defer { log.close() }
        try await RoutedContacts.fill(log, contacts: Self.waiting, operators: Self.candidates[0])
        return try await RoutedContacts.route(log, at: try LogOptions.clock().now)
    }
}
