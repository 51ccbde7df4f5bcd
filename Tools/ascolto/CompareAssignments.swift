internal import ArgumentParser
internal import EventLog
internal import JSON
internal import Routing

/// How long an operator may have nothing to do and still be at work.
struct IdleCut: ExpressibleByArgument {
    let microseconds: Int64

    static let usual = IdleCut(microseconds: 15 * 60_000_000)

    private init(microseconds: Int64) { self.microseconds = microseconds }

    init?(argument: String) {
        // As in `30s`, `5m` or `2h`.
        let units: [Character: Int64] = ["s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000]
        guard let unit = argument.last.flatMap({ units[$0] }),
            let count = Int64(argument.dropLast()), (0...86_400).contains(count)
        else { return nil }
        microseconds = count * unit
    }
}

/// Reports who answered beside whom the policies would have chosen.
struct CompareAssignments {
    let idleCut: IdleCut
    let output: OutputFormat

    /// Differences that are told one by one below the sums, the first of them.
    private static let differencesMax = 100

    private struct Sums {
        var assignments = 0
        var same = 0
        var other = 0
        var nobody = 0
        var overflow = 0
        var unrouted = 0
        var choices = 0
        var sameOfChoices = 0
        var byLot = 0.0
        var outOfTurn = 0
        var hindrances: [String: Int] = [:]
        var first: [Assignment] = []

        var byFrequency: [(reason: String, count: Int)] {
            hindrances.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                .map { ($0.key, $0.value) }
        }

        mutating func add(_ assignment: Assignment) {
            assignments += 1
            switch assignment.verdict {
            case .same: same += 1
            case .other: other += 1
            case .nobody: nobody += 1
            case .overflow: overflow += 1
            case .unrouted: unrouted += 1
            }
            if assignment.eligible > 1 {
                choices += 1
                if assignment.verdict == .same { sameOfChoices += 1 }
                if assignment.hindrances.isEmpty { byLot += 1 / Double(assignment.eligible) }
            }
            if assignment.turn == .outOfTurn { outOfTurn += 1 }
            for reason in assignment.hindrances { hindrances[reason, default: 0] += 1 }
            if assignment.verdict != .same, first.count < CompareAssignments.differencesMax {
                first.append(assignment)
            }
        }
    }

    func run(_ log: EventLog, _ range: Range<UInt64>) throws {
        var sums = Sums()
        var rows: [[Cell]] = []
        let inferred = try log.compareAssignments(range, idleCut: idleCut.microseconds) {
            sums.add($0)
            if output != .json, output != .table, $0.isRemarkable { rows.append(Self.row(of: $0)) }
        }
        switch output {
        case .json: Answer(object: members(sums, inferred)).write(as: .json)
        case .csv, .ndjson:
            Answer(
                columns: [
                    "position", "time", "contact", "queue", "operator", "verdict", "chosen",
                    "eligible", "turn", "hindrances",
                ], rows: rows
            ).write(as: output)
        case .table: tell(sums, inferred)
        }
    }

    private func members(_ sums: Sums, _ inferred: Int) -> [(String, Cell)] {
        return [
            ("assignments", .count(sums.assignments)), ("same", .count(sums.same)),
            ("other", .count(sums.other)), ("nobody", .count(sums.nobody)),
            ("overflow", .count(sums.overflow)), ("unrouted", .count(sums.unrouted)),
            ("choices", .count(sums.choices)), ("same_of_choices", .count(sums.sameOfChoices)),
            ("by_lot", .ratio(sums.byLot)), ("out_of_turn", .count(sums.outOfTurn)),
            (
                "hindrances",
                .array(
                    sums.byFrequency.map { reason, count in
                        .object([("reason", .text(reason)), ("assignments", .count(count))])
                    })
            ),
            ("inferred_operators", .count(inferred)),
            ("idle_cut_us", .count(idleCut.microseconds)),
            ("differences", .array(sums.first.map { .object(Self.members(of: $0)) })),
        ]
    }

    private static func members(of assignment: Assignment) -> [(String, Cell)] {
        let (verdict, chosen): (String, Cell) =
            switch assignment.verdict {
            case .same: ("same", .text(assignment.operator))
            case .other(let name): ("other", .text(name))
            case .overflow(let queue): ("overflow", .text(queue))
            case .nobody: ("nobody", .null)
            case .unrouted: ("unrouted", .null)
            }
        return [
            ("position", .count(assignment.position.value)),
            ("time", .text("\(assignment.moment)")),
            ("contact", .text(assignment.stream.text)),
            ("operator", .text(assignment.operator)), ("verdict", .text(verdict)),
            ("chosen", chosen),
        ]
    }

    private static func row(of assignment: Assignment) -> [Cell] {
        let hindrances: Cell =
            assignment.hindrances.isEmpty
            ? .null : .text(assignment.hindrances.joined(separator: " "))
        var cells = members(of: assignment).map(\.1)
        cells.insert(.text(assignment.queue), at: 3)
        return cells + [
            .count(Int(assignment.eligible)),
            .text(assignment.turn == .inTurn ? "in_turn" : "out_of_turn"), hindrances,
        ]
    }

    private func tell(_ sums: Sums, _ inferred: Int) {
        func say(_ line: String) { Standard.output.write(line: line) }
        guard sums.assignments > 0 else {
            say("all who answered were decided to; `ascolto redecide` makes the decisions again")
            return Standard.output.flush()
        }
        say("\(sums.assignments) contacts were answered by whom no decision had selected")
        say("by the policies:")
        say("  \(sums.same) go to who answered, \(sums.other) to another operator")
        say("  \(sums.nobody) nobody could take, \(sums.overflow) go over to another queue")
        say("  \(sums.unrouted) stand in no queue with a policy")
        say(
            "where at least two could take it (\(sums.choices)), who answered is chosen "
                + "\(sums.sameOfChoices) times; by lot it would be \(Int(sums.byLot.rounded()))")
        say("\(sums.outOfTurn) were answered although somebody more urgent could be")
        for (reason, count) in sums.byFrequency {
            say("\(count) were answered by somebody who, by the policy, could not: \(reason)")
        }
        if inferred > 0 {
            let seconds = idleCut.microseconds / 1_000_000
            say(
                "of \(inferred) operators it is inferred when they were at work: from contact to "
                    + "contact, but for gaps of more than \(seconds) s")
        }
        Standard.output.flush()
    }
}

extension Assignment {
    /// Whether there is anything to say about it.
    fileprivate var isRemarkable: Bool {
        verdict != .same || turn == .outOfTurn || !hindrances.isEmpty
    }
}
