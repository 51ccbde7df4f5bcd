internal import Benchmark
internal import Foundation
internal import Workloads

/// Ours, per piece of work.
private let ours = BenchmarkMetric.custom("ours (ns)", useScalingFactor: false)
/// LMDB alone, for the like of it.
private let baseline = BenchmarkMetric.custom("raw LMDB (ns)", useScalingFactor: false)
/// Ours in thousandths of the baseline, taken in turns: the figure that thresholds are about.
private let ratio = BenchmarkMetric.custom("per mille of raw LMDB", useScalingFactor: false)

/// Builds the logs once, when the first benchmark needs them.
private actor Bench {
    static let shared = Bench()
    private var building: Task<PairedWork, any Error>?

    func work() async throws -> PairedWork {
        if let building { return try await building.value }
        let environment = ProcessInfo.processInfo.environment
        let events = environment["ASCOLTO_BENCH_EVENTS"].flatMap { Int($0) } ?? 200_000
        let parent = environment["ASCOLTO_BENCH_DIR"] ?? FileManager.default.currentDirectoryPath
        let task = Task { try await PairedWork(in: parent, events: events, seed: 1) }
        building = task
        return try await task.value
    }

    func remove() async throws {
        guard let building else { return }
        try await building.value.remove()
    }
}

private struct Watched: Sendable {
    let name: String
    let work: @Sendable (PairedWork) async throws -> Pair
}

private let watched = [
    Watched(name: "append 1") { try await $0.append(appenders: 1, eventsEach: 50) },
    Watched(name: "append 64") { try await $0.append(appenders: 64, eventsEach: 50) },
    Watched(name: "bulk") { try await $0.bulk() },
    Watched(name: "rules") { try await $0.rules() },
    Watched(name: "seal") { try await $0.seal() },
    Watched(name: "replay") { try await $0.replay() },
    Watched(name: "scan") { try await $0.scan() },
    Watched(name: "stream read") { try await $0.readStreams(20) },
    Watched(name: "fresh id look-up") { try await $0.lookUpFreshIDs(50) },
    Watched(name: "open") { try await $0.open() },
    Watched(name: "check") { try await $0.check() },
]

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [ours, baseline, ratio, .throughput], warmupIterations: 1,
        maxDuration: .seconds(10), maxIterations: 30)
    for watched in watched {
        Benchmark(watched.name) { benchmark in
            let pair = try await watched.work(try await Bench.shared.work())
            benchmark.measurement(ours, pair.nanoseconds)
            benchmark.measurement(baseline, pair.baselineNanoseconds)
            benchmark.measurement(ratio, pair.permille)
        }
    }
    Benchmark.teardown = { try await Bench.shared.remove() }
}
