internal import ContactCentre
internal import EventLog
internal import JSON
internal import Merkle
internal import ProjectionKit

extension AuditReport {
    /// The report for people: one page that needs nothing else, with the report for programs in it.
    package var html: String {
        // In a script, only this could end it; in JSON both are the same text.
        let data = json.replacing("<", with: "\\u003c")
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>Audit report of \
            \(escaped(log.origin)) as of position \(known.size - 1)</title>
            <meta name="viewport" content="width=device-width">
            <style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
            padding:0 1rem}code,pre{font:13px ui-monospace,monospace;background:#f3f3f3}\
            pre{padding:.5rem;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere}\
            table{border-collapse:collapse;margin:.5rem 0}td,th{vertical-align:top;\
            text-align:left;padding:.1rem 1rem .1rem 0}td.number{text-align:right}\
            h2{margin-top:2.5rem}.scroll{overflow-x:auto}.odd{color:#a30}</style></head>
            <body>
            <h1>Audit report</h1>
            \(summary)
            \(section("What proves it", proof))
            \(stories.map { section("Contact \($0.contact)", $0.html) }.joined())
            \(section("Events", events))
            \(section("Read models", models.map(\.html).joined()))
            \(section("Repeat it", repeating))
            <script type="application/json" id="report">\(data)</script>
            </body></html>

            """
    }

    private var summary: String {
        paragraph(
            "What the log \(log.origin) knew when position \(known.size - 1) had been recorded, at "
                + "\(lastRecorded): \(known.size) events. Nothing that was recorded later is in it."
        )
            + pairs([
                ("Log", code(log.id)), ("Time zone", escaped(log.zone)),
                ("Events known", "\(known.size)"), ("Root over them", code(known.root.hex)),
            ])
    }

    private var proof: String {
        var html = paragraph(
            "The signed head (checkpoint) covers \(head.size) events. A proof of "
                + "\(known.proof.count) hashes, which is in this file, shows that these begin with "
                + "the events that were known.")
        html += "<pre>\(escaped(noteText))</pre>"
        html += pairs([("Key", code(log.verifierKey))])
        html += paragraph(
            "Take the key from where you trust, not from here. A signed head alone proves nothing "
                + "against who holds the key: compare it with one that you have kept.")
        for bound in bounds {
            html += paragraph(
                "The last of these events was recorded \(bound.side.rawValue) \(bound.moment), by "
                    + "the anchor at position \(bound.anchor.position), for which "
                    + "\(bound.anchor.authority) was asked. Whether that authority says so, only "
                    + "the commands below verify.")
        }
        if bounds.isEmpty {
            html += paragraph("No timestamp of an authority bounds the time.")
        }
        return html
    }

    private var events: String {
        paragraph("The lines as they were signed, each with its receipt.")
            + items.map { item in
                "<details><summary>Position \(item.event.position): "
                    + "<code>\(escaped("\(item.event.type)"))</code>, recorded "
                    + "\(item.event.recorded)</summary><pre>"
                    + escaped(String(decoding: item.event.line, as: UTF8.self)) + "</pre><pre>"
                    + escaped(String(decoding: item.receipt.bytes, as: UTF8.self))
                    + "</pre></details>"
            }.joined()
    }

    private var repeating: String {
        paragraph(
            "In a shell with this report as report.json beside you. Proofs and timestamps need no "
                + "log; what comes behind them needs it in ASCOLTO_LOG. jq and openssl are "
                + "anybody's, and ascolto-verify is small enough to be read.")
            + commands.map { "<p>\(escaped($0.what))</p><pre>\(escaped($0.text))</pre>" }.joined()
    }
}

extension AuditReport.Story {
    fileprivate var html: String {
        let rows = story.sentences.map { sentence in
            let remark = sentence.remark.map { "<br><span class=\"odd\">\(escaped($0))</span>" }
            return [
                "\(sentence.position)", "\(sentence.occurred)",
                escaped(sentence.text) + (remark ?? ""),
            ]
        }
        return table(["Position", "Time", "What happened"], rows)
            + paragraph(
                "In queues \(duration(story.waited)), with operators \(duration(story.talked)); in "
                    + "the end \(story.ending).")
    }
}

extension AuditReport.Model {
    fileprivate var html: String {
        "<h3>\(escaped(status.name))</h3>"
            + pairs([
                ("Version", "\(status.version)"),
                ("Configuration", code(status.configuration)),
                ("Rows", "\(status.rows)"), ("Digest of all rows", code(status.digest.hex)),
                ("Events it could not read", "\(status.standing.unreadable.count)"),
            ]) + tables.map(\.html).joined()
    }
}

extension AuditReport.Table {
    fileprivate var html: String {
        var html = "<details><summary><code>\(escaped(table.name))</code>: "
        html += "\(escaped(table.meaning)); \(rows) rows</summary>"
        html += Reports.table(
            ["Column", "Unit", "Definition"],
            table.columns.map { [code($0.name), $0.unit.rawValue, escaped($0.meaning)] })
        html += "</details>"
        guard let result else { return html }
        let rows = result.rows.map { row in
            row.map { value in value == .null ? "–" : escaped(value.node.shown) }
        }
        // One row is read from top to bottom, many from left to right.
        guard rows.count == 1, table.key.isEmpty else {
            return html + Reports.table(result.columns.map(escaped), rows)
        }
        return html + pairs(Array(zip(result.columns, rows[0])))
    }
}

extension JSONNode {
    fileprivate var shown: String {
        if case .text(let text) = self { text } else { json }
    }
}

private func section(_ title: String, _ body: String) -> String {
    "<h2>\(escaped(title))</h2>\n\(body)\n"
}

private func paragraph(_ text: String) -> String { "<p>\(escaped(text))</p>" }

private func code(_ text: String) -> String { "<code>\(escaped(text))</code>" }

/// Names, and values that are HTML.
private func pairs(_ rows: [(String, String)]) -> String {
    "<table>" + rows.map { "<tr><th>\(escaped($0))</th><td>\($1)</td></tr>" }.joined()
        + "</table>"
}

/// Heads and cells that are HTML.
private func table(_ heads: [String], _ rows: [[String]]) -> String {
    let cells = rows.map { row in
        "<tr>" + row.map { "<td>\($0)</td>" }.joined() + "</tr>"
    }
    return "<div class=\"scroll\"><table><tr>" + heads.map { "<th>\($0)</th>" }.joined() + "</tr>"
        + cells.joined() + "</table></div>"
}

/// As HTML shows it for what it is, also within quotes.
private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        .replacing("\"", with: "&quot;")
}
