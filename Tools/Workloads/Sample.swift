/// What one stretch of work took.
package struct Sample: Sendable {
    /// Events of the whole stretch.
    package let events: Int
    package let nanoseconds: Int64
    /// What each request took from its call to its answer, in the order in which they were made.
    package let latencies: [Int64]

    package init(events: Int, nanoseconds: Int64, latencies: [Int64] = []) {
        self.events = events
        self.nanoseconds = nanoseconds
        self.latencies = latencies
    }

    package var eventsPerSecond: Double { Double(events) / (Double(max(1, nanoseconds)) / 1e9) }

    /// Measures work that reports how many events it was about.
    package static func measuring(_ work: () throws -> Int) rethrows -> Sample {
        let start = ContinuousClock.now
        let events = try work()
        return Sample(events: events, nanoseconds: start.nanosecondsSince)
    }
}

extension ContinuousClock.Instant {
    /// What has passed since.
    package var nanosecondsSince: Int64 {
        let (seconds, attoseconds) = (ContinuousClock.now - self).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

extension [Sample] {
    /// The median of the stretches' events per second; 0 of none.
    package var medianEventsPerSecond: Double {
        let rates = map(\.eventsPerSecond).sorted()
        guard !rates.isEmpty else { return 0 }
        return (rates[(rates.count - 1) / 2] + rates[rates.count / 2]) / 2
    }

    /// The latency, in microseconds, that this share of all requests did not exceed.
    package func latencyMicroseconds(at share: Double) -> Double {
        flatMap(\.latencies).microseconds(at: share)
    }
}

extension [Int64] {
    /// The number of nanoseconds, in microseconds, that this share of them does not exceed; 0 of
    /// none.
    package func microseconds(at share: Double) -> Double {
        guard !isEmpty else { return 0 }
        let rank = Int((share * Double(count)).rounded(.up))
        return Double(sorted()[Swift.min(count, Swift.max(1, rank)) - 1]) / 1_000
    }
}
