import ContactCentre
import Foundation
import JSON
import OwnThread
import TestSupport
import Testing

@Suite("Opening hours are those of clocks on the wall", .ownThread)
struct OpeningHoursTests {
    private static let hour: Int64 = 3_600_000_000

    private func calendar(_ hours: String..., exceptions: [String: [String]] = [:]) throws
        -> OpeningCalendar
    {
        var calendar = OpeningCalendar()
        let week = try hours.map { try #require(DailyHours($0)) }
        calendar.publish(
            OpeningHours(
                in: try #require(Zone(identifier: "Europe/Rome")),
                week: everyDay(week),
                exceptions: Dictionary(
                    uniqueKeysWithValues: try exceptions.map { date, hours in
                        (try self.date(date), try hours.map { try #require(DailyHours($0)) })
                    })),
            from: try date("2000-01-01"))
        return calendar
    }

    private func everyDay(_ hours: [DailyHours]) -> Week {
        Week(days: Array(repeating: hours, count: 7))
    }

    private func date(_ text: String) throws -> CivilDate {
        try #require(CivilDate(text: text))
    }

    private func open(_ calendar: OpeningCalendar, on text: String) throws -> Int64 {
        let times = calendar.openTimes(on: try date(text)...(try date(text)))
        return times.intervals.reduce(0) { $0 + $1.upperBound - $1.lowerBound } / Self.hour
    }

    @Test(
        "on the days on which clocks are changed",
        arguments: [
            ("2026-03-29", "00:00-24:00", 23), ("2026-10-25", "00:00-24:00", 25),
            ("2026-03-29", "01:00-03:00", 1), ("2026-10-25", "01:00-03:00", 3),
            ("2026-03-28", "22:00-06:00", 7), ("2026-10-24", "22:00-06:00", 9),
            ("2026-03-29", "02:00-03:00", 0), ("2026-10-25", "02:00-03:00", 2),
            ("2026-07-01", "22:00-06:00", 8), ("2026-07-01", "08:00-20:00", 12),
        ] as [(String, String, Int64)])
    func clocks(day: String, hours: String, open wanted: Int64) throws {
        #expect(try open(calendar(hours), on: day) == wanted)
    }

    @Test("that overlap, or touch, or go on behind midnight, are counted once")
    func unions() throws {
        let both = try calendar("20:00-02:00", "00:00-01:00", "02:00-03:00")
        let (first, second) = (try date("2026-05-04"), try date("2026-05-05"))
        let times = both.openTimes(on: first...second)
        let lengths = times.intervals.map { ($0.upperBound - $0.lowerBound) / Self.hour }
        // What began at 20:00 goes on until 03:00 with the next date's hours.
        #expect(lengths == [1, 1, 7, 6])
    }

    @Test("keep what was in force, whatever is published later")
    func versions() throws {
        var calendar = try calendar("08:00-20:00")
        let longer = OpeningHours(
            in: try #require(Zone(identifier: "Europe/Rome")),
            week: everyDay([try #require(DailyHours("06:00-22:00"))]))
        calendar.publish(longer, from: try date("2026-06-01"))
        #expect(try open(calendar, on: "2026-05-31") == 12)
        #expect(try open(calendar, on: "2026-06-01") == 16)
        #expect(try open(calendar, on: "1999-12-31") == 0)
    }

    @Test("give way to holidays, and those to exceptions")
    func exceptions() throws {
        let italy = try #require(HolidaySet.all.last { $0.name == "it" })
        let hours = OpeningHours(
            in: try #require(Zone(identifier: "Europe/Rome")),
            week: everyDay([try #require(DailyHours("08:00-20:00"))]),
            holidays: italy.holidays + [.fixed("Santi Pietro e Paolo", month: 6, day: 29)],
            exceptions: [
                try date("2026-12-25"): [try #require(DailyHours("09:00-12:00"))],
                try date("2026-12-24"): [],
            ])
        #expect(hours.hours(on: try date("2026-06-29")).reason == .holiday("Santi Pietro e Paolo"))
        #expect(hours.hours(on: try date("2026-04-06")).hours.isEmpty)
        #expect(hours.hours(on: try date("2025-10-04")).reason == .week)
        #expect(hours.hours(on: try date("2026-10-04")).reason == .holiday("San Francesco"))
        let christmas = hours.hours(on: try date("2026-12-25"))
        #expect(christmas.hours.map(\.description) == ["09:00-12:00"])
        #expect(christmas.reason == .exception)
        #expect(hours.hours(on: try date("2026-12-24")).hours.isEmpty)
    }

    @Test(
        "are refused where they say nothing",
        arguments: [
            "08:00", "8:00-9:00", "08:00-08:00", "24:00-02:00", "08:60-09:00", "-", "",
            "08:00-25:00", "08:00-24:01", "08:00-09:00-10:00", "00:00-00:00", "٠8:00-09:00",
        ])
    func refused(text: String) { #expect(DailyHours(text) == nil) }

    @Test("are written as they are read", arguments: ["08:00-20:00", "20:00-02:00", "00:00-24:00"])
    func written(text: String) { #expect(DailyHours(text)?.description == text) }

    @Test("may close at midnight by either of its names")
    func midnight() { #expect(DailyHours("20:00-00:00") == DailyHours("20:00-24:00")) }
}

@Suite("Open time and holidays are those of other programs", .ownThread)
struct IndependentHoursTests {
    private static let words = ["Europe/Rome", "Europe/Rome", "Europe/London", "America/New_York"]

    @Test(
        "over ten years of days and 10,000 intervals",
        .enabled(if: Python.can("import holidays, zoneinfo"), "\(Python.needed)"),
        .timeLimit(.minutes(5)), arguments: [31] as [UInt64])
    func oracles(seed: UInt64) throws {
        var generator = SeededNumbers(seed: seed)
        var lines: [String] = []
        let italy = try #require(HolidaySet.all.last { $0.name == "it" })
        let first = try #require(CivilDate(year: 2020, month: 1, day: 1)).daysSince1970
        for day in first..<first + 3_653 {
            let date = CivilDate(daysSince1970: day)
            let names = italy.holidays.filter { $0.falls(on: date) }.map { jsonString($0.name) }
            lines.append(#"{"date":"\#(date)","holidays":[\#(names.joined(separator: ","))]}"#)
        }
        for _ in 0..<200 { lines.append(try calendar(italy, days: first, &generator)) }
        let scratch = try Scratch()
        let file = try scratch.file("hours", text: lines.joined(separator: "\n") + "\n")
        let run = try Python.run("opening_hours.py", [file], within: 240)
        #expect(run.end == .exit(0), "seed \(seed): \(run.text.suffix(2_000)) \(run.error)")
        #expect(run.lines.last == "13653 checks, 0 wrong")
    }

    /// A calendar of one to three versions, and how long it is open in 50 intervals.
    private func calendar(
        _ italy: HolidaySet, days first: Int, _ generator: inout SeededNumbers
    ) throws -> String {
        let zone = try #require(Self.words.randomElement(using: &generator))
        var calendar = OpeningCalendar()
        var versions: [String] = []
        var day = first
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let week = (0..<7).map { _ in randomHours(&generator) }
            let exceptions = (0..<30).map { _ in
                (
                    CivilDate(
                        daysSince1970: first + Int.random(in: 0..<3_653, using: &generator)),
                    randomHours(&generator)
                )
            }
            let byDate = Dictionary(exceptions) { earlier, _ in earlier }
            let patron = Holiday.fixed("patron", month: 6, day: 24)
            calendar.publish(
                OpeningHours(
                    in: try #require(Zone(identifier: zone)), week: Week(days: week),
                    holidays: italy.holidays + [patron], exceptions: byDate),
                from: CivilDate(daysSince1970: day))
            let listed = byDate.map { #""\#($0)":\#(json($1))"# }.joined(separator: ",")
            versions.append(
                #"{"first":"\#(CivilDate(daysSince1970: day))","zone":"\#(zone)","holidays":true,"#
                    + #""patron":"06-24","week":[\#(week.map(json).joined(separator: ","))],"#
                    + #""exceptions":{\#(listed)}}"#)
            day += Int.random(in: 1...1_200, using: &generator)
        }
        let intervals = try (0..<50).map { _ in
            let start =
                Int64(first) * Instant.microsecondsOfDay
                + Int64.random(in: 0..<3_600 * Instant.microsecondsOfDay, using: &generator)
            let length = Int64.random(in: 0..<40 * Instant.microsecondsOfDay, using: &generator)
            let (from, to) = (
                Instant(microseconds: start), Instant(microseconds: start + length)
            )
            let dates = try #require(Zone(identifier: "UTC"))
            let (early, late) = (dates.date(at: from), dates.date(at: to))
            let (before, behind) = (
                CivilDate(daysSince1970: early.daysSince1970 - 2),
                CivilDate(daysSince1970: late.daysSince1970 + 2)
            )
            let times = calendar.openTimes(on: before...behind)
            return "[\(start),\(start + length),\(times.microseconds(from: from, to: to))]"
        }
        return #"{"versions":[\#(versions.joined(separator: ","))],"#
            + #""intervals":[\#(intervals.joined(separator: ","))]}"#
    }

    private func randomHours(_ generator: inout SeededNumbers) -> [DailyHours] {
        (0..<Int.random(in: 0...3, using: &generator)).compactMap { _ in
            let from = 30 * Int.random(in: 0..<48, using: &generator)
            let to = 30 * Int.random(in: 1...48, using: &generator)
            return DailyHours("\(clock(from))-\(clock(to))")
        }
    }

    private func clock(_ minutes: Int) -> String {
        padded(minutes / 60, to: 2) + ":" + padded(minutes % 60, to: 2)
    }

    private func json(_ hours: [DailyHours]) -> String {
        "[" + hours.map { jsonString("\($0)") }.joined(separator: ",") + "]"
    }
}

extension Week {
    /// The hours of Monday to Sunday.
    fileprivate init(days: [[DailyHours]]) {
        self.init()
        for (weekday, hours) in zip(Weekday.allCases, days) { self[weekday] = hours }
    }
}
