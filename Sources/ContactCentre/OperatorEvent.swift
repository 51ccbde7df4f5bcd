package import JSON

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

    /// The types of schema 1 that this version reads.
    package enum Kind: String, CaseIterable, Sendable {
        case loggedIn = "operator.logged_in"
        case loggedOut = "operator.logged_out"
        case statusChanged = "operator.status_changed"

        /// The kind of an event with this type and schema version, or nil for any other.
        package init?(type: String, schema: UInt16) {
            guard schema == OperatorEvent.schema else { return nil }
            self.init(rawValue: type)
        }

        /// What such an event says.
        package var meaning: String {
            switch self {
            case .loggedIn: "the operator is at work"
            case .loggedOut: "the operator is no longer at work"
            case .statusChanged: "the operator turned from one activity to another"
            }
        }
    }

    /// The schema version of every payload that is read and written here.
    package static let schema: UInt16 = 1
}

extension OperatorEvent {
    /// Reads an event; other types and other schema versions are ``unknown``.
    ///
    /// Members that are not known are passed over, and `null` counts as absent.
    /// - Throws: ``PayloadError`` where a known type's payload is wrong.
    package init(type: String, schema: UInt16, payload: JSONPayload?) throws(PayloadError) {
        guard let kind = Kind(type: type, schema: schema) else {
            self = .unknown
            return
        }
        try self.init(kind, payload: payload)
    }

    /// Reads an event of a kind that was looked up before: for readers of many events.
    package init(_ kind: Kind, payload: JSONPayload?) throws(PayloadError) {
        try self.init(kind, from: PayloadReader(type: kind.rawValue, payload: payload))
    }

    init(_ kind: Kind, from reader: PayloadReader) throws(PayloadError) {
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

    /// The payload as JSON text that ``init(_:payload:)`` reads back; `{}` where it says nothing.
    package var payload: [UInt8] {
        var writer = PayloadWriter()
        if case .statusChanged(let change) = self {
            writer.add("from", change.from, otherText: "fromOtherText")
            writer.add("to", change.to, otherText: "toOtherText")
        }
        return writer.finished()
    }
}
