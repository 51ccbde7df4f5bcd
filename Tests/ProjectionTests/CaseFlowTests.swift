internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

@Suite struct CaseFlowTests {
    private typealias Owner = CaseEvent.Owner

    private static let hour: Int64 = 3_600_000_000

    private func story(_ id: String, _ events: [(CaseEvent, hours: Double)]) throws -> [Told] {
        let start = try at("2026-03-02T08:00:00Z")
        return events.map {
            Told(stream: "case/" + id, event: $0, time: start.plus(seconds: $1 * 3_600))
        }
    }

    private func rows(_ told: [Told], _ table: String) async throws -> [ShownRow] {
        try await ToldLog(zone: "Europe/Rome", told: told)
            .answer(.table(table), of: CaseFlow()).shownRows
    }

    private func team(_ name: String, _ line: LineLevel? = nil) -> Owner {
        Owner(kind: .team, id: name, line: line)
    }

    @Test func aCaseThatGoesUpAndDownTheLinesIsCountedAtEachStep() async throws {
        let told = try story(
            "1",
            [
                (.opened(.init(channel: .counter, service: "permits")), 0),
                (.assigned(team("desk", .first)), 1),
                (.takenInCharge(Owner(kind: .operator, id: "anna", line: .first)), 2),
                (.assigned(team("office", .second)), 3),
                (.waitingStarted(on: .citizen, team("office", .second)), 4),
                (.takenInCharge(team("office", .second)), 9),
                (.assigned(team("desk", .first)), 10),
                (.resolved(.granted, team("office", .third)), 12),
                (.assigned(team("desk", nil)), 20),
                (.resolved(.granted, Owner()), 22),
                (.closed(Owner()), 24),
            ])
        let row = try #require(try await rows(told, "cases").first)
        let expected: ShownRow = [
            "case_id": "case/1", "opened": "2026-03-02T08:00:00Z", "channel": "counter",
            "service": "permits", "standing": "closed", "handovers": 5, "returns": 2,
            "escalations": 2, "step_backs": 1, "reopenings": 1, "last_line": .null, "breached": 0,
            "to_first_unit_us": .integer(Self.hour), "to_first_touch_us": .integer(2 * Self.hour),
            "to_first_person_us": .integer(2 * Self.hour),
            "to_first_resolved_us": .integer(12 * Self.hour),
            "to_last_resolved_us": .integer(22 * Self.hour),
            "to_closed_us": .integer(24 * Self.hour), "paused_us": .integer(13 * Self.hour),
            // It ended for good when it was resolved the second time.
            "net_us": .integer(9 * Self.hour), "area": .null, "opened_by": .null, "target": .null,
        ]
        for (column, value) in expected { #expect(row[column] == value, "\(column)") }
        #expect(Set(row.keys) == Set(expected.keys))
        #expect(
            try await rows(told, "line_changes") == [
                ["from_line": 1, "to_line": 2, "changes": 1],
                ["from_line": 1, "to_line": 3, "changes": 1],
                ["from_line": 2, "to_line": 1, "changes": 1],
            ])
        #expect(
            try await rows(told, "waits")
                == [
                    [
                        "waits_for": "citizen", "waits": 1, "unknown_waits": 0,
                        "waited_us": .integer(5 * Self.hour),
                    ]
                ])
        let totals = try #require(try await rows(told, "totals").first)
        #expect(totals["ended_at_first_line"] == 0)
        #expect(totals["reopened_cases"] == 1)
    }

    @Test func theBacklogIsCarriedOverDaysWithoutEvents() async throws {
        let none = Owner()
        let told = try [
            story("1", [(.opened(.init()), 0), (.resolved(nil, none), 50), (.closed(none), 98)]),
            story("2", [(.opened(.init()), 1), (.closed(none), 2), (.reopened, 49)]),
            // It closes before it opens: its clock is wrong, and its day is that of the opening.
            story("3", [(.opened(.init()), 24), (.closed(Owner()), 3)]),
        ]
        let days = try await rows(inOrderOfTime(Array(told.prefix(2))) + told[2], "days")
        func day(_ name: String, _ counts: [Int64]) -> ShownRow {
            let names = ["opened", "resolved", "closed", "reopened", "open", "unresolved"]
            var row = Dictionary(
                uniqueKeysWithValues: zip(names, counts.map { QueryValue.integer($0) }))
            row["day"] = .text(name)
            return row
        }
        #expect(
            days == [
                day("2026-03-02", [2, 0, 1, 0, 1, 1]), day("2026-03-03", [1, 0, 1, 0, 1, 1]),
                day("2026-03-04", [0, 1, 0, 1, 2, 1]), day("2026-03-05", [0, 0, 0, 0, 2, 1]),
                day("2026-03-06", [0, 0, 1, 0, 1, 1]),
            ])
        let totals = try #require(try await rows(told.flatMap { $0 }, "totals").first)
        #expect(totals["ended_before_opened"] == 1)
        #expect(totals["mean_to_closed_us"] == .integer(98 * Self.hour))
    }

    @Test func anEndBeforeTheOpeningIsInNoBacklogUntilThen() async throws {
        let told = try story(
            "1", [(.closed(Owner()), 1), (.reopened, 2), (.resolved(nil, Owner()), 3)])
        #expect(try await rows(told, "days").isEmpty)
        #expect(try await rows(told, "totals").first?["cases"] == 0)
        let opened = try told + story("1", [(.opened(.init()), 4)])
        let days = try await rows(opened, "days")
        #expect(days.count == 1)
        #expect(days.first?["opened"] == 1)
        #expect(days.first?["resolved"] == 1)
        #expect(days.first?["open"] == 1)
        #expect(days.first?["unresolved"] == 0)
    }

    @Test func nothingIsZeroAndNoDurationIsNull() async throws {
        let totals = try #require(try await rows([], "totals").first)
        #expect(totals["cases"] == 0)
        #expect(totals["open"] == 0)
        #expect(totals["mean_to_closed_us"] == .null)
        for table in ["channels", "services", "areas", "days", "cases", "waits"] {
            #expect(try await rows([], table).isEmpty)
        }
    }

    @Test func theMedianOfAnEvenNumberIsTheMeanOfTheMiddleTwo() async throws {
        let told = try [5.0, 1, 2, 100].enumerated().flatMap {
            try story("\($0)", [(.opened(.init(service: "s")), 0), (.closed(Owner()), $1)])
        }
        let row = try #require(try await rows(told, "services").first)
        #expect(row["median_to_closed_us"] == .integer(Self.hour * 7 / 2))
        #expect(row["mean_to_closed_us"] == .integer(27 * Self.hour))
        #expect(row["median_to_first_touch_us"] == .null)
    }

    // MARK: - Any cases

    @Test func whatStaffOpenedIsCountedAndInNoFigureOfCitizens() async throws {
        let told =
            try [nil, .citizen, .operator, .system, .other("kiosk")].enumerated()
            .flatMap { number, opener in
                try story(
                    "\(number)",
                    [
                        (.opened(.init(channel: .app, openedBy: opener)), 0),
                        (.closed(Owner()), Double(number + 1)),
                    ])
            } + story("staff", [(.opened(.init(channel: .fax, openedBy: .operator)), 0)])
        for table in ["totals", "channels"] {
            let row = try #require(try await rows(told, table).first)
            #expect(row["cases"] == 3)
            #expect(row["opened_by_staff"] == (table == "totals" ? 3 : 2))
            #expect(row["cases_to_closed"] == 3)
            #expect(row["median_to_closed_us"] == .integer(2 * Self.hour))
            #expect(row["mean_to_closed_us"] == .integer(8 * Self.hour / 3))
        }
        let fax = try #require(try await rows(told, "channels").last)
        #expect([fax["channel"], fax["cases"], fax["opened_by_staff"]] == ["fax", 0, 1])
        let openers = try await rows(told, "openers")
        #expect(
            openers.map { [$0["opened_by"], $0["cases"], $0["open"]] } == [
                ["citizen", 1, 0], ["operator", 2, 1], ["other", 1, 0], ["system", 1, 0],
                ["unknown", 1, 0],
            ])
        #expect(try await rows(told, "days").first?["opened"] == 6)
    }

    @Test func toCloseAgainChangesNothing() async throws {
        let told = try story(
            "1", [(.opened(.init()), 0), (.closed(Owner()), 3), (.closed(Owner()), 30)])
        let row = try #require(try await rows(told, "cases").first)
        #expect(row["to_closed_us"] == .integer(3 * Self.hour))
        #expect(row["net_us"] == .integer(3 * Self.hour))
    }

    @Test func whatLiesBeforeTheOpeningIsNoPause() async throws {
        let wait = CaseEvent.waitingStarted(on: .citizen, Owner())
        let told = try story(
            "1",
            [
                (.opened(.init()), 10), (wait, 6), (.waitingEnded, 8), (wait, 9),
                (.waitingEnded, 12), (wait, 13), (.waitingEnded, 14), (.closed(Owner()), 20),
            ])
        let row = try #require(try await rows(told, "cases").first)
        #expect(row["paused_us"] == .integer(3 * Self.hour))
        #expect(row["net_us"] == .integer(7 * Self.hour))
    }

    @Test func aMistypedYearIsNotToldDayByDay() async throws {
        let days = 400_000.0
        let told = try story(
            "1", [(.opened(.init()), 0), (.closed(Owner()), 48), (.reopened, days * 24)])
        let rows = try await rows(told, "days")
        #expect(
            rows.map { $0["day"] } == ["2026-03-02", "2026-03-03", "2026-03-04", "3121-05-01"])
        #expect(rows.map { $0["open"] } == [1, 1, 0, 1])
    }

    private func anyEvents(_ numbers: inout SeededNumbers) throws -> [Told] {
        let start = try at("2026-03-26T20:00:00Z")
        let lines: [LineLevel?] = [.first, .second, .third, .backoffice, .other("night"), nil]
        var told: [Told] = []
        for _ in 0..<400 {
            let owner = Owner(
                kind: [.operator, .team, nil].randomElement(using: &numbers) ?? nil,
                id: ["a", "b", "c", nil].randomElement(using: &numbers) ?? nil,
                line: lines.randomElement(using: &numbers) ?? nil)
            let events: [CaseEvent] = [
                .opened(
                    .init(channel: .phone, zone: numbers.happens(oneIn: 2) ? "Asia/Tokyo" : nil)),
                .takenInCharge(owner), .assigned(owner), .waitingStarted(on: .vendor, owner),
                .waitingEnded, .activityRecorded("stamp", owner), .resolved(.fixed, owner),
                .reopened, .closed(owner), .termBreached,
            ]
            told.append(
                Told(
                    stream: "case/\(Int.random(in: 0..<40, using: &numbers))",
                    event: events.randomElement(using: &numbers) ?? .reopened,
                    time: start.plus(seconds: Double(Int.random(in: 0..<900_000, using: &numbers))))
            )
        }
        return told
    }

    @Test(arguments: UInt64(1)...8)
    func anyStepsGiveTheSameRowsAndTheBacklogBalances(seed: UInt64) async throws {
        var numbers = SeededNumbers(seed: seed)
        let source = try await ToldLog(zone: "Europe/Rome", told: try anyEvents(&numbers)).source()
        let directory = try Scratch()
        let grown = ReadModel(of: CaseFlow(), in: directory.path)
        var size = 0
        while size < 401 {
            size = min(401, size + .random(in: 1...90, using: &numbers))
            let chunk = UInt64.random(in: 1...40, using: &numbers)
            _ = try Projector(CaseFlow(), in: directory.path, chunkEvents: chunk)
                .bringUpToDate(from: source.first(size))
        }
        let other = try Scratch()
        _ = try Projector(CaseFlow(), in: other.path).rebuild(from: source)
        let built = ReadModel(of: CaseFlow(), in: other.path)
        #expect(try grown.digest() == built.digest(), "seed \(seed)")
        for table in CaseFlow().tables {
            let query = Query.table(table.name)
            #expect(try grown.answer(query) == built.answer(query), "seed \(seed)")
        }
        let cases = try built.answer(.table("cases", condition: "opened IS NOT NULL"))
        let standing = try #require(cases.values(of: "standing"))
        let last = try #require(try built.answer(.table("days")).shownRows.last)
        let open = Int64(standing.count { $0 != "closed" })
        #expect(last["open"] == .integer(open), "seed \(seed)")
        #expect(
            last["unresolved"] == .integer(Int64(standing.count { $0 == "open" })), "seed \(seed)")
        #expect(try built.answer(.table("totals")).shownRows[0]["open"] == .integer(open))
    }

    @Test func aPauseThatNoClockCanMeanIsUnknownAndStopsNothing() async throws {
        var told = try story("1", [(.opened(.init()), 0)])
        // Each of these waits is nearly ten thousand years long: two of them leave 64 bits.
        for _ in 0..<40 {
            told.append(
                Told(
                    stream: "case/1", event: .waitingStarted(on: .citizen, Owner()),
                    time: try at("0001-01-01T00:00:00Z")))
            told.append(
                Told(
                    stream: "case/1", event: .waitingEnded,
                    time: try at("9998-12-31T00:00:00Z")))
        }
        told += try story("1", [(.closed(Owner()), 5)])
        told += try story(
            "2",
            [
                (.opened(.init()), 0), (.waitingStarted(on: .citizen, Owner()), 3),
                (.waitingEnded, 2), (.closed(Owner()), 5),
            ])
        let cases = try await rows(told, "cases")
        #expect(cases.map { $0["paused_us"] } == [.null, .null])
        #expect(cases.map { $0["net_us"] } == [.null, .null])
        #expect(
            try await rows(told, "waits")
                == [["waits_for": "citizen", "waits": 41, "unknown_waits": 41, "waited_us": 0]])
    }

    @Test func aCaseThatWasAboveTheFirstLineDidNotEndThere() async throws {
        var told = try story(
            "fell",
            [
                (.opened(.init()), 0), (.assigned(team("office", .second)), 1),
                (.assigned(team("desk", .first)), 2), (.closed(Owner()), 3),
            ])
        told += try story(
            "left",
            [
                (.opened(.init()), 0), (.assigned(team("desk", .first)), 1),
                (.assigned(team("somebody")), 2), (.closed(Owner()), 3),
            ])
        told += try story(
            "stayed",
            [
                (.opened(.init()), 0), (.assigned(team("desk", .first)), 1),
                (.assigned(team("counter", .first)), 2), (.closed(Owner()), 3),
            ])
        let totals = try #require(try await rows(told, "totals").first)
        #expect(totals["ended_at_first_line"] == 1)
        #expect(
            try await rows(told, "cases").map { $0["last_line"] } == [1, .null, 1])
    }

    @Test func aClosingIsDatedByMovesAndNotByWhatElseIsSaid() async throws {
        let told = try story(
            "1",
            [
                (.opened(.init()), 0), (.activityRecorded("archived", Owner()), 72),
                (.closed(Owner()), 24),
            ])
        let days = try await rows(told, "days")
        #expect(days.map { $0["closed"] } == [0, 1])
    }

    @Test func unreadableEventsAreCounted() async throws {
        let told = try story("1", [(.opened(.init(zone: "Mars/X")), 0), (.opened(.init()), 1)])
        let source = try await ToldLog(told: told).source()
        let directory = try Scratch()
        let outcome = try Projector(CaseFlow(), in: directory.path).bringUpToDate(from: source)
        #expect(outcome.unreadable.count == 1)
        #expect(outcome.unreadable.first?.position == Position(1))
        let opened = try ReadModel(of: CaseFlow(), in: directory.path).answer(.table("cases"))
            .values(of: "opened")
        #expect(opened == ["2026-03-02T09:00:00Z"])
    }

    @Test func itsDocumentNamesEveryTableAndColumn() throws {
        let text = try Places.text("Projections/CaseFlow/README.md")
        for table in CaseFlow().tables {
            #expect(text.contains("`\(table.name)`"), "\(table.name)")
            for column in table.columns {
                #expect(text.contains("`\(column.name)`"), "\(column.name)")
            }
        }
    }
}
