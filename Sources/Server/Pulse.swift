internal import EventLog
internal import ServiceLifecycle
internal import Storage
internal import Synchronization

/// Tells all subscribers at the same time how far the log is.
///
/// Commits come by the thousand a second, and a thousand subscribers would wake for each of them.
/// So they are told of several commits at once, the later the more they are, and all of them then
/// ask for the same events, which are read and written out once.
final class Pulse: Service {
    private let log: EventLog
    private let state: Mutex<State>

    private struct State {
        var interval: Interval
        var subscribers: [UInt64: Subscriber] = [:]
        var tickets: UInt64 = 0
        var isOver = false
    }

    /// What the newest pulse added to the log.
    struct Interval: Sendable {
        let start: UInt64
        let end: UInt64
    }

    init(_ log: EventLog) throws {
        self.log = log
        let size = try log.head().size
        state = Mutex(State(interval: Interval(start: size, end: size)))
    }

    /// Follows the log until the server is to end; then there is no more to tell.
    func run() async throws {
        defer { end() }
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.follow() }
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: ServerLimits.heartbeatInterval)
                        self.beat()
                    }
                }
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private func follow() async throws {
        var size = state.withLock { $0.interval.end }
        while let next = try await grown(beyond: size) {
            let subscribers = state.withLock { state in
                state.interval = Interval(start: size, end: next)
                return Array(state.subscribers.values)
            }
            for subscriber in subscribers { subscriber.tell(.size(next)) }
            size = next
            let pause = ServerLimits.pulsePerSubscriber * subscribers.count
            // Cancelling ends the pause, and then the loop.
            try? await Task.sleep(for: min(pause, ServerLimits.pulseMax))
        }
    }

    /// The log's size when it is larger, nil at the end; what may pass is tried again.
    private func grown(beyond size: UInt64) async throws -> UInt64? {
        while true {
            do throws(LogError) { return try await log.size(beyond: size) } catch {
                guard case .storage(.tooManyReaders) = error else { throw error }
                try await Task.sleep(for: ServerLimits.retryAfter)
            }
        }
    }

    private func beat() {
        for subscriber in state.withLock({ Array($0.subscribers.values) }) {
            subscriber.tell(.alive)
        }
    }

    private func end() {
        let left = state.withLock { state in
            state.isOver = true
            defer { state.subscribers.removeAll() }
            return Array(state.subscribers.values)
        }
        for subscriber in left { subscriber.tell(.over) }
    }

    var newest: Interval { state.withLock { $0.interval } }

    var subscriberCount: Int { state.withLock { $0.subscribers.count } }

    /// Lets somebody follow; nil where there are as many as there may be.
    func join() -> Subscriber? {
        state.withLock { state in
            guard state.subscribers.count < ServerLimits.subscribersMax else { return nil }
            state.tickets += 1
            let subscriber = Subscriber(ticket: state.tickets)
            if state.isOver {
                subscriber.tell(.over)
            } else {
                state.subscribers[state.tickets] = subscriber
            }
            return subscriber
        }
    }

    func leave(_ subscriber: Subscriber) {
        state.withLock { _ = $0.subscribers.removeValue(forKey: subscriber.ticket) }
        subscriber.tell(.over)
    }

    /// A place among the subscribers, for as long as somebody holds it.
    func takeSeat() -> Seat? { join().map { Seat(subscriber: $0, pulse: self) } }

    final class Seat: Sendable {
        let subscriber: Subscriber
        private let pulse: Pulse

        init(subscriber: Subscriber, pulse: Pulse) {
            self.subscriber = subscriber
            self.pulse = pulse
        }

        deinit { pulse.leave(subscriber) }
    }
}

/// One who follows the log.
final class Subscriber: Sendable {
    let ticket: UInt64
    private let state = Mutex(State())

    enum News: Sendable {
        /// The log has so many events.
        case size(UInt64)
        /// Nothing has come for a while.
        case alive
        /// Nothing will come any more.
        case over
    }

    private struct State {
        /// What has been told and not been heard.
        var news: News?
        var waiting: CheckedContinuation<News, Never>?
    }

    init(ticket: UInt64) { self.ticket = ticket }

    func tell(_ news: News) {
        let waiting: CheckedContinuation<News, Never>? = state.withLock { state in
            if let waiting = state.waiting {
                // The end is heard as often as it is asked for.
                if case .over = news { state.news = news }
                state.waiting = nil
                return waiting
            }
            switch (state.news, news) {
            case (.over, _), (.size, .alive): break
            default: state.news = news
            }
            return nil
        }
        waiting?.resume(returning: news)
    }

    var isOver: Bool {
        state.withLock { if case .over = $0.news { true } else { false } }
    }

    /// What is new, as soon as there is anything.
    func next() async -> News {
        await withCheckedContinuation { caller in
            let news: News? = state.withLock { state in
                guard let news = state.news else {
                    state.waiting = caller
                    return nil
                }
                if case .over = news {} else { state.news = nil }
                return news
            }
            if let news { caller.resume(returning: news) }
        }
    }
}
