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
        let judged = definitions.outcomes.indices.map { rows($0) }
        let released = released(judged)
        for (outcome, attributes) in judged.enumerated() {
            for (attribute, rows) in attributes.enumerated() {
                let names: SQLRow = [
                    definitions.outcomes[outcome].name, definitions.attributes[attribute].name,
                ]
                for row in rows {
                    try insert(names + row.values, into: "groups", database)
                }
                for row in released[outcome][attribute] {
                    try insert(names + row.values, into: "release", database)
                }
                try insert(
                    names + attributeRow(outcome, attribute, rows), into: "attributes", database)
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
        row += comparison.flatMap { counts.difference(from: $0.reference) }.values
        row += comparison.flatMap { counts.ratio(to: $0.reference) }.values
        let verdict = kind == .reference ? .reference : comparison?.verdict
        row.append(verdict?.rawValue)
        return row
    }
}

extension ReleasedRow {
    fileprivate var values: SQLRow {
        switch self {
        case .whole(let row): return row.values
        case .partly(let row, let units, let favourable):
            let head: SQLRow = [row.kind.rawValue, row.part, units, favourable]
            return head + SQLRow(repeating: nil, count: 10)
        }
    }
}
