internal import EventLog
internal import JSON
internal import Logging

/// Has the head of a served log stamped again and again.
struct TimestampPlan: Sendable {
    let authority: TimestampAuthority
    let every: Duration

    /// After an authority has not answered, it is asked again so much later at the latest.
    private static let retryAfter: Duration = .seconds(60)

    /// Runs until the task is cancelled; what goes wrong is logged, and tried again.
    func run(on log: EventLog, _ logger: Logger) async {
        var pause = Duration.zero
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: pause)
                pause = try await stampIfDue(log, logger)
            } catch {
                guard !Task.isCancelled else { return }
                pause = min(every, Self.retryAfter)
                logger.error(
                    "the log's head has got no timestamp",
                    metadata: ["reason": "\(error)", "again_in": "\(pause)"])
            }
        }
    }

    /// Returns how long to wait for the next one.
    private func stampIfDue(_ log: EventLog, _ logger: Logger) async throws -> Duration {
        if let last = try newest(in: log) {
            let age = Duration.microseconds(
                log.clock.now.microseconds - last.recorded.microseconds)
            if age < every { return min(every, every - age) }
            // Where nothing has happened, there is nothing whose time were not certain.
            if try log.head().size == last.position.value + 1 { return every }
        }
        let anchor = try await authority.stamp(log)
        logger.info(
            "the log's head has got a timestamp",
            metadata: ["position": "\(anchor.position)", "authority": "\(anchor.authority)"])
        return every
    }

    private func newest(in log: EventLog) throws -> Anchor? {
        var selection = Selection()
        selection.types = [Anchor.eventType]
        selection.direction = .backward
        var found: Anchor?
        try log.read(selection) { event in
            found = try Anchor(event)
            return .stop
        }
        return found
    }
}

extension Task where Success == Void, Failure == Never {
    /// Ends it, and waits until it has ended.
    func end() async {
        cancel()
        await value
    }
}
