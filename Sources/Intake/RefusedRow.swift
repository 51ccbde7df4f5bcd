package import ContactCentre
package import EventLog

/// A row or line that does not reach the log, and why; the rest goes on.
package struct RefusedRow: Equatable, Sendable {
    package let file: String
    /// The line of the file where the row begins, counted from 1.
    package let line: Int
    package let reason: RowRefusal
}

extension RefusedRow: CustomStringConvertible {
    package var description: String { "\(file):\(line): \(reason)" }
}

/// Why a row or line is refused.
package enum RowRefusal: Error, Equatable, Sendable {
    case malformed(CSVFault)
    /// A field does not show what the mapping expects of it.
    case unreadable(value: String, columns: [String], text: String, expected: String)
    /// A rule of the mapping refuses it, in the rule's words.
    case rule(String)
    /// The event's stream is made from a value that this row does not have.
    case noStream(event: String)
    case noTime(event: String)
    /// The event that the row describes is none that the log can hold.
    case event(name: String?, EventError)
    /// It is of a type of ours, and no projection could read its payload.
    case payload(event: String?, PayloadError)
    /// It tells of a person, and cannot be sealed; nothing personal is in the words.
    case person(String)
    /// It is no line of a queue log.
    case queueLog(QueueLogFault)
    /// It is no event of an XES log.
    case xes(XESFault)
    case lineTooLong(bytes: Int, most: Int)
    case rejected(Rejection)
    case conflict(Conflict)
}

extension RowRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let fault): "\(fault)"
        case .unreadable(let value, let columns, let text, let expected):
            "\(value): '\(text)' in \(columns.joined(separator: " and ")) is not \(expected)"
        case .rule(let reason): reason
        case .noStream(let event):
            "the event '\(event)' has no stream: a value in its name is absent"
        case .noTime(let event): "the event '\(event)' has no time: its value is absent"
        case .event(let name?, let error): "the event '\(name)': \(error)"
        case .event(nil, let error): "\(error)"
        case .payload(let event?, let error): "the event '\(event)': \(error)"
        case .payload(nil, let error): "\(error)"
        case .person(let reason): reason
        case .queueLog(let fault): "\(fault)"
        case .xes(let fault): "\(fault)"
        case .lineTooLong(let bytes, let most):
            "the line has \(bytes) bytes; at most \(most) are read"
        case .rejected(let rejection): "the log rejects it: \(rejection)"
        case .conflict(let conflict): "the log refuses it: \(conflict)"
        }
    }
}
