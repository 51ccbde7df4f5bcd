internal import ContactCentre
internal import Description
internal import EventLog
internal import JSON
internal import Routing

/// A routing decision, and the event that tells of it.
struct RoutedContact {
    let event: Event
    let decision: RoutingDecision
}

extension EventLog {
    /// The routing decision with an id, or the one that an override with it is about; nil where
    /// none among the first `size` events has it.
    ///
    /// - Throws: ``VerbOutcome/answerIsNo`` where it cannot be read here, which is told.
    func routingDecision(_ id: String, before size: UInt64) throws -> RoutedContact? {
        guard let id = EventID(id), let event = try event(withID: id),
            event.position.value < size
        else { return nil }
        if let override = event.override, EventID(override.decision) != id {
            return try routingDecision(override.decision, before: event.position.value)
        }
        guard event.type.text == RoutingDecision.Kind.decided.type else { return nil }
        let problem: String
        do throws(PayloadError) {
            if let decision = try RoutingDecision(
                schema: event.schema, payload: event.data.object)
            {
                return RoutedContact(event: event, decision: decision)
            }
            problem = "it is told in schema version \(event.schema), which is not read here"
        } catch {
            problem = "\(error)"
        }
        Standard.error(
            "ascolto: the decision at position \(event.position) cannot be told: \(problem)")
        throw VerbOutcome.answerIsNo
    }
}

extension EventLog {
    /// What people chose against a decision, as it is known to have been, in the order of the log.
    fileprivate func overrides(
        of routed: RoutedContact, before size: UInt64
    ) throws -> [ToldOverride] {
        var selection = Selection()
        selection.stream = routed.event.stream
        selection.types = [
            try EventType(RoutingIntervention.Kind.overridden.type), Corrections.correctedType,
            Corrections.voidedType,
        ]
        var events: [Event] = []
        try read(selection) { event in
            guard event.position.value < size else { return .stop }
            events.append(event)
            return .next
        }
        let byID = Dictionary(events.map { ($0.id, $0) }) { first, _ in first }
        let corrections = Corrections(events) { _ in byID }
        return events.compactMap { event in
            let corrected = corrections.applied(to: event)
            guard let override = (corrected ?? event).override,
                EventID(override.decision) == routed.event.id
            else { return nil }
            return ToldOverride(
                event: corrected ?? event, override: override, isVoid: corrected == nil)
        }
    }
}

/// What somebody chose against a decision.
private struct ToldOverride {
    let event: Event
    let override: RoutingOverride
    let isVoid: Bool
}

extension Event {
    /// What it says, where it overrides a decision.
    fileprivate var override: RoutingOverride? {
        let event = try? RoutingIntervention(
            type: type.text, schema: schema, payload: data.object)
        guard case .overridden(let override)? = event else { return nil }
        return override
    }
}

extension Explain.DecisionVerb {
    /// Tells a routing decision from what stands in its event, and the rules from their policy.
    func tell(_ routed: RoutedContact, in log: EventLog) throws {
        let policy = try policy(of: routed, in: log)
        let overrides = try log.overrides(of: routed, before: try log.size(asOf: asOf))
        guard output.chosen == .table else {
            return Answer(object: [
                ("decision", .text("\(routed.event.id)")),
                ("position", .count(routed.event.position.value)),
                ("time", .text("\(routed.event.occurred)")),
                ("contact", .text(routed.event.stream.text)),
                ("text", .text(routed.decision.sentence)),
                (
                    "rules",
                    .array(
                        routed.decision.rules.map { trace in
                            .object([
                                ("rule", .text(trace.title)),
                                ("says", .optional(trace.says(in: policy))),
                                ("result", .text(trace.words)),
                            ])
                        })
                ),
                (
                    "candidates",
                    .array(
                        routed.decision.candidates.map { candidate in
                            .object([
                                ("operator", .text(candidate.operator)),
                                ("text", .text(candidate.words)),
                            ])
                        })
                ),
                (
                    "overridden",
                    .array(
                        overrides.map { told in
                            .object([
                                ("position", .count(told.event.position.value)),
                                ("time", .text("\(told.event.occurred)")),
                                ("by", .text(told.override.by)),
                                ("selection", .text(told.override.selection.rawValue)),
                                ("selected", .text(told.override.selected)),
                                ("justification", .text(told.override.justification)),
                                ("void", .truth(told.isVoid)),
                            ])
                        })
                ),
                ("recorded", routed.event.data.object.map { JSONNode($0.value) } ?? .null),
            ]).write(as: output.chosen)
        }
        let clock = try WallClock(of: routed, in: log)
        write(routed, policy, by: clock)
        for told in overrides {
            let void = told.isVoid ? ", which never happened, as was said since" : ""
            Standard.output.write(
                line: printable(
                    "\(told.event.position)  \(clock.told(told.event.occurred))  "
                        + told.override.sentence + void))
        }
        Standard.output.write(
            line: "ascolto redecide makes it again from the events that it knew")
        Standard.output.flush()
    }

    /// Tells what a decision knew of one operator.
    func tell(of name: String, by routed: RoutedContact, in log: EventLog) throws {
        guard
            let told = try log.told(
                of: name, by: routed.event, recorded: routed.decision)
        else {
            Standard.error(
                "ascolto: what the decision knew does not stand before it in this log, or it was "
                    + "made by rules that are not known here")
            throw VerbOutcome.answerIsNo
        }
        if told.candidate == nil, told.occupation == .notAtWork {
            let described = try log.organisation(before: routed.event.position.value).organisation
                .description(at: routed.event.occurred)
            guard described.settings[SettingKey(Facet.whole(of: .operators), of: name)] != nil
            else {
                Standard.error(
                    "ascolto: no operator \(printable(name)) was described then, nor at work")
                throw VerbOutcome.answerIsNo
            }
        }
        let decision = routed.decision
        let words =
            told.candidate?.words
            ?? "does not serve the queue \(decision.queue), and was \(told.occupation.words)"
        let isChosen = decision.selected == .operator && decision.selectedID == name
        guard output.chosen == .table else {
            return Answer(object: [
                ("decision", .text("\(routed.event.id)")), ("operator", .text(name)),
                ("serves_queue", .truth(told.candidate != nil)), ("chosen", .truth(isChosen)),
                ("occupation", .text(told.occupation.words)), ("text", .text(words)),
            ]).write(as: output.chosen)
        }
        Standard.output.write(line: printable(decision.sentence))
        Standard.output.write(line: printable("  \(isChosen ? "*" : " ") \(name): \(words)"))
        Standard.output.flush()
    }

    private func write(_ routed: RoutedContact, _ policy: PolicySetting?, by clock: WallClock) {
        func write(_ line: String) { Standard.output.write(line: printable(line)) }
        let decision = routed.decision
        let time = clock.told(routed.event.occurred)
        write("\(routed.event.position)  \(time)  \(routed.event.stream)")
        write(decision.sentence)
        write(
            "it had been in the queue \(decision.queue) for \(duration(decision.waited)), with "
                + "\(decision.points) points of priority; \(decision.ahead) of "
                + "\(decision.inQueue) there were before it")
        for trace in decision.rules {
            let says = trace.says(in: policy).map { " (\($0))" } ?? ""
            write("  rule \(trace.title)\(says): \(trace.words)")
        }
        for candidate in decision.candidates {
            let mark = decision.selected == .operator && candidate.operator == decision.selectedID
            write("  \(mark ? "*" : " ") \(candidate.operator): \(candidate.words)")
        }
        let untold = decision.candidatesTotal - Int64(decision.candidates.count)
        if untold > 0 { write("  and \(untold) more, of whom the record holds the digest only") }
        if let key = decision.drawKey {
            write("  drawn: \(decision.draw ?? 0), the first 53 bits of SHA-256 of \"\(key)\"")
        }
    }

    /// The policy as it was known then; nil where it cannot be found any more.
    private func policy(of routed: RoutedContact, in log: EventLog) throws -> PolicySetting? {
        let told = try log.organisation(before: routed.event.position.value)
        let key = SettingKey(Facet.whole(of: .policies), of: routed.decision.policy)
        let version = routed.decision.policyVersion
        return told.organisation.published(version, of: key).setting as? PolicySetting
    }
}
