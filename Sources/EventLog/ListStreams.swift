/// One stream and where it begins and ends.
package struct StreamSummary: Equatable, Sendable {
    package let stream: StreamName
    package let events: UInt64
    package let first: Position
    package let last: Position
}

/// Streams in the order of their first events.
package struct StreamPage: Equatable, Sendable {
    package fileprivate(set) var streams: [StreamSummary] = []
    /// From where the first events of the next page are; nil behind the last page.
    package fileprivate(set) var next: Position?

    /// Events of a log among which the streams of one page are looked for.
    package static let eventsMax: UInt64 = 1 << 18
}

extension EventLog {
    /// The streams whose names begin with `prefix` and whose first events stand at `from` or later.
    ///
    /// Gives up to `limit` of them, of the next ``StreamPage/eventsMax`` events: a page may have
    /// few, or none, and yet not be the last. Linear in these events, with one look-up in the index
    /// for each stream. Counts and last events are those as of `asOf`, or of the moment when the
    /// page was begun.
    /// - Throws: ``LogError``, also where `asOf` lies beyond the log.
    package func streams(
        prefix: String, asOf: AsOf? = nil, from: Position = Position(0), limit: Int
    ) throws -> StreamPage {
        let size = try size(asOf: asOf)
        var page = StreamPage()
        guard from.value < size else { return page }
        let end = min(size, from.value + StreamPage.eventsMax)
        page.next = end < size ? Position(end) : nil
        let range = PositionRange(first: from, last: Position(end - 1))
        var begun: [(stream: StreamName, first: Position)] = []
        try readColumns(range, depth: .envelopes) { columns, places in
            for found in columns.beginnings(of: prefix, at: places) {
                guard begun.count < limit else {
                    page.next = found.first
                    return .stop
                }
                begun.append(found)
            }
            return .next
        }
        page.streams = try begun.map { try summary(of: $0, asOf: Position(size - 1)) }
        return page
    }

    private func summary(
        of begun: (stream: StreamName, first: Position), asOf last: Position
    ) throws -> StreamSummary {
        var selection = Selection()
        (selection.stream, selection.to) = (begun.stream, last)
        (selection.direction, selection.limit) = (.backward, 1)
        var summary: StreamSummary?
        try read(selection) { event in
            // Revisions count the events of a stream.
            summary = StreamSummary(
                stream: begun.stream, events: event.revision.value + 1, first: begun.first,
                last: event.position)
            return .stop
        }
        guard let summary else {
            throw LogError.corruption(
                Corruption(at: begun.first.value, "the index does not know its stream"))
        }
        return summary
    }
}

extension EventColumns {
    /// The streams of this prefix whose first events are at these places.
    fileprivate func beginnings(
        of prefix: String, at places: Range<Int>
    ) -> [(stream: StreamName, first: Position)] {
        streams.values.indices.compactMap { index in
            let stream = streams.values[index]
            guard stream.firstRevision == 0, bytes[stream.name].starts(with: prefix.utf8),
                let place = streams.indexes.firstIndex(of: UInt8(index)), places.contains(place)
            else { return nil }
            let name = StreamName(stored: String(decoding: bytes[stream.name], as: UTF8.self))
            return (name, Position(first.value + UInt64(place)))
        }
    }
}
