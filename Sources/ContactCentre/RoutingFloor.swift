/// Who is at work in a contact centre with what, and what waits: all by numbers.
///
/// The floor holds no rules; those are in the plan, and ``choose(for:at:by:draw:)`` brings the two
/// together.
package struct RoutingFloor: Codable, Sendable {
    /// The place of an operator.
    package struct Desk: Codable, Sendable {
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
        /// Whether there may be room for anything, as the bits of the operator have it.
        package fileprivate(set) var isOpen = false
        /// Where the seats of the operator begin and end.
        fileprivate var seats = 0..<0

        /// Where the operator sits comes from the plan.
        private enum CodingKeys: CodingKey {
            case presence, status, freeSince, freeOrder, roomOrder, answered, atHandCount
            case channelsAtHand
        }

        /// Whether there may be room for anything.
        fileprivate var mayTake: Bool {
            if takesOneAtATime { return presence == .ready && atHandCount == 0 }
            return presence == .ready || presence == .busy && atHandCount > 0
        }

        fileprivate static func bit(_ channel: Int) -> UInt64 {
            1 &<< UInt64(truncatingIfNeeded: channel)
        }

        fileprivate func has(_ channel: Int) -> Bool { channelsAtHand & Self.bit(channel) != 0 }

        fileprivate mutating func free(at moment: Int64, order: UInt64) {
            freeSince = moment
            freeOrder = order
        }
    }

    package enum Presence: Codable, Hashable, Sendable {
        case away
        case ready
        /// Busy by the operator's own word, whatever contacts say.
        case busy
        case paused
    }

    /// A contact that waits, but for what few of them have.
    package struct PlainVisit: Codable, Sendable {
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
    package final class Particulars: Codable, Sendable {
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
    package struct Refusal: Codable, Sendable {
        package let `operator`: Int
        package let at: Int64
    }

    /// A contact that waits.
    @dynamicMemberLookup
    package struct Visit: Codable, Sendable {
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
    /// Contacts at hand beyond the first one of each channel, by desk and channel, desk by desk.
    ///
    /// ``Desk/channelsAtHand`` tells of the first ones, and most operators have no others.
    private var furtherLoads: [Int64] = []
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
        /// By what the members of a queue are compared, queue by queue.
        var ranks: [RankCriterion] = []
        /// The bits of each operator, operator by operator.
        var seats: [Seat] = []
    }

    struct SeatedQueue: Sendable {
        var firstMember: Int
        /// The words of its members among ``openMembers``.
        var words: Range<Int>
        /// Its place among the policies.
        var policy: Int?
        /// Where its criteria begin and end.
        var ranks: Range<Int>
        /// Whether a draw decides where all of them leave two equal.
        var isDrawn: Bool
        /// Whether its contacts ever go over to another one.
        var hasOverflow: Bool
        /// Whether whoever has room may take its contacts, but for what a contact itself needs.
        var asksNothing: Bool
        /// Whether that is so, and there is room with each member who may take anything.
        var asksForRoomOnly: Bool
    }

    struct Seat: Sendable {
        let word: Int
        let bit: UInt64
    }

    package init() {}

    /// Teams and seats come from the plan.
    private enum CodingKeys: CodingKey { case desks, furtherLoads, queueLengths }

    /// Makes room for all that a plan names, and counts anew by its teams and queues.
    package mutating func fit(_ plan: RoutingPlan) {
        if let last = plan.staff.indices.last { makeRoom(last) }
        while queueLengths.count < plan.queues.count { queueLengths.append(0) }
        teamLoads = []
        sit(by: plan)
        for number in desks.indices.dropFirst(plan.staff.count) { desks[number].team = nil }
        for (number, staff) in plan.staff.enumerated() {
            desks[number].team = staff.team
            if let team = staff.team { count(desks[number].atHandCount, of: team) }
            desks[number].takesOneAtATime = staff.takesOneAtATime
        }
        for number in desks.indices {
            desks[number].isOpen = false
            change(number) { _ in }
        }
    }

    /// Changes a desk and keeps the bits of the operator true.
    ///
    /// All in one access, since each one costs a look at who else holds the desks.
    @inline(__always)
    private mutating func change(_ number: Int, _ change: (inout Desk) -> Void) {
        let turned = { (desk: inout Desk) -> Range<Int> in
            change(&desk)
            let mayTake = desk.mayTake
            guard desk.isOpen != mayTake else { return 0..<0 }
            desk.isOpen = mayTake
            return desk.seats
        }(&desks[number])
        for place in turned {
            let seat = seating.seats[place]
            openMembers[seat.word] ^= seat.bit
        }
    }

    /// Whether who may take anything may take the contacts of a queue, but for what these need.
    package func asksForRoomOnly(_ queue: Int) -> Bool { seating.queues[queue].asksForRoomOnly }

    /// The operator at a place among the members of a queue.
    func member(_ place: Int, of queue: Int) -> Int {
        seating.members[seating.queues[queue].firstMember + place]
    }

    private mutating func count(_ load: Int64, of team: Int) {
        while teamLoads.count <= team { teamLoads.append(0) }
        teamLoads[team] += load
    }

    package func load(ofTeam team: Int) -> Int64 {
        team < teamLoads.count ? teamLoads[team] : 0
    }

    /// Gives an operator a contact of a channel.
    package mutating func take(_ number: Int, channel: Int) {
        take(number, channel: channel) { _ in }
    }

    /// The same where the operator answers it.
    package mutating func answer(_ number: Int, channel: Int) {
        take(number, channel: channel) { $0.answered += 1 }
    }

    @inline(__always)
    private mutating func take(_ number: Int, channel: Int, _ note: (inout Desk) -> Void) {
        if number >= desks.count { makeRoom(number) }
        if desks[number].has(channel) { furtherLoads[Self.load(of: number, channel)] += 1 }
        change(number) { desk in
            desk.atHandCount += 1
            desk.channelsAtHand |= Desk.bit(channel)
            note(&desk)
        }
        if let team = desks[number].team { count(1, of: team) }
    }

    /// Takes a contact of a channel from an operator, who has done something for it.
    package mutating func release(
        _ number: Int, channel: Int, at moment: Int64, order: UInt64
    ) {
        takeBack(number, channel: channel) { desk in
            desk.roomOrder = order
            if desk.atHandCount == 0 { desk.free(at: moment, order: order) }
        }
    }

    /// Makes it so that an operator was not given a contact of a channel.
    package mutating func takeBack(_ number: Int, channel: Int) {
        takeBack(number, channel: channel) { _ in }
    }

    @inline(__always)
    private mutating func takeBack(
        _ number: Int, channel: Int, _ note: (inout Desk) -> Void
    ) {
        let load = Self.load(of: number, channel)
        let isLast = furtherLoads[load] == 0
        if !isLast { furtherLoads[load] -= 1 }
        change(number) { desk in
            desk.atHandCount -= 1
            if isLast { desk.channelsAtHand &= ~Desk.bit(channel) }
            note(&desk)
        }
        if let team = desks[number].team { count(-1, of: team) }
    }

    private static func load(of number: Int, _ channel: Int) -> Int {
        number * RoutingNames.channelCount + channel
    }

    /// How many contacts of a channel an operator has at hand.
    func load(of number: Int, channel: Int) -> Int64 {
        desks[number].has(channel) ? 1 + furtherLoads[Self.load(of: number, channel)] : 0
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
        change(number) { desk in
            desk.presence = .ready
            desk.answered = 0
            desk.free(at: moment, order: order)
        }
    }

    /// What an operator does by their own word, in the words of the status where that is a pause.
    package mutating func set(
        _ presence: Presence, of number: Int, as status: OperatorStatus? = nil, at moment: Int64,
        order: UInt64
    ) {
        makeRoom(number)
        change(number) { desk in
            let isReadyAgain = desk.presence != .ready && presence == .ready
            desk.status = status
            desk.presence = presence
            if isReadyAgain, desk.atHandCount == 0 { desk.free(at: moment, order: order) }
        }
    }

    private mutating func makeRoom(_ number: Int) {
        while desks.count <= number {
            desks.append(Desk())
            furtherLoads += repeatElement(0, count: RoutingNames.channelCount)
        }
    }
}

extension RoutingFloor {
    private mutating func sit(by plan: RoutingPlan) {
        seating = Seating()
        var seatsOf: [[Seat]] = Array(repeating: [], count: desks.count)
        var word = 0
        for queue in plan.queues {
            let first = seating.members.count
            for (place, member) in queue.members.enumerated() {
                seating.members.append(member.operator)
                seatsOf[member.operator].append(
                    Seat(
                        word: word + place / UInt64.bitWidth,
                        bit: UInt64(1) << UInt64(place % UInt64.bitWidth)))
            }
            let end = word + (queue.members.count + UInt64.bitWidth - 1) / UInt64.bitWidth
            let policy = queue.policy.map { plan.policies[$0] }
            let asksNothing =
                queue.needs.isEmpty && policy?.setting.roles.isEmpty ?? true
                && policy?.caps.isEmpty ?? true
            let asksForRoomOnly =
                policy != nil && asksNothing
                && queue.members.allSatisfy { plan.staff[$0.operator].takesOneAtATime }
            let ranks = seating.ranks.count
            seating.ranks += policy?.rank ?? []
            seating.queues.append(
                SeatedQueue(
                    firstMember: first, words: word..<end, policy: queue.policy,
                    ranks: ranks..<seating.ranks.count, isDrawn: policy?.isDrawn ?? false,
                    hasOverflow: !queue.overflow.isEmpty, asksNothing: asksNothing,
                    asksForRoomOnly: asksForRoomOnly))
            word = end
        }
        for (number, seats) in seatsOf.enumerated() {
            let first = seating.seats.count
            seating.seats += seats
            desks[number].seats = first..<seating.seats.count
        }
        openMembers = Array(repeating: 0, count: word)
    }
}
