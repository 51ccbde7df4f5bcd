internal import JSON

/// What the events of one stream say about one outcome.
struct UnitFacts: Equatable {
    /// Who it is about; see ``Profile``.
    let profile: Int64
    /// Nil where the event that began it states no time.
    let begun: Instant?
    /// How far off that may be, in µs: 0 where it is known by the second.
    var slack: Int64 = 0
    /// The decisive event came, in time where there is a limit.
    var isDecided = false
    /// A decisive event came before the beginning, which a clock got wrong.
    var isBroken = false
    /// The limit cannot be judged, since an event states no time.
    var isUntimed = false
    /// An event ended the waiting.
    var isSettled = false
    /// Staff began it, so it says nothing about how citizens fare.
    var isOfStaff = false
}

/// How a unit stands.
enum UnitStanding: Int64, CaseIterable {
    case pending
    case favourable
    case unfavourable
    /// Left out and counted: a time is missing that the limit needs.
    case untimed
    /// Left out and counted: staff began it.
    case ofStaff
}

extension UnitFacts {
    init(
        profile: Int64, of outcome: Outcome, at moment: Instant?, within slack: Int64,
        by origin: Origin
    ) {
        self.profile = profile
        begun = moment
        self.slack = slack
        isUntimed = moment == nil && outcome.within != nil
        isOfStaff = origin == .staff
    }

    /// Takes in a decisive event, whose time may be so far off.
    mutating func decide(_ outcome: Outcome, at moment: Instant?, within slack: Int64) {
        let slack = self.slack + slack
        if let begun, let moment, moment.microseconds + slack < begun.microseconds {
            isBroken = true
        }
        guard let within = outcome.within else { return isDecided = true }
        guard let begun, let moment else { return isUntimed = true }
        let passed = moment.microseconds - begun.microseconds
        guard passed + slack >= 0, passed - slack <= within else { return }
        // Of what may have come later than the limit, nobody knows if it did.
        if passed + slack <= within { isDecided = true } else { isUntimed = true }
    }

    /// The last moment at which the decisive event still counts; nil where there is no limit.
    func deadline(of outcome: Outcome) -> Int64? {
        guard let begun, let within = outcome.within else { return nil }
        return begun.microseconds + within + slack
    }

    /// As the events have it, whatever time it is now.
    func standing(in outcome: Outcome) -> UnitStanding {
        if isOfStaff { return .ofStaff }
        if isDecided { return outcome.wanted == .reaches ? .favourable : .unfavourable }
        if isUntimed { return .untimed }
        let isUnlimited = outcome.within == nil && outcome.settledBy.isEmpty
        return isSettled || isUnlimited ? outcome.standingWhenOver : .pending
    }
}

extension Outcome {
    /// How a unit stands whose decisive event can come no more.
    var standingWhenOver: UnitStanding { wanted == .reaches ? .unfavourable : .favourable }
}

/// Who began something.
enum Origin: Int64 {
    case citizen
    case staff
}
