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
        let key = shellWord(log.verifierKey)
        return [
            Command(
                what: "The checkpoint is signed, what was known is the beginning of what was "
                    + "signed, and every event here is in it. Take the key from where you trust.",
                text: "ascolto verify --report report.json --key \(key)"),
            Command(
                what: "Each event by its receipt (C2SP tlog-proof), with a program that does "
                    + "nothing else",
                text: """
                    jq -r '.events[] | (.line | @base64) + " " + (.receipt | @base64)' report.json \
                    | while read -r line receipt; do \
                    echo "$line" | base64 -d > event.line && \
                    echo "$receipt" | base64 -d > event.tlog-proof && \
                    ascolto-verify --receipt event.tlog-proof --event event.line --key \(key) \
                    || exit 1; done
                    """),
        ]
    }

    private var ofTimestamps: [Command] {
        guard !bounds.isEmpty else { return [] }
        let verification = Command(
            what: "What the authority says is signed under a certificate that you trust, one of "
                + "those in authority.pem",
            text: "ascolto verify --report report.json --key \(shellWord(log.verifierKey)) "
                + "--timestamp-ca authority.pem")
        return [verification]
            + bounds.indices.map { index in
                Command(
                    what: "The same without us: the last event was recorded "
                        + "\(bounds[index].side.rawValue) \(bounds[index].moment)",
                    text: """
                        jq -j '.timestamps[\(index)].line | fromjson | .data.checkpoint' \
                        report.json > stamped && \
                        jq -r '.timestamps[\(index)].line | fromjson | .data.response' \
                        report.json | base64 -d > stamped.tsr && \
                        openssl ts -verify -data stamped -in stamped.tsr -partial_chain \
                        -CAfile authority.pem && \
                        openssl ts -reply -in stamped.tsr -text | grep 'Time stamp'
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
                    \(shellWord(log.verifierKey)) && ascolto check
                    """),
            Command(
                what: "So many events, with this root, were known",
                text: "ascolto stats --as-of \(last)"),
            Command(
                what: "The read models, folded anew from these events, have these digests",
                text: "\(definitions)ascolto projections --as-of \(last)\(settings)"),
        ]
        for story in stories {
            commands.append(
                Command(
                    what: "The story of a contact",
                    text: "ascolto explain contact --as-of \(last) -- "
                        + shellWord(story.contact)))
        }
        commands.append(
            Command(
                what: "The whole report again, to the last byte",
                text: """
                    \(definitions)jq -j '.head.checkpoint' report.json > head.checkpoint && \
                    ascolto audit report --as-of \(last)\(arguments) \
                    --key \(shellWord(log.verifierKey)) \
                    --checkpoint head.checkpoint --out again && \
                    cmp report.json again/report.json
                    """))
        return commands
    }

    private var arguments: String {
        var text = ""
        for (option, values) in [
            ("--contact", request.contacts), ("--position", request.positions.map { "\($0)" }),
            ("--table", request.tables.map { "\($0)" }),
        ] {
            // So that a value may begin with a hyphen.
            for value in values { text += " \(option)=\(shellWord(value))" }
        }
        return text + settings
    }

    private var settings: String {
        let words = request.definitions.isEmpty ? [] : ["--definitions", "definitions.yaml"]
        return (request.settings + words).map { " " + shellWord($0) }.joined()
    }

    /// Writes the definitions that the report holds to where the settings name them.
    private var definitions: String {
        request.definitions.isEmpty
            ? "" : "jq -j .definitions report.json > definitions.yaml && "
    }
}

/// As a shell takes it for one word.
private func shellWord(_ text: String) -> String {
    "'" + text.replacing("'", with: "'\\''") + "'"
}
