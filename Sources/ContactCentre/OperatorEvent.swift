internal import JSON

/// Something that happened to one operator, as its payload tells it.
///
/// The operator is named by the stream, `operator/` and the pseudonym.
package enum OperatorEvent: Equatable, Sendable {
    case loggedIn
    case loggedOut
    case statusChanged(StatusChange)
    /// A type or schema version that this version does not read; it passes through untouched.
    case unknown

    /// An operator turned from one activity to another.
    package struct StatusChange: Equatable, Sendable {
        package var from: OperatorStatus
        package var to: OperatorStatus

        package init(from: OperatorStatus, to: OperatorStatus) {
            self.from = from
            self.to = to
        }
    }

    /// The types that are read here.
    package enum Kind: String, CaseIterable, KnownType {
        case loggedIn = "operator.logged_in"
        case loggedOut = "operator.logged_out"
        case statusChanged = "operator.status_changed"

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .loggedIn: "the operator is at work"
            case .loggedOut: "the operator is no longer at work"
            case .statusChanged: "the operator turned from one activity to another"
            }
        }
    }
}

extension OperatorEvent: ToldEvent {
    package init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
        switch kind {
        case .loggedIn: self = .loggedIn
        case .loggedOut: self = .loggedOut
        case .statusChanged:
            self = .statusChanged(
                StatusChange(
                    from: try reader.word("from", otherText: "fromOtherText"),
                    to: try reader.word("to", otherText: "toOtherText")))
        }
    }

    /// The kind, or nil for ``unknown``.
    package var kind: Kind? {
        switch self {
        case .loggedIn: .loggedIn
        case .loggedOut: .loggedOut
        case .statusChanged: .statusChanged
        case .unknown: nil
        }
    }

    /// The payload as JSON text that ``init(_:schema:payload:)`` reads back; `{}` where it says
    /// nothing.
    package var payload: [UInt8] {
        var writer = PayloadWriter()
        if case .statusChanged(let change) = self {
            writer.add("from", change.from, otherText: "fromOtherText")
            writer.add("to", change.to, otherText: "toOtherText")
        }
        return writer.finished()
    }
}
