package import EventLog
package import JSON
package import Vault

// What is told of subjects, the same on the command line and over HTTP.

extension SubjectHistory {
    package var members: [(String, JSONNode)] {
        [
            ("subject", .text("\(subject)")),
            ("keys", .array(keys.map(\.node))), ("finished", .truth(isFinished)),
            ("events", .count(events)),
            ("told", .array(told.map(\.node))),
        ]
    }
}

extension SubjectHistory.Told {
    fileprivate var node: JSONNode {
        .object([
            ("position", .count(position.value)), ("type", .text(type)),
            ("recorded", .text(recorded)), ("basis", .optional(basis)),
            ("executor", .optional(executor)), ("keys", .array(keys.map { .text($0) })),
        ])
    }
}

extension SubjectHistory.Key {
    fileprivate var node: JSONNode {
        .object([
            ("class", .text("\(status.retention)")), ("state", .text(status.state.name)),
            ("key", .text("\(status.key)")), ("commitment", .text(status.commitmentHex)),
            ("epoch", .count(status.epoch)),
            ("created", .text("\(Instant(microseconds: status.created))")),
            ("changed", .text("\(Instant(microseconds: status.changed))")),
            ("beyond_recovery", .truth(isBeyondRecovery)),
        ])
    }
}

extension KeyStore.State {
    fileprivate var name: String {
        switch self {
        case .never: "never"
        case .active: "active"
        case .erased: "erased"
        case .authorisedAnew: "authorised_anew"
        }
    }
}

extension PersonalText {
    /// One member, where it is open and there.
    package func member(_ name: String) -> String? {
        guard case .open(let members) = self else { return nil }
        return members.first { $0.member == name }?.text
    }

    /// What can be read of it, in one word.
    package var state: String {
        switch self {
        case .none: "none"
        case .open: "open"
        case .erased: "erased"
        case .closed: "closed"
        }
    }
}

/// An event that holds something of a subject, opened as far as there is a key.
package struct SubjectEvent: Sendable {
    package let event: Event
    package let content: Content

    package enum Content: Sendable {
        case text(PersonalText)
        /// It was altered, or moved from another event.
        case damaged(SealError)
    }

    package var members: [(String, JSONNode)] {
        let (state, data): (String, JSONNode) =
            switch content {
            case .text(.open(let members)):
                ("open", .object(members.map { ($0.member, .text($0.text)) }))
            case .text(let text): (text.state, .null)
            case .damaged: ("damaged", .null)
            }
        return [
            ("position", .count(event.position.value)), ("type", .text(event.type.text)),
            ("time", .text("\(event.occurred)")), ("state", .text(state)), ("data", data),
        ]
    }
}

extension EventLog {
    /// All that is kept of a subject, in the order of the events, from a position on; what a person
    /// may ask to see (GDPR, article 15).
    ///
    /// - Throws: ``SealError`` where the vault cannot be read; an event that was altered is visited
    ///   as such, and hides no other.
    package func forEachEvent(
        of subject: SubjectRef, openedBy vault: KeyStore, from first: Position = Position(0),
        _ visit: (SubjectEvent) throws -> ReadStep
    ) throws {
        try forEachEvent(of: subject, from: first) { event in
            let content = try vault.content(of: event)
            if case .text(.none) = content { return .next }
            return try visit(SubjectEvent(event: event, content: content))
        }
    }
}

extension KeyStore {
    fileprivate func content(of event: Event) throws(SealError) -> SubjectEvent.Content {
        do throws(SealError) { return .text(try open(event)) } catch {
            guard error.isOfValue else { throw error }
            return .damaged(error)
        }
    }
}
