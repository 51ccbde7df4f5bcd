import ContactCentre
import Foundation
import JSON
import OwnThread
import Reorganisation
import TestSupport
import Testing

/// The kernel against Ciw, a simulator of networks of queues in Python, on the same networks.
///
/// Parameters stand in Tests/Independent/networks.py alone, which also says what both do where
/// simulations may differ. All seeds are fixed, so either it fails always or never.
@Suite("Networks of queues behave as in another simulator", .ownThread)
struct NetworkTests {
    /// Of a measure, in both directions; there are about thirty.
    private static let errorAllowed = 0.0001

    @Test(
        "in every measure",
        .enabled(if: Python.can("import ciw"), "\(Python.needed)"), .timeLimit(.minutes(5)),
        arguments: ["reneging", "priorities", "schedule", "overflow"])
    func measures(name: String) throws {
        let run = try Python.run("networks.py", [name], within: 240)
        try #require(run.end == .exit(0), "\(run.error)")
        let answers = try JSONDecoder().decode([String: Answer].self, from: run.output)
        let answer = try #require(answers[name], "\(name) is unknown there")
        let replications = try #require(answer.measures.values.first?.count)
        var own: [String: [Double]] = [:]
        for replication in 0..<UInt64(replications) {
            let draws = Draws(seed: 26, replication: replication)
            for (measure, value) in answer.parameters.measures(draws) {
                own[measure, default: []].append(value)
            }
        }
        #expect(own.keys.sorted() == answer.measures.keys.sorted())
        for (measure, theirs) in answer.measures.sorted(by: { $0.key < $1.key }) {
            let comparison = Welch(of: own[measure] ?? [], with: theirs)
            let halfWidth = comparison.halfWidth(error: Self.errorAllowed)
            #expect(
                abs(comparison.difference) <= halfWidth,
                """
                \(name), \(measure): \(comparison.mean), theirs \(comparison.otherMean), \
                half width \(halfWidth)
                """)
        }
    }

    /// Quantiles of Student's distribution, as tables have them.
    @Test(
        "by an interval that is Student's",
        arguments: [(1.0, 0.05, 12.706_205), (11, 0.0001, 5.921_194), (46, 0.0001, 4.260_063)])
    func quantiles(degrees: Double, error: Double, wanted: Double) {
        let quantile = Welch.quantile(degreesOfFreedom: degrees, error: error)
        #expect(abs(quantile / wanted - 1) < 1e-4, "\(quantile)")
    }
}

/// What networks.py says of a network.
private struct Answer: Decodable {
    let parameters: Network
    /// Of each measure its value in every replication.
    let measures: [String: [Double]]
}

/// The means of two samples beside each other, whose variances may differ.
private struct Welch {
    let mean: Double
    let otherMean: Double
    /// The squares of the standard errors of both.
    private let errors: [Double]
    private let counts: [Int]

    init(of sample: [Double], with other: [Double]) {
        let samples = [sample, other]
        let means = samples.map { $0.reduce(0, +) / Double($0.count) }
        mean = means[0]
        otherMean = means[1]
        counts = samples.map(\.count)
        errors = zip(samples, means).map { values, mean in
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return squares / Double(values.count - 1) / Double(values.count)
        }
    }

    var difference: Double { mean - otherMean }

    /// A true difference of nothing is beyond it with a probability of `error`.
    func halfWidth(error: Double) -> Double {
        let variance = errors.reduce(0, +)
        guard variance > 0 else { return 0 }
        let parts = zip(errors, counts).map { $0 * $0 / Double($1 - 1) }
        let degrees = variance * variance / parts.reduce(0, +)
        return Self.quantile(degreesOfFreedom: degrees, error: error) * variance.squareRoot()
    }

    /// What Student's t exceeds with a probability of `error`, in one direction or the other.
    ///
    /// For t = √ν tan θ its density is one of θ, and proportional to the power ν - 1 of cos θ.
    static func quantile(degreesOfFreedom degrees: Double, error: Double) -> Double {
        let steps = 200_000
        let width = Double.pi / 2 / Double(steps)
        func density(_ step: Int) -> Double {
            pow(cos((Double(step) + 0.5) * width), degrees - 1)
        }
        var rest = error * (0..<steps).reduce(0) { $0 + density($1) }
        var step = steps
        while step > 0, rest > 0 {
            step -= 1
            rest -= density(step)
        }
        return degrees.squareRoot() * tan(Double(step) * width)
    }
}

/// A network as networks.py describes it; durations are in seconds.
private struct Network: Decodable {
    struct Node: Decodable {
        let phases: [Phase]
        let overflow: Overflow?
    }

    struct Phase: Decodable {
        let servers: Int
        let lasts: Double
    }

    struct Overflow: Decodable {
        let after: Double
        let to: Int
    }

    struct Flow: Decodable {
        let name: String
        let node: Int
        let rate: Double
        let patience: Double?
        /// The lower one is served first.
        let priority: Int64
    }

    let horizon: Double
    let nodes: [Node]
    let flows: [Flow]

    /// Simulates it once.
    func measures(_ draws: Draws) -> [String: Double] {
        let contactsOfFlows = flows.indices.map { contacts(ofFlow: $0, draws) }
        let stays = play(contactsOfFlows.joined())
        var found: [String: Double] = [:]
        for (flow, contacts) in zip(flows, contactsOfFlows) {
            let node = nodes[flow.node]
            var groups = [flow.name: contacts]
            if node.phases.count > 1 {
                for phase in node.phases.indices {
                    groups["\(flow.name), phase \(phase)"] = contacts.filter {
                        node.phase(at: $0.arrival) == phase
                    }
                }
            }
            for (name, group) in groups {
                let own = group.map { stays[$0.number.value] ?? Stay() }
                let count = Double(own.count)
                let served = own.count { $0.end == .served }
                found["\(name): wait"] = own.reduce(0) { $0 + Double($1.waitUs) } / 1e6 / count
                found["\(name): served"] = Double(served)
                if flow.patience != nil {
                    found["\(name): gave up"] = Double(own.count { $0.end == .gaveUp }) / count
                }
                if node.overflow != nil {
                    let over = own.count { $0.line == .second }
                    found["\(name): went over"] = Double(over) / count
                }
            }
        }
        return found
    }

    /// Those who come before the horizon.
    private func contacts(ofFlow index: Int, _ draws: Draws) -> [ContactNeed] {
        let flow = flows[index]
        let gap = DurationLaw.exponential(meanUs: 1e6 / flow.rate)
        let service = DurationLaw.exponential(meanUs: 1e6)
        let patience = flow.patience.map { DurationLaw.exponential(meanUs: 1e6 * $0) }
        let lowest = flows.map(\.priority).max() ?? 0
        var contacts: [ContactNeed] = []
        var arrival: Int64 = 0
        for number in (UInt64(index) << 32)... {
            arrival += gap.duration(at: draws.unit(.arrivalGap, entity: number))
            guard arrival < microseconds(horizon) else { break }
            var contact = ContactNeed.plain(
                number, at: arrival,
                talking: service.duration(at: draws.unit(.talk, entity: number)))
            contact.queue = QueueIndex(flow.node)
            // A point outweighs any wait.
            contact.priority = lowest - flow.priority
            if let patience {
                // Patience is one for all queues here; it is to begin when the contact goes over.
                let before = nodes[flow.node].overflow.map { microseconds($0.after) } ?? 0
                contact.patienceUs =
                    before + patience.duration(at: draws.unit(.patience, entity: number))
            }
            contacts.append(contact)
        }
        return contacts
    }

    /// What became of a contact.
    private struct Stay {
        enum End { case none, served, gaveUp }
        enum Line { case first, second }

        var waitUs: Int64 = 0
        var end = End.none
        var line = Line.first
    }

    private func play(_ contacts: some Sequence<ContactNeed>) -> [UInt64: Stay] {
        var (simulation, lastArrival) = (centre(), Int64(0))
        for contact in contacts {
            simulation.add(contact)
            lastArrival = max(lastArrival, contact.arrival.microseconds)
        }
        var stays: [UInt64: Stay] = [:]
        simulation.run { occurrence in
            func note(_ contact: ContactNeed, _ end: Stay.End) {
                let wait = occurrence.time.microseconds - contact.arrival.microseconds
                stays[contact.number.value, default: Stay()].waitUs = wait
                stays[contact.number.value, default: Stay()].end = end
            }
            switch occurrence.kind {
            case .overflowed(let contact, _):
                stays[contact.number.value, default: Stay()].line = .second
            case .connected(let contact, _): note(contact, .served)
            case .gaveUpWaiting(let contact): note(contact, .gaveUp)
            case .received, .selfServiceEnded, .queued, .foundNobody, .handedOn, .disconnected,
                .afterWorkEnded, .loggedIn, .loggedOut:
                break
            }
        }
        return stays
    }

    /// An empty centre with a queue for each node, and with operators for each of its phases.
    private func centre() -> Simulation {
        var serving: [QueueIndex] = []
        var shifts: [Shift] = []
        for (place, node) in nodes.enumerated() {
            for (phase, hours) in node.hours(until: horizon).enumerated() {
                for _ in 0..<node.phases[phase].servers {
                    shifts += hours.map { hours in
                        Shift(
                            worker: OperatorIndex(serving.count),
                            start: Instant(microseconds: microseconds(hours.lowerBound)),
                            end: Instant(microseconds: microseconds(hours.upperBound)))
                    }
                    serving.append(QueueIndex(place))
                }
            }
        }
        var plan = RoutingPlan(queueCount: nodes.count, serving: serving)
        for (place, node) in nodes.enumerated() {
            guard let overflow = node.overflow else { continue }
            plan.queues[place].overflow = [
                RoutingPlan.Overflow(
                    to: overflow.to, after: microseconds(overflow.after), length: nil)
            ]
        }
        var simulation = Simulation(plan)
        for shift in shifts { simulation.add(shift) }
        return simulation
    }
}

extension Network.Node {
    private var cycle: Double { phases.reduce(0) { $0 + $1.lasts } }

    /// The phase at a moment.
    func phase(at moment: Instant) -> Int {
        var rest = (Double(moment.microseconds) / 1e6).truncatingRemainder(dividingBy: cycle)
        for (place, phase) in phases.enumerated() {
            rest -= phase.lasts
            if rest < 0 { return place }
        }
        return phases.count - 1
    }

    /// When each phase comes, until everybody is gone who came before the horizon.
    func hours(until horizon: Double) -> [[ClosedRange<Double>]] {
        let longAfter = horizon + 1_000
        guard phases.count > 1 else { return [[0...longAfter]] }
        var hours = phases.map { _ in [ClosedRange<Double>]() }
        var start = 0.0
        while start < longAfter {
            for (place, phase) in phases.enumerated() {
                hours[place].append(start...start + phase.lasts)
                start += phase.lasts
            }
        }
        return hours
    }
}

private func microseconds(_ seconds: Double) -> Int64 { Int64((seconds * 1e6).rounded()) }
