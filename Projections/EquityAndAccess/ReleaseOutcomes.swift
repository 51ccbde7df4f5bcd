internal import ContactCentre
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
        let pairs = OutcomePair.all(definitions.outcomes)
        var hiddenSums = OutcomePair.hiddenSums(of: judged.map { $0.first?.last }, pairs)
        var releases: [Release] = []
        while true {
            releases = definitions.attributes.indices.map { attribute in
                Release(of: judged.map { $0[attribute] }, pairs, hidingSumsOf: hiddenSums)
            }
            // All attributes show the same sums.
            let all = releases.reduce(hiddenSums) { $0.union($1.hiddenSums) }
            guard all != hiddenSums else { break }
            hiddenSums = all
        }
        return judged.indices.map { outcome in
            var rows = judged[outcome]
            // A comparison with what is hidden would tell it, and so would a verdict that depends
            // on one: only what is shown is judged.
            var attributes: [Int] = []
            for (attribute, release) in releases.enumerated() {
                for index in rows[attribute].indices {
                    let isTold = release.isShown(outcome, 0) && release.isShown(outcome, index)
                    if isTold {
                        rows[attribute][index].comparison?.verdict = nil
                    } else {
                        rows[attribute][index].comparison = nil
                    }
                }
                // Whether the groups are comparable depends on how many units have none.
                let unknown = rows[attribute].firstIndex { $0.kind == .unknown }
                if unknown.map({ release.isShown(outcome, $0) }) ?? true {
                    attributes.append(attribute)
                }
            }
            judge(&rows, of: outcome, by: attributes)
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
    init(of compared: [[GroupRow]], _ pairs: [OutcomePair], hidingSumsOf outcomes: Set<Int>) {
        guard compared.allSatisfy({ $0.count <= Self.groupsMax }) else {
            suppressions = nil
            return
        }
        // The row of all is the sum that a table makes itself.
        let tables = compared.map { Array($0.dropLast()) }
        let differences = pairs.flatMap { $0.differences(between: tables) }
        var hidden = HiddenGroups()
        while true {
            let known = hidden
            for difference in differences { hidden.hide(difference) }
            let found = tables.enumerated().map { outcome, rows in
                let sums = outcomes.contains(outcome) ? Self.places(inRow: rows.count) : []
                return Suppression(
                    of: rows.map(\.counted), zeros: .published,
                    hidden: Self.places(of: hidden, in: rows).union(sums))
            }
            for (rows, suppression) in zip(tables, found) { hidden.add(suppression, of: rows) }
            guard hidden != known else {
                suppressions = found
                return
            }
        }
    }

    private static func places(
        of hidden: HiddenGroups, in rows: [GroupRow]
    ) -> Set<Suppression.Entry> {
        var places: Set<Suppression.Entry> = []
        for (index, row) in rows.enumerated() {
            let all = self.places(inRow: index)
            if hidden.counts.contains(row.name) { places.formUnion(all.filter { $0.column < 2 }) }
            if hidden.sizes.contains(row.name) { places.formUnion(all.filter { $0.column == 2 }) }
        }
        return places
    }

    private static func places(inRow row: Int) -> Set<Suppression.Entry> {
        Set((0...2).map { Suppression.Entry(row: row, column: $0) })
    }

    /// The outcomes whose sum of all is hidden.
    var hiddenSums: Set<Int> {
        let found = suppressions ?? []
        return Set(found.indices.filter { !found[$0].showsTotal })
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
    var counts: Set<ExactText> = []
    /// How many units there are.
    var sizes: Set<ExactText> = []

    mutating func add(_ suppression: Suppression, of rows: [GroupRow]) {
        for (index, row) in rows.enumerated() {
            let marks = suppression.marks[index]
            if marks[0] != .published || marks[1] != .published { counts.insert(row.name) }
            if marks[2] != .published { sizes.insert(row.name) }
        }
    }

    /// Hides where two outcomes differ by few, and more until what is hidden adds up to enough.
    mutating func hide(_ difference: Difference) {
        for (name, count) in difference.groups where Difference.small.contains(count) {
            insert(name, difference.kind)
        }
        let hidden = difference.kind == .sizes ? sizes : counts
        let sum = difference.groups.reduce(0) { hidden.contains($1.0) ? $0 + $1.1 : $0 }
        guard Difference.small.contains(sum) else { return }
        let shown = difference.groups.filter { !hidden.contains($0.0) && $0.1 > 0 }
        guard let smallest = shown.min(by: { $0.1 < $1.1 }) else { return }
        insert(smallest.0, difference.kind)
    }

    /// Counts of which the sizes are shown would still tell a difference of sizes.
    private mutating func insert(_ name: ExactText, _ kind: Difference.Kind) {
        counts.insert(name)
        if kind == .sizes { sizes.insert(name) }
    }
}

/// By how much two outcomes differ in each group.
private struct Difference {
    let kind: Kind
    let groups: [(ExactText, Int)]

    static let small = 1..<Suppression.cellMin

    enum Kind {
        case sizes
        /// Units with the decisive event or without it, as far as one outcome has more of them.
        case decisions
    }
}

/// Two outcomes of units that begin with the same type of event, so that one subtracted from the
/// other may count something.
///
/// Conditions and terms do not matter: whether the units of one are some of the other's cannot be
/// seen in them for certain, and to hide too much does no harm.
private struct OutcomePair {
    private let earlier: Int
    private let later: Int
    private let outcomes: [Outcome]

    static func all(_ outcomes: [Outcome]) -> [OutcomePair] {
        outcomes.indices.flatMap { first in
            outcomes.indices.dropFirst(first + 1)
                .filter { outcomes[$0].begins.type == outcomes[first].begins.type }
                .map { second in
                    OutcomePair(
                        earlier: first, later: second,
                        outcomes: [outcomes[first], outcomes[second]])
                }
        }
    }

    /// The outcomes that hide their sums, whatever the attribute: the later one of two that cannot
    /// both show them.
    static func hiddenSums(of sums: [GroupRow?], _ pairs: [OutcomePair]) -> Set<Int> {
        let tables = sums.map { $0.map { [$0] } ?? [] }
        var hidden: Set<Int> = []
        for pair in pairs.sorted(by: { $0.later < $1.later }) where !hidden.contains(pair.earlier) {
            let differences = pair.differences(between: tables)
            if differences.contains(where: { $0.groups.contains { Difference.small ~= $0.1 } }) {
                hidden.insert(pair.later)
            }
        }
        return hidden
    }

    func differences(between tables: [[GroupRow]]) -> [Difference] {
        let counts = zip([earlier, later], outcomes).map { place, outcome in
            Dictionary(
                uniqueKeysWithValues: tables[place].map { ($0.name, DecidedCounts($0, outcome)) })
        }
        let names = Set(counts[0].keys).union(counts[1].keys)
            .sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
        func difference(
            _ kind: Difference.Kind, _ first: KeyPath<DecidedCounts, Int>,
            _ second: KeyPath<DecidedCounts, Int>
        ) -> Difference {
            let groups = names.map { name in
                let one = counts[0][name]?[keyPath: first] ?? 0
                return (name, abs(one - (counts[1][name]?[keyPath: second] ?? 0)))
            }
            return Difference(kind: kind, groups: groups)
        }
        let sizes = difference(.sizes, \.all, \.all)
        guard outcomes[0].decisive.type == outcomes[1].decisive.type else { return [sizes] }
        return [
            sizes, difference(.decisions, \.with, \.with),
            difference(.decisions, \.without, \.without), difference(.decisions, \.all, \.with),
            difference(.decisions, \.with, \.all),
        ]
    }
}

/// How many units of a group have the event that decides an outcome.
private struct DecidedCounts {
    let all: Int
    let with: Int
    var without: Int { all - with }

    init(_ row: GroupRow, _ outcome: Outcome) {
        all = row.counts.total
        with = row.counted[outcome.wanted == .reaches ? 0 : 1]
    }
}

extension GroupRow {
    /// What tells it from the others of its table, in every byte.
    fileprivate var name: ExactText { ExactText("\(kind.rawValue):\(part)") }

    /// The columns of a table whose entries may be hidden: favourable, and the others.
    fileprivate var counted: [Int] { [counts.favourable, counts.total - counts.favourable] }
}
