internal import ContactCentre
package import EventLog
internal import JSON
package import Merkle
package import ProjectionKit

/// What a log knew at a moment, in one document, with what proves it and how to repeat it.
///
/// It holds no time of its own making, so that the same request under the same checkpoint gives
/// the same bytes, whoever makes it.
package struct AuditReport: Sendable {
    package struct Log: Sendable {
        let id: String
        let origin: String
        let zone: String
        let verifierKey: String
    }

    /// The events that were known, and the proof that what was signed begins with them.
    package struct Beginning: Sendable {
        let size: UInt64
        let root: Hash
        let proof: [Hash]
    }

    /// An anchor that bounds the time at which the last of the events was recorded.
    package struct Bound: Sendable {
        package enum Side: String, Sendable {
            /// They were recorded after the anchor's moment.
            case after
            /// They were recorded before it.
            case before
        }

        let side: Side
        let anchor: Anchor
        let moment: String
        let stamped: Beginning
        /// The anchor itself, which may have been recorded later than what was known.
        let item: Item
    }

    package struct Item: Sendable {
        let event: Event
        let receipt: Receipt
    }

    package struct Table: Sendable {
        let table: ReadTable
        let rows: Int
        /// Nil where its rows were not asked for.
        let result: QueryResult?
    }

    package struct Model: Sendable {
        let status: ReadModelStatus
        let tables: [Table]
    }

    package struct Story: Sendable {
        let contact: String
        let story: ContactStory
    }

    let request: AuditRequest
    package let log: Log
    let known: Beginning
    let lastRecorded: String
    let note: SignedNote
    let head: Checkpoint
    let bounds: [Bound]
    let stories: [Story]
    let items: [Item]
    let models: [Model]

    package static let eventsMax = 10_000
}

extension AuditReport {
    /// Reads what the report needs: the events concerned, and for each read model the whole prefix.
    ///
    /// - Parameters:
    ///   - log: The log that is reported on.
    ///   - request: What is to be told.
    ///   - projections: The read models, as they are configured.
    ///   - note: A checkpoint of this log that covers all that was known.
    ///   - keys: Keys that may have signed it, beside those that the log knows.
    ///   - progress: Is told how far each read model is folded.
    /// - Throws: ``ReportError``, ``LogError`` and ``ReadModelError``.
    package init(
        of log: EventLog, _ request: AuditRequest, projections: [any Projection],
        under note: SignedNote, keys: [VerifierKey] = [],
        progress: (ProjectionProgress) -> Void = { _ in }
    ) throws {
        let size = try log.size(asOf: request.asOf)
        guard size > 0 else { throw ReportError.nothingKnown }
        try Self.require(request.tables, in: projections)
        self.request = request
        self.note = note
        let head = try log.checkpoint(verified: note)
        self.head = head
        self.log = Log(
            id: "\(log.identity.id)", origin: log.identity.origin, zone: log.identity.zone,
            verifierKey: try log.key(thatSigned: note, or: keys).text)
        known = try log.beginning(of: size, under: head)
        let last = Position(size - 1)
        lastRecorded = "\(try log.event(at: last)?.recorded ?? .earliest)"
        bounds = try log.bounds(ofFirst: size, head, note)

        var positions = Set(request.positions + [Position(0), last])
        stories = try request.contacts.map { id in
            let facts = try log.facts(ofContact: id, before: size)
            guard !facts.isEmpty else { throw ReportError.noContact(id, events: size) }
            positions.formUnion(facts.map { Position($0.position) })
            return Story(contact: id, story: ContactStory(facts))
        }
        guard positions.count <= Self.eventsMax else {
            throw ReportError.tooManyEvents(positions.count)
        }
        items = try positions.sorted().map { position in
            guard position <= last, let event = try log.event(at: position) else {
                throw LogError.notCovered(position, by: size)
            }
            return Item(event: event, receipt: try log.receipt(of: position, under: note))
        }
        models = try projections.map { projection in
            try Model(of: projection, asOf: last, in: log, rows: request.tables, progress)
        }
    }

    private static func require(
        _ tables: [AuditRequest.TableName], in projections: [any Projection]
    ) throws {
        let known = projections.flatMap { projection in
            projection.tables.map { "\(projection.name)/\($0.name)" }
        }
        for name in tables where !known.contains("\(name)") {
            throw ReportError.noTable("\(name)", known: known)
        }
    }
}

extension AuditReport.Model {
    fileprivate init(
        of projection: any Projection, asOf last: Position, in log: EventLog,
        rows wanted: [AuditRequest.TableName], _ progress: (ProjectionProgress) -> Void
    ) throws {
        let wanted = Set(wanted.filter { $0.model == projection.name }.map(\.table))
        // In memory and in files without names only; the directory is not touched.
        self = try Projector(projection, in: log.directory).look(
            asOf: .position(last), from: EventSource(log), progress
        ) { prefix in
            let status = try prefix.status()
            let tables = try zip(projection.tables, status.tables).map { table, counted in
                let isShown = table.key.isEmpty || wanted.contains(table.name)
                return AuditReport.Table(
                    table: table, rows: counted.rows,
                    result: isShown ? try prefix.answer(.table(table.name)) : nil)
            }
            return AuditReport.Model(status: status, tables: tables)
        }
    }
}

extension EventLog {
    /// What a checkpoint says, if it is one of this log's history.
    fileprivate func checkpoint(verified note: SignedNote) throws -> Checkpoint {
        let checkpoint = try Checkpoint(text: note.text)
        guard checkpoint.origin == identity.origin else {
            throw Refusal.otherOrigin(found: checkpoint.origin, expected: identity.origin)
        }
        let root = try root(atSize: checkpoint.size)
        guard root == checkpoint.root else {
            throw Refusal.otherHistory(
                remembered: checkpoint.size, found: root, expected: checkpoint.root)
        }
        return checkpoint
    }

    /// The key under which a checkpoint was signed: that of today, or one that was rotated since.
    fileprivate func key(
        thatSigned note: SignedNote, or given: [VerifierKey]
    ) throws -> VerifierKey {
        let keys = try given + verifierKeys()
        guard let key = try keys.first(where: { try !note.verified(by: [$0]).isEmpty }) else {
            throw keys.isEmpty ? ReportError.noKey : Refusal.notSigned(byAny: keys.map(\.name))
        }
        return key
    }

    fileprivate func beginning(
        of size: UInt64, under head: Checkpoint
    ) throws -> AuditReport.Beginning {
        guard size <= head.size else {
            throw LogError.notCovered(Position(size - 1), by: head.size)
        }
        return AuditReport.Beginning(
            size: size, root: try root(atSize: size),
            proof: try consistencyProof(from: size, to: head.size).hashes)
    }

    /// The newest anchor before the last of the first `size` events, and the oldest that covers it.
    ///
    /// One that cannot be read bounds nothing.
    fileprivate func bounds(
        ofFirst size: UInt64, _ head: Checkpoint, _ note: SignedNote
    ) throws -> [AuditReport.Bound] {
        var selection = Selection()
        selection.types = [Anchor.eventType]
        selection.to = Position(head.size - 1)
        var after: Event?
        var before: Event?
        try read(selection) { event in
            guard let anchor = try? Anchor(event), let stamped = try? anchor.checkpoint() else {
                return .next
            }
            if event.position.value < size - 1 { after = event }
            if before == nil, stamped.size >= size { before = event }
            return .next
        }
        return try [
            after.map { try bound(.after, by: $0, head, note) },
            before.map { try bound(.before, by: $0, head, note) },
        ].compactMap(\.self)
    }

    private func bound(
        _ side: AuditReport.Bound.Side, by event: Event, _ head: Checkpoint, _ note: SignedNote
    ) throws -> AuditReport.Bound {
        guard let anchor = try Anchor(event), let moment = event.time else {
            throw Refusal.badEvent(position: event.position.value, "it is no anchor")
        }
        let checkpoint = try anchor.checkpoint()
        let stamped = try beginning(of: checkpoint.size, under: head)
        guard stamped.root == checkpoint.root else {
            throw Refusal.otherHistory(
                remembered: checkpoint.size, found: stamped.root, expected: checkpoint.root)
        }
        return AuditReport.Bound(
            side: side, anchor: anchor, moment: "\(moment)", stamped: stamped,
            item: AuditReport.Item(
                event: event, receipt: try receipt(of: event.position, under: note)))
    }
}

extension AuditReport {
    /// The last event that was known.
    package var position: Position { Position(known.size - 1) }
    package var root: Hash { known.root }
    package var provenEvents: Int { items.count }
    package var checkpointSize: UInt64 { head.size }
}
