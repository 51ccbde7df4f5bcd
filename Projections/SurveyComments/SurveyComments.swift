package import EventLog
package import GRDB
package import ProjectionKit
package import Subjects

/// What citizens write in answers to surveys, as far as there are keys to read it.
///
/// `README.md` beside this file defines every table and column.
package struct SurveyComments: Projection {
    /// Opens what an event holds sealed; nil where the log has no vault here.
    package typealias Opener = @Sendable (Event) throws -> PersonalText?

    private let open: Opener

    package init(openedBy open: @escaping Opener) { self.open = open }

    package let name = "survey-comments"
    package let version = 1
    package let configuration = ""
    package let content = ReadModelContent.personal

    package var schema: [String] {
        [
            """
            CREATE TABLE written (
                position INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, survey TEXT NOT NULL,
                request TEXT NOT NULL, about TEXT, channel TEXT, service TEXT,
                answers TEXT NOT NULL, state TEXT NOT NULL, comment TEXT)
            """
        ]
    }

    package var tables: [ReadTable] { [comments] }

    private var comments: ReadTable {
        let columns = [
            ReadColumn("position", in: .count, meaning: "of the answer in the log"),
            ReadColumn("time", in: .time, meaning: "when it was given"),
            ReadColumn("survey", in: .text, meaning: "which survey"),
            ReadColumn("request", in: .text, meaning: "the stream of the request for it"),
            ReadColumn("about", in: .text, meaning: "the stream of the contact or case"),
            ReadColumn("channel", in: .text, meaning: "as the answer states it"),
            ReadColumn("service", in: .text, meaning: "as the answer states it"),
            ReadColumn(
                "answers", in: .text, meaning: "the answers to its questions, as csat=4 effort=2"),
            ReadColumn(
                "state", in: .text,
                meaning: "open; erased: the key was destroyed; closed: it has never been here"),
            ReadColumn("comment", in: .text, meaning: "what was written, where it is open"),
        ]
        let stored = columns.map { $0.name == "time" ? "at_us" : $0.name }
        let select = zip(columns, stored).map { column, stored in
            stored == column.name ? stored : "\(rfc3339(column: stored)) AS \(column.name)"
        }
        return ReadTable(
            name: "comments", meaning: "answers with something written, each as a row",
            columns: columns, key: ["position"],
            derivation: ReadTable.Derivation(
                select: "SELECT \(select.joined(separator: ", ")) FROM written",
                basis: "SELECT \(stored.joined(separator: ", ")) FROM written ORDER BY position"))
    }

    package func fold(
        into database: Database, of log: LogReference
    ) throws -> any EventFold {
        FoldComments(into: database, openedBy: open)
    }
}
