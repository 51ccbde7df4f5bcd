internal import ContactCentre
package import ProjectionKit

extension CaseFlow {
    package var schema: [String] {
        [
            CaseFacts.creation,
            """
            CREATE TABLE moves (
                day_number INTEGER PRIMARY KEY, opened INTEGER NOT NULL,
                resolved INTEGER NOT NULL, closed INTEGER NOT NULL, reopened INTEGER NOT NULL,
                open_change INTEGER NOT NULL, unresolved_change INTEGER NOT NULL)
            """,
            """
            CREATE TABLE line_changes (
                from_line INTEGER NOT NULL, to_line INTEGER NOT NULL, changes INTEGER NOT NULL,
                PRIMARY KEY (from_line, to_line)) WITHOUT ROWID
            """,
            """
            CREATE TABLE waits (
                waits_for TEXT NOT NULL PRIMARY KEY, waits INTEGER NOT NULL,
                unknown_waits INTEGER NOT NULL, waited_us INTEGER NOT NULL,
                \(boundedSum("waited_us"))) WITHOUT ROWID
            """,
            """
            CREATE TABLE activities (
                activity TEXT NOT NULL PRIMARY KEY, events INTEGER NOT NULL) WITHOUT ROWID
            """,
        ]
    }

    package var tables: [ReadTable] {
        [
            summary("totals", meaning: "all cases in one row", by: nil),
            summary("channels", meaning: "one row for each channel", by: "channel"),
            summary("services", meaning: "one row for each service", by: "service"),
            summary("areas", meaning: "one row for each area", by: "area"),
            summary(
                "openers", meaning: "one row for each who opened cases, staff too",
                by: "opened_by", of: .all),
            days, lineChanges, waits, activities, cases,
        ]
    }

    /// Where no event names a channel, service or area.
    static let unknown = "unknown"

    // MARK: - Cases

    /// The durations of a case; each is null where an end is missing or a clock ran backward.
    static let durations = [
        CaseDuration(
            "to_first_touch", until: "first_touch_us",
            meaning: "C-4 by the clock: until somebody began to work on it"),
        CaseDuration(
            "to_first_unit", until: "first_unit_us",
            meaning: "C-4 by the clock: until a team, an office or a body had it"),
        CaseDuration(
            "to_first_person", until: "first_person_us",
            meaning: "C-4 by the clock: until one person had it"),
        CaseDuration(
            "to_first_resolved", until: "first_resolved_us",
            meaning: "C-5: until it was resolved at first"),
        CaseDuration(
            "to_last_resolved", until: "last_resolved_us",
            meaning: "C-5: until it was resolved for the last time"),
        CaseDuration(
            "to_closed", until: "closed_us", meaning: "C-5: until it was closed, where it is"),
        CaseDuration(
            "net", until: "ended_us - paused_us",
            meaning: "C-5: until it ended, without paused_us"),
    ]

    private var cases: ReadTable {
        let standing = "CASE stands WHEN 0 THEN 'open' WHEN 1 THEN 'resolved' ELSE 'closed' END"
        let select = """
            SELECT stream AS case_id, \(rfc3339(column: "opened_us")) AS opened, channel, service,
            area, opened_by, \(standing) AS standing,
            \(Self.durations.map { "\($0.sql) AS \($0.name)_us" }.joined(separator: ",\n")),
            paused_us, \(rfc3339(column: "target_us")) AS target,
            breached_us IS NOT NULL AS breached, NULLIF(last_line, 0) AS last_line, handovers,
            returns, escalations, step_backs, reopenings
            FROM facts
            """
        return ReadTable(
            name: "cases", meaning: "one row for each case", columns: Self.caseColumns,
            key: ["case_id"],
            derivation: ReadTable.Derivation(
                select: select, basis: "SELECT * FROM facts ORDER BY stream"))
    }

    private static var caseColumns: [ReadColumn] {
        [
            ReadColumn("case_id", in: .text, meaning: "the case's stream"),
            ReadColumn("opened", in: .time, meaning: "in UTC; null where no event opened it"),
            ReadColumn("channel", in: .text, meaning: "how it came"),
            ReadColumn("service", in: .text, meaning: "what it is about"),
            ReadColumn("area", in: .text, meaning: "where"),
            ReadColumn("opened_by", in: .text, meaning: "citizen, operator, system or other"),
            ReadColumn("standing", in: .text, meaning: "open, resolved or closed"),
        ]
            + durations.map {
                ReadColumn($0.name + "_us", in: .microseconds, meaning: $0.meaning)
            } + [
                ReadColumn(
                    "paused_us", in: .microseconds,
                    meaning: "waiting for those outside, or ended before it was reopened"),
                ReadColumn("target", in: .time, meaning: "when it should be done, in UTC"),
                ReadColumn("breached", in: .count, meaning: "1 where its term passed"),
                ReadColumn("last_line", in: .count, meaning: "the line at its last end, from 1"),
                ReadColumn("handovers", in: .count, meaning: "C-7: changes of owner"),
                ReadColumn("returns", in: .count, meaning: "C-7: back to the owner before"),
                ReadColumn("escalations", in: .count, meaning: "changes to a higher line"),
                ReadColumn("step_backs", in: .count, meaning: "changes to a lower line"),
                ReadColumn("reopenings", in: .count, meaning: "C-11: reopened after an end"),
            ]
    }

    // MARK: - Over time

    /// A longer time without any move is a mistyped year, and is not told day by day.
    private static let quietDaysMax = 3_660

    private var days: ReadTable {
        ReadTable(
            name: "days", meaning: "one row for each local date, without quiet years",
            columns: [
                ReadColumn("day", in: .date, meaning: "the local date"),
                ReadColumn("opened", in: .count, meaning: "cases opened"),
                ReadColumn("resolved", in: .count, meaning: "open cases resolved"),
                ReadColumn("closed", in: .count, meaning: "cases closed"),
                ReadColumn("reopened", in: .count, meaning: "ended cases reopened"),
                ReadColumn("open", in: .count, meaning: "C-9: not closed at the day's end"),
                ReadColumn(
                    "unresolved", in: .count,
                    meaning: "neither resolved nor closed at the day's end"),
            ], key: ["day"],
            derivation: ReadTable.Derivation(
                select: """
                    WITH RECURSIVE stretches AS (
                        SELECT day_number AS number,
                        lead(day_number) OVER (ORDER BY day_number) AS next FROM moves),
                    calendar(number, next) AS (
                        SELECT number,
                        CASE WHEN next - number <= \(Self.quietDaysMax) THEN next ELSE number END
                        FROM stretches
                        UNION ALL
                        SELECT number + 1, next FROM calendar WHERE number + 1 < next)
                    SELECT date(number * 86400, 'unixepoch') AS day,
                    coalesce(opened, 0) AS opened, coalesce(resolved, 0) AS resolved,
                    coalesce(closed, 0) AS closed, coalesce(reopened, 0) AS reopened,
                    sum(coalesce(open_change, 0)) OVER (ORDER BY number) AS open,
                    sum(coalesce(unresolved_change, 0)) OVER (ORDER BY number) AS unresolved
                    FROM calendar LEFT JOIN moves ON day_number = number
                    """, basis: "SELECT * FROM moves ORDER BY day_number"))
    }

    private var lineChanges: ReadTable {
        ReadTable(
            name: "line_changes", meaning: "one row for each change from line to line",
            columns: [
                ReadColumn("from_line", in: .count, meaning: "1 for the first, 4 the back office"),
                ReadColumn("to_line", in: .count, meaning: "in the same numbers"),
                ReadColumn("changes", in: .count, meaning: "how often"),
            ], key: ["from_line", "to_line"])
    }

    private var waits: ReadTable {
        ReadTable(
            name: "waits", meaning: "one row for each party that cases waited for",
            columns: [
                ReadColumn("waits_for", in: .text, meaning: "citizen, vendor and so on"),
                ReadColumn("waits", in: .count, meaning: "waits that ended"),
                ReadColumn(
                    "unknown_waits", in: .count,
                    meaning: "of them, those whose clock ran backward or beyond ten years"),
                ReadColumn("waited_us", in: .microseconds, meaning: "sum of the known waits"),
            ], key: ["waits_for"])
    }

    private var activities: ReadTable {
        ReadTable(
            name: "activities", meaning: "one row for each step of a source's own process",
            columns: [
                ReadColumn("activity", in: .text, meaning: "what the source calls it"),
                ReadColumn("events", in: .count, meaning: "how often it was recorded"),
            ], key: ["activity"])
    }
}

/// A duration of a case, as SQL over its facts.
struct CaseDuration {
    let name: String
    /// From the opening, in µs.
    let sql: String
    let meaning: String

    init(_ name: String, until end: String, meaning: String) {
        self.name = name
        sql = "CASE WHEN \(end) >= opened_us THEN \(end) - opened_us END"
        self.meaning = meaning
    }
}
