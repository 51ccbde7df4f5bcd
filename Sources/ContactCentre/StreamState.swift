package import JSON

/// An event that a state machine judges.
package enum JudgedEvent: Equatable, Sendable {
    case contact(ContactEvent)
    case `operator`(OperatorEvent)
    /// Something was published under a version.
    case published(Publication)
    /// Somebody changes where a contact goes, or when.
    case intervention(RoutingIntervention.Kind)
    /// An earlier event is corrected: what was so, only people know, but for what is published.
    case correction(CorrectionReach)
    /// An event of a type that a machine judges and which cannot be read here: what its stream has
    /// come to, nobody knows.
    case unread

    /// Nil for types that no machine judges.
    package init?(type: String, schema: UInt16, payload: JSONPayload?) {
        if let kind = ContactEvent.Kind(rawValue: type) {
            let event = try? ContactEvent(kind, schema: schema, payload: payload)
            self = event.map { .contact($0) } ?? .unread
        } else if let kind = OperatorEvent.Kind(rawValue: type) {
            let event = try? OperatorEvent(kind, schema: schema, payload: payload)
            self = event.map { .operator($0) } ?? .unread
        } else if let kind = OrganisationEvent.Kind(type: type), kind.publishes {
            self =
                Publication(kind, schema: schema, payload: payload).map { .published($0) }
                ?? .unread
        } else if let kind = RoutingIntervention.Kind(rawValue: type) {
            self = .intervention(kind)
        } else if let kind = CorrectionEvent.Kind(rawValue: type) {
            let event = try? CorrectionEvent(kind, schema: schema, payload: payload)
            self = event.map { .correction($0.reach) } ?? .unread
        } else {
            return nil
        }
    }

    fileprivate var isPublication: Bool {
        if case .published = self { true } else { false }
    }

    /// Whether the state behind the event depends on the one before it.
    package var dependsOnPast: Bool {
        switch self {
        case .contact(let event): ContactState.dependsOnPast(behind: event)
        case .published, .intervention, .correction: true
        case .operator, .unread: false
        }
    }

    /// The type of the event.
    package var type: String {
        switch self {
        case .published(let publication): publication.type
        case .intervention(let kind): kind.type
        case .correction: CorrectionEvent.Kind.corrected.type
        case .contact(let event): event.kind?.rawValue ?? ""
        case .operator(let event): event.kind?.rawValue ?? ""
        case .unread: ""
        }
    }
}

/// Hours, a policy, a service level or a metric, as one version has them.
package struct Publication: Equatable, Sendable {
    package let type: String
    package let version: Int64
    /// All that it says, and not from when on nor on whose decision.
    package let content: [UInt8]

    package init(type: String, version: Int64, content: [UInt8]) {
        self.type = type
        self.version = version
        self.content = content
    }

    /// Nil where the event cannot be read here.
    init?(_ kind: OrganisationEvent.Kind, schema: UInt16, payload: JSONPayload?) {
        guard
            let event = try? OrganisationEvent(kind, schema: schema, payload: payload),
            case .set(_, _, let setting?) = event.change, let version = setting.publishedVersion
        else { return nil }
        self.init(type: kind.type, version: version, content: setting.payload)
    }
}

/// What a stream has come to, by the machine that judges its events.
package enum StreamState: Hashable, Sendable {
    case contact(ContactState)
    case `operator`(OperatorState)
    /// What was published under each version.
    case published([Int64: [UInt8]])
    /// Anything may follow.
    case unknown

    private static let oneMachine = (
        rule: "one_machine_per_stream",
        meaning: "a stream tells of one contact, of one operator or of one thing that is published"
    )
    private static let intervenes = (
        rule: "intervenes_while_waiting",
        meaning: "only for a contact that waits is it changed where it goes, or when"
    )
    private static let oneContent = "one_content_per_version"

    /// Judges an event, and moves on; nil is the state before the first one.
    ///
    /// What breaks a rule is taken to have happened all the same.
    package static func move(
        _ state: inout StreamState?, by judged: JudgedEvent
    ) -> ImpossibleStep? {
        let before = state
        if before == .unknown, judged.dependsOnPast, !judged.isPublication { return nil }
        var broken: (rule: String, meaning: String)?
        switch judged {
        case .contact(let event):
            var contact = before?.contact ?? ContactState()
            if case .broken(let rule) = contact.apply(event) {
                broken = (rule.rawValue, rule.meaning)
            }
            if before?.isOfContact == false { broken = oneMachine }
            state = .contact(contact)
        case .operator(let event):
            var `operator` = before?.operator ?? OperatorState()
            if case .broken(let rule) = `operator`.apply(event) {
                broken = (rule.rawValue, rule.meaning)
            }
            if before?.isOfOperator == false { broken = oneMachine }
            state = .operator(`operator`)
        case .published(let publication):
            var published = before?.published ?? [:]
            let known = published.updateValue(publication.content, forKey: publication.version)
            if let known, known != publication.content {
                let next = (published.keys.max() ?? 0).addingReportingOverflow(1).partialValue
                broken = (
                    oneContent,
                    "version \(publication.version) of it says something else, and what is "
                        + "published does not change: give this the version \(next)"
                )
            }
            if before?.isPublished == false { broken = oneMachine }
            state = .published(published)
        case .intervention(let kind):
            if before?.contact?.mayBeChanged(by: kind) != true { broken = intervenes }
        case .correction(let reach):
            guard before?.published != nil else {
                state = .unknown
                return nil
            }
            guard reach == .content else { return nil }
            broken = (
                oneContent,
                "what is published does not change: publish another version, or void this one"
            )
        case .unread: state = .unknown
        }
        guard before != .unknown, let broken else { return nil }
        return ImpossibleStep(
            rule: broken.rule, meaning: broken.meaning, event: judged.type, state: before)
    }

    private var contact: ContactState? {
        if case .contact(let state) = self { state } else { nil }
    }

    private var `operator`: OperatorState? {
        if case .operator(let state) = self { state } else { nil }
    }

    private var published: [Int64: [UInt8]]? {
        if case .published(let contents) = self { contents } else { nil }
    }

    private var isOfContact: Bool { self == .unknown || contact != nil }
    private var isOfOperator: Bool { self == .unknown || `operator` != nil }
    private var isPublished: Bool { self == .unknown || published != nil }

    /// In one word, as diagrams of the machine have it.
    package var name: String {
        switch self {
        case .contact(let state): state.phase.name
        case .operator(let state): state.phase.name
        case .published: "published"
        case .unknown: "unknown"
        }
    }

    fileprivate var words: String {
        switch self {
        case .contact(let state): state.phase.words
        case .operator(let state): state.phase.words
        case .published(let contents):
            "published are "
                + contents.keys.sorted().map { "version \($0)" }.joined(separator: ", ")
        case .unknown: "nobody knows what has happened"
        }
    }
}

extension OperatorState.Phase {
    fileprivate var words: String {
        switch self {
        case .loggedOut: "the operator is logged out"
        case .loggedIn(nil): "the operator is logged in"
        case .loggedIn(let status?): "the operator is in the status \(status.name)"
        }
    }
}

extension OperatorState.Rule {
    /// What the rule says.
    package var meaning: String {
        switch self {
        case .loggedInOnce: "who is logged in does not log in"
        case .loggedInFirst: "only who is logged in logs out or changes status"
        case .continuesFromStatus: "a change begins at the status that the one before it led to"
        }
    }
}

/// Why an event cannot follow where its stream stands.
package struct ImpossibleStep: Equatable, Sendable {
    /// The name of the rule that it breaks.
    package let rule: String
    /// What the rule says.
    package let meaning: String
    /// The type of the event.
    package let event: String
    /// Where the stream stands; nil before its first event.
    package let state: StreamState?
}

extension ImpossibleStep: CustomStringConvertible {
    package var description: String {
        let name = state?.name ?? "absent"
        let words = state?.words ?? "nothing stands before it"
        return "\(event) cannot follow in the state \(name), where \(words): \(meaning) (\(rule))"
    }
}
