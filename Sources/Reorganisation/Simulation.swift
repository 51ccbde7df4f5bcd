package import ContactCentre
package import JSON

/// A contact centre as a simulation of discrete events, in whole microseconds.
///
/// Who takes which contact is decided by the rules of routing, as a router at work decides: the
/// most urgent contact that somebody can take goes to whom the policy of its queue ranks first.
/// Nobody stays idle who could take a contact that waits. An operator whose shift is over finishes
/// what is at hand, and stays while somebody waits in a queue of theirs and no colleague is on duty
/// there. Contacts bring what is drawn for them; only a policy that draws asks for more.
package struct Simulation {
    private struct Entry {
        let kind: Kind
        /// A place among contacts, shifts or operators.
        let place: Int32
        /// Of the contact's place; another one has it later.
        var generation: UInt32 = 0
    }

    /// What happens first at one moment stands first.
    ///
    /// Operators become free before shifts begin and end, and both before citizens act: who is
    /// freed at the very end of a patience still answers. Arrivals come last.
    private enum Kind: UInt8 {
        case talkEnd
        case afterWorkEnd
        case shiftStart
        case shiftEnd
        case selfServiceEnd
        case patienceEnd
        /// A rule asks less of operators, or sends contacts over to another queue.
        case ruleStep
    }

    /// How a contact stands that is in the centre.
    private struct Stay {
        /// Nil where it does not wait.
        var place: WaitingLines.Place?
        var generation: UInt32 = 0
        var worker = 0
    }

    private struct Worker {
        /// Where the queues begin and end that are served, among ``served``.
        var served = 0..<0
        /// Shifts that have begun and not ended: on duty while positive.
        var shiftsUnderWay = 0
        /// Logged in, perhaps to finish what is at hand.
        var isAtWork = false
    }

    private let plan: RoutingPlan
    private let draws: Draws
    private let hasCaps: Bool
    private var floor = RoutingFloor()
    private var lines = WaitingLines()
    private var agenda = Agenda<Entry>()
    private var workers: [Worker]
    /// The queues that operators serve, operator by operator, each with the place among its
    /// members.
    private var served: [(queue: Int, place: Int)] = []
    private var onDutyCounts: [Int]
    /// Of the contacts that are in the centre, each by its place; three lists, since most of what
    /// happens is about one of them.
    private var needs: [ContactNeed] = []
    private var visits: [RoutingFloor.PlainVisit] = []
    /// Queues that contacts have overflowed from, by their places.
    private var leftBehind: [Int: [Int]] = [:]
    private var stays: [Stay] = []
    private var freePlaces: [Int] = []
    private var shifts: [Shift] = []
    /// In the order of their moments from `nextArrival` on, where they are sorted.
    private var arrivals: [ContactNeed] = []
    private var nextArrival = 0
    private var areSorted = true
    /// Of what happens, in the place of positions in a log.
    private var order: UInt64 = 0

    /// An empty centre.
    ///
    /// - Precondition: each queue has a policy.
    /// - Parameters:
    ///   - plan: Queues, operators and policies, by numbers.
    ///   - draws: What policies draw from that rank by a draw.
    package init(_ plan: RoutingPlan, _ draws: Draws = Draws(seed: 0)) {
        precondition(plan.queues.allSatisfy { $0.policy != nil }, "each queue has a policy")
        self.plan = plan
        self.draws = draws
        hasCaps = plan.policies.contains { !$0.setting.teamCaps.isEmpty }
        workers = Array(repeating: Worker(), count: plan.staff.count)
        onDutyCounts = Array(repeating: 0, count: plan.queues.count)
        var queues = Array(repeating: [(queue: Int, place: Int)](), count: plan.staff.count)
        for (queue, planned) in plan.queues.enumerated() {
            for (place, member) in planned.members.enumerated() {
                queues[member.operator].append((queue, place))
            }
        }
        for worker in workers.indices {
            workers[worker].served = served.count..<(served.count + queues[worker].count)
            served += queues[worker]
        }
        floor.fit(plan)
    }

    /// Plans a contact; its arrival may not lie before what has been simulated.
    package mutating func add(_ contact: ContactNeed) {
        if let last = arrivals.last, contact.precedes(last) { areSorted = false }
        arrivals.append(contact)
    }

    /// Plans a shift; it may not begin before what has been simulated.
    package mutating func add(_ shift: Shift) {
        agenda.add(
            Entry(kind: .shiftStart, place: Int32(shifts.count)), at: shift.start.microseconds,
            rank: Kind.shiftStart.rawValue, entity: UInt64(shifts.count))
        shifts.append(shift)
    }

    /// Lets happen what is planned before `end` (all of it where nil), telling it in order of time.
    ///
    /// - Parameters:
    ///   - end: The moment.
    ///   - handOn: What an operator who has talked with a contact hands on, in which queue and with
    ///     which needs; nil of contacts that need nobody else.
    ///   - tell: Takes in what happens.
    package mutating func run(
        before end: Instant? = nil, handingOn handOn: (ContactNeed) -> ContactNeed? = { _ in nil },
        _ tell: (Occurrence) -> Void
    ) {
        sortArrivals()
        let end = end?.microseconds ?? .max
        while true {
            let arrival =
                nextArrival < arrivals.count ? arrivals[nextArrival].arrival.microseconds : .max
            order += 1
            if let planned = agenda.nextTime, planned <= arrival {
                guard planned < end, let (now, entry) = agenda.popFirst() else { return }
                happen(entry, now, handOn, tell)
            } else {
                guard arrival < end else { return }
                nextArrival += 1
                arrive(arrivals[nextArrival - 1], tell)
            }
        }
    }

    /// Brings those that were added since among those that have not come yet.
    private mutating func sortArrivals() {
        arrivals.removeFirst(nextArrival)
        nextArrival = 0
        guard !areSorted else { return }
        arrivals.sort { $0.precedes($1) }
        areSorted = true
    }

    private mutating func happen(
        _ entry: Entry, _ now: Int64, _ handOn: (ContactNeed) -> ContactNeed?,
        _ tell: (Occurrence) -> Void
    ) {
        let place = Int(entry.place)
        switch entry.kind {
        case .shiftStart: begin(place, tell)
        case .shiftEnd: goOffDuty(shifts[place].worker.value, now, tell)
        case .talkEnd:
            if let onward = handOn(needs[place]) {
                return hand(place, on: onward, now, tell)
            }
            tell(
                Occurrence(
                    time: Instant(microseconds: now),
                    kind: .disconnected(needs[place], OperatorIndex(stays[place].worker))))
            // What comes next anyway need not go through the agenda.
            if needs[place].afterWorkUs == 0, agenda.nextTime.map({ now < $0 }) ?? true {
                return endAfterWork(place, now, tell)
            }
            plan(.afterWorkEnd, place, at: now + needs[place].afterWorkUs)
        case .afterWorkEnd: endAfterWork(place, now, tell)
        case .selfServiceEnd:
            let need = needs[place]
            tell(Occurrence(time: Instant(microseconds: now), kind: .selfServiceEnded(need)))
            guard need.selfService?.ending == .toOperator else { return forget(place) }
            wait(place, in: need.queue, since: now, tell)
        case .patienceEnd:
            guard isWaiting(entry) else { return }
            leave(place)
            tell(
                Occurrence(
                    time: Instant(microseconds: now), kind: .gaveUpWaiting(needs[place])))
            forget(place)
        case .ruleStep:
            guard isWaiting(entry) else { return }
            _ = decide(place, behind: ahead(of: place), now, tell)
        }
    }

    private mutating func endAfterWork(
        _ place: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        let worker = stays[place].worker
        let need = needs[place]
        tell(
            Occurrence(
                time: Instant(microseconds: now), kind: .afterWorkEnded(need, OperatorIndex(worker))
            ))
        floor.release(worker, channel: need.channel, at: now, order: order)
        forget(place)
        free(worker, now, tell)
    }

    /// Who handed the contact on takes the next one, before it waits for another operator.
    private mutating func hand(
        _ place: Int, on onward: ContactNeed, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        let worker = stays[place].worker
        let channel = needs[place].channel
        needs[place] = onward
        needs[place].moves += 1
        visits[place] = RoutingFloor.PlainVisit(
            queue: onward.queue.value, channel: onward.channel, since: now, seniority: now,
            order: order, priority: onward.priority)
        leftBehind[place] = nil
        // The patience of before is over.
        stays[place].generation &+= 1
        tell(
            Occurrence(
                time: Instant(microseconds: now),
                kind: .handedOn(needs[place], OperatorIndex(worker))))
        floor.release(worker, channel: channel, at: now, order: order)
        free(worker, now, tell)
        wait(place, in: onward.queue, since: now, tell)
    }

    private func isWaiting(_ entry: Entry) -> Bool {
        stays[Int(entry.place)].generation == entry.generation
            && stays[Int(entry.place)].place != nil
    }

    /// Plans what concerns a contact.
    private mutating func plan(_ kind: Kind, _ place: Int, at time: Int64) {
        agenda.add(
            Entry(
                kind: kind, place: Int32(place), generation: stays[place].generation),
            at: time, rank: kind.rawValue, entity: needs[place].number.value)
    }
}

// What citizens do.
extension Simulation {
    private mutating func arrive(_ need: ContactNeed, _ tell: (Occurrence) -> Void) {
        let now = need.arrival.microseconds
        let visit = RoutingFloor.PlainVisit(
            queue: need.queue.value, channel: need.channel, since: now,
            seniority: now, order: order, priority: need.priority)
        let place: Int
        if let free = freePlaces.popLast() {
            place = free
            needs[place] = need
            visits[place] = visit
        } else {
            place = needs.count
            needs.append(need)
            visits.append(visit)
            stays.append(Stay())
        }
        tell(Occurrence(time: Instant(microseconds: now), kind: .received(need)))
        if let selfService = need.selfService {
            plan(.selfServiceEnd, place, at: now + selfService.durationUs)
        } else {
            wait(place, in: need.queue, since: now, tell)
        }
    }

    private mutating func forget(_ place: Int) {
        if needs[place].moves > 0 { leftBehind[place] = nil }
        stays[place].generation &+= 1
        freePlaces.append(place)
    }

    private mutating func wait(
        _ place: Int, in queue: QueueIndex, since now: Int64, _ tell: (Occurrence) -> Void
    ) {
        let need = needs[place]
        tell(Occurrence(time: Instant(microseconds: now), kind: .queued(need)))
        visits[place].since = now
        visits[place].seniority = now
        visits[place].order = order
        if let patience = need.patienceUs {
            plan(.patienceEnd, place, at: later(now, by: patience))
        }
        enter(queue.value, place, now, tell)
    }

    /// Stands in line, unless somebody takes it at once.
    private mutating func enter(
        _ queue: Int, _ place: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        guard let policyNumber = plan.queues[queue].policy else { return }
        let policy = plan.policies[policyNumber]
        let visit = visits[place]
        floor.enter(queue)
        let standing = policy.place(
            of: place, since: visit.seniority, points: visit.priority, order: visit.order)
        if decide(place, behind: lines.ahead(of: standing, in: queue), now, tell) { return }
        tell(Occurrence(time: Instant(microseconds: now), kind: .foundNobody(needs[place])))
        stays[place].place = standing
        lines.insert(standing, in: queue)
        for step in policy.steps { plan(.ruleStep, place, at: later(now, by: step)) }
        for rule in plan.queues[queue].overflow {
            if let after = rule.after { plan(.ruleStep, place, at: later(now, by: after)) }
        }
    }

    private mutating func leave(_ place: Int) {
        let queue = visits[place].queue
        floor.leave(queue)
        guard let standing = stays[place].place else { return }
        lines.remove(standing, of: queue)
        stays[place].place = nil
    }

    /// Has the rules of routing decide about a contact that waits behind so many others.
    ///
    /// - Returns: Whether it waits there no longer.
    private mutating func decide(
        _ place: Int, behind ahead: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) -> Bool {
        let visit = visits[place]
        let entity = needs[place].number.value
        let choice = floor.choose(
            for: visit, particulars(of: place), behind: Int64(ahead), at: now, by: plan
        ) { [draws] in
            draws.bits(.routing, entity: entity)
        }
        visits[place].decidedAt = now
        switch choice {
        case .none: return false
        case .member(let member):
            let worker = floor.member(member, of: visit.queue)
            leave(place)
            connect(place, worker, now, tell)
        case .overflow(let rule):
            leave(place)
            let target = plan.queues[visit.queue].overflow[rule].queue
            let from = QueueIndex(visit.queue)
            leftBehind[place, default: []].append(visit.queue)
            visits[place].queue = target
            visits[place].since = now
            visits[place].order = order
            visits[place].decidedAt = nil
            needs[place].queue = QueueIndex(target)
            needs[place].moves += 1
            tell(
                Occurrence(
                    time: Instant(microseconds: now),
                    kind: .overflowed(needs[place], from: from)))
            enter(target, place, now, tell)
        }
        return true
    }

    private func particulars(of place: Int) -> RoutingFloor.Particulars? {
        guard needs[place].moves > 0, let left = leftBehind[place] else { return nil }
        return RoutingFloor.Particulars(leftBehind: left)
    }

    private func ahead(of place: Int) -> Int {
        stays[place].place.map { lines.ahead(of: $0, in: visits[place].queue) } ?? 0
    }

    private mutating func connect(
        _ place: Int, _ worker: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        let need = needs[place]
        stays[place].worker = worker
        floor.take(worker, channel: need.channel)
        floor.noteAnswer(by: worker)
        tell(
            Occurrence(
                time: Instant(microseconds: now), kind: .connected(need, OperatorIndex(worker))))
        plan(.talkEnd, place, at: now + need.talkUs)
    }
}

// What operators do.
extension Simulation {
    private mutating func begin(_ place: Int, _ tell: (Occurrence) -> Void) {
        let shift = shifts[place]
        let worker = shift.worker.value
        // In the order in which they were planned, where they begin or end together: so the
        // numbers of operators decide nothing.
        agenda.add(
            Entry(kind: .shiftEnd, place: Int32(place)), at: shift.end.microseconds,
            rank: Kind.shiftEnd.rawValue, entity: UInt64(place))
        workers[worker].shiftsUnderWay += 1
        guard workers[worker].shiftsUnderWay == 1 else { return }
        for place in workers[worker].served { onDutyCounts[served[place].queue] += 1 }
        let now = shift.start.microseconds
        if workers[worker].isAtWork {
            // Still with what was at hand when the last shift ended.
            floor.set(.ready, of: worker, at: now, order: order)
        } else {
            workers[worker].isAtWork = true
            tell(Occurrence(time: shift.start, kind: .loggedIn(shift.worker)))
            floor.logIn(worker, at: now, order: order)
        }
        serve(worker, now, tell)
    }

    private mutating func goOffDuty(
        _ worker: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        workers[worker].shiftsUnderWay -= 1
        guard workers[worker].shiftsUnderWay == 0 else { return }
        for place in workers[worker].served { onDutyCounts[served[place].queue] -= 1 }
        floor.set(.away, of: worker, at: now, order: order)
        if floor.desks[worker].atHandCount == 0 { logOut(worker, now, tell) }
    }

    /// An operator has finished something: the next contact, or idleness, or home.
    private mutating func free(
        _ worker: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        defer { if hasCaps { serveColleagues(of: worker, now, tell) } }
        if workers[worker].shiftsUnderWay > 0 { return serve(worker, now, tell) }
        guard floor.desks[worker].atHandCount == 0 else { return }
        if isNeeded(worker) {
            floor.set(.ready, of: worker, at: now, order: order)
            serve(worker, now, tell)
            floor.set(.away, of: worker, at: now, order: order)
        }
        if floor.desks[worker].atHandCount == 0 { logOut(worker, now, tell) }
    }

    /// What a team may have at hand, another one of it may take now.
    private mutating func serveColleagues(
        of worker: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        guard let team = plan.staff[worker].team else { return }
        let colleagues = workers.indices.filter { other in
            other != worker && workers[other].isAtWork && plan.staff[other].team == team
        }
        for other in colleagues.sorted(by: {
            floor.desks[$0].freeOrder < floor.desks[$1].freeOrder
        }) {
            serve(other, now, tell)
        }
    }

    /// Whether somebody waits for whom no colleague is on duty.
    private func isNeeded(_ worker: Int) -> Bool {
        workers[worker].served.contains { place in
            let queue = served[place].queue
            return onDutyCounts[queue] == 0 && floor.queueLengths[queue] > 0
        }
    }

    /// Gives an operator the most urgent contacts that they can take, as many as they can.
    private mutating func serve(
        _ worker: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        while let contact = mostUrgent(for: worker, at: now) {
            guard decide(contact, behind: ahead(of: contact), now, tell) else { return }
        }
    }

    private func mostUrgent(for worker: Int, at now: Int64) -> Int? {
        guard floor.mayTakeAnything(worker) else { return nil }
        var found: WaitingLines.Place?
        for place in workers[worker].served {
            let (queue, member) = served[place]
            for index in 0..<lines.count(in: queue) {
                let standing = lines.place(index, in: queue)
                if let found, found < standing { break }
                let contact = standing.contact
                guard
                    floor.canTake(
                        visits[contact], particulars(of: contact), member: member, at: now,
                        by: plan)
                else { continue }
                found = standing
                break
            }
        }
        return found?.contact
    }

    private mutating func logOut(
        _ worker: Int, _ now: Int64, _ tell: (Occurrence) -> Void
    ) {
        workers[worker].isAtWork = false
        tell(Occurrence(time: Instant(microseconds: now), kind: .loggedOut(OperatorIndex(worker))))
    }
}

extension RoutingPlan {
    /// Queues whose contacts are answered first come, first served, by who has been free longest.
    ///
    /// - Parameters:
    ///   - queueCount: How many there are.
    ///   - serving: The queue of each operator.
    package init(queueCount: Int, serving: [QueueIndex]) {
        self.init()
        var setting = PolicySetting()
        setting.rank = [.longestIdle]
        var names = RoutingNames()
        policies = [Policy("first come, first served", setting, hash: "", &names)]
        queues = Array(repeating: Queue(), count: queueCount)
        for queue in queues.indices { queues[queue].policy = 0 }
        staff = Array(repeating: Staff(), count: serving.count)
        for (worker, queue) in serving.enumerated() {
            queues[queue.value].members.append(Member(operator: worker, tier: 0))
        }
    }
}

extension Instant {
    static func + (moment: Instant, durationUs: Int64) -> Instant {
        Instant(microseconds: moment.microseconds + durationUs)
    }
}
