internal import ContactCentre
internal import EventLog
internal import JSON
internal import Routing

// What happened in a queue while a contact waited there, in a supervisor's language.

extension WaitTold {
    /// How many of the others, and of the operators, are told one by one.
    private static let toldMax = 10

    /// One line for each thing that is to be said; the first says which wait it is.
    var lines: [String] {
        let end = ended.map { "to position \($0)" } ?? "until now"
        var lines = [
            "In the queue \(queue) for \(isCoarse ? "about " : "")\(duration(span)), from "
                + "position \(begun) \(end), with "
                + "\(points) points of priority"
                + (ahead.map { "; \($0) \($0 == 1 ? "was" : "were") before it when it came" }
                    ?? "") + ":"
        ]
        if let closed, closed > 0, !isCoarse {
            lines.append("  the queue was closed for \(duration(closed)) of that")
        }
        lines.append("  " + wordsOfTurns)
        lines += Self.lines(of: answered, "answered")
        lines += Self.lines(of: offered, "offered to somebody")
        for held in held {
            lines.append(
                "  it was held for the operator \(held.choice.operator) for "
                    + "\(duration(held.span)), as position \(held.choice.position) says, and the "
                    + "policy did not decide")
        }
        let operators = occupations.sorted { ExactText($0.key) < ExactText($1.key) }
        if members == 0 { lines.append("  nobody is known to serve the queue") }
        if members == nil { lines.append("  no queue of that name is described") }
        if members ?? 0 > 0, operators.isEmpty, span > 0 {
            lines.append("  what operators did then is not known: it was told later")
        }
        for (name, spans) in operators.prefix(Self.toldMax) {
            lines.append("  \(name): \(Self.words(of: spans))")
        }
        let others = operators.count - Self.toldMax
        if others > 0 { lines.append("  and \(others) more operators (--format json)") }
        return lines
    }

    private var span: Int64 { max(0, until.microseconds - entered.microseconds) }

    /// Whether a beginning or end is known by the minute or the day only.
    private var isCoarse: Bool { precision >= .minute }

    /// Those who had not begun to wait before.
    private static func lines(of others: [Other], _ what: String) -> [String] {
        let outOfOrder = others.filter { $0.turn != .earlier }
        let untold = outOfOrder.count - toldMax
        return outOfOrder.prefix(toldMax).map { other in
            "    \(other.position)  \(other.stream): \(other.turn.words), \(other.points) points; "
                + "it was \(what)"
        } + (untold > 0 ? ["    and \(untold) more \(what)"] : [])
    }

    private var wordsOfTurns: String {
        func count(_ turn: Turn) -> Int { answered.count { $0.turn == turn } }
        let parts = [
            (count(.earlier), "had begun to wait before"),
            (count(.morePoints), "came later and had more points"),
            (count(.outOfTurn), "came later and had no more points"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        let turns = parts.isEmpty ? "" : ": " + parts.joined(separator: ", ")
        let asked = offered.isEmpty ? "" : "; \(offered.count) offered to somebody"
        let left = leftOtherwise > 0 ? "; \(leftOtherwise) left it unanswered" : ""
        let others = answered.count == 1 ? "1 other" : "\(answered.count) others"
        let verb = answered.count == 1 ? "was" : "were"
        return "\(others) of the queue \(verb) answered meanwhile\(turns)\(asked)\(left)"
    }

    private static func words(of spans: [RoutingState.Occupation: Int64]) -> String {
        spans.sorted { ($1.value, $0.key.words) < ($0.value, $1.key.words) }
            .map { "\($0.key.words) for \(duration($0.value))" }.joined(separator: ", ")
    }

    /// All of it, in a JSON object.
    var node: JSONNode {
        .object([
            ("queue", .text(queue)), ("begun", .integer(Int64(begun.value))),
            ("ended", ended.map { .integer(Int64($0.value)) } ?? .null),
            ("waited_us", isCoarse ? .null : .integer(span)),
            ("closed_us", isCoarse ? .null : closed.map { .integer($0) } ?? .null),
            ("points", .integer(points)),
            ("ahead", ahead.map { .integer(Int64($0)) } ?? .null),
            ("left_unanswered", .integer(Int64(leftOtherwise))),
            ("answered", .array(answered.map(\.node))),
            ("offered", .array(offered.map(\.node))),
            (
                "held",
                .array(
                    held.map { held in
                        .object([
                            ("position", .integer(Int64(held.choice.position))),
                            ("operator", .text(held.choice.operator)),
                            ("held_us", .integer(held.span)),
                        ])
                    })
            ),
            (
                "operators",
                .array(
                    occupations.sorted { ExactText($0.key) < ExactText($1.key) }.map { entry in
                        .object([
                            ("operator", .text(entry.key)),
                            (
                                "occupations",
                                .object(
                                    entry.value.sorted { $0.key.words < $1.key.words }.map {
                                        ($0.key.words, .integer($0.value))
                                    })
                            ),
                        ])
                    })
            ),
        ])
    }
}

extension WaitTold.Turn {
    fileprivate var words: String {
        switch self {
        case .earlier: "had begun to wait before"
        case .morePoints: "came later, and was more urgent"
        case .outOfTurn: "came later, and was not more urgent"
        }
    }
}

extension WaitTold.Other {
    fileprivate var node: JSONNode {
        .object([
            ("position", .integer(Int64(position.value))), ("contact", .text(stream.text)),
            ("turn", .text(turn.rawValue)), ("points", .integer(points)),
        ])
    }
}

extension RoutingState.Occupation {
    /// What the operator does, or does not.
    var words: String {
        switch self {
        case .notAtWork: "not at work"
        case .paused(let status): "not available (\(status))"
        case .withContacts: "with contacts"
        case .free: "free"
        }
    }
}
