internal import Foundation
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// Questions to a read model: they change nothing, and what is wrong with them is said.
@Suite struct QueryTests {
    private let directory: Scratch
    private let model: ReadModel

    init() async throws {
        directory = try Scratch()
        var maker = ContactMaker(seed: 5)
        let contacts = maker.contacts(60, from: try at("2026-03-02T08:00:00Z"))
        let log = ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
        _ = try Projector(OperatorQueues(), in: directory.path)
            .bringUpToDate(from: await log.source())
        model = ReadModel(of: OperatorQueues(), in: directory.path)
    }

    @Test func aConditionSelectsRows() throws {
        let all = try model.answer(.table("queues"))
        let some = try model.answer(.table("queues", condition: "queue = 'desk' -- comment"))
        #expect(all.columns == some.columns)
        #expect(some.rows.count == 1)
        #expect(all.rows.contains(some.rows[0]))
    }

    @Test func aTableHasItsDocumentedColumnsInOrder() throws {
        for table in OperatorQueues().tables {
            #expect(
                try model.answer(.table(table.name)).columns == table.columns.map(\.name))
        }
    }

    @Test func unknownTablesAndColumnsAreNamedWithThoseThatExist() throws {
        #expect {
            try model.answer(.table("weeks"))
        } throws: { "\($0)".contains("totals, queues, days, half_hours, operators, waiting") }
        #expect {
            try model.answer(.table("queues", condition: "offerd > 3"))
        } throws: { "\($0)".contains("no such column: offerd") && "\($0)".contains("offered") }
        #expect {
            try model.answer(.sql("SELECT * FROM weeks"))
        } throws: { "\($0)".contains("no such table: weeks") && "\($0)".contains("half_hours") }
        #expect {
            try model.answer(.table("days", moment: at("2026-03-02T08:00:00Z")))
        } throws: { "\($0)".contains("moment") && "\($0)".contains("waiting") }
    }

    @Test(arguments: [
        "DELETE FROM days", "UPDATE totals SET offered = 0", "DROP TABLE days", "VACUUM",
        "INSERT INTO latest VALUES (1) RETURNING occurred_us", "ATTACH 'other.db' AS other",
        "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 3", "BEGIN", "",
        "SELECT 1; DELETE FROM days", "CREATE TEMP TABLE t (a)",
        "WITH gone AS (SELECT 1) DELETE FROM days",
    ])
    func nothingButReadingIsAllowed(sql: String) throws {
        let before = try model.digest()
        #expect(throws: ReadModelError.self) { try model.answer(.sql(sql)) }
        #expect(try model.digest() == before)
    }

    @Test(arguments: ["1) UNION SELECT 1 --", "1); DELETE FROM days; --", "(", "?", ":x = 1"])
    func aConditionIsAnExpression(condition: String) throws {
        let before = try model.digest()
        #expect {
            try model.answer(.table("queues", condition: condition))
        } throws: { "\($0)".contains("the condition \(condition)") }
        #expect(try model.digest() == before)
    }

    @Test func whatIsNotBuiltSaysHowToBuildIt() throws {
        let empty = try Scratch()
        let model = ReadModel(of: OperatorQueues(), in: empty.path)
        #expect {
            try model.answer(.table("days"))
        } throws: { "\($0)".contains("ascolto project operator-queues") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: empty.path).isEmpty)
    }

    @Test func valuesKeepTheirKind() throws {
        let result = try model.answer(
            .sql("SELECT NULL AS a, 7 AS b, 0.5 AS c, 'x' AS d, x'00ff' AS e"))
        #expect(result.columns == ["a", "b", "c", "d", "e"])
        #expect(result.rows == [[.null, 7, .real(0.5), "x", .blob([0, 255])]])
    }

    @Test func aTextIsWholeWhereItHoldsTheZeroCharacter() throws {
        let result = try model.answer(.sql("SELECT 'a' || char(0) || 'b' AS a, '' AS b"))
        #expect(result.rows == [["a\0b", ""]])
    }

    @Test func twoColumnsOfOneNameAreRefused() throws {
        #expect(throws: ReadModelError.repeatedColumn("a")) {
            try model.answer(.sql("SELECT 1 AS a, 2 AS b, 3 AS a"))
        }
    }

    /// The page that defines the columns speaks of every table and column.
    @Test func theReadmeNamesEveryColumn() throws {
        let text = try Places.text("Projections/OperatorQueues/README.md")
        for table in OperatorQueues().tables {
            #expect(text.contains("`\(table.name)`"))
            for column in table.columns { #expect(text.contains("`\(column.name)`")) }
        }
    }
}
