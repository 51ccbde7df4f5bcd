package import JSON
package import Merkle
package import Storage

/// A checkpoint whose moment an authority has certified, as an event of the log tells it.
///
/// It bounds times from both sides: what the checkpoint covers was recorded before that moment,
/// and what stands behind the event after it.
package struct Anchor: Sendable {
    /// Where its event stands.
    package let position: Position
    package let recorded: Instant
    /// The event's time, which must be what the authority says.
    private let time: Instant?
    /// Where the authority was asked.
    package let authority: String
    /// The bytes that were stamped: a signed checkpoint.
    package let note: [UInt8]
    /// What the authority answered: a TimeStampResp of RFC 3161 in DER.
    package let response: [UInt8]

    package static let eventType = EventType(stored: "meta.checkpoint_timestamped")
    /// How far the clocks of log and authority may be apart.
    package static let toleranceMax: Duration = .seconds(60)

    /// The anchor that an event tells of, or nil for events of other types.
    ///
    /// Throws ``Refusal/badEvent(position:_:)`` where it tells of none, as when its data are gone.
    package init?(_ event: Event) throws(Refusal) {
        guard event.type == Self.eventType else { return nil }
        guard let payload = event.data.object, let authority = payload.string("authority"),
            let note = payload.string("checkpoint"),
            let response = payload.string("response").flatMap({ Base64.decode($0.utf8) })
        else {
            throw .badEvent(
                position: event.position.value, "the anchor lacks its checkpoint or its timestamp")
        }
        position = event.position
        recorded = event.recorded
        time = event.time
        self.authority = authority
        self.note = Array(note.utf8)
        self.response = response
    }

    /// What was stamped; whether it is of this history, only the tree can tell.
    package func checkpoint() throws(Refusal) -> Checkpoint {
        let checkpoint = try Checkpoint(text: SignedNote(bytes: note).text)
        guard checkpoint.size <= position.value else {
            throw refusal(
                "it would have been stamped before \(checkpoint.size) events were there")
        }
        return checkpoint
    }

    /// Verifies the timestamp, and that the times of recording agree with it.
    ///
    /// - Parameters:
    ///   - certificates: Those of authorities that are trusted.
    ///   - lastCovered: When the last event was recorded that the checkpoint covers, or nil where
    ///     it covers none.
    /// - Returns: The moment that the authority has certified, and its number for it.
    /// - Throws: ``Refusal/badEvent(position:_:)`` that says what does not hold.
    package func verify(
        trusting certificates: Certificates, lastCovered: Instant?
    ) throws(Refusal) -> (moment: Instant, serial: String) {
        let stamp: Timestamp
        do {
            let request = TimestampRequest(digest: Hash(of: note).bytes, nonce: nil)
            stamp = try Timestamp(response: response, to: request, trusting: certificates)
        } catch {
            throw refusal("\(error)")
        }
        let moment = Instant(microseconds: stamp.microseconds)
        guard time == moment else {
            throw refusal("the event says \(time.map { "\($0)" } ?? "no time"), and not \(moment)")
        }
        if let lastCovered, moment.isEarlier(than: lastCovered) {
            throw refusal(
                "an event that the authority's timestamp of \(moment) covers says that it was "
                    + "recorded later, at \(lastCovered): the times were altered, or the clock was "
                    + "ahead")
        }
        if recorded.isEarlier(than: moment) {
            throw refusal(
                "it says that it was recorded at \(recorded), before the authority's timestamp of "
                    + "\(moment) that it holds: the times were set back, or the clock was behind")
        }
        return (moment, stamp.serial)
    }

    private func refusal(_ why: String) -> Refusal {
        .badEvent(position: position.value, "the anchor proves no time: \(why)")
    }
}

extension Instant {
    /// Whether it is so by more than clocks may differ.
    fileprivate func isEarlier(than other: Instant) -> Bool {
        other.microseconds - microseconds
            > Int64(Anchor.toleranceMax.components.seconds) * 1_000_000
    }
}

/// Whom the time of a checkpoint is asked from.
package struct TimestampAuthority: Sendable {
    /// Stands in every anchor for ever, without what only the request is to hold.
    package let name: String
    package let url: String
    /// Those that its answers must be signed under.
    package let certificates: Certificates

    package init(url: String, certificates: Certificates) {
        self.url = url
        name = String(url.prefix { $0 != "?" && $0 != "#" })
        self.certificates = certificates
    }
}

/// Why a checkpoint has got no timestamp.
package enum AnchorError: Error {
    case notStamped(TimestampError)
    /// Clock of log and authority are too far apart for their times to bear each other out.
    case otherClock(authority: Instant, log: Instant)
}

extension AnchorError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notStamped(let error): "\(error)"
        case .otherClock(let authority, let log):
            "the authority says \(authority), and the log records at \(log): set the clock of this "
                + "machine right; until the two agree, no timestamp can confirm the log's times"
        }
    }
}

extension EventLog {
    /// Signs the newest head, has an authority certify its moment, and appends the anchor.
    ///
    /// Nothing is appended where the answer does not verify, or tells another time than the log's
    /// clock. A crash before the append leaves nothing.
    ///
    /// - Parameters:
    ///   - authority: Whose answers are believed.
    ///   - ask: Sends the authority a TimeStampReq and returns its TimeStampResp.
    /// - Returns: The anchor, as it was appended.
    /// - Throws: ``AnchorError``, ``LogError``, and what `ask` throws.
    package func anchor(
        by authority: TimestampAuthority, ask: (_ request: [UInt8]) async throws -> [UInt8]
    ) async throws -> Anchor {
        let note = try await sign()
        var random = SystemRandomNumberGenerator()
        let request = TimestampRequest(
            digest: Hash(of: note.bytes).bytes, nonce: random.next())
        let response = try await ask(request.bytes)
        let moment: Instant
        do {
            moment = Instant(
                microseconds: try Timestamp(
                    response: response, to: request, trusting: authority.certificates
                ).microseconds)
        } catch {
            throw AnchorError.notStamped(error)
        }
        let recorded = max(clock.now, try head().lastRecorded)
        if moment.isEarlier(than: recorded) || recorded.isEarlier(than: moment) {
            throw AnchorError.otherClock(authority: moment, log: recorded)
        }
        let position = try await appendOwn(event(note, response, authority, moment))
        guard let event = try event(at: position), let anchor = try Anchor(event) else {
            throw Corruption(at: position.value, "the anchor is not what was appended")
        }
        return anchor
    }

    /// Calls `visit` with every anchor among the first `size` events, oldest first, and with when
    /// the last event was recorded that its checkpoint covers.
    ///
    /// Reads the anchors, and one event for each.
    ///
    /// Throws ``Refusal/badEvent(position:_:)`` where an anchor cannot be read.
    package func forEachAnchor(
        before size: UInt64, _ visit: (Anchor, _ lastCovered: Instant?) throws -> Void
    ) throws {
        guard size > 0 else { return }
        var selection = Selection()
        selection.types = [Anchor.eventType]
        selection.to = Position(size - 1)
        var anchors: [Anchor] = []
        try read(selection) { event in
            if let anchor = try Anchor(event) { anchors.append(anchor) }
            return .next
        }
        for anchor in anchors {
            let covered = try anchor.checkpoint().size
            let last = covered == 0 ? nil : try event(at: Position(covered - 1))?.recorded
            try visit(anchor, last)
        }
    }

    /// Refuses the first of the first `size` events that says it was recorded before the one in
    /// front of it: only where times never decrease does an anchor bound all of them.
    ///
    /// Reads the columns of all of these events.
    package func requireTimesInOrder(before size: UInt64) throws {
        guard size > 0 else { return }
        var last = Instant.earliest
        try readColumns(
            PositionRange(first: Position(0), last: Position(size - 1)), depth: .envelopes
        ) { columns, places in
            for place in places {
                let recorded = columns.recorded(place)
                guard recorded >= last else {
                    throw Refusal.badEvent(
                        position: columns.first.value + UInt64(place),
                        "it was recorded before the event in front of it, by the times that they "
                            + "say: the times were altered")
                }
                last = recorded
            }
            return .next
        }
    }

    private func event(
        _ note: SignedNote, _ response: [UInt8], _ authority: TimestampAuthority, _ moment: Instant
    ) throws -> NewEvent {
        let data = Array(
            JSONNode.object([
                ("authority", .text(authority.name)),
                ("checkpoint", .text(String(decoding: note.bytes, as: UTF8.self))),
                ("response", .text(String(decoding: Base64.encode(response[...]), as: UTF8.self))),
            ]).json.utf8)
        return NewEvent(
            id: EventID(namespace: identity.id, name: data), type: Anchor.eventType, schema: 1,
            stream: try StreamName("log/\(identity.id)"), source: try Source("urn:ascolto:log"),
            time: moment, data: .json(data[...]))
    }
}
