internal import ContactCentre
internal import JSON

/// What the events of one case say, in the order of its stream.
struct CaseFacts: Equatable {
    let id: Int64
    let stream: String
    /// Nil while no event has opened the case.
    var opened: Instant?
    var zone: String?
    var channel: String?
    var service: String?
    var area: String?
    var openedBy: String?
    var target: Instant?

    /// First time that somebody began to work on it.
    var firstTouch: Instant?
    /// First time that a team, an office or an external body had it.
    var firstUnit: Instant?
    /// First time that one person had it.
    var firstPerson: Instant?
    var firstResolved: Instant?
    var lastResolved: Instant?
    /// When it was closed; nil while it is not.
    ///
    /// To close it again changes nothing.
    var closed: Instant?
    var breached: Instant?

    var stands = Standing.open
    /// Since when it has been resolved or closed.
    var ended: Instant?
    var owner: ExactText?
    /// The owner before the present one.
    var previousOwner: ExactText?
    /// The last line that was known, from 1; 0 before any was.
    var line: Int64 = 0
    /// The line of the present owner; 0 where none is known.
    var ownerLine: Int64 = 0
    /// The highest line so far; 0 while none is known.
    var highestLine: Int64 = 0
    /// The line at which it was resolved or closed for the last time; 0 where none is known.
    var lastLine: Int64 = 0
    var waitingFor: String?
    var waitingSince: Instant?

    var handovers: Int64 = 0
    /// Hand-overs back to the owner before.
    var returns: Int64 = 0
    /// Hand-overs to a higher line.
    var escalations: Int64 = 0
    /// Hand-overs to a lower line.
    var stepBacks: Int64 = 0
    var reopenings: Int64 = 0
    /// Microseconds that it waited for those outside, or lay resolved or closed before a reopening;
    /// nil once one of these pauses ran backward or lasted longer than a pause can.
    var pausedMicroseconds: Int64? = 0
    /// The latest time of a move into or out of the backlog: the next one happens no earlier.
    var latestMove: Instant?

    /// A longer pause is taken for a clock's mistake, and so for unknown: ten years of 366 days.
    static let pauseMicrosecondsMax: Int64 = 3_660 * 86_400 * 1_000_000

    enum Standing: Int64 {
        case open
        case resolved
        case closed
    }

    init(id: Int64, stream: String) {
        self.id = id
        self.stream = stream
    }
}

/// What one event of a case adds to what is counted over all cases.
enum CaseMove: Equatable {
    case opened
    case resolved
    case closed(from: CaseFacts.Standing)
    case reopened(from: CaseFacts.Standing)
    case changedLine(from: Int64, to: Int64)
    /// The length is nil where it cannot be known.
    case waited(for: String, microseconds: Int64?)
    case did(activity: String)

    /// Whether it goes into the backlog or out of it.
    var isOfBacklog: Bool {
        switch self {
        case .opened, .resolved, .closed, .reopened: true
        case .changedLine, .waited, .did: false
        }
    }
}

extension CaseFacts {
    /// Takes in the next event of the stream and says what it moved.
    mutating func apply(_ event: CaseEvent, at moment: Instant) -> [CaseMove] {
        var moves: [CaseMove] = []
        switch event {
        case .opened(let opening): moves += open(opening, at: moment)
        case .takenInCharge(let owner):
            moves += work(owner, at: moment)
            if firstTouch == nil { firstTouch = moment }
        case .assigned(let owner): moves += work(owner, at: moment)
        case .waitingStarted(let party, let owner):
            moves += work(owner, at: moment)
            waitingFor = party.name
            waitingSince = moment
        case .waitingEnded: moves += endWaiting(at: moment)
        case .activityRecorded(let activity, let owner):
            moves += hand(to: owner, at: moment)
            if let activity { moves.append(.did(activity: activity)) }
        case .resolved(_, let owner):
            moves += end(as: .resolved, owner, at: moment)
            if firstResolved == nil { firstResolved = moment }
            lastResolved = moment
        case .reopened: moves += reopen(at: moment)
        case .closed(let owner):
            if stands != .closed { closed = moment }
            moves += end(as: .closed, owner, at: moment)
        case .termBreached: if breached == nil { breached = moment }
        case .unknown: break
        }
        if moves.contains(where: \.isOfBacklog) {
            latestMove = max(latestMove ?? moment, moment)
        }
        return moves
    }

    private mutating func open(_ opening: CaseEvent.Opened, at moment: Instant) -> [CaseMove] {
        guard opened == nil else { return [] }
        opened = moment
        zone = opening.zone
        channel = opening.channel?.name
        service = opening.service
        area = opening.area
        openedBy = opening.openedBy?.spelling
        target = opening.target
        switch stands {
        case .open: return [.opened]
        // Its end came before its beginning: it leaves the backlog in the moment it enters it.
        case .resolved: return [.opened, .resolved]
        case .closed: return [.opened, .closed(from: .open)]
        }
    }

    /// Somebody works on it or is to: it waits for nobody else, and is open again.
    private mutating func work(_ owner: CaseEvent.Owner, at moment: Instant) -> [CaseMove] {
        endWaiting(at: moment) + reopen(at: moment) + hand(to: owner, at: moment)
    }

    private mutating func endWaiting(at moment: Instant) -> [CaseMove] {
        guard let party = waitingFor, let since = waitingSince else { return [] }
        waitingFor = nil
        waitingSince = nil
        if Self.outside.contains(party) { add(pause: pause(from: since, to: moment)) }
        let waited = Self.length(from: since, to: moment)
        return [.waited(for: party, microseconds: waited)]
    }

    /// Nil where a clock was wrong.
    private static func length(from start: Instant, to end: Instant) -> Int64? {
        let length = end.microseconds - start.microseconds
        return (0...pauseMicrosecondsMax).contains(length) ? length : nil
    }

    /// What of the time between two moments is of the life of the case, which starts with its
    /// opening; nil where a clock was wrong.
    private func pause(from start: Instant, to end: Instant) -> Int64? {
        guard let opened, start < opened else { return Self.length(from: start, to: end) }
        guard Self.length(from: start, to: end) != nil else { return nil }
        return Self.length(from: opened, to: max(opened, end))
    }

    /// One pause of unknown length makes their sum unknown.
    private mutating func add(pause: Int64?) {
        guard let sum = pausedMicroseconds, let pause else { return pausedMicroseconds = nil }
        let (total, overflow) = sum.addingReportingOverflow(pause)
        pausedMicroseconds = overflow ? nil : total
    }

    /// Those whom a case waits for without anybody here being able to go on.
    private static let outside = [
        WaitingFor.citizen.spelling, WaitingFor.externalBody.spelling, WaitingFor.vendor.spelling,
    ]

    private mutating func reopen(at moment: Instant) -> [CaseMove] {
        guard stands != .open else { return [] }
        let before = stands
        if let ended { add(pause: pause(from: ended, to: moment)) }
        stands = .open
        ended = nil
        closed = nil
        reopenings += 1
        return [.reopened(from: before)]
    }

    private mutating func end(
        as end: Standing, _ owner: CaseEvent.Owner, at moment: Instant
    ) -> [CaseMove] {
        let moves = endWaiting(at: moment) + hand(to: owner, at: moment)
        lastLine = ownerLine
        if ended == nil { ended = moment }
        // A closed case that is said to be resolved stays closed.
        guard stands != .closed, stands != end else { return moves }
        let before = stands
        stands = end
        return moves + [end == .resolved ? .resolved : .closed(from: before)]
    }

    private mutating func hand(to owner: CaseEvent.Owner, at moment: Instant) -> [CaseMove] {
        switch owner.kind {
        case .operator: if firstPerson == nil, owner.id != nil { firstPerson = moment }
        case .team, .office, .externalBody, .other: if firstUnit == nil { firstUnit = moment }
        case nil: break
        }
        if let next = owner.id.map(ExactText.init), next != self.owner {
            if self.owner != nil {
                handovers += 1
                if next == previousOwner { returns += 1 }
                previousOwner = self.owner
            }
            self.owner = next
            // Nobody has said yet at which line the new owner is.
            ownerLine = 0
        }
        guard let next = owner.line?.order.map(Int64.init) else { return [] }
        ownerLine = next
        highestLine = max(highestLine, next)
        guard next != line else { return [] }
        let before = line
        line = next
        guard before != 0 else { return [] }
        if next > before { escalations += 1 } else { stepBacks += 1 }
        return [.changedLine(from: before, to: next)]
    }
}
