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

    /// A contact that is in the centre.
    private struct Stay {
        var need: ContactNeed
        /// Of the queue that it has come to last.
        var visit = RoutingFloor.PlainVisit(
            queue: 0, channel: 0, since: 0, seniority: 0, order: 0, priority: 0)
        /// Nil where it does not wait.
        var standing: WaitingLines.Place?
        var generation: UInt32 = 0
        var worker = 0
        /// Of a place that nobody has, the next one of those.
        var nextFree: Int?

        mutating func stand(
            at standing: WaitingLines.Place, _ visit: RoutingFloor.PlainVisit,
            decidedAt now: Instant
        ) {
            self.visit = visit
            self.visit.decidedAt = now.microseconds
            self.standing = standing
        }

        mutating func sit(with worker: Int) {
            standing = nil
            self.worker = worker
        }
    }

    /// What the rules say of a queue, beside the engine: flat, since each contact needs it.
    private struct Entrance {
        let worth: PointWorth
        /// Where the waits begin and end after which something is decided anew, among ``steps``.
        let steps: Range<Int>
        /// Whether who may take anything may take its contacts, but for what these need.
        let asksForRoomOnly: Bool
        /// Whether it matters how many are before a contact.
        let asksForLength: Bool
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
    private var entrances: [Entrance] = []
    private var steps: [Int64] = []
    private var onDutyCounts: [Int]
    /// The contacts that are in the centre, each at its place.
    private var stays: [Stay] = []
    private var firstFree: Int?
    /// Queues that contacts have overflowed from, by their places.
    private var leftBehind: [Int: [Int]] = [:]
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
        for (number, queue) in plan.queues.enumerated() {
            guard let policy = queue.policy.map({ plan.policies[$0] }) else { continue }
            let first = steps.count
            steps += policy.steps + queue.overflow.compactMap(\.after)
            entrances.append(
                Entrance(
                    worth: PointWorth(policy), steps: first..<steps.count,
                    asksForRoomOnly: floor.asksForRoomOnly(number),
                    asksForLength: queue.overflow.contains { $0.length != nil }))
        }
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
                happen(entry, Instant(microseconds: now), handOn, tell)
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
        _ entry: Entry, _ now: Instant, _ handOn: (ContactNeed) -> ContactNeed?,
        _ tell: (Occurrence) -> Void
    ) {
        let place = Int(entry.place)
        switch entry.kind {
        case .shiftStart: begin(place, tell)
        case .shiftEnd: goOffDuty(shifts[place].worker.value, now, tell)
        case .talkEnd: endTalk(place, now, handOn, tell)
        case .afterWorkEnd: endAfterWork(place, now, tell)
        case .selfServiceEnd:
            let need = stays[place].need
            tell(Occurrence(time: now, kind: .selfServiceEnded(need)))
            guard need.selfService?.ending == .toOperator else { return forget(place) }
            wait(place, since: now, tell)
        case .patienceEnd:
            guard isWaiting(entry) else { return }
            leave(place)
            tell(Occurrence(time: now, kind: .gaveUpWaiting(stays[place].need)))
            forget(place)
        case .ruleStep:
            guard isWaiting(entry), let standing = stays[place].standing else { return }
            if !decideAgain(standing, now, tell) { planOpening(for: place, now) }
        }
    }

    /// A contact that would go over if the other queue were open is looked at when that opens.
    private mutating func planOpening(for place: Int, _ now: Instant) {
        let visit = stays[place].visit
        for rule in plan.queues[visit.queue].overflow {
            guard let after = rule.after, now.microseconds - visit.since >= after,
                let hours = plan.queues[rule.queue].hours, !hours.contains(now.microseconds),
                let opening = hours.opening(after: now.microseconds)
            else { continue }
            plan(.ruleStep, place, at: opening)
        }
    }

    private mutating func endTalk(
        _ place: Int, _ now: Instant, _ handOn: (ContactNeed) -> ContactNeed?,
        _ tell: (Occurrence) -> Void
    ) {
        if let onward = handOn(stays[place].need) { return hand(place, on: onward, now, tell) }
        let afterWork = stays[place].need.afterWorkUs
        tell(
            Occurrence(
                time: now,
                kind: .disconnected(stays[place].need, OperatorIndex(stays[place].worker))))
        // What comes next anyway need not go through the agenda.
        if afterWork == 0, agenda.nextTime.map({ now.microseconds < $0 }) ?? true {
            return endAfterWork(place, now, tell)
        }
        plan(.afterWorkEnd, place, at: now.microseconds + afterWork)
    }

    private mutating func endAfterWork(
        _ place: Int, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        let worker = stays[place].worker
        let need = stays[place].need
        tell(Occurrence(time: now, kind: .afterWorkEnded(need, OperatorIndex(worker))))
        floor.release(worker, channel: need.channel, at: now.microseconds, order: order)
        forget(place)
        free(worker, now, tell)
    }

    /// Who handed the contact on takes the next one, before it waits for another operator.
    private mutating func hand(
        _ place: Int, on onward: ContactNeed, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        let worker = stays[place].worker
        let channel = stays[place].need.channel
        stays[place].need = onward
        stays[place].need.moves += 1
        leftBehind[place] = nil
        // The patience of before is over.
        stays[place].generation &+= 1
        tell(Occurrence(time: now, kind: .handedOn(stays[place].need, OperatorIndex(worker))))
        floor.release(worker, channel: channel, at: now.microseconds, order: order)
        free(worker, now, tell)
        wait(place, since: now, tell)
    }

    private func isWaiting(_ entry: Entry) -> Bool {
        stays[Int(entry.place)].generation == entry.generation
            && stays[Int(entry.place)].standing != nil
    }

    /// Plans what concerns a contact.
    private mutating func plan(_ kind: Kind, _ place: Int, at time: Int64) {
        agenda.add(
            Entry(
                kind: kind, place: Int32(truncatingIfNeeded: place),
                generation: stays[place].generation),
            at: time, rank: kind.rawValue, entity: stays[place].need.number.value)
    }
}

// What citizens do.
extension Simulation {
    @inline(__always)
    private mutating func arrive(_ need: ContactNeed, _ tell: (Occurrence) -> Void) {
        let now = need.arrival
        let place: Int
        if let free = firstFree {
            place = free
            firstFree = stays[free].nextFree
            stays[free].need = need
        } else {
            place = stays.count
            stays.append(Stay(need: need))
        }
        tell(Occurrence(time: now, kind: .received(need)))
        if let selfService = need.selfService {
            plan(.selfServiceEnd, place, at: now.microseconds + selfService.durationUs)
        } else {
            wait(place, since: now, tell)
        }
    }

    private mutating func forget(_ place: Int) {
        if stays[place].need.moves > 0 { leftBehind[place] = nil }
        stays[place].generation &+= 1
        stays[place].nextFree = firstFree
        firstFree = place
    }

    private mutating func wait(_ place: Int, since now: Instant, _ tell: (Occurrence) -> Void) {
        tell(Occurrence(time: now, kind: .queued(stays[place].need)))
        if let patience = stays[place].need.patienceUs {
            plan(.patienceEnd, place, at: later(now.microseconds, by: patience))
        }
        // Member by member, since an initialiser of another module is a call.
        var visit = stays[place].visit
        visit.queue = stays[place].need.queue.value
        visit.channel = stays[place].need.channel
        visit.since = now.microseconds
        visit.seniority = now.microseconds
        visit.order = order
        visit.priority = stays[place].need.priority
        visit.decidedAt = nil
        enter(place, visit, now, tell)
    }

    /// Stands in line, unless somebody takes it at once.
    @inline(__always)
    private mutating func enter(
        _ place: Int, _ visit: RoutingFloor.PlainVisit, _ now: Instant,
        _ tell: (Occurrence) -> Void
    ) {
        let entrance = entrances[visit.queue]
        let standing = entrance.worth.place(
            of: place, since: visit.seniority, points: visit.priority, order: visit.order)
        if decide(standing, visit, now, tell) { return }
        tell(Occurrence(time: now, kind: .foundNobody(stays[place].need)))
        stays[place].stand(at: standing, visit, decidedAt: now)
        lines.insert(standing, in: visit.queue)
        for step in entrance.steps {
            plan(.ruleStep, place, at: later(now.microseconds, by: steps[step]))
        }
    }

    /// No longer stands in line, if it did.
    private mutating func leave(_ place: Int) {
        guard let standing = stays[place].standing else { return }
        lines.remove(standing, of: stays[place].visit.queue)
        stays[place].standing = nil
    }

    /// Has the rules of routing decide once more about a contact that stands in line.
    ///
    /// - Returns: Whether it waits there no longer.
    private mutating func decideAgain(
        _ standing: WaitingLines.Place, _ now: Instant, _ tell: (Occurrence) -> Void
    ) -> Bool {
        if decide(standing, stays[standing.contact].visit, now, tell) { return true }
        stays[standing.contact].visit.decidedAt = now.microseconds
        return false
    }

    /// Has the rules of routing decide about a contact that stands in line or is about to.
    ///
    /// - Returns: Whether it does not wait there.
    private mutating func decide(
        _ standing: WaitingLines.Place, _ visit: RoutingFloor.PlainVisit, _ now: Instant,
        _ tell: (Occurrence) -> Void
    ) -> Bool {
        let (place, queue) = (standing.contact, visit.queue)
        let ahead = entrances[queue].asksForLength ? lines.ahead(of: standing, in: queue) : 0
        let entity = stays[place].need.number.value
        let particulars = stays[place].need.moves > 0 ? particulars(of: place) : nil
        let choice = floor.choose(
            for: visit, particulars, behind: Int64(ahead), at: now.microseconds, by: plan
        ) { [draws] in
            draws.bits(.routing, entity: entity)
        }
        switch choice {
        case .none: return false
        case .member(let member):
            if stays[place].standing != nil { lines.remove(standing, of: queue) }
            connect(place, plan.queues[queue].members[member].operator, now, tell)
        case .overflow(let rule):
            leave(place)
            var onward = visit
            onward.queue = plan.queues[queue].overflow[rule].queue
            onward.since = now.microseconds
            onward.order = order
            onward.decidedAt = nil
            leftBehind[place, default: []].append(queue)
            stays[place].need.queue = QueueIndex(onward.queue)
            stays[place].need.moves += 1
            let need = stays[place].need
            tell(Occurrence(time: now, kind: .overflowed(need, from: QueueIndex(queue))))
            enter(place, onward, now, tell)
        }
        return true
    }

    /// Of a contact that has left a queue for another one.
    private func particulars(of place: Int) -> RoutingFloor.Particulars? {
        leftBehind[place].map { RoutingFloor.Particulars(leftBehind: $0) }
    }

    private mutating func connect(
        _ place: Int, _ worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        let need = stays[place].need
        stays[place].sit(with: worker)
        floor.answer(worker, channel: need.channel)
        tell(Occurrence(time: now, kind: .connected(need, OperatorIndex(worker))))
        plan(.talkEnd, place, at: now.microseconds + need.talkUs)
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
        let now = shift.start
        if workers[worker].isAtWork {
            // Still with what was at hand when the last shift ended.
            floor.set(.ready, of: worker, at: now.microseconds, order: order)
        } else {
            workers[worker].isAtWork = true
            tell(Occurrence(time: shift.start, kind: .loggedIn(shift.worker)))
            floor.logIn(worker, at: now.microseconds, order: order)
        }
        serve(worker, now, tell)
    }

    private mutating func goOffDuty(
        _ worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        workers[worker].shiftsUnderWay -= 1
        guard workers[worker].shiftsUnderWay == 0 else { return }
        for place in workers[worker].served { onDutyCounts[served[place].queue] -= 1 }
        floor.set(.away, of: worker, at: now.microseconds, order: order)
        if floor.desks[worker].atHandCount == 0 { logOut(worker, now, tell) }
    }

    /// An operator has finished something: the next contact, or idleness, or home.
    private mutating func free(_ worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void) {
        if workers[worker].shiftsUnderWay > 0 {
            serve(worker, now, tell)
        } else if floor.desks[worker].atHandCount == 0 {
            goHome(worker, now, tell)
        }
        if hasCaps { serveColleagues(of: worker, now, tell) }
    }

    /// Off duty at last, unless somebody waits who would have nobody else.
    private mutating func goHome(_ worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void) {
        if isNeeded(worker) {
            floor.set(.ready, of: worker, at: now.microseconds, order: order)
            serve(worker, now, tell)
            floor.set(.away, of: worker, at: now.microseconds, order: order)
        }
        if floor.desks[worker].atHandCount == 0 { logOut(worker, now, tell) }
    }

    /// What a team may have at hand, another one of it may take now.
    private mutating func serveColleagues(
        of worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void
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
            return onDutyCounts[queue] == 0 && lines.count(in: queue) > 0
        }
    }

    /// Gives an operator the most urgent contacts that they can take, as many as they can.
    private mutating func serve(_ worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void) {
        while floor.desks[worker].isOpen, let standing = mostUrgent(for: worker, at: now) {
            guard decideAgain(standing, now, tell) else { return }
        }
    }

    /// Inlined, since a method that only reads is handed a copy of all stored members.
    @inline(__always)
    private func mostUrgent(for worker: Int, at now: Instant) -> WaitingLines.Place? {
        var found: WaitingLines.Place?
        for place in workers[worker].served {
            let (queue, member) = served[place]
            var ahead = 0
            while let standing = lines.place(ahead, in: queue) {
                if let found, found < standing { break }
                if canTake(standing.contact, in: queue, member, at: now) {
                    found = standing
                    break
                }
                ahead += 1
            }
        }
        return found
    }

    /// Whether an operator who may take anything can take a contact, as a member of its queue.
    @inline(__always)
    private func canTake(_ contact: Int, in queue: Int, _ member: Int, at now: Instant) -> Bool {
        let hasMoved = stays[contact].need.moves > 0
        if entrances[queue].asksForRoomOnly, !hasMoved { return true }
        return floor.canTake(
            stays[contact].visit, hasMoved ? particulars(of: contact) : nil, member: member,
            at: now.microseconds, by: plan)
    }

    private mutating func logOut(_ worker: Int, _ now: Instant, _ tell: (Occurrence) -> Void) {
        workers[worker].isAtWork = false
        tell(Occurrence(time: now, kind: .loggedOut(OperatorIndex(worker))))
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
