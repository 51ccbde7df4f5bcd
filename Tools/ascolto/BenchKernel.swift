internal import JSON
internal import Workloads

/// The simulation kernel on M/M/10, of which theory knows what comes out.
struct KernelFigures {
    let rounds: Int
    let seed: UInt64

    private static let contacts = 500_000
    private static let servers = 10
    private static let load = 0.9

    func measure() -> [(String, Cell)] {
        let bar = ProgressBar("simulating")
        var samples: [Sample] = []
        var waits = 0.0
        for round in 0..<rounds {
            bar.update(done: round, of: rounds)
            let centre = MarkovianCentre(
                contacts: Self.contacts, servers: Self.servers, load: Self.load,
                seed: seed &+ UInt64(round))
            let (sample, meanWait) = centre.run()
            samples.append(sample)
            waits += meanWait
        }
        bar.finish()
        return [
            ("kernel_contacts_per_second", .ratio(samples.medianEventsPerSecond)),
            ("kernel_mean_wait", .ratio(waits / Double(rounds))),
            // Erlang C for 10 servers at a load of 0.9, in services.
            ("theory_mean_wait", .ratio(0.668_731_524_1)),
        ]
    }
}
