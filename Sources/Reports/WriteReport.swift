internal import ContactCentre
internal import EventLog
internal import JSON
internal import Merkle
internal import ProjectionKit

extension AuditReport {
    /// The report for programs, on one line.
    package var json: String { node.json }

    var node: JSONNode {
        .object([
            ("format", .text(GivenReport.format)),
            (
                "log",
                .object([
                    ("id", .text(log.id)), ("origin", .text(log.origin)),
                    ("zone", .text(log.zone)), ("verifier_key", .text(log.verifierKey)),
                ])
            ),
            (
                "as_of",
                .object([
                    ("position", .count(known.size - 1)), ("size", .count(known.size)),
                    ("root", .text(known.root.hex)), ("last_recorded", .text(lastRecorded)),
                    ("consistency", known.hashes),
                ])
            ),
            (
                "head",
                .object([
                    ("size", .count(head.size)), ("root", .text(head.root.hex)),
                    ("checkpoint", .text(noteText)),
                ])
            ),
            ("timestamps", .array(bounds.map(\.node))),
            ("stories", .array(stories.map(\.node))),
            ("events", .array(items.map(\.node))),
            ("definitions", .text(request.definitions)),
            ("read_models", .array(models.map(\.node))),
            (
                "commands",
                .array(
                    commands.map { command in
                        .object([
                            ("what", .text(command.what)), ("command", .text(command.text)),
                        ])
                    })
            ),
        ])
    }

    var noteText: String { String(decoding: note.bytes, as: UTF8.self) }
}

extension AuditReport.Beginning {
    fileprivate var hashes: JSONNode {
        .array(proof.map { .text(String(decoding: Base64.encode($0.bytes[...]), as: UTF8.self)) })
    }
}

extension AuditReport.Bound {
    fileprivate var node: JSONNode {
        .object([
            ("bound", .text(side.rawValue)), ("position", .count(anchor.position.value)),
            ("time", .text(moment)), ("authority", .text(anchor.authority)),
            ("size", .count(stamped.size)), ("root", .text(stamped.root.hex)),
            ("consistency", stamped.hashes),
            ("line", .text(String(decoding: item.event.line, as: UTF8.self))),
            ("receipt", .text(String(decoding: item.receipt.bytes, as: UTF8.self))),
        ])
    }
}

extension AuditReport.Story {
    fileprivate var node: JSONNode {
        .object([
            ("contact", .text(contact)), ("ending", .text(story.ending)),
            ("waited_us", story.waited.map { .integer($0) } ?? .null),
            ("talked_us", story.talked.map { .integer($0) } ?? .null),
            (
                "story",
                .array(
                    story.sentences.map { sentence in
                        .object([
                            ("position", .count(sentence.position)),
                            ("time", .text("\(sentence.occurred)")),
                            ("text", .text(sentence.text)),
                            ("remark", .optional(sentence.remark)),
                        ])
                    })
            ),
        ])
    }
}

extension AuditReport.Item {
    fileprivate var node: JSONNode {
        .object([
            ("position", .count(event.position.value)),
            ("line", .text(String(decoding: event.line, as: UTF8.self))),
            ("receipt", .text(String(decoding: receipt.bytes, as: UTF8.self))),
        ])
    }
}

extension AuditReport.Model {
    fileprivate var node: JSONNode {
        .object([
            ("name", .text(status.name)), ("version", .count(status.version)),
            ("configuration", .text(status.configuration)), ("rows", .count(status.rows)),
            ("digest", .text(status.digest.hex)),
            ("unreadable", .count(status.standing.unreadable.count)),
            ("tables", .array(tables.map(\.node))),
        ])
    }
}

extension AuditReport.Table {
    fileprivate var node: JSONNode {
        .object([
            ("name", .text(table.name)), ("meaning", .text(table.meaning)),
            ("rows", .count(rows)),
            (
                "columns",
                .array(
                    table.columns.map { column in
                        .object([
                            ("name", .text(column.name)), ("unit", .text(column.unit.rawValue)),
                            ("meaning", .text(column.meaning)),
                        ])
                    })
            ),
            (
                "values",
                result.map { result in
                    .array(
                        result.rows.map { row in
                            .object(Array(zip(result.columns, row.map(\.node))))
                        })
                } ?? .null
            ),
        ])
    }
}
