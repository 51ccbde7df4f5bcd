internal import ContactCentre
internal import JSON

/// What the lines so far have told about one call.
struct QueueLogCall {
    /// The latest time of the call's lines.
    var latest: Instant
    private var waiting: (queue: QueueID, since: Instant)?
    /// The wait of the visit that was answered last.
    private var wait: Int64?
    private var connected: Instant?
    private var before = Before.entering

    /// What came before the next time that the call enters a queue.
    private enum Before {
        case entering
        case transfer
        /// The queue gave up the call.
        case expired(queue: QueueID)
        /// What became of the call since is not in the log.
        case other
    }

    init(at moment: Instant) { latest = moment }

    /// Why it enters this queue; nil where that is not known.
    mutating func enter(_ queue: QueueID, at moment: Instant) -> EnqueueReason? {
        defer {
            waiting = (queue, moment)
            before = .other
        }
        return switch before {
        case .entering: .first
        case .transfer: .transfer
        case .expired(let last): last == queue ? .requeue : .overflow
        case .other: nil
        }
    }

    /// How long the visit lasted that ends now; nil where its beginning is not known.
    mutating func leave(_ queue: QueueID, at moment: Instant, _ end: VisitEnd) -> Int64? {
        let begun = waiting.flatMap { $0.queue == queue ? $0.since : nil }
        let waited = begun.map { moment.microseconds - $0.microseconds }
        waiting = nil
        switch end {
        case .answered:
            wait = waited
            connected = moment
            before = .other
        case .expired: before = .expired(queue: queue)
        case .other: before = .other
        }
        return waited
    }

    /// The wait and the conversation that end now, as far as they are known.
    mutating func finishConversation(
        at moment: Instant, _ end: ConversationEnd
    ) -> (wait: Int64?, talk: Int64?) {
        defer {
            wait = nil
            connected = nil
            before = end == .transferred ? .transfer : .other
        }
        return (wait, connected.map { moment.microseconds - $0.microseconds })
    }
}

enum VisitEnd { case answered, expired, other }

enum ConversationEnd { case over, transferred }

/// What the lines so far have told about one member of the queues.
struct QueueLogMember {
    /// The latest time of the member's lines.
    var latest: Instant
    var loggedIn: Instant?
    /// Nil where no line has told.
    private var rest: Rest?
    private var pausedQueues = Set<String>()

    private enum Rest { case paused, available }

    /// What a line about pausing means for the person.
    enum Turn {
        case toPause, toWork
        /// The person paused, or went back to work, with an earlier line.
        case none
    }

    init(at moment: Instant) { latest = moment }

    /// A pause in one queue or, with nil, in all of them.
    mutating func pause(in queue: String?) -> Turn {
        if let queue { pausedQueues.insert(queue) }
        defer { rest = .paused }
        return rest == .paused ? .none : .toPause
    }

    /// The end of a pause in one queue or, with nil, in all of them.
    mutating func unpause(in queue: String?) -> Turn {
        if let queue { pausedQueues.remove(queue) } else { pausedQueues = [] }
        guard rest != .available, pausedQueues.isEmpty else { return .none }
        rest = .available
        return .toWork
    }

    /// How long the member was logged in; nil where the beginning is not known.
    mutating func logOff(at moment: Instant) -> Int64? {
        defer { self = QueueLogMember(at: latest) }
        return loggedIn.map { moment.microseconds - $0.microseconds }
    }
}
