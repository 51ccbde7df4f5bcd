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
                stream TEXT NOT NULL PRIMARY KEY, channel TEXT, service TEXT) WITHOUT ROWID
            """,
            """
            CREATE TABLE groups (
                stream TEXT NOT NULL, attribute TEXT NOT NULL, "group" TEXT NOT NULL,
                PRIMARY KEY (stream, attribute)) WITHOUT ROWID
            """,
        ]
    }

    package var tables: [ReadTable] { [scores, responses] }

    /// Where nothing says to which part a request belongs.
    static let unknown = "unknown"

    /// Every request in each part that it belongs to: all, its channel, its service, its groups.
    ///
    /// A request has the groups that it states itself, then those of the contact or case that it
    /// is about; an attribute that any request of its survey has and it has not is unknown.
    private static let parts = """
        grouped AS (
            SELECT requests.stream, survey, attribute, "group" FROM requests
            JOIN groups ON groups.stream = requests.stream
            UNION ALL
            SELECT requests.stream, survey, attribute, "group" FROM requests
            JOIN groups ON groups.stream = requests.subject
            WHERE NOT EXISTS (SELECT 1 FROM groups AS own
                WHERE own.stream = requests.stream AND own.attribute = groups.attribute)),
        parts AS (
            SELECT stream, survey, 'all' AS dimension, 'all' AS part FROM requests
            UNION ALL
            SELECT requests.stream, survey, 'channel',
            coalesce(subjects.channel, requests.channel, '\(unknown)')
            FROM requests LEFT JOIN subjects ON subjects.stream = requests.subject
            UNION ALL
            SELECT requests.stream, survey, 'service',
            coalesce(requests.service, subjects.service, '\(unknown)')
            FROM requests LEFT JOIN subjects ON subjects.stream = requests.subject
            UNION ALL
            SELECT requests.stream, requests.survey, 'group.' || declared.attribute,
            coalesce(grouped."group", '\(unknown)')
            FROM (SELECT DISTINCT survey, attribute FROM grouped) AS declared
            JOIN requests ON requests.survey = declared.survey
            LEFT JOIN grouped ON grouped.stream = requests.stream
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
        let inScale = "count(*) FILTER (WHERE score BETWEEN 1 AND 5)"
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
            ], key: ["survey", "question", "dimension", "part"],
            derivation: ReadTable.Derivation(
                select: """
                    WITH \(Self.parts), counted AS (
                        SELECT survey, question, dimension, part, \(inScale) AS responses,
                        count(*) - \(inScale) AS out_of_scale, \(topTwo) AS top_two,
                        sum(score) FILTER (WHERE score BETWEEN 1 AND 5) AS points
                        FROM answers JOIN parts USING (stream)
                        GROUP BY survey, question, dimension, part)
                    SELECT survey, question, dimension, part, responses, out_of_scale, top_two,
                    top_two * 1.0 / nullif(responses, 0) AS satisfaction,
                    \(interval.low) AS satisfaction_low, \(interval.high) AS satisfaction_high,
                    points * 1.0 / nullif(responses, 0) AS mean_score FROM counted
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
            ], key: ["survey", "dimension", "part"],
            derivation: ReadTable.Derivation(
                select: """
                    WITH \(Self.parts), counted AS (
                        SELECT parts.survey, dimension, part, sum(invited) AS invited,
                        sum(invited AND failed AND NOT answered) AS undeliverable,
                        sum(answered) AS answered, sum(answered AND invited) AS answered_invited
                        FROM parts JOIN requests USING (stream)
                        WHERE parts.survey IS NOT NULL GROUP BY parts.survey, dimension, part),
                    rated AS (SELECT *, invited - undeliverable AS reached FROM counted)
                    SELECT survey, dimension, part, invited, undeliverable, answered,
                    answered_invited,
                    answered_invited * 1.0 / nullif(reached, 0) AS response_rate,
                    \(interval.low) AS response_rate_low, \(interval.high) AS response_rate_high
                    FROM rated
                    """,
                basis: """
                    SELECT requests.*, subjects.channel AS subject_channel,
                    subjects.service AS subject_service
                    FROM requests LEFT JOIN subjects ON subjects.stream = requests.subject
                    ORDER BY requests.stream
                    """))
    }
}
