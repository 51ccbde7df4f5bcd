package import ProjectionKit

extension OperatorQueues {
    package var tables: [ReadTable] {
        [
            ReadTable(
                name: FigureTable.totals.name, meaning: "the whole log in one row",
                columns: FigureTable.columns, key: []),
            ReadTable(
                name: FigureTable.queues.name, meaning: "one row for each queue",
                columns: [ReadColumn("queue", in: .text, meaning: Self.queueMeaning)]
                    + FigureTable.columns, key: ["queue"]),
            ReadTable(
                name: FigureTable.days.name, meaning: "one row for each local date",
                columns: [ReadColumn("day", in: .date, meaning: "the local date")]
                    + FigureTable.columns + [
                        ReadColumn(
                            "waiting_max", in: .count,
                            meaning: "most visits waiting at once, also those from days before")
                    ], key: ["day"]),
            ReadTable(
                name: FigureTable.halfHours.name,
                meaning: "one row for each half-hour of the UTC grid",
                columns: [
                    ReadColumn("start", in: .time, meaning: "its start with the zone's offset")
                ] + FigureTable.columns, key: ["start"], order: ["start_us", "start"]),
            operators, waiting,
        ]
    }

    private static let queueMeaning =
        "the queue, or the one that a contact never offered asked for; \"unknown\" for none"

    private var operators: ReadTable {
        ReadTable(
            name: "operators", meaning: "one row for each operator",
            columns: [
                ReadColumn(
                    "operator", in: .text, meaning: "the pseudonym; \"unknown\" where none is known"
                ),
                ReadColumn(
                    "answered", in: .count,
                    meaning: "visits that this operator answered: the first one on the line"),
                ReadColumn(
                    "handled", in: .count, meaning: "conversations with a known handle time"),
                ReadColumn("handle_us", in: .microseconds, meaning: "sum of these handle times"),
                ReadColumn(
                    "average_handle_us", in: .microseconds,
                    meaning: "W-1@1: handle_us / handled, rounded"),
            ], key: ["operator"])
    }

    private var waiting: ReadTable {
        ReadTable(
            name: "waiting", meaning: "who waits at a moment, the longest wait first",
            columns: [
                ReadColumn("contact", in: .text, meaning: "the contact's stream"),
                ReadColumn("visit", in: .count, meaning: "the contact's queue visits, from 1"),
                ReadColumn("queue", in: .text, meaning: "where the contact waits"),
                ReadColumn("queued", in: .time, meaning: "since when, in UTC"),
                ReadColumn("waited_us", in: .microseconds, meaning: "the wait up to the moment"),
                ReadColumn(
                    "left_queue", in: .time,
                    meaning: "when the wait ended, in UTC; null while that is not known"),
            ], key: ["contact", "visit"], order: ["waited_us DESC", "contact", "visit"],
            moment: ReadTable.Moment(
                select: Self.waitingSelect, latest: "SELECT occurred_us FROM latest",
                history: """
                    SELECT stream AS contact, visit, visits.queue, queued_us, left_us
                    FROM visits JOIN contacts ON contacts.id = visits.contact
                    WHERE from_day IS NOT NULL ORDER BY stream, visit
                    """))
    }

    /// Visits that began around the moment, and older ones among the few that outlast their day.
    ///
    /// A local date is at most two days away from the date of the same moment in UTC.
    private static var waitingSelect: String {
        let today = ":at / 86400000000"
        let columns = """
            SELECT stream AS contact, visit, visits.queue AS queue,
            \(rfc3339(column: "queued_us")) AS queued, :at - queued_us AS waited_us,
            \(rfc3339(column: "left_us")) AS left_queue
            FROM visits JOIN contacts ON contacts.id = visits.contact
            WHERE queued_us <= :at AND (left_us IS NULL OR left_us > :at)
            """
        return """
            \(columns) AND from_day BETWEEN \(today) - 2 AND \(today) + 2
            UNION ALL
            \(columns) AND from_day < \(today) - 2 AND \(outlastingItsDay)
            """
    }

    /// The condition of the partial index over visits that wait on more than one local date.
    static let outlastingItsDay =
        "from_day IS NOT NULL AND (to_day IS NULL OR to_day > from_day)"

    package var schema: [String] {
        FigureTable.allCases.map(\.creation) + [
            "INSERT INTO totals DEFAULT VALUES",
            """
            CREATE TABLE operators (
                operator TEXT NOT NULL PRIMARY KEY, answered INTEGER NOT NULL,
                handled INTEGER NOT NULL, handle_us INTEGER NOT NULL,
                \(DerivedFigure.averageHandle.definition),
                \(boundedSum("handle_us"))) WITHOUT ROWID
            """,
            """
            CREATE TABLE contacts (
                id INTEGER PRIMARY KEY, stream TEXT NOT NULL UNIQUE, zone TEXT, queue TEXT,
                received_us INTEGER, gave_up_in_self_service INTEGER NOT NULL)
            """,
            """
            CREATE TABLE visits (
                contact INTEGER NOT NULL, visit INTEGER NOT NULL, queue TEXT NOT NULL,
                queued_us INTEGER, left_us INTEGER, ending INTEGER,
                from_day INTEGER, to_day INTEGER, timing INTEGER NOT NULL,
                PRIMARY KEY (contact, visit)) WITHOUT ROWID
            """,
            "CREATE INDEX visits_by_day ON visits (from_day) WHERE from_day IS NOT NULL",
            "CREATE INDEX visits_outlasting ON visits (from_day) WHERE \(Self.outlastingItsDay)",
            """
            CREATE TABLE connections (
                contact INTEGER NOT NULL, connection INTEGER NOT NULL, visit INTEGER NOT NULL,
                operator TEXT, connected_us INTEGER NOT NULL, disconnected_us INTEGER,
                after_work_ended_us INTEGER, timing INTEGER NOT NULL,
                PRIMARY KEY (contact, connection)) WITHOUT ROWID
            """,
            "CREATE TABLE latest (occurred_us INTEGER)",
            "INSERT INTO latest VALUES (NULL)",
        ]
    }
}

/// The tables that share the columns of figures.
enum FigureTable: CaseIterable {
    case totals
    case queues
    case days
    case halfHours

    var name: String {
        switch self {
        case .totals: "totals"
        case .queues: "queues"
        case .days: "days"
        case .halfHours: "half_hours"
        }
    }

    /// Counts first, then ratios, then the sums that they come from.
    static var columns: [ReadColumn] {
        figuresBeforeRatios.map(\.documentation) + DerivedFigure.allCases.map(\.documentation)
            + figuresAfterRatios.map(\.documentation)
    }

    private static let figuresBeforeRatios: [Figure] = [
        .offered, .answered, .abandoned, .abandonedInSelfService, .received,
        .answeredWithinThreshold, .abandonedWithinThreshold,
    ]
    private static let figuresAfterRatios: [Figure] = [
        .waitAnswered, .answeredWithKnownWait, .waitAbandoned, .abandonedWithKnownWait, .handled,
        .handle, .excludedByPrecision, .waitExcludedByPrecision,
    ]

    var creation: String {
        let (before, after) =
            switch self {
            case .totals: ("", "")
            case .queues: ("queue TEXT NOT NULL PRIMARY KEY, ", " WITHOUT ROWID")
            case .days:
                (
                    "day TEXT NOT NULL, day_number INTEGER PRIMARY KEY, ",
                    ""
                )
            case .halfHours:
                (
                    "start TEXT NOT NULL PRIMARY KEY, start_us INTEGER NOT NULL, ",
                    " WITHOUT ROWID"
                )
            }
        let waitingMax = self == .days ? ["waiting_max INTEGER NOT NULL DEFAULT 0"] : []
        func stored(_ figures: [Figure]) -> [String] {
            figures.map { $0.column + " INTEGER NOT NULL DEFAULT 0" }
        }
        let columns =
            stored(Self.figuresBeforeRatios) + DerivedFigure.allCases.map(\.definition)
            + stored(Self.figuresAfterRatios) + waitingMax
            + Figure.sums.map { boundedSum($0.column) }
        return "CREATE TABLE \(name) (\(before)\(columns.joined(separator: ", ")))\(after)"
    }

    private var keys: [String] {
        switch self {
        case .totals: []
        case .queues: ["queue"]
        case .days: ["day_number", "day"]
        case .halfHours: ["start", "start_us"]
        }
    }

    /// Adds figures to the row with these keys, which is created where there is none.
    ///
    /// The arguments are the keys, of which the first identifies the row, then the figures.
    var addition: String {
        let figures = Figure.allCases.map(\.column)
        guard let key = keys.first else {
            return "UPDATE totals SET "
                + figures.map { "\($0) = \($0) + ?" }.joined(separator: ", ")
        }
        let columns = keys + figures
        let sums = figures.map { "\($0) = \($0) + excluded.\($0)" }.joined(separator: ", ")
        return """
            INSERT INTO \(name) (\(columns.joined(separator: ", ")))
            VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
            ON CONFLICT (\(key)) DO UPDATE SET \(sums)
            """
    }

    /// Removes the row with this key where nothing is left in it, as if it had never been.
    var removalOfEmpty: String? {
        keys.first.map { "DELETE FROM \(name) WHERE \($0) = ? AND received = 0 AND offered = 0" }
    }
}
