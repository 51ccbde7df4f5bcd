package import JSON

/// A queue of a simulation, by its place in the list of queues.
package struct QueueIndex: Hashable, Sendable {
    package let value: Int
    package init(_ value: Int) { self.value = value }
}

/// An operator of a simulation, by the place in the list of operators.
package struct OperatorIndex: Hashable, Sendable {
    package let value: Int
    package init(_ value: Int) { self.value = value }
}

/// The number of a contact, unique in a simulation.
package struct ContactNumber: Hashable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
}

/// What a contact brings along, whatever the centre does with it.
package struct ContactNeed: Hashable, Sendable {
    package var number: ContactNumber
    package var queue: QueueIndex
    package var arrival: Instant
    /// Nil where the citizen queues at once.
    package var selfService: SelfService?
    /// How long the citizen waits for an operator; nil means for ever.
    package var patienceUs: Int64?
    package var talkUs: Int64
    package var afterWorkUs: Int64

    package struct SelfService: Hashable, Sendable {
        package var durationUs: Int64
        package var ending: Ending

        package enum Ending: Hashable, Sendable {
            case toOperator
            case hungUp
            /// The citizen needs nobody any more.
            case contained
        }

        package init(durationUs: Int64, ending: Ending) {
            self.durationUs = durationUs
            self.ending = ending
        }
    }

    package init(
        number: ContactNumber, queue: QueueIndex, arrival: Instant, selfService: SelfService?,
        patienceUs: Int64?, talkUs: Int64, afterWorkUs: Int64
    ) {
        self.number = number
        self.queue = queue
        self.arrival = arrival
        self.selfService = selfService
        self.patienceUs = patienceUs
        self.talkUs = talkUs
        self.afterWorkUs = afterWorkUs
    }
}

/// The time in which an operator takes contacts, from `start` until before `end`.
package struct Shift: Hashable, Sendable {
    package var worker: OperatorIndex
    package var start: Instant
    package var end: Instant

    package init(worker: OperatorIndex, start: Instant, end: Instant) {
        self.worker = worker
        self.start = start
        self.end = end
    }
}

/// Something that a simulation says has happened.
package struct Occurrence: Hashable, Sendable {
    package let time: Instant
    package let kind: Kind

    package enum Kind: Hashable, Sendable {
        case received(ContactNeed)
        case selfServiceEnded(ContactNeed)
        case queued(ContactNeed)
        case gaveUpWaiting(ContactNeed)
        case connected(ContactNeed, OperatorIndex)
        case disconnected(ContactNeed, OperatorIndex)
        case afterWorkEnded(ContactNeed, OperatorIndex)
        case loggedIn(OperatorIndex)
        case loggedOut(OperatorIndex)
    }
}

/// A contact centre as a simulation of discrete events.
///
/// Contacts wait in one queue each and are served first come, first served; each operator serves
/// one queue, and whoever has been free longest goes first. Nobody is idle while a contact waits
/// in the own queue. An operator whose shift is over finishes the contact at hand, and stays while
/// somebody waits and no colleague is on duty. No draw is made here: contacts bring their own.
package struct Simulation {
    private enum Entry {
        case arrival(ContactNeed)
        case selfServiceEnd(ContactNeed)
        case patienceEnd(ContactNeed)
        case talkEnd(ContactNeed, OperatorIndex)
        case afterWorkEnd(ContactNeed, OperatorIndex)
        case shiftStart(Shift)
        case shiftEnd(OperatorIndex)

        /// At one moment operators become free before shifts begin and end, and both before
        /// citizens act: who is freed at the very end of a patience still answers.
        var rank: UInt8 {
            switch self {
            case .talkEnd: 0
            case .afterWorkEnd: 1
            case .shiftStart: 2
            case .shiftEnd: 3
            case .selfServiceEnd: 4
            case .patienceEnd: 5
            case .arrival: 6
            }
        }

        var entity: UInt64 {
            switch self {
            case .arrival(let contact), .selfServiceEnd(let contact), .patienceEnd(let contact),
                .talkEnd(let contact, _), .afterWorkEnd(let contact, _):
                contact.number.value
            case .shiftStart(let shift): UInt64(shift.worker.value)
            case .shiftEnd(let worker): UInt64(worker.value)
            }
        }
    }

    private struct Worker {
        let queue: QueueIndex
        var activity = Activity.away
        /// Shifts that have begun and not ended: on duty while positive.
        var shiftsUnderWay = 0
        /// Counts the spells of idleness, so that a past one in the line is told apart.
        var spell: UInt64 = 0
    }

    private enum Activity {
        case away
        case idle
        case busy
    }

    private struct Queue {
        var waiting = Line<ContactNeed>()
        /// Contacts in `waiting` that have not given up.
        var waitingCount = 0
        var idle = Line<(worker: OperatorIndex, spell: UInt64)>()
        var onDutyCount = 0
    }

    private var agenda = Agenda<Entry>()
    private var workers: [Worker]
    private var queues: [Queue]
    /// Contacts that wait at this moment; those that gave up still stand in their line.
    private var waiting: Set<ContactNumber> = []

    /// An empty centre; `serving` names the queue of each operator.
    package init(queueCount: Int, serving: [QueueIndex]) {
        workers = serving.map { Worker(queue: $0) }
        queues = Array(repeating: Queue(), count: queueCount)
    }

    /// Plans a contact; its arrival may not lie before what has been simulated.
    package mutating func add(_ contact: ContactNeed) {
        plan(.arrival(contact), at: contact.arrival)
    }

    /// Plans a shift; it may not begin before what has been simulated.
    package mutating func add(_ shift: Shift) {
        plan(.shiftStart(shift), at: shift.start)
    }

    /// Lets happen what is planned before `end` (all of it where nil), telling it in order of time.
    package mutating func run(
        before end: Instant? = nil, _ tell: (Occurrence) -> Void
    ) {
        while let time = agenda.nextTime, end.map({ time < $0 }) ?? true,
            let (now, entry) = agenda.popFirst()
        {
            switch entry {
            case .arrival(let contact):
                tell(Occurrence(time: now, kind: .received(contact)))
                if let selfService = contact.selfService {
                    plan(.selfServiceEnd(contact), at: now + selfService.durationUs)
                } else {
                    wait(contact, since: now, tell)
                }
            case .selfServiceEnd(let contact):
                tell(Occurrence(time: now, kind: .selfServiceEnded(contact)))
                guard contact.selfService?.ending == .toOperator else { continue }
                wait(contact, since: now, tell)
            case .patienceEnd(let contact):
                guard waiting.remove(contact.number) != nil else { continue }
                queues[contact.queue.value].waitingCount -= 1
                tell(Occurrence(time: now, kind: .gaveUpWaiting(contact)))
            case .talkEnd(let contact, let worker):
                tell(Occurrence(time: now, kind: .disconnected(contact, worker)))
                plan(.afterWorkEnd(contact, worker), at: now + contact.afterWorkUs)
            case .afterWorkEnd(let contact, let worker):
                tell(Occurrence(time: now, kind: .afterWorkEnded(contact, worker)))
                free(worker, now, tell)
            case .shiftStart(let shift): begin(shift, tell)
            case .shiftEnd(let worker): goOffDuty(worker, now, tell)
            }
        }
    }

    private mutating func plan(_ entry: Entry, at time: Instant) {
        agenda.add(entry, at: time, rank: entry.rank, entity: entry.entity)
    }

    private mutating func wait(
        _ contact: ContactNeed, since now: Instant, _ tell: (Occurrence) -> Void
    ) {
        tell(Occurrence(time: now, kind: .queued(contact)))
        waiting.insert(contact.number)
        queues[contact.queue.value].waiting.append(contact)
        queues[contact.queue.value].waitingCount += 1
        if let patience = contact.patienceUs {
            plan(.patienceEnd(contact), at: now + patience)
        }
        serve(contact.queue, now, tell)
    }

    /// Connects whoever waits longest with whoever is free longest, as long as there are both.
    private mutating func serve(
        _ queue: QueueIndex, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        while queues[queue.value].waitingCount > 0, let worker = takeIdle(queue) {
            guard let contact = takeWaiting(queue) else { return }
            workers[worker.value].activity = .busy
            tell(Occurrence(time: now, kind: .connected(contact, worker)))
            plan(.talkEnd(contact, worker), at: now + contact.talkUs)
        }
    }

    private mutating func takeIdle(_ queue: QueueIndex) -> OperatorIndex? {
        while let (worker, spell) = queues[queue.value].idle.popFirst() {
            let found = workers[worker.value]
            if found.activity == .idle, found.spell == spell { return worker }
        }
        return nil
    }

    private mutating func takeWaiting(_ queue: QueueIndex) -> ContactNeed? {
        while let contact = queues[queue.value].waiting.popFirst() {
            if waiting.remove(contact.number) != nil {
                queues[queue.value].waitingCount -= 1
                return contact
            }
        }
        return nil
    }

    private mutating func begin(_ shift: Shift, _ tell: (Occurrence) -> Void) {
        let worker = shift.worker
        plan(.shiftEnd(worker), at: shift.end)
        workers[worker.value].shiftsUnderWay += 1
        guard workers[worker.value].shiftsUnderWay == 1 else { return }
        queues[workers[worker.value].queue.value].onDutyCount += 1
        if workers[worker.value].activity == .away {
            tell(Occurrence(time: shift.start, kind: .loggedIn(worker)))
            free(worker, shift.start, tell)
        }
    }

    private mutating func goOffDuty(
        _ worker: OperatorIndex, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        workers[worker.value].shiftsUnderWay -= 1
        guard workers[worker.value].shiftsUnderWay == 0 else { return }
        queues[workers[worker.value].queue.value].onDutyCount -= 1
        if workers[worker.value].activity == .idle { logOut(worker, now, tell) }
    }

    /// An operator has nothing at hand: the next contact, or idleness, or home.
    private mutating func free(
        _ worker: OperatorIndex, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        let queue = workers[worker.value].queue
        let isNeeded =
            queues[queue.value].onDutyCount == 0 && queues[queue.value].waitingCount > 0
        guard workers[worker.value].shiftsUnderWay > 0 || isNeeded else {
            return logOut(worker, now, tell)
        }
        workers[worker.value].activity = .idle
        workers[worker.value].spell += 1
        queues[queue.value].idle.append((worker, workers[worker.value].spell))
        serve(queue, now, tell)
    }

    private mutating func logOut(
        _ worker: OperatorIndex, _ now: Instant, _ tell: (Occurrence) -> Void
    ) {
        workers[worker.value].activity = .away
        tell(Occurrence(time: now, kind: .loggedOut(worker)))
    }
}

extension Instant {
    static func + (moment: Instant, durationUs: Int64) -> Instant {
        Instant(microseconds: moment.microseconds + durationUs)
    }
}
