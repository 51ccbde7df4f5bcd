internal import JSON
internal import Storage

/// Which events a subscriber wants; the empty filter means all of them.
package struct EventFilter: Sendable {
    package var stream: StreamName?
    /// Any of these types; empty means every type.
    package var types: Set<EventType> = []
    /// All of these tags.
    package var tags: [Tag] = []

    package init() {}
}

/// Where a subscription begins.
package enum SubscriptionStart: Sendable {
    case beginning
    /// With the first event behind this one, which need not be there yet.
    case after(Position)
    /// With what is appended from now on.
    case end
    /// Where a durable cursor stands.
    case cursor(DurableCursor)
}

/// The next events that a subscriber wanted, and how far it has come.
package struct SubscriptionBatch: Sendable {
    /// In the order of their positions; may be empty.
    package let events: [Event]
    /// Everything before this position has been examined, whether it was wanted or not; a
    /// subscription that resumes here misses nothing and repeats nothing.
    package let next: Position
}

extension EventLog {
    /// Follows the log: first what is there, then what comes, without a gap and without a
    /// duplicate where the two meet.
    ///
    /// Each batch is read from disk when it is asked for: nothing is buffered beyond it and no
    /// snapshot is held while the consumer is busy or waits, so a slow one costs the writer
    /// nothing. In the writing process a waiting subscriber is woken by the commit; elsewhere it
    /// looks for one every ``LogLimits/pollInterval``. Cancelling the task ends the sequence.
    package func subscribe(
        _ filter: EventFilter = EventFilter(), from start: SubscriptionStart
    ) throws(LogError) -> Subscription {
        let next: UInt64 =
            switch start {
            case .beginning: 0
            case .after(let position): positionBehind(position.value)
            case .end: try head().size
            case .cursor(let cursor): cursor.next.value
            }
        return Subscription(log: self, filter: filter, next: next)
    }
}

/// Batches of events without end; see ``EventLog/subscribe(_:from:)``.
package struct Subscription: AsyncSequence, Sendable {
    let log: EventLog
    let filter: EventFilter
    let next: UInt64

    package func makeAsyncIterator() -> Iterator {
        Iterator(log: log, filter: filter, next: next)
    }

    package struct Iterator: AsyncIteratorProtocol {
        private let log: EventLog
        private let filter: EventFilter
        /// First position that has not been examined.
        private var next: UInt64

        fileprivate init(log: EventLog, filter: EventFilter, next: UInt64) {
            self.log = log
            self.filter = filter
            self.next = next
        }

        /// The next batch, as soon as there is anything to examine; nil once cancelled.
        package mutating func next() async throws -> SubscriptionBatch? {
            while !Task.isCancelled {
                let (size, commit) = try log.sizeAndCommit()
                if next < size {
                    let batch = try log.nextBatch(filter, from: Position(next), before: size)
                    next = batch.next.value
                    return batch
                }
                await log.waitForNews(beyond: size, after: commit)
            }
            return nil
        }
    }
}

extension EventLog {
    /// The events that `filter` wants from `next` on, as many as make up a batch.
    ///
    /// None at `end` or behind it is examined; `end` is at most the size of the log.
    package func nextBatch(
        _ filter: EventFilter, from next: Position, before end: UInt64
    ) throws -> SubscriptionBatch {
        var end = min(end, next.value + LogLimits.examinedPositionsMax)
        guard next.value < end else { return SubscriptionBatch(events: [], next: next) }
        var selection = Selection()
        selection.from = next
        selection.to = Position(end - 1)
        selection.stream = filter.stream
        selection.types = filter.types
        selection.tags = filter.tags
        var events: [Event] = []
        var bytes = 0
        try read(selection) { event in
            events.append(event)
            bytes += event.decodedByteCount
            let isFull =
                events.count >= LogLimits.readBatchEventsMax
                || bytes >= LogLimits.readBatchBytesMax
            guard isFull else { return .next }
            end = event.position.value + 1
            return .stop
        }
        return SubscriptionBatch(events: events, next: Position(end))
    }

    /// Returns the log's size as soon as there are more than `size` events; nil once cancelled, and
    /// when the log has been closed by its writer.
    package func size(beyond size: UInt64) async throws(LogError) -> UInt64? {
        while !Task.isCancelled {
            let (found, commit) = try sizeAndCommit()
            if found > size { return found }
            if let news = writer?.news, news.isEnded { return nil }
            await waitForNews(beyond: size, after: commit)
        }
        return nil
    }

    /// Both of one snapshot, so that no commit can come between the two.
    fileprivate func sizeAndCommit() throws(LogError) -> (size: UInt64, commit: UInt64) {
        try wrapping {
            try environment.read { (try Snapshot($0).head.size, $0.commit) }
        }
    }

    /// Returns when there may be more than `size` events, and when the task is cancelled.
    fileprivate func waitForNews(beyond size: UInt64, after commit: UInt64) async {
        if let news = writer?.news, !news.isEnded { return await news.wait(beyond: size) }
        while !Task.isCancelled {
            // Cancelling ends the sleep at once, and the loop with it.
            try? await Task.sleep(for: LogLimits.pollInterval)
            // What cannot be looked at will be told by the next read.
            guard (try? environment.newestCommit()) == commit else { return }
        }
    }
}
