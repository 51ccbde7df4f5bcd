package import ProjectionKit

extension CitizenSatisfaction {
    package var schema: [String] {
        [
            """
            CREATE TABLE requests (
                stream TEXT NOT NULL PRIMARY KEY, survey TEXT, subject TEXT, channel TEXT,
                service TEXT, invited INTEGER NOT NULL DEFAULT 0,
                failed INTEGER NOT NULL DEFAULT 0, answered INTEGER NOT NULL DEFAULT 0)
                WITHOUT ROWID
            """,
            """
            CREATE TABLE answers (
                stream TEXT NOT NULL, question TEXT NOT NULL, score INTEGER NOT NULL,
                PRIMARY KEY (stream, question)) WITHOUT ROWID
            """,
            """
            CREATE TABLE subjects (
                stream TEXT NOT NULL PRIMARY KEY, channel TEXT, service TEXT,
                of_staff INTEGER NOT NULL) WITHOUT ROWID
            """,
            """
            CREATE TABLE groups (
                stream TEXT NOT NULL, attribute TEXT NOT NULL, "group" TEXT NOT NULL,
                PRIMARY KEY (stream, attribute, "group")) WITHOUT ROWID
            """,
        ]
    }

    package var tables: [ReadTable] { [scores, responses] }

    /// Where nothing says to which part a request belongs.
    static let unknown = "unknown"

    /// Every request in each part that it belongs to: all, its channel, its service, its groups.
    ///
    /// A request has the groups that it states itself, then those of the contact or case that it
    /// is about. An attribute that any request of its survey has is unknown where it states none,
    /// or several groups of it.
    private static let parts = """
        asked AS (
            SELECT requests.stream, survey, subject,
            coalesce(subjects.channel, requests.channel, '\(unknown)') AS channel,
            coalesce(requests.service, subjects.service, '\(unknown)') AS service,
            invited, failed, answered, coalesce(of_staff, 0) AS of_staff,
            subject IS NOT NULL AND subjects.stream IS NULL AS unmatched
            FROM requests LEFT JOIN subjects ON subjects.stream = requests.subject),
        stated AS (
            SELECT stream, attribute,
            CASE WHEN count(*) = 1 THEN max("group") ELSE '\(unknown)' END AS "group"
            FROM groups GROUP BY stream, attribute),
        grouped AS (
            SELECT asked.stream, survey, attribute, "group" FROM asked
            JOIN stated ON stated.stream = asked.stream
            UNION ALL
            SELECT asked.stream, survey, attribute, "group" FROM asked
            JOIN stated ON stated.stream = asked.subject
            WHERE NOT EXISTS (SELECT 1 FROM groups AS own
                WHERE own.stream = asked.stream AND own.attribute = stated.attribute)),
        parts AS (
            SELECT stream, survey, 'all' AS dimension, 'all' AS part FROM asked
            UNION ALL SELECT stream, survey, 'channel', channel FROM asked
            UNION ALL SELECT stream, survey, 'service', service FROM asked
            UNION ALL
            SELECT asked.stream, asked.survey, 'group.' || declared.attribute,
            coalesce(grouped."group", '\(unknown)')
            FROM (SELECT DISTINCT survey, attribute FROM grouped) AS declared
            JOIN asked ON asked.survey = declared.survey
            LEFT JOIN grouped ON grouped.stream = asked.stream
            AND grouped.attribute = declared.attribute)
        """

    private static let partColumns = [
        ReadColumn("survey", in: .text, meaning: "which survey"),
        ReadColumn(
            "dimension", in: .text, meaning: "all, channel, service, or group. and an attribute"),
        ReadColumn(
            "part", in: .text, meaning: "the channel, service or group; \"unknown\" for none"),
    ]

    private var scores: ReadTable {
        let topTwo = "count(*) FILTER (WHERE score IN (4, 5))"
        let interval = WilsonInterval(favourable: "top_two", total: "responses")
        return ReadTable(
            name: "scores", meaning: "satisfaction, one row for each question and part",
            columns: [Self.partColumns[0]] + [
                ReadColumn("question", in: .text, meaning: "which question")
            ] + Self.partColumns[1...] + [
                ReadColumn("responses", in: .count, meaning: "answers from 1 to 5"),
                ReadColumn(
                    "out_of_scale", in: .count, meaning: "other answers, which do not count"),
                ReadColumn("top_two", in: .count, meaning: "answers of 4 or 5"),
                ReadColumn("satisfaction", in: .ratio, meaning: "CS-1@1: top_two / responses"),
                ReadColumn("satisfaction_low", in: .ratio, meaning: "95 % Wilson interval"),
                ReadColumn("satisfaction_high", in: .ratio, meaning: "95 % Wilson interval"),
                ReadColumn("mean_score", in: .number, meaning: "CS-2@1: mean answer, 1 to 5"),
                ReadColumn("median_score", in: .number, meaning: "CS-2@1: median answer"),
            ], key: ["survey", "question", "dimension", "part"],
            derivation: ReadTable.Derivation(
                select: """
                    WITH \(Self.parts), given AS (
                        SELECT parts.survey, question, dimension, part, score,
                        score BETWEEN 1 AND 5 AS in_scale
                        FROM answers JOIN parts USING (stream) JOIN asked USING (stream)
                        WHERE NOT of_staff),
                    ranked AS (
                        SELECT *,
                        row_number() OVER (
                            PARTITION BY survey, question, dimension, part, in_scale
                            ORDER BY score) AS place,
                        count(*) OVER (
                            PARTITION BY survey, question, dimension, part, in_scale) AS size
                        FROM given),
                    counted AS (
                        SELECT survey, question, dimension, part, sum(in_scale) AS responses,
                        sum(NOT in_scale) AS out_of_scale, \(topTwo) AS top_two,
                        sum(score) FILTER (WHERE in_scale) AS points,
                        avg(score) FILTER (WHERE in_scale
                            AND place IN ((size + 1) / 2, (size + 2) / 2)) AS median_score
                        FROM ranked GROUP BY survey, question, dimension, part)
                    SELECT survey, question, dimension, part, responses, out_of_scale, top_two,
                    top_two * 1.0 / nullif(responses, 0) AS satisfaction,
                    \(interval.low) AS satisfaction_low, \(interval.high) AS satisfaction_high,
                    points * 1.0 / nullif(responses, 0) AS mean_score, median_score FROM counted
                    """,
                basis: """
                    SELECT 'answer' AS kind, stream, question AS name, score AS value FROM answers
                    UNION ALL SELECT 'group', stream, attribute, "group" FROM groups
                    ORDER BY kind, stream, name
                    """))
    }

    private var responses: ReadTable {
        let interval = WilsonInterval(favourable: "answered_invited", total: "reached")
        return ReadTable(
            name: "responses", meaning: "who answered, one row for each part",
            columns: Self.partColumns + [
                ReadColumn("invited", in: .count, meaning: "invitations"),
                ReadColumn("undeliverable", in: .count, meaning: "of them, those that failed"),
                ReadColumn("answered", in: .count, meaning: "answers, invited or not"),
                ReadColumn("answered_invited", in: .count, meaning: "answers to invitations"),
                ReadColumn(
                    "response_rate", in: .ratio,
                    meaning: "CS-6@1: answered_invited / (invited - undeliverable)"),
                ReadColumn("response_rate_low", in: .ratio, meaning: "95 % Wilson interval"),
                ReadColumn("response_rate_high", in: .ratio, meaning: "95 % Wilson interval"),
                ReadColumn(
                    "opened_by_staff", in: .count,
                    meaning: "further requests, about what staff began; in no other figure"),
                ReadColumn(
                    "unmatched", in: .count,
                    meaning: "requests about a contact or case whose beginning is not in the log"),
            ], key: ["survey", "dimension", "part"],
            derivation: ReadTable.Derivation(
                select: """
                    WITH \(Self.parts), counted AS (
                        SELECT parts.survey, dimension, part,
                        count(*) FILTER (WHERE invited AND NOT of_staff) AS invited,
                        count(*) FILTER (WHERE invited AND failed AND NOT answered
                            AND NOT of_staff) AS undeliverable,
                        count(*) FILTER (WHERE answered AND NOT of_staff) AS answered,
                        count(*) FILTER (WHERE answered AND invited AND NOT of_staff)
                            AS answered_invited,
                        sum(of_staff) AS opened_by_staff, sum(unmatched) AS unmatched
                        FROM parts JOIN asked USING (stream)
                        WHERE parts.survey IS NOT NULL GROUP BY parts.survey, dimension, part),
                    rated AS (SELECT *, invited - undeliverable AS reached FROM counted)
                    SELECT survey, dimension, part, invited, undeliverable, answered,
                    answered_invited,
                    answered_invited * 1.0 / nullif(reached, 0) AS response_rate,
                    \(interval.low) AS response_rate_low, \(interval.high) AS response_rate_high,
                    opened_by_staff, unmatched FROM rated
                    """,
                basis: """
                    SELECT requests.*, subjects.channel AS subject_channel,
                    subjects.service AS subject_service, subjects.of_staff
                    FROM requests LEFT JOIN subjects ON subjects.stream = requests.subject
                    ORDER BY requests.stream
                    """))
    }
}
