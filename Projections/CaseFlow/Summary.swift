internal import ProjectionKit

extension CaseFlow {
    /// Cases counted, with means and medians of their durations, by a column or all in one.
    func summary(_ name: String, meaning: String, by key: String?) -> ReadTable {
        let keyColumn = key.map {
            [ReadColumn($0, in: .text, meaning: "\"\(Self.unknown)\" where none is known")]
        }
        return ReadTable(
            name: name, meaning: meaning, columns: (keyColumn ?? []) + Self.summaryColumns,
            key: key.map { [$0] } ?? [],
            derivation: ReadTable.Derivation(select: Self.summarySelect(by: key)))
    }

    private static let counts: [(name: String, sql: String, meaning: String)] = [
        ("cases", "count(*)", "cases that were opened"),
        ("opened_by_staff", "sum(opened_by IN ('operator', 'system'))", "not opened by a citizen"),
        ("taken_in_charge", "count(first_touch_us)", "somebody began to work on it"),
        ("resolved", "count(first_resolved_us)", "resolved at least once"),
        ("closed", "sum(stands = 2)", "closed and not reopened"),
        ("open", "sum(stands <> 2)", "not closed"),
        ("reopened_cases", "sum(reopenings > 0)", "reopened at least once"),
        ("reopenings", "sum(reopenings)", "reopened, every time"),
        ("handovers", "sum(handovers)", "C-7@1: changes of owner"),
        ("returns", "sum(returns)", "C-7@1: back to the owner before"),
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

    private static var summaryColumns: [ReadColumn] {
        counts.map { ReadColumn($0.name, in: .count, meaning: $0.meaning) }
            + durations.flatMap {
                [
                    ReadColumn(
                        "mean_\($0.name)_us", in: .microseconds, meaning: "\($0.meaning), mean"),
                    ReadColumn(
                        "median_\($0.name)_us", in: .microseconds,
                        meaning: "\($0.meaning), median"),
                ]
            }
    }

    /// The median is the middle duration, or the mean of the middle two.
    private static func summarySelect(by key: String?) -> String {
        let group = key.map { "coalesce(\($0), '\(unknown)')" } ?? "0"
        let medians = durations.map { one in
            """
            \(one.name)_median AS (
                SELECT part, CAST(round(avg(length)) AS INTEGER) AS middle FROM (
                    SELECT part, length, row_number() OVER (PARTITION BY part ORDER BY length)
                    AS place, count(*) OVER (PARTITION BY part) AS size
                    FROM (SELECT \(group) AS part, \(one.sql) AS length FROM facts
                        WHERE opened_us IS NOT NULL)
                    WHERE length IS NOT NULL)
                WHERE place IN ((size + 1) / 2, (size + 2) / 2) GROUP BY part)
            """
        }
        let figures =
            counts.map { "coalesce(\($0.sql), 0) AS \($0.name)" }
            + durations.map {
                "CAST(round(avg(\($0.sql))) AS INTEGER) AS mean_\($0.name)_us"
            }
        let columns =
            counts.map { "counted.\($0.name)" }
            + durations.flatMap {
                ["counted.mean_\($0.name)_us", "\($0.name)_median.middle AS median_\($0.name)_us"]
            }
        let joins = durations.map { "LEFT JOIN \($0.name)_median USING (part)" }
        return """
            WITH counted AS (SELECT \(group) AS part, \(figures.joined(separator: ", "))
                FROM facts WHERE opened_us IS NOT NULL\(key == nil ? "" : " GROUP BY part")),
            \(medians.joined(separator: ",\n"))
            SELECT \(key.map { "part AS \($0), " } ?? "")\(columns.joined(separator: ", "))
            FROM counted \(joins.joined(separator: " "))
            """
    }
}
