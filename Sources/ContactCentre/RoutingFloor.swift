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
        /// Contacts at hand, offers and after-work included, by channel.
        package var atHand = [Int64](repeating: 0, count: RoutingNames.channelCount)
        package var atHandCount: Int64 = 0
        /// The channels, as bits, of what is at hand.
        package var channelsAtHand: UInt64 = 0
        /// Whether whatever is at hand leaves no room for anything else.
        fileprivate var takesOneAtATime = true
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

    /// A contact that waits.
    package struct Visit: Sendable {
        package var queue: Int
        package var channel: Int
        /// When it entered the queue.
        package var since: Int64
        /// When it began to wait at all: going over to another queue costs nobody their place.
        package var seniority: Int64
        /// The position of what queued it.
        package var order: UInt64
        package var priority: Int64
        /// Whether anything has been decided about it in this queue.
        package var decidedAt: Int64?
        /// Nil of most contacts, so that they are cheap to pass on.
        private var particulars: Particulars?

        private final class Particulars: Sendable {
            let needs: [RoutingPlan.Need]
            let refusals: [Refusal]
            let leftBehind: [Int]

            init(needs: [RoutingPlan.Need], refusals: [Refusal], leftBehind: [Int]) {
                self.needs = needs
                self.refusals = refusals
                self.leftBehind = leftBehind
            }
        }

        /// That an operator did not take it.
        package struct Refusal: Sendable {
            package let `operator`: Int
            package let at: Int64
        }

        package var needs: [RoutingPlan.Need] {
            get { particulars?.needs ?? [] }
            set { set(newValue, refusals, leftBehind) }
        }

        package private(set) var refusals: [Refusal] {
            get { particulars?.refusals ?? [] }
            set { set(needs, newValue, leftBehind) }
        }

        /// Queues that it has overflowed from, to which it does not come back.
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

    package private(set) var desks: [Desk] = []
    /// Contacts at hand of the operators of each team.
    private var teamLoads: [Int64] = []
    /// Contacts that wait in each queue.
    package private(set) var queueLengths: [Int64] = []
    /// The members of all queues, queue by queue, as bits: those whose desks may take anything.
    ///
    /// Most are busy most of the time, and nobody need look at them.
    private var openMembers: [UInt64] = []
    /// Where the words of each queue begin; behind them, their end.
    private var firstWords: [Int] = [0]
    /// The bits of each operator.
    private var seats: [[Seat]] = []

    private struct Seat {
        let word: Int
        let bit: UInt64
    }

    package init() {}

    /// Makes room for all that a plan names, and counts anew by its teams and queues.
    package mutating func fit(_ plan: RoutingPlan) {
        while desks.count < plan.staff.count { desks.append(Desk()) }
        while queueLengths.count < plan.queues.count { queueLengths.append(0) }
        teamLoads = []
        seats = Array(repeating: [], count: desks.count)
        firstWords = [0]
        for queue in plan.queues {
            for (place, member) in queue.members.enumerated() {
                seats[member.operator].append(
                    Seat(
                        word: firstWords[firstWords.count - 1] + place / UInt64.bitWidth,
                        bit: UInt64(1) << UInt64(place % UInt64.bitWidth)))
            }
            let words = (queue.members.count + UInt64.bitWidth - 1) / UInt64.bitWidth
            firstWords.append(firstWords[firstWords.count - 1] + words)
        }
        openMembers = Array(repeating: 0, count: firstWords[firstWords.count - 1])
        for (number, staff) in plan.staff.enumerated() {
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
        guard number < seats.count else { return }
        for seat in seats[number] { openMembers[seat.word] ^= seat.bit }
    }

    /// Whether a queue has members who may take anything.
    package func hasOpenMembers(_ queue: Int) -> Bool {
        for word in firstWords[queue]..<firstWords[queue + 1] where openMembers[word] != 0 {
            return true
        }
        return false
    }

    /// The first place at or behind another one whose member may take anything.
    func openMember(of queue: Int, from place: Int) -> Int? {
        var word = firstWords[queue] + place / UInt64.bitWidth
        guard word < firstWords[queue + 1] else { return nil }
        var bits = openMembers[word] & (UInt64.max << UInt64(place % UInt64.bitWidth))
        while bits == 0 {
            word += 1
            guard word < firstWords[queue + 1] else { return nil }
            bits = openMembers[word]
        }
        return (word - firstWords[queue]) * UInt64.bitWidth + bits.trailingZeroBitCount
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
    package mutating func take(_ number: Int, channel: Int, _ plan: RoutingPlan) {
        makeRoom(number)
        desks[number].atHand[channel] += 1
        desks[number].atHandCount += 1
        desks[number].channelsAtHand |= UInt64(1) << UInt64(channel)
        noteRoom(of: number)
        if number < plan.staff.count { count(1, of: plan.staff[number].team) }
    }

    /// Takes a contact of a channel from an operator.
    package mutating func release(
        _ number: Int, channel: Int, at moment: Int64, order: UInt64, _ plan: RoutingPlan
    ) {
        desks[number].roomOrder = order
        desks[number].atHand[channel] -= 1
        desks[number].atHandCount -= 1
        if desks[number].atHand[channel] == 0 {
            desks[number].channelsAtHand &= ~(UInt64(1) << UInt64(channel))
        }
        if desks[number].atHandCount == 0 { free(number, at: moment, order: order) }
        noteRoom(of: number)
        if number < plan.staff.count { count(-1, of: plan.staff[number].team) }
    }

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
        while desks.count <= number { desks.append(Desk()) }
    }
}
