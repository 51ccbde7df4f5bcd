import ContactCentre
import JSON
import Reorganisation
import TestSupport
import Testing

/// The kernel against what theory, or counting by hand, says of it.
@Suite struct KernelOracleTests {
    /// M/M/10 without room to wait, λ = 9: Erlang B.
    ///
    /// Who would have to wait is gone at once.
    @Test func lossesAreThoseOfErlangB() {
        let town = Town.of(
            120_000, servers: 10, rate: 9, patience: .constant(us: 0), seed: 1)
        let run = TownRun(town)
        let lost = Double(run.gaveUp) / Double(town.contacts.count)
        // It strays by about twice √(B(1-B)/n), since losses come in bursts.
        #expect(abs(lost - 0.167_963_226_3) < 0.009)
        #expect(run.waits.allSatisfy { $0 == 0 })
    }

    /// M/G/1 at ρ = 0.8: Pollaczek and Khinchine, for constant, exponential and log-normal service.
    @Test(arguments: [
        (DurationLaw.constant(us: 1_000_000), 0.0), (.exponential(meanUs: 1e6), 1.0),
        (.logNormal(meanUs: 1e6, variation: 0.7), 0.7),
    ])
    func oneServerWaitsAsPollaczekAndKhinchineSay(law: DurationLaw, variation: Double) {
        let load = 0.8
        let runs = (1...4).map { seed in
            TownRun(Town.of(150_000, servers: 1, rate: load, service: law, seed: UInt64(seed)))
        }
        let expected = load * (1 + variation * variation) / (2 * (1 - load))
        let mean = runs.map(\.meanWait).reduce(0, +) / Double(runs.count)
        #expect(abs(mean / expected - 1) < 0.1, "\(mean), theory \(expected)")
    }

    /// M/M/1 with two classes, ρ = 0.3 + 0.5: Cobham.
    ///
    /// A point outweighs any wait.
    @Test func prioritiesWaitAsCobhamSays() {
        var waits = [0.0, 0.0]
        var counts = [0.0, 0.0]
        for seed in UInt64(1)...4 {
            var town = Town.of(150_000, servers: 1, rate: 0.8, seed: seed)
            var random = SeededNumbers(seed: seed)
            for number in town.contacts.indices
            where Int.random(in: 0..<8, using: &random) < 3 {
                town.contacts[number].priority = 1
            }
            let run = TownRun(town)
            for (contact, wait) in zip(town.contacts, run.waits) {
                waits[Int(contact.priority)] += Double(wait) / 1e6
                counts[Int(contact.priority)] += 1
            }
        }
        let urgent = 0.8 / (1 - 0.3)
        #expect(abs(waits[1] / counts[1] / urgent - 1) < 0.05)
        #expect(abs(waits[0] / counts[0] / (urgent / (1 - 0.8)) - 1) < 0.1)
    }

    /// The recursion of Kiefer and Wolfowitz on 100,000 short traces, to the microsecond.
    @Test func shortTracesFollowTheRecursion() {
        var random = SeededNumbers(seed: 26)
        for trace in 0..<100_000 {
            let servers = Int.random(in: 1...3, using: &random)
            var town = Town(servers: servers)
            var arrival: Int64 = 0
            for number in 0..<UInt64(6) {
                arrival += Int64.random(in: 0...4, using: &random)
                town.contacts.append(
                    .plain(
                        number, at: arrival,
                        talking: Int64.random(in: 0...(4 * Int64(servers)), using: &random)))
            }
            var freeAt = Array(repeating: Int64(0), count: servers)
            let expected = town.contacts.map { contact in
                let start = max(contact.arrival.microseconds, freeAt[0])
                freeAt[0] = start + contact.talkUs
                freeAt.sort()
                return start - contact.arrival.microseconds
            }
            let waits = TownRun(town).waits
            guard waits != expected else { continue }
            Issue.record("seed 26, trace \(trace): \(waits), not \(expected)")
            return
        }
    }

    /// Little's law on the path, conservation and no idle hands, in towns of every kind.
    @Test(arguments: UInt64(1)..<25)
    func nothingIsLostAndNobodyIdles(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        let town = Town.random(&random)
        let run = TownRun(town)
        try #require(run.problem == nil, "seed \(seed): \(run.problem ?? "")")
        #expect(run.received == town.contacts.count, "seed \(seed)")
        #expect(run.connected + run.gaveUp == run.received, "seed \(seed)")
        #expect(run.finished == run.connected, "seed \(seed)")
        #expect(run.waitingIntegral == run.waits.reduce(0, +), "seed \(seed)")
        #expect(run.presentIntegral == run.sojourns, "seed \(seed)")
        #expect(run.busyIntegral == run.services, "seed \(seed)")
    }

    /// Other numbers for the same operators change nothing but their numbers.
    @Test(arguments: UInt64(1)..<13)
    func numbersOfOperatorsDecideNothing(seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        let town = Town.random(&random)
        let order = Array(town.plan.staff.indices).shuffled(using: &random)
        let first = TownRun(town).story.map { step in
            // A shift that begins first is told first, whoever's it is.
            step.worker.map { "\(step.time) \(step.what) \(order[$0])" }
                ?? "\(step.time) \(step.what)"
        }
        let second = TownRun(town.relabelled(order)).story.map { step in
            step.worker.map { "\(step.time) \(step.what) \($0)" } ?? "\(step.time) \(step.what)"
        }
        #expect(first == second, "seed \(seed)")
    }

    /// First come, first served, with patience without end: one server more delays nobody, nor does
    /// a shorter service.
    @Test(arguments: UInt64(1)..<40)
    func moreHandsDelayNobody(seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        let servers = Int.random(in: 1...4, using: &random)
        let town = Town.of(
            300, servers: servers, rate: Double(servers) * 1.1, seed: seed)
        let waits = TownRun(town).waits
        var more = town
        more.addServer()
        #expect(zip(TownRun(more).waits, waits).allSatisfy { $0 <= $1 }, "seed \(seed)")
        var shorter = town
        let number = Int.random(in: 0..<300, using: &random)
        shorter.contacts[number].talkUs /= 2
        #expect(zip(TownRun(shorter).waits, waits).allSatisfy { $0 <= $1 }, "seed \(seed)")
    }

    /// Two queues of two servers each wait longer than one of four with the same contacts.
    @Test func oneQueueWaitsLessThanTwo() {
        var apart = Town(servers: 2, queues: 2)
        var together = Town(servers: 4)
        let contacts = Town.of(40_000, servers: 4, rate: 3.4, seed: 5).contacts
        for (number, contact) in contacts.enumerated() {
            together.contacts.append(contact)
            var own = contact
            own.queue = QueueIndex(number % 2)
            apart.contacts.append(own)
        }
        #expect(TownRun(together).meanWait < TownRun(apart).meanWait * 0.8)
    }

    /// Work that never ends fills a shift, which lasts as long as clocks on the wall make it.
    @Test(arguments: [
        ("2026-10-25", "01:00-03:00", 3), ("2026-03-29", "01:00-03:00", 1),
        ("2026-11-22", "01:00-03:00", 2), ("2026-10-25", "00:00-24:00", 25),
        ("2026-03-29", "00:00-24:00", 23), ("2026-03-28", "22:00-06:00", 7),
    ])
    func shiftsLastAsLongAsClocksHaveThem(date: String, hours: String, lasting: Int) throws {
        let day = try #require(CivilDate(text: date))
        var week = Week()
        for weekday in Weekday.allCases { week[weekday] = [try #require(DailyHours(hours))] }
        var calendar = OpeningCalendar()
        calendar.publish(
            OpeningHours(in: try #require(Zone(identifier: "Europe/Rome")), week: week), from: day)
        let shift = try #require(
            calendar.openTimes(on: day...day).intervals.first { $0.lowerBound >= 0 })
        var simulation = Simulation(RoutingPlan(queueCount: 1, serving: [QueueIndex(0)]))
        simulation.add(
            Shift(
                worker: OperatorIndex(0), start: Instant(microseconds: shift.lowerBound),
                end: Instant(microseconds: shift.upperBound)))
        let minute: Int64 = 60_000_000
        for number in 0..<UInt64(26 * 60) {
            var need = ContactNeed.plain(
                number, at: shift.lowerBound - 1, talking: minute)
            // Whom nobody has answered by then, nobody will: the operator stays for who waits.
            need.patienceUs = shift.upperBound - shift.lowerBound
            simulation.add(need)
        }
        var answered = 0
        simulation.run { if case .connected = $0.kind { answered += 1 } }
        #expect(answered == lasting * 60)
    }

    /// Who is handed on waits there with another patience, and who hands on takes the next at once.
    @Test func handingOnBeginsAnew() {
        var simulation = Simulation(
            RoutingPlan(queueCount: 2, serving: [QueueIndex(0), QueueIndex(1)]))
        for worker in 0..<2 {
            simulation.add(
                Shift(
                    worker: OperatorIndex(worker), start: Instant(microseconds: 0),
                    end: Instant(microseconds: 1_000)))
        }
        var first = ContactNeed.plain(1, at: 10, talking: 20)
        // Answered at once, and handed on before it ends.
        first.patienceUs = 50
        simulation.add(first)
        simulation.add(.plain(2, at: 20, talking: 5))
        var busy = ContactNeed.plain(3, at: 10, talking: 90)
        busy.queue = QueueIndex(1)
        simulation.add(busy)
        var story: [String] = []
        simulation.run { contact in
            guard contact.number == first.number, contact.moves == 0 else { return nil }
            var onward = contact
            onward.queue = QueueIndex(1)
            onward.patienceUs = 200
            onward.talkUs = 7
            return onward
        } _: { occurrence in
            let now = occurrence.time.microseconds
            switch occurrence.kind {
            case .connected(let contact, let worker):
                story.append("\(now) \(contact.number.value) with \(worker.value)")
            case .handedOn(let contact, _): story.append("\(now) \(contact.number.value) on")
            case .gaveUpWaiting(let contact): story.append("\(now) \(contact.number.value) gone")
            default: break
            }
        }
        #expect(
            story == ["10 1 with 0", "10 3 with 1", "30 1 on", "30 2 with 0", "100 1 with 1"])
    }
}
