package import ContactCentre
package import EventLog
package import JSON
package import YAML

/// The events that turn an organisation into one that somebody has described.
package struct PlannedChanges {
    package let steps: [OrganisationDescription.Step]
    /// The decision, where the log does not have it yet.
    package let decision: WrittenDescription.NamedDecision?
    /// The decision that the changes follow from.
    package let namedDecision: String?
    package let events: [NewEvent]
    /// Of the settings that change, those to which other words come later that were said before.
    package let superseded: [Superseded]
    /// Changes that hold from moments to come on; they stay as they are.
    package let plannedForLater: Int
    /// What hardly anybody means: what routing could make nothing of behind the changes, and could
    /// before, and hours of today that change when they have passed.
    package let warnings: [String]

    package struct Superseded {
        package let key: SettingKey
        package let until: Instant
        package let position: UInt64
    }

    /// Who changes the organisation, and from when.
    package struct Terms {
        /// The moment of the change.
        package let now: Instant
        /// From when it holds, where that is not at once.
        package let from: Instant?
        package let author: String?

        package init(now: Instant, from: Instant?, author: String?) {
            self.now = now
            self.from = from
            self.author = author
        }

        /// From when it holds.
        fileprivate var moment: Instant { from ?? now }
    }

    /// - Throws: ``YAMLError`` where the description means what is not there, then or later,
    ///   publishes something else under a version that was used, or words a decision anew that was
    ///   recorded.
    package init(
        turning organisation: Organisation, into written: WrittenDescription, _ terms: Terms
    ) throws(YAMLError) {
        let present = organisation.description(at: terms.moment)
        let steps = present.steps(to: written.organisation, in: written.sections)
        decision = try Self.newDecision(written, organisation)
        namedDecision = written.decision?.name
        for step in steps { try Self.checkVersion(of: step, organisation, written) }

        var told: [(step: OrganisationDescription.Step, event: OrganisationEvent)] = []
        for step in steps {
            var event = OrganisationEvent(.set(step.key.facet, part: step.key.part, step.after))
            event.effectiveFrom = terms.from
            event.decision = written.decision?.name
            event.author = terms.author
            told.append((step, event))
        }
        let later = organisation.changes(after: terms.moment)
        var result = organisation
        for (place, told) in told.enumerated() {
            // Behind whatever the log has.
            result.apply(
                told.event, of: told.step.key.stream, position: .max - UInt64(steps.count - place),
                recorded: terms.now, occurred: terms.now)
        }
        for moment in [terms.moment] + Set(later.map(\.change.effective)).sorted() {
            let isLater = moment != terms.moment
            try Self.checkReferences(
                of: result.description(at: moment), since: organisation.description(at: moment),
                written, isLater ? moment : nil)
        }

        let before = Set(present.oddities)
        warnings =
            result.description(at: terms.moment).oddities.filter { !before.contains($0) }
            + Self.rewrittenDays(steps, terms)
        let changed = Set(steps.map(\.key))
        superseded = Dictionary(grouping: later.filter { changed.contains($0.key) }, by: \.key)
            .compactMap { key, changes in
                changes.first.map {
                    Superseded(key: key, until: $0.change.effective, position: $0.change.position)
                }
            }.sorted { $0.key < $1.key }
        plannedForLater = later.count { $0.change.effective > max(terms.now, terms.moment) }
        self.steps = steps
        var events: [NewEvent] = []
        if let decision { events.append(try Self.event(decision, terms)) }
        for (step, event) in told {
            let centres = Self.centres(of: step.key, [present, written.organisation])
            events.append(try Self.event(step, event, centres, written, terms))
        }
        self.events = events
    }

    /// Calendars are in force by dates, also on one that has begun.
    private static func rewrittenDays(
        _ steps: [OrganisationDescription.Step], _ terms: Terms
    ) -> [String] {
        guard terms.from == nil else { return [] }
        let calendars = steps.filter {
            $0.key.facet == Facet.whole(of: .calendars) && $0.before != nil && $0.after != nil
        }
        return calendars.map {
            "\($0.key.place): hours hold by whole dates, so those of today change as well, also "
                + "where they have passed; --from another day leaves them"
        }
    }

    /// How many things end, by section, in the order of the sections.
    package var endings: [(section: Section, count: Int)] {
        Section.allCases.compactMap { section in
            let count = steps.count {
                $0.after == nil && $0.key.part == nil && $0.key.facet == Facet.whole(of: section)
            }
            return count > 0 ? (section, count) : nil
        }
    }

    /// The decision, unless the log has it already.
    private static func newDecision(
        _ written: WrittenDescription, _ organisation: Organisation
    ) throws(YAMLError) -> WrittenDescription.NamedDecision? {
        guard let named = written.decision else { return nil }
        guard let known = organisation.decision(named.name) else { return named }
        guard known.decision.payload == named.decision.payload else {
            throw named.part.error(
                .other(
                    place: named.part.place,
                    "'\(named.name)' stands at position \(known.position) in other words; a "
                        + "decision is not changed, a new one has a ref of its own"))
        }
        return nil
    }

    /// What was amiss before is the description's fault only where it says so again.
    private static func checkReferences(
        of result: OrganisationDescription, since present: OrganisationDescription,
        _ written: WrittenDescription, _ later: Instant?
    ) throws(YAMLError) {
        let before = Set(present.danglingReferences)
        let result = result.withoutStrays
        let found = result.danglingReferences.first {
            !before.contains($0) || later == nil && written.has($0.key)
        }
        guard let found else { return }
        let (thing, name) = (found.section.thing, found.name.text)
        guard later == nil, written.has(found.key) else {
            let when = later.map { "from \($0) on, as is planned, it" } ?? "it stays as it is and"
            throw YAMLError(
                line: nil,
                reason: .other(
                    place: found.key.place,
                    "\(when) names the \(thing) '\(name)', which would be no more: a section that "
                        + "is described at all is described whole, so describe it there, too"))
        }
        let names = result.settings.keys
            .filter { $0 == $0.whole && $0.facet.section == found.section }.map(\.thing).sorted()
        throw written.error(
            found.key, member: found.member,
            "there is no \(thing) '\(name)', or no longer; \(suggestion(for: name, among: names))")
    }

    private static func checkVersion(
        of step: OrganisationDescription.Step, _ organisation: Organisation,
        _ written: WrittenDescription
    ) throws(YAMLError) {
        guard let setting = step.after, let version = setting.publishedVersion else { return }
        let (known, newest) = organisation.published(version, of: step.key)
        // The same again: it comes into force once more, or earlier.
        if let known, known.payload == setting.payload { return }
        guard let newest, version <= newest else { return }
        throw written.error(
            step.key, member: "version",
            (known == nil
                ? "version \(newest) of it has been published already"
                : "version \(version) of it has been published in other words, and what is "
                    + "published does not change")
                + "; give it the version \(newest + 1)")
    }

    private static let source = "urn:ascolto:org"

    private static func event(
        _ decision: WrittenDescription.NamedDecision, _ terms: Terms
    ) throws(YAMLError) -> NewEvent {
        let kind = OrganisationEvent.Kind.decided
        var told = OrganisationEvent(.decided(decision.decision))
        told.author = terms.author
        do {
            return NewEvent(
                id: .timeOrdered(at: terms.now), type: try EventType(kind.type),
                schema: kind.schema,
                stream: try StreamName(
                    StreamPrefix.decision + percentEncoded(decision.name, .stream)),
                tags: try Tags([try tag(TagKey.decision, decision.name)]),
                source: try Source(source), time: terms.now,
                data: .json(told.payload[...]))
        } catch {
            throw decision.part.error(.other(place: decision.part.place, "\(error)"))
        }
    }

    private static func event(
        _ step: OrganisationDescription.Step, _ told: OrganisationEvent, _ centres: [String],
        _ written: WrittenDescription, _ terms: Terms
    ) throws(YAMLError) -> NewEvent {
        let key = step.key
        do {
            var tags = try centres.map { try tag(TagKey.centre, $0) }
            if key.facet.section == .operators {
                tags.append(try tag(TagKey.operator, key.thing))
            }
            if let decision = told.decision { tags.append(try tag(TagKey.decision, decision)) }
            return NewEvent(
                id: .timeOrdered(at: terms.now), type: try EventType(step.kind.type),
                schema: step.kind.schema, stream: try StreamName(key.stream),
                tags: try Tags(tags), source: try Source(source), time: terms.now,
                data: .json(told.payload[...]))
        } catch {
            throw written.error(key, member: nil, "\(error)")
        }
    }

    /// The centres that a thing belongs to, before and after.
    private static func centres(
        of key: SettingKey, _ descriptions: [OrganisationDescription]
    ) -> [String] {
        if key.facet.section == .centres { return [key.thing] }
        let names = descriptions.compactMap { description in
            description.settings[key.whole].flatMap {
                JSONPayload(checked: $0.payload[...])?.string("centreId")
            }
        }
        return Set(names.map { ExactText($0) }).map(\.text).sorted()
    }

    private static func tag(_ key: String, _ value: String) throws(EventError) -> Tag {
        try Tag("\(key):\(percentEncoded(value, .tag))")
    }
}

extension PlannedChanges {
    /// That nobody has changed the organisation behind a position, nor corrected anything.
    package static func absence(after position: Position?) throws -> Absence {
        // What is corrected meanwhile may be of the organisation.
        let types = try Set(OrganisationEvent.Kind.all.map { try EventType($0.type) })
            .union([Corrections.correctedType, Corrections.voidedType])
        return Absence(of: EventQuery([EventQuery.Item(types: types)]), after: position)
    }
}
