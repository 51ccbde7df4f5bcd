internal import EventLog
internal import JSON
package import Merkle
package import Storage

/// A report for the audit, as it is read again, by whom it is verified.
package struct GivenReport: Sendable {
    private let origin: String
    private let note: [UInt8]
    private let head: (size: UInt64, root: Hash)
    private let position: UInt64
    private let lastRecorded: String
    private let known: ReportProof.Beginning
    private let stamps: [Stamp]
    private let items: [Item]
    /// Positions that stories tell of.
    private let told: Set<UInt64>

    fileprivate struct Item: Sendable {
        let position: UInt64
        let proof: ReportProof.Item
    }

    fileprivate struct Stamp: Sendable {
        let side: AuditReport.Bound.Side
        let time: String
        let authority: String
        let beginning: ReportProof.Beginning
        let item: Item
    }

    package static let format = "ascolto-audit-report/1"

    /// Reads what ``AuditReport/json`` has written.
    ///
    /// Throws ``Refusal/unreadable(path:_:)`` where it is none. Text in which a key stands twice is
    /// none, since two readers could see two reports in it.
    package init(json bytes: [UInt8], path: String) throws(Refusal) {
        func refusal(_ why: String) -> Refusal {
            .unreadable(path: path, "it is no report: \(why)")
        }
        do throws(JSONError) { try checkJSON(bytes[...]) } catch { throw refusal("\(error)") }
        guard let report = JSONPayload(checked: bytes[...]), report.string("format") == Self.format
        else { throw refusal("the format must be \(Self.format)") }
        guard let origin = report.member("log")?.object?.string("origin"),
            let head = report.member("head")?.object, let note = head.string("checkpoint"),
            let headSize = head.size, let headRoot = head.root,
            let asOf = report.member("as_of")?.object, let known = ReportProof.Beginning(asOf),
            let position = asOf.number("position"),
            let lastRecorded = asOf.string("last_recorded"),
            let stamps = report.member("timestamps")?.all({ Stamp($0) }),
            let items = report.member("events")?.all({ Item($0) }),
            let stories = report.member("stories")?.all({ $0.member("story") }),
            case let told = stories.map({ $0.all { $0.number("position") } }),
            !told.contains(where: { $0 == nil })
        else {
            throw refusal(
                "log, as_of, head, timestamps, events or stories are missing or not as they are "
                    + "written")
        }
        self.origin = origin
        self.note = Array(note.utf8)
        self.head = (headSize, headRoot)
        self.position = position
        self.lastRecorded = lastRecorded
        self.known = known
        self.stamps = stamps
        self.items = items
        self.told = Set(told.compactMap(\.self).joined())
    }
}

extension GivenReport {
    /// Verifies all that can be without the log: the checkpoint, that it begins with what was
    /// known, every event, every position, size and time that the report states of these, and, with
    /// certificates, what an authority has certified.
    ///
    /// What was folded from the events, and what stories say of them, is for who has the log.
    package func verify(
        by audit: Audit, trusting certificates: Certificates?
    ) throws -> Audit.Verdict {
        let proof = ReportProof(
            note: note, beginnings: [known] + stamps.map(\.beginning),
            items: items.map(\.proof) + stamps.map(\.item.proof))
        let verdict = try audit.verifyReport(proof)
        let checkpoint = verdict.head.checkpoint
        try require(
            origin == checkpoint.origin && head.size == checkpoint.size
                && head.root == checkpoint.root, "its head is not the one that was signed")
        try require(position + 1 == known.size, "its last position does not go with its size")
        var events: [UInt64: Event] = [:]
        for item in items + stamps.map(\.item) { events[item.position] = try item.event() }
        try require(
            items.allSatisfy { $0.position <= position },
            "an event is among those that were known, and came later")
        guard let last = events[position], items.contains(where: { $0.position == position }) else {
            throw Refusal.badEvent(position: position, "the last event that was known is missing")
        }
        try require("\(last.recorded)" == lastRecorded, "it was not recorded at \(lastRecorded)")
        for position in told where events[position] == nil {
            throw Refusal.badEvent(
                position: position, "a story tells of it, and its receipt is missing")
        }
        for stamp in stamps { try verify(stamp, events, last, certificates) }
        if certificates != nil, stamps.isEmpty { throw Refusal.noAnchor }
        return verdict
    }

    private func verify(
        _ stamp: Stamp, _ events: [UInt64: Event], _ last: Event, _ certificates: Certificates?
    ) throws {
        let position = stamp.item.position
        func require(_ holds: Bool, _ why: String) throws {
            if !holds { throw Refusal.badEvent(position: position, why) }
        }
        guard let event = events[position], let anchor = try Anchor(event) else {
            throw Refusal.badEvent(position: position, "it is no anchor")
        }
        let stamped = try anchor.checkpoint()
        try require(
            stamped.origin == origin && stamped.size == stamp.beginning.size
                && stamped.root == stamp.beginning.root,
            "what was stamped is not the beginning that the report proves")
        try require(
            event.time.map { "\($0)" } == stamp.time && anchor.authority == stamp.authority,
            "the anchor names another time or authority than the report")
        switch stamp.side {
        case .after:
            try require(position < self.position, "the anchor does not stand before the last event")
        case .before:
            try require(stamped.size > self.position, "the anchor does not cover the last event")
        }
        if let certificates {
            _ = try anchor.verify(
                trusting: certificates, lastCovered: stamp.side == .before ? last.recorded : nil)
        }
    }

    private func require(_ holds: Bool, _ why: String) throws(Refusal) {
        guard holds else {
            throw .badEvent(position: position, "the report contradicts itself: \(why)")
        }
    }
}

extension GivenReport.Item {
    init?(_ payload: JSONPayload) {
        guard let position = payload.number("position"), let line = payload.string("line"),
            let receipt = payload.string("receipt")
        else { return nil }
        self.init(
            position: position,
            proof: ReportProof.Item(line: Array(line.utf8), receipt: Array(receipt.utf8)))
    }

    /// The event of the line, which must be the one at the position that is stated.
    func event() throws(Refusal) -> Event {
        let event: Event
        do throws(EventError) { event = try Event(line: proof.line[...]) } catch {
            throw .badEvent(position: position, "\(error)")
        }
        guard event.position.value == position else {
            throw .badEvent(position: position, "its line is of position \(event.position)")
        }
        return event
    }
}

extension GivenReport.Stamp {
    init?(_ payload: JSONPayload) {
        guard let bound = payload.string("bound"),
            let side = AuditReport.Bound.Side(rawValue: bound),
            let time = payload.string("time"), let authority = payload.string("authority"),
            let beginning = ReportProof.Beginning(payload),
            let item = GivenReport.Item(payload)
        else { return nil }
        self.init(
            side: side, time: time, authority: authority, beginning: beginning, item: item)
    }
}

extension ReportProof.Beginning {
    fileprivate init?(_ payload: JSONPayload) {
        guard let size = payload.size, let root = payload.root,
            let hashes = payload.member("consistency")?.elements(atMost: 64)?.map(\.hash),
            !hashes.contains(nil)
        else { return nil }
        self.init(size: size, root: root, proof: hashes.compactMap(\.self))
    }
}

extension JSONPayload {
    fileprivate var size: UInt64? { number("size") }
    fileprivate var root: Hash? { string("root").flatMap(Hash.init(hex:)) }

    fileprivate func number(_ member: String) -> UInt64? {
        integer(member).flatMap(UInt64.init(exactly:))
    }
}

extension JSONValue {
    fileprivate var hash: Hash? {
        string.flatMap { Base64.decode($0.utf8) }.flatMap(Hash.init(bytes:))
    }

    /// What is made of the objects of an array; nil where it is none, or one of them is not as it
    /// must be.
    fileprivate func all<Value>(_ make: (JSONPayload) -> Value?) -> [Value]? {
        guard let values = elements(atMost: .max)?.map({ $0.object.flatMap(make) }),
            !values.contains(where: { $0 == nil })
        else { return nil }
        return values.compactMap(\.self)
    }
}
