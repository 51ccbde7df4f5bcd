import ContactCentre
import JSON
import Reorganisation
import TestSupport

/// What a simulation is given.
struct Town {
    var plan: RoutingPlan
    var contacts: [ContactNeed] = []
    /// From and to when each operator works, in the order in which that is planned.
    private(set) var shifts: [(worker: Int, hours: ClosedRange<Int64>)]

    static let always: ClosedRange<Int64> = 0...1 << 50

    /// Queues that are served first come, first served, by so many servers each.
    init(servers: Int, queues: Int = 1) {
        let serving = (0..<queues).flatMap { queue in
            Array(repeating: QueueIndex(queue), count: servers)
        }
        plan = RoutingPlan(queueCount: queues, serving: serving)
        shifts = serving.indices.map { ($0, Self.always) }
    }

    mutating func addServer() {
        plan.queues[0].members.append(
            RoutingPlan.Member(operator: plan.staff.count, tier: 0))
        shifts.append((plan.staff.count, Self.always))
        plan.staff.append(RoutingPlan.Staff())
    }

    /// Contacts of a Poisson process for one queue; services last a second on average.
    static func of(
        _ count: Int, servers: Int, rate: Double,
        service: DurationLaw = .exponential(meanUs: 1e6), patience: DurationLaw? = nil,
        seed: UInt64
    ) -> Town {
        let draws = Draws(seed: seed)
        let gap = DurationLaw.exponential(meanUs: 1e6 / rate)
        var town = Town(servers: servers)
        var arrival: Int64 = 0
        for number in 0..<UInt64(count) {
            arrival += gap.duration(at: draws.unit(.arrivalGap, entity: number))
            var contact = ContactNeed.plain(
                number, at: arrival,
                talking: service.duration(at: draws.unit(.talk, entity: number)))
            contact.patienceUs = patience?.duration(at: draws.unit(.patience, entity: number))
            town.contacts.append(contact)
        }
        return town
    }

    /// Queues with skills, policies of all kinds, overflow, chats, shifts and citizens who give up.
    static func random(_ random: inout SeededNumbers) -> Town {
        var town = Town(servers: 0, queues: 3)
        var names = RoutingNames()
        let criteria: [RankCriterion] = [
            .tier, .skill, .leastSkilled, .longestIdle, .fewestContacts, .leastBusy,
        ]
        town.plan.policies = (0..<2).map { number in
            var setting = PolicySetting()
            setting.rank = Array(criteria.shuffled(using: &random).prefix(3))
            if random.happens(oneIn: 3) { setting.rank.append(.random) }
            if random.happens(oneIn: 2) { setting.ageEvery = 40 }
            var step = Relaxation()
            step.after = 30
            setting.relaxation = random.happens(oneIn: 2) ? [step] : []
            return RoutingPlan.Policy("\(number)", setting, hash: "", &names)
        }
        for queue in 0..<3 {
            town.plan.queues[queue].policy = Int.random(in: 0..<2, using: &random)
            if random.happens(oneIn: 2) {
                town.plan.queues[queue].needs = [RoutingPlan.Need(skill: 0, minimum: 2)]
            }
            if random.happens(oneIn: 2) {
                town.plan.queues[queue].overflow = [
                    RoutingPlan.Overflow(to: (queue + 1) % 3, after: 50, length: 4)
                ]
            }
        }
        for worker in 0..<Int.random(in: 3...7, using: &random) {
            var staff = RoutingPlan.Staff()
            staff.levels = [Int64.random(in: -1...4, using: &random)]
            staff.set(2, channel: chat)
            town.plan.staff.append(staff)
            for queue in 0..<3 where !random.happens(oneIn: 3) {
                town.plan.queues[queue].members.append(
                    RoutingPlan.Member(
                        operator: worker, tier: Int64.random(in: 0...1, using: &random)))
            }
            let start = Int64.random(in: 0...500, using: &random)
            let end = Int64.random(in: start + 1...2_000, using: &random)
            town.shifts.append((worker, random.happens(oneIn: 2) ? start...end : always))
        }
        town.addContacts(&random)
        return town
    }

    private static let chat = RoutingNames.channel(.chat)

    private mutating func addContacts(_ random: inout SeededNumbers) {
        var arrival: Int64 = 0
        for number in 0..<UInt64(600) {
            arrival += Int64.random(in: 0...6, using: &random)
            var contact = ContactNeed.plain(
                number, at: arrival, talking: Int64.random(in: 1...25, using: &random))
            contact.queue = QueueIndex(Int.random(in: 0..<3, using: &random))
            // Else those would wait for ever whom nobody may take.
            contact.patienceUs = Int64.random(in: 0...200, using: &random)
            contact.afterWorkUs = Int64.random(in: 0...3, using: &random)
            contact.priority = Int64.random(in: -1...2, using: &random)
            if random.happens(oneIn: 3) { contact.channel = Self.chat }
            contacts.append(contact)
        }
    }

    /// The same with other numbers for operators: `order` has the new one of each.
    func relabelled(_ order: [Int]) -> Town {
        var town = self
        for (worker, number) in order.enumerated() {
            town.plan.staff[number] = plan.staff[worker]
        }
        town.shifts = shifts.map { (order[$0.worker], $0.hours) }
        for queue in plan.queues.indices {
            for place in plan.queues[queue].members.indices {
                town.plan.queues[queue].members[place].operator =
                    order[plan.queues[queue].members[place].operator]
            }
        }
        return town
    }
}

extension ContactNeed {
    /// A contact of the first queue without self-service, who waits for as long as it takes.
    static func plain(_ number: UInt64, at arrival: Int64, talking: Int64) -> ContactNeed {
        ContactNeed(
            number: ContactNumber(number), queue: QueueIndex(0),
            arrival: Instant(microseconds: arrival), selfService: nil, patienceUs: nil,
            talkUs: talking, afterWorkUs: 0)
    }
}

/// What a run of a town comes to, counted from outside.
struct TownRun {
    /// µs in queues, in the order of the contacts' numbers.
    private(set) var waits: [Int64]
    private(set) var received = 0
    private(set) var gaveUp = 0
    private(set) var connected = 0
    private(set) var finished = 0
    /// µs in the centre, and of service, over all contacts.
    private(set) var sojourns: Int64 = 0
    private(set) var services: Int64 = 0
    /// Contacts that wait, are there, and are served, each over time.
    private(set) var waitingIntegral: Int64 = 0
    private(set) var presentIntegral: Int64 = 0
    private(set) var busyIntegral: Int64 = 0
    private(set) var story: [(time: Int64, what: String, worker: Int?)] = []
    /// The first thing that should not be.
    private(set) var problem: String?

    private var waiting: [UInt64: ContactNeed] = [:]
    /// Since when each waits in its queue.
    private var since: [UInt64: Int64] = [:]
    private var served: [UInt64: Int] = [:]
    private var lastMoment: Int64 = 0

    init(_ town: Town) {
        waits = Array(repeating: 0, count: town.contacts.count)
        var simulation = Simulation(town.plan, Draws(seed: 9))
        for (worker, hours) in town.shifts {
            simulation.add(
                Shift(
                    worker: OperatorIndex(worker),
                    start: Instant(microseconds: hours.lowerBound),
                    end: Instant(microseconds: hours.upperBound)))
        }
        for contact in town.contacts { simulation.add(contact) }
        let keepsStory = town.contacts.count <= 1_000
        simulation.run { self.note($0, keepsStory ? town : nil) }
    }

    private mutating func note(_ occurrence: Occurrence, _ town: Town?) {
        let now = occurrence.time.microseconds
        let passed = now - lastMoment
        if passed > 0, let town { checkIdleHands(town) }
        lastMoment = now
        waitingIntegral += passed * Int64(waiting.count)
        busyIntegral += passed * Int64(served.count)
        presentIntegral += passed * Int64(waiting.count + served.count)
        var step: (what: String, worker: Int?)?
        switch occurrence.kind {
        case .received(let contact):
            received += 1
            step = ("received \(contact.number.value)", nil)
        case .queued(let contact):
            waiting[contact.number.value] = contact
            since[contact.number.value] = now
        case .overflowed(let contact, let from):
            waiting[contact.number.value] = contact
            since[contact.number.value] = now
            step = ("\(contact.number.value) from \(from.value)", nil)
        case .gaveUpWaiting(let contact):
            gaveUp += 1
            leave(contact, now)
            sojourns += now - contact.arrival.microseconds
            step = ("gave up \(contact.number.value)", nil)
        case .connected(let contact, let worker):
            connected += 1
            leave(contact, now)
            served[contact.number.value] = worker.value
            services += contact.talkUs + contact.afterWorkUs
            step = ("connected \(contact.number.value)", worker.value)
        case .afterWorkEnded(let contact, _):
            finished += 1
            served[contact.number.value] = nil
            sojourns += now - contact.arrival.microseconds
        case .disconnected, .selfServiceEnded, .foundNobody, .handedOn: break
        case .loggedIn(let worker): step = ("in", worker.value)
        case .loggedOut(let worker): step = ("out", worker.value)
        }
        guard let town else { return }
        if let step { story.append((now, step.what, step.worker)) }
        check(town, occurrence)
    }

    private mutating func leave(_ contact: ContactNeed, _ now: Int64) {
        if waiting.removeValue(forKey: contact.number.value) == nil {
            problem = problem ?? "\(contact.number.value) left without waiting"
        }
        waits[Int(contact.number.value)] = now - contact.arrival.microseconds
    }

    /// In seconds.
    var meanWait: Double { Double(waits.reduce(0, +)) / Double(waits.count) / 1e6 }

    /// Nobody on duty is free who could take somebody that waits, when a moment is over.
    private mutating func checkIdleHands(_ town: Town) {
        let phone = RoutingNames.channel(.phone)
        for (number, contact) in waiting {
            let queue = town.plan.queues[contact.queue.value]
            let setting = town.plan.policies[queue.policy ?? 0].setting
            let waited = lastMoment - (since[number] ?? 0)
            let isRelaxed = setting.relaxation.contains { $0.after <= waited }
            for worker in queue.members.map(\.operator) {
                let hours = town.shifts.first { $0.worker == worker }?.hours ?? Town.always
                guard hours.lowerBound <= lastMoment, lastMoment < hours.upperBound else {
                    continue
                }
                let level = town.plan.staff[worker].levels.first ?? -1
                let isAble = queue.needs.allSatisfy { level >= $0.minimum - (isRelaxed ? 1 : 0) }
                let atHand = served.filter { $0.value == worker }.keys
                let isFree =
                    atHand.isEmpty
                    || contact.channel != phone && atHand.count < 2
                        && atHand.allSatisfy { town.contacts[Int($0)].channel != phone }
                guard isAble, isFree else { continue }
                problem = problem ?? "\(worker) idles at \(lastMoment), and \(number) waits"
            }
        }
    }

    /// Nobody has more at hand than they can, nor what is not theirs.
    private mutating func check(_ town: Town, _ occurrence: Occurrence) {
        guard case .connected(let contact, let worker) = occurrence.kind else { return }
        let atHand = served.filter { $0.value == worker.value }.keys
        let phone = RoutingNames.channel(.phone)
        let phones = atHand.count { town.contacts[Int($0)].channel == phone }
        if atHand.count > 2 || phones > 0 && atHand.count > 1 {
            problem = problem ?? "\(worker.value) has too much at \(occurrence.time)"
        }
        let members = town.plan.queues[contact.queue.value].members
        if !members.contains(where: { $0.operator == worker.value }) {
            problem = problem ?? "\(worker.value) does not serve \(contact.queue.value)"
        }
    }
}
