internal import Statistics

/// A row of the release.
enum ReleasedRow {
    case whole(GroupRow)
    /// Only what is shown of the counts.
    case partly(GroupRow, units: Int?, favourable: Int?)
}

extension JudgedOutcomes {
    /// What may be handed out of the rows, by outcome and attribute as they are.
    func released(_ judged: [[[GroupRow]]]) -> [[[ReleasedRow]]] {
        let releases = definitions.attributes.indices.map { attribute in
            Release(of: judged.map { $0[attribute] }, in: definitions.outcomes)
        }
        return judged.indices.map { outcome in
            var rows = judged[outcome]
            // A comparison with what is hidden would tell it, and so would a verdict that depends
            // on one: only what is shown is judged.
            for (attribute, release) in releases.enumerated() {
                for index in rows[attribute].indices
                where !release.isShown(outcome, 0) || !release.isShown(outcome, index) {
                    rows[attribute][index].comparison = nil
                }
            }
            judge(&rows, of: outcome)
            return releases.enumerated().map { attribute, release in
                rows[attribute].indices.map { release.row(rows[attribute][$0], outcome, $0) }
            }
        }
    }
}

/// What of the rows of one attribute, in all outcomes, may be handed out.
private struct Release {
    /// By outcome; nil where there are too many groups to be sure of.
    private let suppressions: [Suppression]?

    /// The audit's cost grows with the square of the groups and more.
    private static let groupsMax = 1_000

    /// The outcomes of an attribute count the same units, or nearly so, and what one of them wants
    /// another may not want: a group that one hides is hidden in all, and so is its size.
    init(of compared: [[GroupRow]], in outcomes: [Outcome]) {
        guard compared.allSatisfy({ $0.count <= Self.groupsMax }) else {
            suppressions = nil
            return
        }
        // The row of all is the sum that a table makes itself.
        let tables = compared.map { Array($0.dropLast()) }
        let differences = OutcomePair.all(outcomes).flatMap { $0.differences(between: tables) }
        var hidden = HiddenGroups()
        while true {
            let known = hidden
            for difference in differences { hidden.hide(difference) }
            let found = tables.map { Self.suppression(of: $0, hiding: hidden) }
            for (rows, suppression) in zip(tables, found) { hidden.add(suppression, of: rows) }
            guard hidden != known else {
                suppressions = found
                return
            }
        }
    }

    private static func suppression(of rows: [GroupRow], hiding hidden: HiddenGroups) -> Suppression
    {
        var entries: Set<Suppression.Entry> = []
        for (index, row) in rows.enumerated() {
            if hidden.counts.contains(row.name) {
                entries.insert(Suppression.Entry(row: index, column: 0))
                entries.insert(Suppression.Entry(row: index, column: 1))
            }
            if hidden.sizes.contains(row.name) {
                entries.insert(Suppression.Entry(row: index, column: 2))
            }
        }
        return Suppression(of: rows.map(\.counted), zeros: .published, hidden: entries)
    }

    func isShown(_ outcome: Int, _ index: Int) -> Bool {
        suppressions?[outcome].marks[index].allSatisfy { $0 == .published } ?? false
    }

    func row(_ row: GroupRow, _ outcome: Int, _ index: Int) -> ReleasedRow {
        guard !isShown(outcome, index) else { return .whole(row) }
        let marks = suppressions?[outcome].marks[index]
        return .partly(
            row, units: marks?[2] == .published ? row.counts.total : nil,
            favourable: marks?[0] == .published ? row.counts.favourable : nil)
    }
}

/// The groups of one attribute that are hidden in all outcomes, by their names.
private struct HiddenGroups: Equatable {
    /// How many units were favourable or not.
    var counts: Set<String> = []
    /// How many units there are.
    var sizes: Set<String> = []

    mutating func add(_ suppression: Suppression, of rows: [GroupRow]) {
        for (index, row) in rows.enumerated() {
            let marks = suppression.marks[index]
            if marks[0] != .published || marks[1] != .published { counts.insert(row.name) }
            if marks[2] != .published { sizes.insert(row.name) }
        }
    }

    /// Hides where two outcomes differ by few, and more until what is hidden adds up to enough.
    mutating func hide(_ difference: Difference) {
        for (name, count) in difference.groups where (1..<Suppression.cellMin).contains(count) {
            insert(name, difference.kind)
        }
        let hidden = difference.kind == .sizes ? sizes : counts
        let sum = difference.groups.reduce(0) { hidden.contains($1.0) ? $0 + $1.1 : $0 }
        guard (1..<Suppression.cellMin).contains(sum) else { return }
        let shown = difference.groups.filter { !hidden.contains($0.0) && $0.1 > 0 }
        guard let smallest = shown.min(by: { $0.1 < $1.1 }) else { return }
        insert(smallest.0, difference.kind)
    }

    /// Counts of which the sizes are shown would still tell a difference of sizes.
    private mutating func insert(_ name: String, _ kind: Difference.Kind) {
        counts.insert(name)
        if kind == .sizes { sizes.insert(name) }
    }
}

/// By how much two outcomes differ in each group.
private struct Difference {
    let kind: Kind
    let groups: [(String, Int)]

    enum Kind {
        /// Units with the decisive event in one outcome and not in the other.
        case decided
        case sizes
    }
}

/// Two outcomes of units that begin alike, so that one subtracted from the other counts something.
private struct OutcomePair {
    private let places: [Int]
    private let outcomes: [Outcome]

    static func all(_ outcomes: [Outcome]) -> [OutcomePair] {
        outcomes.indices.flatMap { first in
            outcomes.indices.dropFirst(first + 1)
                .filter { outcomes[$0].begins == outcomes[first].begins }
                .map { second in
                    OutcomePair(
                        places: [first, second], outcomes: [outcomes[first], outcomes[second]])
                }
        }
    }

    func differences(between tables: [[GroupRow]]) -> [Difference] {
        let sizes = Difference(
            kind: .sizes, groups: differences(between: tables) { _, row in row.counts.total })
        guard outcomes[0].decisive == outcomes[1].decisive else { return [sizes] }
        // What avoids an event counts those with it in the second column.
        let decided = differences(between: tables) { outcome, row in
            row.counted[outcome.wanted == .reaches ? 0 : 1]
        }
        return [sizes, Difference(kind: .decided, groups: decided)]
    }

    private func differences(
        between tables: [[GroupRow]], in count: (Outcome, GroupRow) -> Int
    ) -> [(String, Int)] {
        let counts = zip(places, outcomes).map { place, outcome in
            Dictionary(uniqueKeysWithValues: tables[place].map { ($0.name, count(outcome, $0)) })
        }
        return Set(counts[0].keys).union(counts[1].keys).sorted()
            .map { ($0, abs((counts[0][$0] ?? 0) - (counts[1][$0] ?? 0))) }
    }
}

extension GroupRow {
    /// What tells it from the others of its table.
    fileprivate var name: String { "\(kind.rawValue):\(part)" }

    /// The columns of a table whose entries may be hidden: favourable, and the others.
    fileprivate var counted: [Int] { [counts.favourable, counts.total - counts.favourable] }
}
