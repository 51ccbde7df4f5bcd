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

    package init() {}

    /// Makes room for all that a plan names, and counts anew by its teams.
    package mutating func fit(_ plan: RoutingPlan) {
        while desks.count < plan.staff.count { desks.append(Desk()) }
        while queueLengths.count < plan.queues.count { queueLengths.append(0) }
        teamLoads = []
        for (number, staff) in plan.staff.enumerated() {
            count(desks[number].atHandCount, of: staff.team)
        }
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
    }

    private mutating func free(_ number: Int, at moment: Int64, order: UInt64) {
        desks[number].freeSince = moment
        desks[number].freeOrder = order
    }

    private mutating func makeRoom(_ number: Int) {
        while desks.count <= number { desks.append(Desk()) }
    }
}
