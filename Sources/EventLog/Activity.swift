internal import Synchronization

/// How often values of each size came.
package struct Histogram: Equatable, Sendable {
    /// The upper bounds of its parts, ascending; above the last lie all others.
    package let bounds: [Double]
    /// How many values lie in each part, those above the last bound included.
    package private(set) var counts: [UInt64]
    package private(set) var sum = 0.0

    /// Requires ascending bounds.
    package init(bounds: [Double]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy(<), "bounds ascend")
        self.bounds = bounds
        counts = [UInt64](repeating: 0, count: bounds.count + 1)
    }

    package mutating func add(_ value: Double) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
        sum += value
    }

    /// Seconds from a tenth of a millisecond to ten seconds.
    package static let ofSeconds = Histogram(
        bounds: [
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
            2.5,
            5, 10,
        ])
}

/// What the writer of a log has done since the log was opened.
package struct LogActivity: Sendable {
    package var appended: UInt64 = 0
    package var alreadyAppended: UInt64 = 0
    package var conflicts: UInt64 = 0
    package var rejected: UInt64 = 0
    /// Appends that nothing can be said of, or that were refused for want of room.
    package var failed: UInt64 = 0
    /// Why the writer has stopped for good; nil while it has not.
    package var stopped: String?
    /// From the first append of a batch to the durable commit, in seconds.
    package var commitSeconds = Histogram.ofSeconds
    /// Appends that one commit took.
    package var commitAppends = Histogram(
        bounds: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1_024, 4_096])

    /// Takes in what became of one batch.
    mutating func add(_ results: [Result<[AppendOutcome], LogError>], microseconds: Int64) {
        var appends = 0
        for result in results {
            guard case .success(let outcomes) = result else {
                failed += 1
                continue
            }
            appends += outcomes.count
            for outcome in outcomes {
                switch outcome {
                case .appended: appended += 1
                case .alreadyAppended: alreadyAppended += 1
                case .conflict: conflicts += 1
                case .rejected: rejected += 1
                }
            }
        }
        guard appends > 0 else { return }
        commitSeconds.add(Double(microseconds) / 1e6)
        commitAppends.add(Double(appends))
    }
}

extension EventLog {
    /// What the writer has done; nothing where the log was opened for reading.
    package var activity: LogActivity { writer?.activity ?? LogActivity() }

    /// Bytes of appends that wait for the writer.
    package var waitingBytes: Int { writer?.waitingBytes ?? 0 }
}
