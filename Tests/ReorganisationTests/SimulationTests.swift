import ContactCentre
import JSON
import Reorganisation
import TestSupport
import Testing

/// The kernel against closed forms and exact recursions.
struct SimulationTests {
    /// M/M/10 with λ = 8, μ = 1: P(wait) and mean wait are Erlang's.
    ///
    /// Over four replications of 120,000 contacts. One replication strays by 2.3 % and 7.2 %
    /// (standard deviations over 24 runs of an independent simulation in Python), four by half of
    /// that; the tolerances are four times as much.
    @Test func waitsAreThoseOfErlangC() {
        let rate = 8.0
        let runs = (0..<UInt64(4)).map { replication in
            Figures(
                contacts: poisson(
                    120_000, rate: rate, patience: nil,
                    Draws(seed: 1, replication: replication)),
                servers: 10)
        }
        let waitedRatio = runs.reduce(0) { $0 + $1.waitedRatio } / Double(runs.count)
        let meanWait = runs.reduce(0) { $0 + $1.meanWait } / Double(runs.count)
        let mayWait = erlangC(servers: 10, load: rate)
        #expect(abs(waitedRatio / mayWait - 1) < 0.046)
        #expect(abs(meanWait / (mayWait / (10 - rate)) - 1) < 0.144)
        #expect(runs.allSatisfy { $0.abandoned == 0 })
    }

    /// Erlang C itself, against the figure for λ = 9 that two other programs agree on.
    @Test func erlangCIsKnown() {
        #expect(abs(erlangC(servers: 10, load: 9) - 0.668_731_524_1) < 1e-10)
    }

    /// M/M/10+M with λ = 12, μ = 1, θ = ½: Erlang A, figures from its birth and death chain.
    ///
    /// 60,000 contacts a seed. They stray by 0.0029, 0.0076 and 0.0056 (standard deviations over
    /// 24 runs of an independent simulation in Python); the tolerances are four times as much.
    @Test(arguments: UInt64(1)..<4)
    func abandonmentIsThatOfErlangA(seed: UInt64) {
        let contacts = poisson(
            60_000, rate: 12, patience: .exponential(meanUs: 2e6), Draws(seed: seed))
        let queue = Figures(contacts: contacts, servers: 10)
        let abandonedRatio = Double(queue.abandoned) / Double(contacts.count)
        #expect(abs(abandonedRatio - 0.195_655_944_0) < 0.0116)
        #expect(abs(queue.meanWait - 0.391_311_888_0) < 0.0304)
        #expect(abs(queue.waitedRatio - 0.850_384_947_9) < 0.0224)
    }

    /// Waits [0,0,3,3,3,0] for arrivals [0,1,2,3,4,10], services [5,5,5,1,1,1] and two servers.
    @Test func theKnownTraceIsExact() {
        let services: [Int64] = [5, 5, 5, 1, 1, 1]
        let contacts = zip([0, 1, 2, 3, 4, 10], services).enumerated().map { number, trace in
            contact(UInt64(number), arrival: trace.0, patience: nil, talk: trace.1)
        }
        #expect(Figures(contacts: contacts, servers: 2).waits == [0, 0, 3, 3, 3, 0])
    }

    /// The recursion of Kiefer and Wolfowitz gives every wait to the microsecond.
    @Test(arguments: UInt64(0)..<40)
    func waitsFollowTheRecursion(seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        let servers = Int.random(in: 1...6, using: &random)
        var arrival: Int64 = 0
        let contacts = (0..<400).map { number in
            arrival += Int64.random(in: 0...5, using: &random)
            return contact(
                UInt64(number), arrival: arrival, patience: nil,
                talk: Int64.random(in: 1...(6 * Int64(servers)), using: &random),
                afterWork: Int64.random(in: 0...3, using: &random))
        }
        var freeAt = Array(repeating: Int64(0), count: servers)
        let expected = contacts.map { contact in
            let start = max(contact.arrival.microseconds, freeAt[0])
            freeAt[0] = start + contact.talkUs + contact.afterWorkUs
            freeAt.sort()
            return start - contact.arrival.microseconds
        }
        #expect(Figures(contacts: contacts, servers: servers).waits == expected)
    }

    /// Who is freed at the very moment at which a patience ends still answers.
    @Test(arguments: [(Int64(5), 0), (4, 1)])
    func patienceEndsAfterTheLastMoment(patience: Int64, abandoned: Int) {
        let contacts = [
            contact(0, arrival: 0, patience: nil, talk: 3, afterWork: 2),
            contact(1, arrival: 0, patience: patience, talk: 1),
        ]
        let queue = Figures(contacts: contacts, servers: 1)
        #expect(queue.abandoned == abandoned)
        #expect(queue.waits == [0, patience])
    }

    /// A citizen without self-service waits from the moment of arrival; one whom it was enough for
    /// never waits.
    @Test func selfServiceIsNotForEveryone() {
        var counter = contact(0, arrival: 5, patience: nil, talk: 2)
        counter.selfService = nil
        var guided = contact(1, arrival: 1, patience: nil, talk: 2)
        guided.selfService = .init(durationUs: 3, ending: .contained)
        var centre = Simulation(RoutingPlan(queueCount: 1, serving: [QueueIndex(0)]))
        centre.add(
            Shift(
                worker: OperatorIndex(0), start: Instant(microseconds: 0),
                end: Instant(microseconds: 100)))
        for contact in [counter, guided] { centre.add(contact) }
        var told: [String] = []
        centre.run { occurrence in
            let time = occurrence.time.microseconds
            switch occurrence.kind {
            case .received(let contact): told.append("\(time) received \(contact.number.value)")
            case .selfServiceEnded(let contact):
                told.append("\(time) guided \(contact.number.value)")
            case .queued(let contact): told.append("\(time) queued \(contact.number.value)")
            case .connected(let contact, _): told.append("\(time) answered \(contact.number.value)")
            default: break
            }
        }
        #expect(
            told == ["1 received 1", "4 guided 1", "5 received 0", "5 queued 0", "5 answered 0"])
    }

    /// The colleague is told apart by who answers: longest free first.
    @Test func whoIsFreeLongestAnswers() {
        var centre = Simulation(
            RoutingPlan(queueCount: 1, serving: Array(repeating: QueueIndex(0), count: 2)))
        for worker in 0..<2 {
            centre.add(
                Shift(
                    worker: OperatorIndex(worker), start: Instant(microseconds: 0),
                    end: Instant(microseconds: 100)))
        }
        for (number, arrival) in [Int64(1), 2, 10, 20].enumerated() {
            centre.add(contact(UInt64(number), arrival: arrival, patience: nil, talk: 2))
        }
        var answering: [Int] = []
        centre.run { occurrence in
            if case .connected(_, let worker) = occurrence.kind { answering.append(worker.value) }
        }
        #expect(answering == [0, 1, 0, 1])
    }

    /// A shift that is over: the contact at hand is finished; others wait for a colleague.
    @Test func operatorsLeaveWhenTheirShiftIsOver() {
        let log = story(
            shifts: [(0, 0, 10), (1, 5, 30)],
            contacts: [
                contact(0, arrival: 1, patience: nil, talk: 12),
                contact(1, arrival: 6, patience: nil, talk: 6),
                contact(2, arrival: 11, patience: nil, talk: 1),
            ])
        #expect(
            log == [
                "0 in 0", "1 connected 0 0", "5 in 1", "6 connected 1 1", "12 connected 2 1",
                "13 out 0", "30 out 1",
            ])
    }

    /// The last one on duty stays while somebody waits, and no longer.
    @Test func theLastOneStaysWhileSomebodyWaits() {
        let log = story(
            shifts: [(0, 0, 10)],
            contacts: [
                contact(0, arrival: 1, patience: nil, talk: 12),
                contact(1, arrival: 6, patience: nil, talk: 6),
                contact(2, arrival: 11, patience: 30, talk: 1),
                contact(3, arrival: 25, patience: 5, talk: 1),
            ])
        #expect(
            log == [
                "0 in 0", "1 connected 0 0", "13 connected 1 0", "19 connected 2 0", "20 out 0",
                "30 gone 3",
            ])
    }

    /// Shifts that meet or overlap are one spell of duty.
    @Test func meetingShiftsAreOneSpell() {
        let log = story(
            shifts: [(0, 0, 10), (0, 10, 20), (0, 15, 25)],
            contacts: [contact(0, arrival: 9, patience: nil, talk: 5)])
        #expect(log == ["0 in 0", "9 connected 0 0", "25 out 0"])
    }

    /// Running in steps is running at once.
    @Test(arguments: UInt64(0)..<10)
    func stepsChangeNothing(seed: UInt64) {
        let contacts = poisson(
            300, rate: 3, patience: .exponential(meanUs: 1e6), Draws(seed: seed))
        var whole = centre(contacts: contacts, servers: 2)
        var parts = whole
        var expected: [Occurrence] = []
        var seen: [Occurrence] = []
        whole.run { expected.append($0) }
        var random = SeededNumbers(seed: seed)
        var moment: Int64 = 0
        for _ in 0..<200 {
            moment += Int64.random(in: 0...2_000_000, using: &random)
            let before = Instant(microseconds: moment)
            parts.run(before: before) {
                #expect($0.time < before)
                seen.append($0)
            }
        }
        parts.run { seen.append($0) }
        #expect(seen == expected)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0.time <= $1.time })
    }

    private func story(
        shifts: [(worker: Int, start: Int64, end: Int64)], contacts: [ContactNeed]
    ) -> [String] {
        let workers = (shifts.map(\.worker).max() ?? 0) + 1
        var centre = Simulation(
            RoutingPlan(queueCount: 1, serving: Array(repeating: QueueIndex(0), count: workers)))
        for (worker, start, end) in shifts {
            centre.add(
                Shift(
                    worker: OperatorIndex(worker), start: Instant(microseconds: start),
                    end: Instant(microseconds: end)))
        }
        for contact in contacts { centre.add(contact) }
        var log: [String] = []
        centre.run { occurrence in
            let time = occurrence.time.microseconds
            switch occurrence.kind {
            case .loggedIn(let worker): log.append("\(time) in \(worker.value)")
            case .loggedOut(let worker): log.append("\(time) out \(worker.value)")
            case .connected(let contact, let worker):
                log.append("\(time) connected \(contact.number.value) \(worker.value)")
            case .gaveUpWaiting(let contact): log.append("\(time) gone \(contact.number.value)")
            default: break
            }
        }
        return log
    }
}

/// A contact without self-service.
private func contact(
    _ number: UInt64, arrival: Int64, patience: Int64?, talk: Int64, afterWork: Int64 = 0
) -> ContactNeed {
    ContactNeed(
        number: ContactNumber(number), queue: QueueIndex(0),
        arrival: Instant(microseconds: arrival),
        selfService: .init(durationUs: 0, ending: .toOperator), patienceUs: patience,
        talkUs: talk, afterWorkUs: afterWork)
}

/// Contacts of a Poisson process with exponential services of one second.
private func poisson(
    _ count: Int, rate: Double, patience: DurationLaw?, _ draws: Draws
) -> [ContactNeed] {
    let gap = DurationLaw.exponential(meanUs: 1e6 / rate)
    let service = DurationLaw.exponential(meanUs: 1e6)
    var arrival: Int64 = 0
    return (0..<UInt64(count)).map { number in
        arrival += gap.duration(at: draws.unit(.arrivalGap, entity: number))
        return contact(
            number, arrival: arrival,
            patience: patience?.duration(at: draws.unit(.patience, entity: number)),
            talk: service.duration(at: draws.unit(.talk, entity: number)))
    }
}

private func centre(contacts: [ContactNeed], servers: Int) -> Simulation {
    var centre = Simulation(
        RoutingPlan(queueCount: 1, serving: Array(repeating: QueueIndex(0), count: servers)))
    for worker in 0..<servers {
        centre.add(
            Shift(
                worker: OperatorIndex(worker), start: Instant(microseconds: 0),
                end: Instant(microseconds: 1 << 50)))
    }
    for contact in contacts { centre.add(contact) }
    return centre
}

/// What a run of one queue with servers who are always there comes to.
private struct Figures {
    /// Microseconds in the queue, in the order of the contacts' numbers.
    let waits: [Int64]
    let abandoned: Int

    init(contacts: [ContactNeed], servers: Int) {
        var waits = Array(repeating: Int64(-1), count: contacts.count)
        var abandoned = 0
        var simulation = centre(contacts: contacts, servers: servers)
        simulation.run { occurrence in
            func left(_ contact: ContactNeed) {
                waits[Int(contact.number.value)] =
                    occurrence.time.microseconds - contact.arrival.microseconds
            }
            switch occurrence.kind {
            case .connected(let contact, _): left(contact)
            case .gaveUpWaiting(let contact):
                left(contact)
                abandoned += 1
            default: break
            }
        }
        self.waits = waits
        self.abandoned = abandoned
    }

    var waitedRatio: Double { Double(waits.count { $0 > 0 }) / Double(waits.count) }
    /// In seconds.
    var meanWait: Double { Double(waits.reduce(0, +)) / Double(waits.count) / 1e6 }
}

/// The probability of having to wait, through Erlang B's recursion over the servers.
private func erlangC(servers: Int, load: Double) -> Double {
    var blocked = 1.0
    for server in 1...servers { blocked = load * blocked / (Double(server) + load * blocked) }
    return blocked / (1 - load / Double(servers) * (1 - blocked))
}
