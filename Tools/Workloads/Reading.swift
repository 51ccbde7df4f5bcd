package import EventLog
internal import JSON

/// A stream that was appended and cannot be read, which would make a figure worthless.
package struct MissingStream: Error, CustomStringConvertible {
    package let stream: StreamName

    package var description: String { "no event of the stream \(stream) was found" }
}

extension EventLog {
    /// Replays the whole log as a projection does: every event verified and decoded, its payload
    /// looked into.
    package func replayFigure() throws -> Sample {
        var visits = 0
        let sample = try Sample.measuring {
            var events = 0
            try read(Selection()) { event in
                events += 1
                if event.data.object?.string("queueId") != nil { visits += 1 }
                return .next
            }
            return events
        }
        precondition(visits > 0, "a log of calls has visits of queues")
        return sample
    }

    /// Walks the envelopes of the whole log; nobody looks into a payload.
    package func scanFigure() throws -> Sample {
        try Sample.measuring {
            var events = 0
            try read(Selection()) { event in
                events += event.type.text.isEmpty ? 0 : 1
                return .next
            }
            return events
        }
    }

    /// Reads streams one by one, each so many times in a row: first as nobody asked before, then
    /// again at once.
    ///
    /// Returns what each of the times took for each stream. Begins no further stream when `limit`
    /// has passed.
    package func readStreams(
        _ streams: [StreamName], times: Int, within limit: Duration = .seconds(60)
    ) throws -> [[Int64]] {
        var nanoseconds = [[Int64]](repeating: [], count: times)
        let start = ContinuousClock.now
        for stream in streams where ContinuousClock.now - start < limit {
            for time in 0..<times { nanoseconds[time].append(try readStream(stream)) }
        }
        return nanoseconds
    }

    private func readStream(_ stream: StreamName) throws -> Int64 {
        var selection = Selection()
        selection.stream = stream
        var events = 0
        let start = ContinuousClock.now
        try read(selection) { _ in
            events += 1
            return .next
        }
        let nanoseconds = start.nanosecondsSince
        guard events > 0 else { throw MissingStream(stream: stream) }
        return nanoseconds
    }
}
