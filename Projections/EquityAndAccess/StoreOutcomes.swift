internal import GRDB
internal import JSON
internal import ProjectionKit

extension EquityAndAccess {
    package var schema: [String] {
        [
            // What the groups of units follow from; an index of an outcome or attribute is its
            // place among the definitions.
            """
            CREATE TABLE profiles (
                id INTEGER PRIMARY KEY, channel TEXT NOT NULL, groups TEXT NOT NULL,
                UNIQUE (channel, groups))
            """,
            """
            CREATE TABLE subjects (
                stream TEXT NOT NULL PRIMARY KEY, profile INTEGER NOT NULL,
                origin INTEGER NOT NULL) WITHOUT ROWID
            """,
            """
            CREATE TABLE units (
                outcome INTEGER NOT NULL, stream TEXT NOT NULL, profile INTEGER NOT NULL,
                begun_us INTEGER, slack_us INTEGER NOT NULL,
                decided INTEGER NOT NULL, broken INTEGER NOT NULL,
                untimed INTEGER NOT NULL, settled INTEGER NOT NULL, of_staff INTEGER NOT NULL,
                deadline_us INTEGER, standing INTEGER NOT NULL,
                PRIMARY KEY (outcome, stream)) WITHOUT ROWID
            """,
            "CREATE INDEX pending ON units (outcome, deadline_us) WHERE standing = 0",
            """
            CREATE TABLE tally (
                outcome INTEGER NOT NULL, profile INTEGER NOT NULL, standing INTEGER NOT NULL,
                units INTEGER NOT NULL, PRIMARY KEY (outcome, profile, standing)) WITHOUT ROWID
            """,
            """
            CREATE TABLE broken (
                outcome INTEGER NOT NULL, profile INTEGER NOT NULL, units INTEGER NOT NULL,
                PRIMARY KEY (outcome, profile)) WITHOUT ROWID
            """,
            "CREATE TABLE moment (now_us INTEGER)",
            "INSERT INTO moment VALUES (NULL)",
        ] + tables.map(\.creation)
    }
}

extension UnitFacts {
    static func load(
        _ index: Int, _ stream: String, from database: Database
    ) throws -> (facts: UnitFacts, standing: UnitStanding)? {
        let found = try Row.fetchOne(
            try database.cachedStatement(
                sql: "SELECT * FROM units WHERE outcome = ? AND stream = ?"),
            arguments: [index, stream])
        guard let row = found.map({ StoredRow($0, of: "units") }) else { return nil }
        var facts = UnitFacts(
            profile: try row.integer("profile"), begun: try row.optionalInstant("begun_us"))
        facts.slack = try row.integer("slack_us")
        facts.isDecided = try row.integer("decided") != 0
        facts.isBroken = try row.integer("broken") != 0
        facts.isUntimed = try row.integer("untimed") != 0
        facts.isSettled = try row.integer("settled") != 0
        facts.isOfStaff = try row.integer("of_staff") != 0
        return (facts, try row.choice("standing"))
    }

    func save(
        _ index: Int, _ outcome: Outcome, _ stream: String, to database: Database
    ) throws {
        let places = Array(repeating: "?", count: 12).joined(separator: ", ")
        try database.cachedStatement(sql: "INSERT OR REPLACE INTO units VALUES (\(places))").run([
            index, stream, profile, begun?.microseconds, slack, isDecided, isBroken, isUntimed,
            isSettled, isOfStaff, deadline(of: outcome), standing(in: outcome).rawValue,
        ])
    }
}

/// What the events since the last flush change in the counts of units.
struct TallyChanges {
    private var units: [Cell: Int64] = [:]
    private var broken: [Cell: Int64] = [:]

    private struct Cell: Hashable {
        let outcome: Int
        let profile: Int64
        let standing: UnitStanding
    }

    mutating func add(_ outcome: Int, _ profile: Int64, _ standing: UnitStanding) {
        units[Cell(outcome: outcome, profile: profile, standing: standing), default: 0] += 1
    }

    mutating func move(
        _ outcome: Int, _ profile: Int64, from: UnitStanding, to: UnitStanding,
        units count: Int64 = 1
    ) {
        guard from != to else { return }
        units[Cell(outcome: outcome, profile: profile, standing: from), default: 0] -= count
        units[Cell(outcome: outcome, profile: profile, standing: to), default: 0] += count
    }

    mutating func addBroken(_ outcome: Int, _ profile: Int64) {
        broken[Cell(outcome: outcome, profile: profile, standing: .pending), default: 0] += 1
    }

    func write(to database: Database) throws {
        for (cell, change) in units where change != 0 {
            try database.cachedStatement(
                sql: """
                    INSERT INTO tally VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET units = units + excluded.units
                    """
            ).run([cell.outcome, cell.profile, cell.standing.rawValue, change])
        }
        for (cell, change) in broken {
            try database.cachedStatement(
                sql: """
                    INSERT INTO broken VALUES (?, ?, ?)
                    ON CONFLICT DO UPDATE SET units = units + excluded.units
                    """
            ).run([cell.outcome, cell.profile, change])
        }
    }
}
