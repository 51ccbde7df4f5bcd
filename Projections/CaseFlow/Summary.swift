internal import ProjectionKit

extension CaseFlow {
    /// Which of the opened cases a summary is over.
    enum Population {
        /// What staff opened says nothing about how citizens fare: it is counted, and left out.
        case notByStaff
        case all
    }

    /// Cases counted, with means and medians of their durations, by a column or all in one.
    func summary(
        _ name: String, meaning: String, by key: String?, of population: Population = .notByStaff
    ) -> ReadTable {
        let keyColumn = key.map {
            [ReadColumn($0, in: .text, meaning: "\"\(Self.unknown)\" where none is known")]
        }
        return ReadTable(
            name: name, meaning: meaning,
            columns: (keyColumn ?? []) + Self.summaryColumns(of: population),
            key: key.map { [$0] } ?? [],
            derivation: ReadTable.Derivation(
                select: Self.summarySelect(by: key, of: population)))
    }

    private static let staff = (
        name: "opened_by_staff", sql: "opened_by IN ('operator', 'system')",
        meaning: "further cases, which are in no other figure"
    )

    private static let counts: [(name: String, sql: String, meaning: String)] = [
        ("cases", "count(*)", "cases that were opened"),
        ("taken_in_charge", "count(first_touch_us)", "somebody began to work on it"),
        ("resolved", "count(first_resolved_us)", "resolved at least once"),
        ("closed", "sum(stands = 2)", "closed and not reopened"),
        ("open", "sum(stands <> 2)", "not closed"),
        ("reopened_cases", "sum(reopenings > 0)", "reopened at least once"),
        ("reopenings", "sum(reopenings)", "reopened, every time"),
        ("handovers", "sum(handovers)", "C-7: changes of owner"),
        ("returns", "sum(returns)", "C-7: back to the owner before"),
        ("escalated_cases", "sum(escalations > 0)", "went to a higher line at least once"),
        ("escalations", "sum(escalations)", "changes to a higher line"),
        ("stepped_back_cases", "sum(step_backs > 0)", "went to a lower line at least once"),
        ("step_backs", "sum(step_backs)", "changes to a lower line"),
        (
            "ended_at_first_line", "sum(stands <> 0 AND last_line = 1 AND highest_line = 1)",
            "ended at the first line and never above it"
        ),
        ("with_target", "count(target_us)", "with a time by which they should be done"),
        ("ended_by_target", "sum(ended_us <= target_us)", "ended by then, included"),
        ("breached", "count(breached_us)", "whose term passed"),
        (
            "ended_before_opened", "sum(ended_us < opened_us)",
            "whose clock ran backward; they have no duration"
        ),
    ]

    private static func summaryColumns(of population: Population) -> [ReadColumn] {
        counts.map { ReadColumn($0.name, in: .count, meaning: $0.meaning) }
            + (population == .all
                ? [] : [ReadColumn(staff.name, in: .count, meaning: staff.meaning)])
            + durations.flatMap {
                [
                    ReadColumn(
                        "cases_\($0.name)", in: .count,
                        meaning: "\($0.meaning): cases where it is known"),
                    ReadColumn(
                        "mean_\($0.name)_us", in: .microseconds, meaning: "\($0.meaning), mean"),
                    ReadColumn(
                        "median_\($0.name)_us", in: .microseconds,
                        meaning: "\($0.meaning), median"),
                ]
            }
    }

    /// A table of one row has it without any case, too.
    private static let oneRowOfNothing =
        "UNION SELECT 'all', 0 WHERE NOT EXISTS (SELECT 1 FROM opened)"

    /// The median is the middle duration, or the mean of the middle two.
    private static func summarySelect(by key: String?, of population: Population) -> String {
        let medians = durations.map { one in
            """
            \(one.name)_median AS (
                SELECT part, CAST(round(avg(length)) AS INTEGER) AS middle FROM (
                    SELECT part, \(one.name) AS length,
                    row_number() OVER (PARTITION BY part ORDER BY \(one.name)) AS place,
                    count(*) OVER (PARTITION BY part) AS size
                    FROM counting WHERE \(one.name) IS NOT NULL)
                WHERE place IN ((size + 1) / 2, (size + 2) / 2) GROUP BY part)
            """
        }
        let known = durations.flatMap {
            [
                ("cases_\($0.name)", "count(\($0.name))"),
                ("mean_\($0.name)_us", "CAST(round(avg(\($0.name))) AS INTEGER)"),
            ]
        }
        let figures = counts.map { ($0.name, "coalesce(\($0.sql), 0)") } + known
        let left = population == .all ? [] : ["coalesce(\(staff.name), 0) AS \(staff.name)"]
        let columns =
            counts.map { "coalesce(\($0.name), 0) AS \($0.name)" } + left
            + durations.flatMap {
                [
                    "coalesce(cases_\($0.name), 0) AS cases_\($0.name)", "mean_\($0.name)_us",
                    "\($0.name)_median.middle AS median_\($0.name)_us",
                ]
            }
        let joins = (["counted"] + durations.map { "\($0.name)_median" })
            .map { "LEFT JOIN \($0) USING (part)" }
        return """
            WITH opened AS (
                SELECT *, \(key.map { "coalesce(\($0), '\(unknown)')" } ?? "'all'") AS part,
                \(population == .all ? "0" : "coalesce(\(staff.sql), 0)") AS is_left_out,
                \(durations.map { "\($0.sql) AS \($0.name)" }.joined(separator: ",\n"))
                FROM facts WHERE opened_us IS NOT NULL),
            counting AS (SELECT * FROM opened WHERE NOT is_left_out),
            parts AS (
                SELECT part, sum(is_left_out) AS \(staff.name) FROM opened GROUP BY part
                \(key == nil ? oneRowOfNothing : "")),
            counted AS (
                SELECT part, \(figures.map { "\($1) AS \($0)" }.joined(separator: ", "))
                FROM counting GROUP BY part),
            \(medians.joined(separator: ",\n"))
            SELECT \(key.map { "part AS \($0), " } ?? "")\(columns.joined(separator: ", "))
            FROM parts \(joins.joined(separator: " "))
            """
    }
}
