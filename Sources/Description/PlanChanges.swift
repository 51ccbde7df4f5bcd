package import ContactCentre
package import EventLog
package import JSON
package import YAML

/// The events that turn an organisation into one that somebody has described.
package struct PlannedChanges {
    package let steps: [OrganisationDescription.Step]
    package let decision: WrittenDescription.NamedDecision?
    package let events: [NewEvent]
    /// Changes that hold from later moments on; they stay as they are.
    package let plannedForLater: Int

    /// Who changes the organisation, and from when.
    package struct Terms {
        /// The moment of the change.
        package let now: Instant
        /// From when it holds, where that is not at once.
        package let from: Instant?
        package let author: String

        package init(now: Instant, from: Instant?, author: String) {
            self.now = now
            self.from = from
            self.author = author
        }
    }

    /// - Throws: ``YAMLError`` where the description means what is not there, publishes something
    ///   else under a version that was used, or words a decision anew that was recorded.
    package init(
        turning organisation: Organisation, into written: WrittenDescription, _ terms: Terms
    ) throws(YAMLError) {
        let moment = terms.from ?? terms.now
        let present = organisation.description(at: moment)
        steps = present.steps(to: written.organisation, in: written.sections)
        plannedForLater = organisation.plannedChanges(after: moment)
        decision = try Self.newDecision(written, organisation)

        var result = present
        for step in steps { result.settings[step.key] = step.after }
        try Self.checkReferences(of: result, since: present, written)
        for step in steps { try Self.checkVersion(of: step, organisation, written) }

        var events: [NewEvent] = []
        if let decision {
            events.append(try Self.event(decision, terms))
        }
        for step in steps {
            events.append(try Self.event(step, written, terms))
        }
        self.events = events
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

    /// What was amiss before is not the description's fault.
    private static func checkReferences(
        of result: OrganisationDescription, since present: OrganisationDescription,
        _ written: WrittenDescription
    ) throws(YAMLError) {
        let before = Set(present.danglingReferences)
        let result = result.withoutStrays
        guard let found = result.danglingReferences.first(where: { !before.contains($0) }) else {
            return
        }
        let (thing, name) = (found.section.thing, found.name.text)
        guard written.sections.contains(found.key.facet.section) else {
            throw YAMLError(
                line: nil,
                reason: .other(
                    place: found.key.place,
                    "it stays as it is and names the \(thing) '\(name)', which would be no more"))
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
        guard let version = step.after?.publishedVersion,
            let newest = organisation.newestVersion(of: step.key), version <= newest
        else { return }
        throw written.error(
            step.key, member: "version",
            "version \(newest) of it has been published, and what is published does not change: "
                + "this is other, so give it the version \(newest + 1)")
    }

    private static let source = "urn:ascolto:org"

    private static func event(
        _ decision: WrittenDescription.NamedDecision, _ terms: Terms
    ) throws(YAMLError) -> NewEvent {
        var told = OrganisationEvent(.decided(decision.decision))
        told.author = terms.author
        do {
            return NewEvent(
                id: .timeOrdered(at: terms.now), type: try EventType("org.change_decided"),
                schema: OrganisationEvent.schema,
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
        _ step: OrganisationDescription.Step, _ written: WrittenDescription, _ terms: Terms
    ) throws(YAMLError) -> NewEvent {
        let key = step.key
        var told = OrganisationEvent(.set(key.facet, part: key.part, step.after))
        told.effectiveFrom = terms.from
        told.decision = written.decision?.name
        told.author = terms.author
        do {
            var tags: [Tag] = []
            if let centre = centre(of: step) { tags.append(try tag(TagKey.centre, centre)) }
            if key.facet.section == .operators {
                tags.append(try tag(TagKey.operator, key.thing))
            }
            if let decision = told.decision { tags.append(try tag(TagKey.decision, decision)) }
            return NewEvent(
                id: .timeOrdered(at: terms.now), type: try EventType(step.kind.type),
                schema: OrganisationEvent.schema,
                stream: try StreamName(key.stream), tags: try Tags(tags),
                source: try Source(source), time: terms.now, data: .json(told.payload[...]))
        } catch {
            throw written.error(key, member: nil, "\(error)")
        }
    }

    /// The centre that a setting names, or is about.
    private static func centre(of step: OrganisationDescription.Step) -> String? {
        if step.key.facet.section == .centres { return step.key.thing }
        let setting = step.after ?? step.before
        return setting.flatMap { JSONPayload(checked: $0.payload[...])?.string("centreId") }
    }

    private static func tag(_ key: String, _ value: String) throws(EventError) -> Tag {
        try Tag("\(key):\(percentEncoded(value, .tag))")
    }
}

extension PlannedChanges {
    /// That nobody has changed the organisation behind a position.
    package static func absence(after position: Position?) throws -> Absence {
        let types = try Set(OrganisationEvent.Kind.all.map { try EventType($0.type) })
        return Absence(of: EventQuery([EventQuery.Item(types: types)]), after: position)
    }
}
