internal import ContactCentre
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Statistics

/// The counts of every outcome by attribute, group and channel, and what they say.
struct JudgedOutcomes {
    let definitions: EquityDefinitions
    private(set) var outcomes: [Counts]

    /// The counts of one outcome.
    struct Counts {
        var standings: [UnitStanding: Int64] = [:]
        var broken: Int64 = 0
        var favourable = 0
        var units = 0
        /// In the order of the declared attributes; the key nil is for units of no known group.
        var groups: [[ExactText?: Cell]]
        /// As ``groups``, by channel.
        var channels: [[ExactText?: Coverage]]

        init(attributes: Int) {
            groups = Array(repeating: [:], count: attributes)
            channels = Array(repeating: [:], count: attributes)
        }
    }

    struct Cell {
        var favourable = 0
        var units = 0

        var proportion: Proportion { Proportion(favourable: favourable, total: units) }
    }

    struct Coverage {
        var units = 0
        var unknown = 0
    }

    init(_ definitions: EquityDefinitions, in database: Database) throws {
        self.definitions = definitions
        let empty = Counts(attributes: definitions.attributes.count)
        outcomes = Array(repeating: empty, count: definitions.outcomes.count)
        let profiles = try ProfileBook.all(in: database)
        let tally = try Row.fetchCursor(
            database, sql: "SELECT * FROM tally WHERE units <> 0 ORDER BY outcome, profile")
        while let row = try tally.next().map({ StoredRow($0, of: "tally") }) {
            let index = try row.int("outcome")
            guard let profile = profiles[try row.integer("profile")],
                outcomes.indices.contains(index)
            else { throw row.damage("profile") }
            let standing: UnitStanding = try row.choice("standing")
            outcomes[index].add(try row.int("units"), standing, profile)
        }
        let broken = try Row.fetchCursor(
            database, sql: "SELECT outcome, sum(units) AS units FROM broken GROUP BY outcome")
        while let row = try broken.next().map({ StoredRow($0, of: "broken") }) {
            let index = try row.int("outcome")
            guard outcomes.indices.contains(index) else { throw row.damage("outcome") }
            outcomes[index].broken = try row.integer("units")
        }
    }
}

extension JudgedOutcomes.Counts {
    fileprivate mutating func add(_ count: Int, _ standing: UnitStanding, _ profile: Profile) {
        standings[standing, default: 0] += Int64(count)
        guard standing == .favourable || standing == .unfavourable else { return }
        let favourable = standing == .favourable ? count : 0
        self.favourable += favourable
        units += count
        for (attribute, group) in profile.groups.enumerated() {
            var cell = groups[attribute][group] ?? JudgedOutcomes.Cell()
            cell.units += count
            cell.favourable += favourable
            groups[attribute][group] = cell
            var coverage = channels[attribute][profile.channel] ?? JudgedOutcomes.Coverage()
            coverage.units += count
            if group == nil { coverage.unknown += count }
            channels[attribute][profile.channel] = coverage
        }
    }
}

/// A row of the tables that compare groups.
struct GroupRow {
    let kind: Kind
    let part: String
    let counts: Proportion
    /// Nil for what is not compared.
    var comparison: GroupComparison?

    enum Kind: String {
        case reference
        case group
        case unknown
        case total
    }
}

/// A group beside the reference of its attribute.
struct GroupComparison {
    let reference: Proportion
    var verdict: FourFifthsVerdict?
}

extension JudgedOutcomes {
    /// A channel says too little of an attribute where it leaves it out for most of so many units.
    private static let channelUnitsMin = FourFifths.unitsMin

    func isComparable(_ outcome: Int, _ attribute: Int) -> Bool {
        outcomes[outcome].channels[attribute].values.allSatisfy {
            $0.units < Self.channelUnitsMin || $0.unknown * 2 <= $0.units
        }
    }

    /// The rows of one outcome by attribute.
    func rows(_ outcome: Int) -> [[GroupRow]] {
        var rows = definitions.attributes.indices.map { self.rows(outcome, $0) }
        judge(&rows, of: outcome, by: definitions.attributes.indices)
        return rows
    }

    /// Gives all groups that are compared their verdicts: those of a scheme are one family.
    func judge(
        _ rows: inout [[GroupRow]], of outcome: Int, by attributes: some Sequence<Int>
    ) {
        var family: [FourFifths.Comparison] = []
        var places: [(attribute: Int, row: Int)] = []
        for attribute in attributes {
            let canCompare = isComparable(outcome, attribute)
            for (row, group) in rows[attribute].enumerated() {
                guard let comparison = group.comparison else { continue }
                rows[attribute][row].comparison?.verdict = .notComparable
                guard canCompare else { continue }
                family.append(.init(of: group.counts, with: comparison.reference))
                places.append((attribute, row))
            }
        }
        for (place, verdict) in zip(places, FourFifths.verdicts(of: family)) {
            rows[place.attribute][place.row].comparison?.verdict = verdict
        }
    }

    /// The reference, the other groups in the order of their names, those of no known group, all.
    private func rows(_ outcome: Int, _ attribute: Int) -> [GroupRow] {
        let counts = outcomes[outcome]
        let cells = counts.groups[attribute]
        let name = ExactText(definitions.attributes[attribute].reference)
        let reference = (cells[name] ?? Cell()).proportion
        let others = cells.keys.compactMap { $0 }.filter { $0 != name }
            .sorted { $0.text.utf8.lexicographicallyPrecedes($1.text.utf8) }
        var rows = [GroupRow(kind: .reference, part: name.text, counts: reference)]
        for group in others {
            rows.append(
                GroupRow(
                    kind: .group, part: group.text, counts: (cells[group] ?? Cell()).proportion,
                    comparison: GroupComparison(reference: reference)))
        }
        if let unknown = cells[nil] {
            rows.append(
                GroupRow(kind: .unknown, part: Profile.unknown, counts: unknown.proportion))
        }
        let all = Proportion(favourable: counts.favourable, total: counts.units)
        return rows + [GroupRow(kind: .total, part: "all", counts: all)]
    }
}
