internal import ContactCentre
internal import JSON
internal import Reorganisation

/// A queue with exponential gaps and services, and servers who are always there: M/M/n.
package struct MarkovianCentre {
    private let contacts: [ContactNeed]
    private let servers: Int

    /// - Parameters:
    ///   - count: How many come.
    ///   - servers: How many serve them.
    ///   - load: Arrivals per server in the time of a service; below 1.
    ///   - seed: Another number makes others.
    package init(contacts count: Int, servers: Int, load: Double, seed: UInt64) {
        self.servers = servers
        contacts = Self.contacts(count, servers: servers, load: load, seed: seed)
    }

    private static func contacts(
        _ count: Int, servers: Int, load: Double, seed: UInt64
    ) -> [ContactNeed] {
        let draws = Draws(seed: seed)
        let gap = DurationLaw.exponential(meanUs: 1e6 / (Double(servers) * load))
        let service = DurationLaw.exponential(meanUs: 1e6)
        var arrival: Int64 = 0
        return (0..<UInt64(count)).map { number in
            arrival += gap.duration(at: draws.unit(.arrivalGap, entity: number))
            return ContactNeed(
                number: ContactNumber(number), queue: QueueIndex(0),
                arrival: Instant(microseconds: arrival), selfService: nil, patienceUs: nil,
                talkUs: service.duration(at: draws.unit(.talk, entity: number)), afterWorkUs: 0)
        }
    }

    /// Simulates them, from an empty centre until the last one has gone.
    ///
    /// - Returns: What it took, and the mean wait in services.
    package func run() -> (sample: Sample, meanWait: Double) {
        var simulation = Simulation(
            RoutingPlan(
                queueCount: 1, serving: Array(repeating: QueueIndex(0), count: servers)))
        for server in 0..<servers {
            simulation.add(
                Shift(
                    worker: OperatorIndex(server), start: Instant(microseconds: 0),
                    end: Instant(microseconds: 1 << 50)))
        }
        for contact in contacts { simulation.add(contact) }
        var waits: Int64 = 0
        let sample = Sample.measuring {
            simulation.run { occurrence in
                guard case .connected(let contact, _) = occurrence.kind else { return }
                waits += occurrence.time.microseconds - contact.arrival.microseconds
            }
            return contacts.count
        }
        return (sample, Double(waits) / Double(contacts.count) / 1e6)
    }
}
