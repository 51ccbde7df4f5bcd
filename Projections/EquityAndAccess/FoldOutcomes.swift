internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit

/// Folds the events that begin, decide and settle units; holds what they change in the counts.
final class FoldOutcomes: EventwiseFold {
    private let database: Database
    private let definitions: EquityDefinitions
    private var profiles: ProfileBook
    private var changes = TallyChanges()
    /// The latest moment that the log knows of; later deadlines have not passed.
    private var now: Instant?
    /// The types of events that some outcome or the groups depend on.
    private let types: Set<String>

    init(into database: Database, definitions: EquityDefinitions) throws {
        self.database = database
        self.definitions = definitions
        profiles = ProfileBook(database)
        let patterns = definitions.outcomes.flatMap { [$0.begins, $0.decisive] + $0.settledBy }
        types = Set(patterns.map(\.type)).union(Opening.openings)
        now = try Row.fetchOne(database, sql: "SELECT now_us FROM moment")
            .flatMap { try StoredRow($0, of: "moment").optionalInstant("now_us") }
    }

    func apply(_ event: Event) throws -> Reading {
        let type = event.type.text
        // A log that history was brought into knows no more of it than it did when it ended.
        if let time = event.time, !type.hasPrefix("meta.") {
            // What is dated after it was recorded is no measure of how late it is.
            now = max(now ?? .earliest, min(time, event.recorded))
        }
        guard types.contains(type) else { return .done }
        let told: Event
        let opening: Opening?
        do throws(PayloadError) {
            guard let present = try event.inPresentVersion else {
                return .unreadable(reason: "\(type): schema \(event.schema) is not known here")
            }
            told = present
            opening = try Opening(told, attributes: definitions.attributes)
        } catch {
            return .unreadable(reason: "\(error)")
        }
        try apply(told, opening)
        return .done
    }

    private func apply(_ event: Event, _ opening: Opening?) throws {
        if let opening { try add(opening, named: event.stream.text) }
        for (index, outcome) in definitions.outcomes.enumerated() {
            if outcome.begins.matches(event) { try begin(index, outcome, event) }
            let isDecisive = outcome.decisive.matches(event)
            let isSettling = outcome.settledBy.contains { $0.matches(event) }
            guard isDecisive || isSettling else { continue }
            try change(index, outcome, event.stream.text) { facts in
                if isDecisive { facts.decide(outcome, at: event.time, within: event.slack) }
                if isSettling { facts.isSettled = true }
            }
        }
    }

    /// The first opening of a stream says whom it is about.
    private func add(_ subject: Opening, named stream: String) throws {
        try database.cachedStatement(sql: "INSERT OR IGNORE INTO subjects VALUES (?, ?, ?)")
            .run([stream, try profiles.id(of: subject.profile), subject.origin.rawValue])
    }

    private func begin(_ index: Int, _ outcome: Outcome, _ event: Event) throws {
        let stream = event.stream.text
        guard try UnitFacts.load(index, stream, from: database) == nil else { return }
        let known = try Row.fetchOne(
            try database.cachedStatement(
                sql: "SELECT profile, origin FROM subjects WHERE stream = ?"),
            arguments: [stream])
        let profile: Int64
        var origin = Origin.citizen
        if let known {
            let row = StoredRow(known, of: "subjects")
            profile = try row.integer("profile")
            origin = try row.choice("origin")
        } else {
            profile = try profiles.id(
                of: Profile(event, channel: nil, attributes: definitions.attributes))
        }
        let facts = UnitFacts(
            profile: profile, of: outcome, at: event.time, within: event.slack, by: origin)
        try facts.save(index, outcome, stream, to: database)
        changes.add(index, profile, facts.standing(in: outcome))
    }

    private func change(
        _ index: Int, _ outcome: Outcome, _ stream: String, _ body: (inout UnitFacts) -> Void
    ) throws {
        // What comes before the beginning is about something else.
        guard let stored = try UnitFacts.load(index, stream, from: database) else { return }
        var facts = stored.facts
        body(&facts)
        guard facts != stored.facts else { return }
        try facts.save(index, outcome, stream, to: database)
        changes.move(index, facts.profile, from: stored.standing, to: facts.standing(in: outcome))
        if facts.isBroken && !stored.facts.isBroken && !facts.isOfStaff {
            changes.addBroken(index, facts.profile)
        }
    }

    func flush() throws {
        try expire()
        try changes.write(to: database)
        changes = TallyChanges()
        try JudgedOutcomes(definitions, in: database).write(to: database)
    }

    /// Units whose deadline has passed wait no longer.
    private func expire() throws {
        guard let now else { return }
        try database.cachedStatement(sql: "UPDATE moment SET now_us = ?").run([now.microseconds])
        for (index, outcome) in definitions.outcomes.enumerated() where outcome.within != nil {
            let condition = "outcome = ? AND standing = 0 AND deadline_us < ?"
            let over = try Row.fetchAll(
                try database.cachedStatement(
                    sql: "SELECT profile, count(*) AS units FROM units WHERE \(condition) "
                        + "GROUP BY profile"), arguments: [index, now.microseconds])
            for row in over.map({ StoredRow($0, of: "units") }) {
                changes.move(
                    index, try row.integer("profile"), from: .pending,
                    to: outcome.standingWhenOver, units: try row.integer("units"))
            }
            try database.cachedStatement(
                sql: "UPDATE units SET standing = ? WHERE \(condition)"
            ).run([outcome.standingWhenOver.rawValue, index, now.microseconds])
        }
    }
}

extension Event {
    /// The event with what its data say in the schema version that is written today, in whose words
    /// definitions are; nil where its own is none that is read here, 1 for foreign types.
    fileprivate var inPresentVersion: Event? {
        get throws(PayloadError) {
            guard let known = Catalogue.type(type.text)?.known else {
                return schema == 1 ? self : nil
            }
            guard known.reads(schema) else { return nil }
            guard schema < known.schema else { return self }
            var event = self
            event.schema = known.schema
            event.data = .json(try known.upcast(data.object, from: schema)?.bytes ?? [])
            return event
        }
    }
}

extension Event {
    /// How far off its time may be, in µs: 0 where that is known by the second.
    fileprivate var slack: Int64 {
        // Of foreign types nobody has checked what they say.
        let precision = try? OccurredPrecision(of: data.object, type: type.text)
        return precision.map { $0 < .minute ? 0 : $0.step } ?? 0
    }
}
