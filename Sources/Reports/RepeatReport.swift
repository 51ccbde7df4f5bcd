internal import EventLog

extension AuditReport {
    /// A line that a reader types, and what it shows.
    struct Command: Sendable {
        let what: String
        let text: String
    }

    /// What repeats the report, and verifies it: the first without the log, and without us.
    ///
    /// They are for a shell beside `report.json`, with the log in `$ASCOLTO_LOG`.
    var commands: [Command] { ofProofs + ofTimestamps + ofLog }

    private var ofProofs: [Command] {
        let key = quoted(log.verifierKey)
        return [
            Command(
                what: "The checkpoint is signed, what was known is the beginning of what was "
                    + "signed, and every event here is in it. Take the key from where you trust.",
                text: "ascolto verify --report report.json --key \(key)"),
            Command(
                what: "Each event by its receipt (C2SP tlog-proof), with a program that does "
                    + "nothing else",
                text: """
                    (for n in $(jq '.events | keys[]' report.json); do \
                    jq -j ".events[$n].receipt" report.json > event.tlog-proof && \
                    jq -j ".events[$n].line" report.json > event.line && \
                    ascolto-verify --receipt event.tlog-proof --event event.line --key \(key) \
                    || exit 1; done)
                    """),
        ]
    }

    private var ofTimestamps: [Command] {
        bounds.indices.map { index in
            let bound = bounds[index]
            return Command(
                what: "The authority says that the last event was recorded \(bound.side.rawValue) "
                    + "\(bound.moment); authority.pem has the certificates that you trust.",
                text: """
                    jq -j '.timestamps[\(index)].checkpoint' report.json > stamped && \
                    jq -r '.timestamps[\(index)].response' report.json | base64 -d > stamped.tsr \
                    && openssl ts -verify -data stamped -in stamped.tsr -CAfile authority.pem
                    """)
        }
    }

    private var ofLog: [Command] {
        let last = known.size - 1
        var commands = [
            Command(
                what: "The log has this checkpoint's root, and every event has the hash that "
                    + "was signed",
                text: """
                    jq -j '.head.checkpoint' report.json > head.checkpoint && \
                    ascolto verify --checkpoint head.checkpoint --key \
                    \(quoted(log.verifierKey)) && ascolto check
                    """),
            Command(
                what: "So many events, with this root, were known",
                text: "ascolto stats --as-of \(last)"),
            Command(
                what: "The read models, folded anew from these events, have these digests",
                text: "ascolto projections --as-of \(last)\(settings)"),
        ]
        for story in stories {
            commands.append(
                Command(
                    what: "The story of a contact",
                    text: "ascolto explain contact \(quoted(story.contact)) --as-of \(last)"))
        }
        commands.append(
            Command(
                what: "The whole report again, to the last byte",
                text: """
                    jq -j '.head.checkpoint' report.json > head.checkpoint && \
                    ascolto audit report --as-of \(last)\(arguments) --checkpoint \
                    head.checkpoint --out again && cmp report.json again/report.json
                    """))
        return commands
    }

    private var arguments: String {
        var text = ""
        for (option, values) in [
            ("--contact", request.contacts), ("--position", request.positions.map { "\($0)" }),
            ("--table", request.tables.map { "\($0)" }),
        ] where !values.isEmpty {
            text += " \(option) " + values.map(quoted).joined(separator: " ")
        }
        return text + settings
    }

    private var settings: String { request.settings.map { " " + quoted($0) }.joined() }
}

/// As a shell takes it for one word.
private func quoted(_ text: String) -> String {
    "'" + text.replacing("'", with: "'\\''") + "'"
}
