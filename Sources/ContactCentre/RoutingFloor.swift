/// Who is at work in a contact centre with what, and what waits: all by numbers.
///
/// The floor holds no rules; those are in the plan, and ``choose(for:at:by:draw:)`` brings the two
/// together.
package struct RoutingFloor: Sendable {
    /// The place of an operator.
    package struct Desk: Sendable {
        package var presence = Presence.away
        /// What keeps the operator from taking contacts, where paused.
        package var status: OperatorStatus?
        /// Since when the operator has had nothing at hand.
        package var freeSince: Int64 = 0
        /// In what order operators became free: the position in the log of what made them so.
        package var freeOrder: UInt64 = 0
        /// The position of what last took something from their hands.
        package var roomOrder: UInt64 = 0
        /// Contacts answered since logging in.
        package var answered: Int64 = 0
        /// Contacts at hand, offers and after-work included.
        package var atHandCount: Int64 = 0
        /// The channels, as bits, of what is at hand.
        package var channelsAtHand: UInt64 = 0
        fileprivate var team: Int?
        /// Whether whatever is at hand leaves no room for anything else, and nothing at hand
        /// leaves room for everything.
        fileprivate(set) var takesOneAtATime = true
        fileprivate var isOpen = false

        /// Whether there may be room for anything.
        fileprivate var mayTake: Bool {
            switch presence {
            case .away, .paused: false
            case .ready: atHandCount == 0 || !takesOneAtATime
            case .busy: atHandCount > 0 && !takesOneAtATime
            }
        }
    }

    package enum Presence: Hashable, Sendable {
        case away
        case ready
        /// Busy by the operator's own word, whatever contacts say.
        case busy
        case paused
    }

    /// A contact that waits, but for what few of them have.
    package struct PlainVisit: Sendable {
        package var queue: Int
        package var channel: Int
        /// When it entered the queue.
        package var since: Int64
        /// When it began to wait at all: going over to another queue costs nobody their place.
        package var seniority: Int64
        /// The position of what queued it.
        package var order: UInt64
        package var priority: Int64
        /// When anything was decided about it in this queue; nil where nothing was.
        package var decidedAt: Int64?

        package init(
            queue: Int, channel: Int, since: Int64, seniority: Int64, order: UInt64,
            priority: Int64
        ) {
            self.queue = queue
            self.channel = channel
            self.since = since
            self.seniority = seniority
            self.order = order
            self.priority = priority
        }
    }

    /// What few contacts have that wait: a class, so that others do not carry it about.
    package final class Particulars: Sendable {
        /// What it needs of operators beyond what its queue does.
        let needs: [RoutingPlan.Need]
        let refusals: [Refusal]
        /// Queues that it has overflowed from, to which it does not come back.
        let leftBehind: [Int]

        package init(
            needs: [RoutingPlan.Need] = [], refusals: [Refusal] = [], leftBehind: [Int] = []
        ) {
            self.needs = needs
            self.refusals = refusals
            self.leftBehind = leftBehind
        }
    }

    /// That an operator did not take a contact.
    package struct Refusal: Sendable {
        package let `operator`: Int
        package let at: Int64
    }

    /// A contact that waits.
    @dynamicMemberLookup
    package struct Visit: Sendable {
        package var plain: PlainVisit
        /// Nil where there are none.
        package private(set) var particulars: Particulars?

        package init(_ plain: PlainVisit) { self.plain = plain }

        package subscript<Value>(
            dynamicMember member: WritableKeyPath<PlainVisit, Value>
        ) -> Value {
            get { plain[keyPath: member] }
            set { plain[keyPath: member] = newValue }
        }

        package var needs: [RoutingPlan.Need] {
            get { particulars?.needs ?? [] }
            set { set(newValue, refusals, leftBehind) }
        }

        package private(set) var refusals: [Refusal] {
            get { particulars?.refusals ?? [] }
            set { set(needs, newValue, leftBehind) }
        }

        package var leftBehind: [Int] {
            get { particulars?.leftBehind ?? [] }
            set { set(needs, refusals, newValue) }
        }

        private mutating func set(
            _ needs: [RoutingPlan.Need], _ refusals: [Refusal], _ leftBehind: [Int]
        ) {
            let isPlain = needs.isEmpty && refusals.isEmpty && leftBehind.isEmpty
            particulars =
                isPlain
                ? nil : Particulars(needs: needs, refusals: refusals, leftBehind: leftBehind)
        }

        package mutating func noteRefusal(by operator: Int, at moment: Int64) {
            refusals.append(Refusal(operator: `operator`, at: moment))
        }
    }

    package private(set) var desks: [Desk] = []
    /// Contacts at hand by desk and channel, desk by desk: flat, like the seating.
    private var loads: [Int64] = []
    /// Contacts at hand of the operators of each team.
    private var teamLoads: [Int64] = []
    /// Contacts that wait in each queue.
    package private(set) var queueLengths: [Int64] = []
    /// The members of all queues, queue by queue, as bits: those whose desks may take anything.
    ///
    /// Most are busy most of the time, and nobody need look at them.
    private(set) var openMembers: [UInt64] = []
    private(set) var seating = Seating()

    /// Where who sits, as the plan has it: flat, since each look at a candidate needs it.
    struct Seating: Sendable {
        /// The operators who serve a queue, queue by queue.
        var members: [Int] = []
        var queues: [SeatedQueue] = []
        /// The bits of each operator, operator by operator.
        var seats: [Seat] = []
        /// Where the seats of each operator begin; behind them, their end.
        var firstSeats: [Int] = [0]
    }

    struct SeatedQueue: Sendable {
        var firstMember: Int
        /// The words of its members among ``openMembers``.
        var words: Range<Int>
        /// Its place among the policies.
        var policy: Int?
        /// Whether whoever has room may take its contacts, but for what a contact itself needs.
        var asksNothing: Bool
    }

    struct Seat: Sendable {
        let word: Int
        let bit: UInt64
    }

    package init() {}

    /// Makes room for all that a plan names, and counts anew by its teams and queues.
    package mutating func fit(_ plan: RoutingPlan) {
        if let last = plan.staff.indices.last { makeRoom(last) }
        while queueLengths.count < plan.queues.count { queueLengths.append(0) }
        teamLoads = []
        seating = Seating(plan, deskCount: desks.count)
        openMembers = Array(repeating: 0, count: seating.queues.last?.words.upperBound ?? 0)
        for number in desks.indices.dropFirst(plan.staff.count) { desks[number].team = nil }
        for (number, staff) in plan.staff.enumerated() {
            desks[number].team = staff.team
            count(desks[number].atHandCount, of: staff.team)
            desks[number].takesOneAtATime = staff.exclusiveChannels == UInt64.max
        }
        for number in desks.indices {
            desks[number].isOpen = false
            noteRoom(of: number)
        }
    }

    /// Keeps the bits of an operator true.
    private mutating func noteRoom(of number: Int) {
        guard desks[number].isOpen != desks[number].mayTake else { return }
        desks[number].isOpen.toggle()
        guard number + 1 < seating.firstSeats.count else { return }
        for place in seating.firstSeats[number]..<seating.firstSeats[number + 1] {
            openMembers[seating.seats[place].word] ^= seating.seats[place].bit
        }
    }

    /// Whether there may be room for anything with an operator.
    package func mayTakeAnything(_ number: Int) -> Bool { desks[number].isOpen }

    /// The operator at a place among the members of a queue.
    package func member(_ place: Int, of queue: Int) -> Int {
        seating.members[seating.queues[queue].firstMember + place]
    }

    private mutating func count(_ load: Int64, of team: Int?) {
        guard let team else { return }
        while teamLoads.count <= team { teamLoads.append(0) }
        teamLoads[team] += load
    }

    package func load(ofTeam team: Int) -> Int64 {
        team < teamLoads.count ? teamLoads[team] : 0
    }

    /// Gives an operator a contact of a channel.
    package mutating func take(_ number: Int, channel: Int) {
        makeRoom(number)
        loads[Self.load(of: number, channel)] += 1
        desks[number].atHandCount += 1
        desks[number].channelsAtHand |= 1 &<< UInt64(channel)
        noteRoom(of: number)
        count(1, of: desks[number].team)
    }

    /// Takes a contact of a channel from an operator, who has done something for it.
    package mutating func release(
        _ number: Int, channel: Int, at moment: Int64, order: UInt64
    ) {
        takeBack(number, channel: channel)
        desks[number].roomOrder = order
        if desks[number].atHandCount == 0 { free(number, at: moment, order: order) }
    }

    /// Makes it so that an operator was not given a contact of a channel.
    package mutating func takeBack(_ number: Int, channel: Int) {
        let load = Self.load(of: number, channel)
        loads[load] -= 1
        desks[number].atHandCount -= 1
        if loads[load] == 0 { desks[number].channelsAtHand &= ~(1 &<< UInt64(channel)) }
        noteRoom(of: number)
        count(-1, of: desks[number].team)
    }

    private static func load(of number: Int, _ channel: Int) -> Int {
        number * RoutingNames.channelCount + channel
    }

    /// How many contacts of a channel an operator has at hand.
    func load(of number: Int, channel: Int) -> Int64 { loads[Self.load(of: number, channel)] }

    /// A contact waits in a queue.
    package mutating func enter(_ queue: Int) {
        while queueLengths.count <= queue { queueLengths.append(0) }
        queueLengths[queue] += 1
    }

    package mutating func leave(_ queue: Int) { queueLengths[queue] -= 1 }

    package mutating func noteAnswer(by number: Int) { desks[number].answered += 1 }

    package mutating func logIn(_ number: Int, at moment: Int64, order: UInt64) {
        makeRoom(number)
        desks[number].presence = .ready
        desks[number].answered = 0
        free(number, at: moment, order: order)
        noteRoom(of: number)
    }

    /// What an operator does by their own word, in the words of the status where that is a pause.
    package mutating func set(
        _ presence: Presence, of number: Int, as status: OperatorStatus? = nil, at moment: Int64,
        order: UInt64
    ) {
        makeRoom(number)
        desks[number].status = status
        let before = desks[number].presence
        desks[number].presence = presence
        if before != .ready, presence == .ready, desks[number].atHandCount == 0 {
            free(number, at: moment, order: order)
        }
        noteRoom(of: number)
    }

    private mutating func free(_ number: Int, at moment: Int64, order: UInt64) {
        desks[number].freeSince = moment
        desks[number].freeOrder = order
    }

    private mutating func makeRoom(_ number: Int) {
        while desks.count <= number {
            desks.append(Desk())
            loads += repeatElement(0, count: RoutingNames.channelCount)
        }
    }
}

extension RoutingFloor.Seating {
    fileprivate init(_ plan: RoutingPlan, deskCount: Int) {
        self.init()
        var seatsOf: [[RoutingFloor.Seat]] = Array(repeating: [], count: deskCount)
        var word = 0
        for queue in plan.queues {
            let first = members.count
            for (place, member) in queue.members.enumerated() {
                members.append(member.operator)
                seatsOf[member.operator].append(
                    RoutingFloor.Seat(
                        word: word + place / UInt64.bitWidth,
                        bit: UInt64(1) << UInt64(place % UInt64.bitWidth)))
            }
            let end = word + (queue.members.count + UInt64.bitWidth - 1) / UInt64.bitWidth
            let policy = queue.policy.map { plan.policies[$0] }
            queues.append(
                RoutingFloor.SeatedQueue(
                    firstMember: first, words: word..<end, policy: queue.policy,
                    asksNothing: queue.needs.isEmpty && policy?.setting.roles.isEmpty ?? true
                        && policy?.caps.isEmpty ?? true))
            word = end
        }
        for seats in seatsOf {
            self.seats += seats
            firstSeats.append(self.seats.count)
        }
    }
}
