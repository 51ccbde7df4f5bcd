package import EventLog

/// What an auditor wants to be told.
package struct AuditRequest: Sendable {
    package let asOf: AsOf
    /// Ids of contacts whose stories are told.
    package var contacts: [String] = []
    /// Events beside those of the contacts.
    package var positions: [Position] = []
    /// Tables whose rows are shown, beside those of one row.
    package var tables: [TableName] = []
    /// How the read models were configured, as words of a command line, to be repeated.
    package var settings: [String] = []
    /// What equity is compared by, a YAML text; empty where nothing was declared.
    package var definitions = ""

    package init(asOf: AsOf) { self.asOf = asOf }

    /// A table of a read model, `operator-queues/days`.
    package struct TableName: Hashable, Sendable, CustomStringConvertible {
        package let model: String
        package let table: String

        package init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
            (model, table) = (String(parts[0]), String(parts[1]))
        }

        package var description: String { "\(model)/\(table)" }
    }
}

/// Why a report cannot be made.
package enum ReportError: Error, Equatable, Sendable {
    /// Nothing was recorded by then.
    case nothingKnown
    /// The log does not know the key that has signed the checkpoint.
    case noKey
    case noContact(String, events: UInt64)
    case noTable(String, known: [String])
    /// So many events are more than a report holds.
    case tooManyEvents(Int)
}

extension ReportError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .nothingKnown: "nothing was recorded by then: there is nothing to report"
        case .noKey:
            "this copy of the log does not hold the public half of the key that has signed the "
                + "checkpoint: give it as --key, from where you trust"
        case .noContact(let id, let events):
            "there is no contact \(id) among the first \(events) events; ascolto streams --prefix "
                + "contact/ lists them"
        case .noTable(let name, let known):
            "there is no table \(name); there are: \(known.joined(separator: ", "))"
        case .tooManyEvents(let count):
            "\(count) events are concerned, and a report holds at most \(AuditReport.eventsMax): "
                + "ask for fewer contacts in one report"
        }
    }
}
