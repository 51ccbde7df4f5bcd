package import EventLog
internal import JSON
internal import Projections

/// A stream that was appended and cannot be read, which would make a figure worthless.
package struct MissingStream: Error, CustomStringConvertible {
    package let stream: StreamName

    package var description: String { "no event of the stream \(stream) was found" }
}

extension EventLog {
    /// Replays the whole log in memory, on all cores: every checksum verified, every envelope and
    /// payload decoded, the queues folded.
    package func replayFigure() throws -> Sample {
        try Sample.measuring {
            let replay = try ReplayQueues.run(self)
            precondition(
                replay.totals["offered"] ?? 0 > 0, "a log of calls has visits of queues")
            return Int(replay.events)
        }
    }

    /// Walks the envelopes of the whole log on all cores; nobody looks into a payload.
    package func scanFigure() throws -> Sample {
        try Sample.measuring {
            let (events, schemas) = try replay(
                depth: .envelopes, into: (0, 0),
                make: { reader in
                    var seen = (0, 0)
                    while let columns = try reader.next() {
                        seen.0 += columns.count
                        for index in columns.kinds.indexes {
                            seen.1 += Int(columns.kinds.values[Int(index)].schema)
                        }
                    }
                    return seen
                }, merge: { $0 = ($0.0 + $1.0, $0.1 + $1.1) })
            precondition(schemas > 0, "events of calls state a schema")
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
