internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit

/// Folds the events of cases; holds the cases that events since the last flush touched.
final class FoldCases: EventwiseFold {
    private let database: Database
    private var zones: ZoneBook
    private var nextCase: Int64
    private var touched: [TouchedCase] = []
    private var indexes: [ExactText: Int] = [:]
    private var changes = CaseChanges()

    private struct TouchedCase {
        /// What the database holds; nil for a new case.
        let stored: CaseFacts?
        var facts: CaseFacts
    }

    private static let kinds: [String: CaseEvent.Kind] = Dictionary(
        uniqueKeysWithValues: CaseEvent.Kind.allCases.map { ($0.rawValue, $0) })

    init(into database: Database, zones: ZoneBook) throws {
        self.database = database
        self.zones = zones
        let last = try Row.fetchOne(database, sql: "SELECT max(id) AS id FROM facts")
            .flatMap { try StoredRow($0, of: "facts").optionalInteger("id") }
        nextCase = 1
        try nextCase.add(last ?? 0)
    }

    func apply(_ event: Event) throws -> Reading {
        guard let kind = Self.kinds[event.type.text] else { return .done }
        guard LocalTime.readable.contains(event.occurred) else {
            return .unreadable(
                reason: "\(event.type.text): \(event.occurred) has no local date within the "
                    + "years 0000 to 9999 in every zone")
        }
        let caseEvent: CaseEvent
        do throws(PayloadError) {
            guard
                let read = try CaseEvent(kind, schema: event.schema, payload: event.data.object)
            else {
                return .unreadable(
                    reason: "\(event.type.text): schema \(event.schema) is not known here")
            }
            caseEvent = read
        } catch {
            return .unreadable(reason: "\(error)")
        }
        if case .opened(let opened) = caseEvent, let name = opened.zone, zones.zone(name) == nil {
            return .unreadable(reason: "\(event.type.text): \(UnknownZone(name: name))")
        }
        let index = try touch(ExactText(event.stream.text))
        let moves = touched[index].facts.apply(caseEvent, at: event.occurred)
        try count(moves, of: touched[index].facts)
        return .done
    }

    private func count(_ moves: [CaseMove], of facts: CaseFacts) throws {
        for move in moves {
            switch move {
            case .changedLine(let from, let to): changes.changeLine(from: from, to: to)
            case .waited(let party, let microseconds):
                try changes.wait(for: ExactText(party), microseconds)
            case .did(let activity): changes.do(ExactText(activity))
            case .opened, .resolved, .closed, .reopened:
                // A case that nothing has opened yet is in no backlog.
                guard facts.opened != nil, let latest = facts.latestMove else { continue }
                let zone = try zones.stored(facts.zone)
                changes.move(move, on: zone.date(at: latest).daysSince1970)
            }
        }
    }

    private func touch(_ stream: ExactText) throws -> Int {
        if let index = indexes[stream] { return index }
        let stored = try CaseFacts.load(stream.text, from: database)
        touched.append(
            TouchedCase(
                stored: stored, facts: stored ?? CaseFacts(id: nextCase, stream: stream.text)))
        if stored == nil { try nextCase.add(1) }
        indexes[stream] = touched.count - 1
        return touched.count - 1
    }

    func flush() throws {
        for one in touched where one.stored != one.facts { try one.facts.save(to: database) }
        try changes.write(to: database)
        changes = CaseChanges()
        touched.removeAll(keepingCapacity: true)
        indexes.removeAll(keepingCapacity: true)
    }
}
