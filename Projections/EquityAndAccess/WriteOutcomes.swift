internal import ContactCentre
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Statistics

/// The values of one row in the order of its columns.
private typealias SQLRow = [(any DatabaseValueConvertible)?]

extension JudgedOutcomes {
    /// Replaces the rows of all tables: they are few, and each follows from all counts.
    func write(to database: Database) throws {
        for table in ["groups", "release", "attributes", "outcomes", "coverage"] {
            try database.execute(sql: "DELETE FROM \(table)")
        }
        for outcome in definitions.outcomes.indices {
            try insert(outcomeRow(outcome), into: "outcomes", database)
        }
        for attribute in definitions.attributes.indices {
            let compared = definitions.outcomes.indices.map { rows($0, attribute) }
            let released = Release(of: compared)
            for outcome in definitions.outcomes.indices {
                let names: SQLRow = [
                    definitions.outcomes[outcome].name, definitions.attributes[attribute].name,
                ]
                for (index, row) in compared[outcome].enumerated() {
                    try insert(names + row.values, into: "groups", database)
                    try insert(
                        names + released.values(outcome, index), into: "release", database)
                }
                try insert(
                    names + attributeRow(outcome, attribute, compared[outcome]),
                    into: "attributes", database)
                for row in coverageRows(outcome, attribute) {
                    try insert(names + row, into: "coverage", database)
                }
            }
        }
    }

    private func insert(
        _ values: SQLRow, into table: String, _ database: Database
    ) throws {
        let places = Array(repeating: "?", count: values.count).joined(separator: ", ")
        try database.cachedStatement(sql: "INSERT INTO \(table) VALUES (\(places))")
            .run(StatementArguments(values))
    }

    private func outcomeRow(_ index: Int) -> SQLRow {
        let counts = outcomes[index]
        let all = Proportion(favourable: counts.favourable, total: counts.units)
        var row: SQLRow = [definitions.outcomes[index].name, definitions.outcomes[index].meaning]
        row += all.values
        for standing in [UnitStanding.pending, .untimed, .ofStaff] {
            row.append(counts.standings[standing] ?? 0)
        }
        row.append(counts.broken)
        return row
    }

    private func attributeRow(
        _ outcome: Int, _ attribute: Int, _ rows: [GroupRow]
    ) -> SQLRow {
        let unknown = rows.first { $0.kind == .unknown }?.counts.total ?? 0
        let large = rows.filter {
            ($0.kind == .reference || $0.kind == .group)
                && $0.counts.total >= FourFifths.unitsMin
        }
        let rates = large.compactMap(\.counts.rate)
        let (lowest, highest) = (rates.min(), rates.max())
        var ratio: Double?
        if let lowest, let highest, highest > 0 { ratio = lowest / highest }
        return [
            definitions.attributes[attribute].reference, isComparable(outcome, attribute),
            outcomes[outcome].units, unknown, large.count, lowest, highest,
            lowest.flatMap { low in highest.map { $0 - low } }, ratio,
        ]
    }

    private func coverageRows(
        _ outcome: Int, _ attribute: Int
    ) -> [SQLRow] {
        outcomes[outcome].channels[attribute].map { channel, coverage in
            [
                channel?.text ?? Profile.unknown, coverage.units, coverage.unknown,
                Double(coverage.unknown) / Double(coverage.units),
            ]
        }
    }
}

extension Proportion {
    /// The columns of a rate.
    fileprivate var values: SQLRow {
        let counts: SQLRow = [total, favourable]
        return counts + wilson.values
    }
}

extension Estimate? {
    /// The columns of an estimate.
    fileprivate var values: SQLRow {
        [self?.value, self?.interval.low, self?.interval.high]
    }
}

extension GroupRow {
    fileprivate var values: SQLRow {
        var row: SQLRow = [kind.rawValue, part]
        row += counts.values
        row += difference.values
        row += ratio.values
        row.append(verdict?.rawValue)
        return row
    }
}

/// What of the rows of one attribute, in all outcomes, may be handed out.
private struct Release {
    private let compared: [[GroupRow]]
    /// Nil where there are too many groups to be sure of.
    private let suppressions: [Suppression]?

    /// The audit's cost grows with the square of the groups and more.
    private static let groupsMax = 1_000

    /// Every outcome has the same groups' sizes, or nearly so: a size that one of them hides is
    /// hidden in all.
    init(of compared: [[GroupRow]]) {
        self.compared = compared
        guard compared.allSatisfy({ $0.count <= Self.groupsMax }) else {
            suppressions = nil
            return
        }
        var hidden: Set<String> = []
        while true {
            let found = compared.map { Self.suppression(of: $0, hiding: hidden) }
            var all = hidden
            for (rows, suppression) in zip(compared, found) {
                for (index, row) in rows.enumerated()
                where suppression.mark(row: index, column: 2) != .published {
                    all.insert(row.name)
                }
            }
            guard all != hidden else {
                suppressions = found
                return
            }
            hidden = all
        }
    }

    private static func suppression(
        of rows: [GroupRow], hiding hidden: Set<String>
    ) -> Suppression {
        // The row of all is the sum that the table makes itself.
        let groups = rows.dropLast()
        return Suppression(
            of: groups.map { [$0.counts.favourable, $0.counts.total - $0.counts.favourable] },
            zeros: .published,
            hiddenSums: Set(groups.indices.filter { hidden.contains(groups[$0].name) }))
    }

    /// The columns of a row after its outcome and attribute.
    func values(_ outcome: Int, _ index: Int) -> SQLRow {
        let row = compared[outcome][index]
        let isWhole = isShown(outcome, index)
        let head: SQLRow = [row.kind.rawValue, row.part]
        guard isWhole else {
            let marks = suppressions?[outcome].marks[index]
            let total = marks?[2] == .published ? row.counts.total : nil
            let favourable = marks?[0] == .published ? row.counts.favourable : nil
            let counts: SQLRow = [total, favourable]
            return head + counts + SQLRow(repeating: nil, count: 10)
        }
        // A comparison with what is hidden would tell it.
        var shown = row
        if !isShown(outcome, 0) { (shown.difference, shown.ratio) = (nil, nil) }
        return shown.values
    }

    private func isShown(_ outcome: Int, _ index: Int) -> Bool {
        suppressions?[outcome].marks[index].allSatisfy { $0 == .published } ?? false
    }
}

extension GroupRow {
    fileprivate var name: String { "\(kind.rawValue):\(part)" }
}
