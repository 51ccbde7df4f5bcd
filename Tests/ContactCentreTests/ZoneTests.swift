import ContactCentre
import Foundation
import JSON
import OwnThread
import TestSupport
import Testing

/// Civil time, against the facts of the calendar and against Python's zoneinfo.
@Suite(.ownThread) struct ZoneTests {
    /// Local midnights of Europe/Rome: date, its start and its end in UTC.
    @Test(arguments: [
        ("2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        ("2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("2026-07-01", "2026-06-30T22:00:00Z", "2026-07-01T22:00:00Z"),
        ("2027-03-28", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z"),
        ("2027-10-31", "2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z"),
    ])
    func daysOfRomeHave23To25Hours(day: String, start: String, end: String) throws {
        let rome = try #require(Zone(identifier: "Europe/Rome"))
        let midnight = try #require(Instant(rfc3339: start))
        let next = try #require(Instant(rfc3339: end))
        let date = rome.date(at: midnight)
        #expect(date.description == day)
        #expect(rome.start(of: date) == midnight)
        #expect(rome.start(of: CivilDate(daysSince1970: date.daysSince1970 + 1)) == next)
        #expect(rome.date(at: Instant(microseconds: next.microseconds - 1)) == date)
        #expect(rome.date(at: Instant(microseconds: midnight.microseconds - 1)) < date)
    }

    /// Local 02:30 exists twice in October (the first counts) and not at all in March.
    @Test(arguments: [
        (2026, 10, 25, "2026-10-25T00:30:00Z"), (2026, 3, 29, "2026-03-29T01:30:00Z"),
        (2026, 3, 30, "2026-03-30T00:30:00Z"), (2026, 10, 26, "2026-10-26T01:30:00Z"),
        (2027, 10, 31, "2027-10-31T00:30:00Z"), (2027, 3, 28, "2027-03-28T01:30:00Z"),
    ])
    func halfPastTwoInRome(year: Int, month: Int, day: Int, expected: String) throws {
        let rome = try #require(Zone(identifier: "Europe/Rome"))
        let date = try #require(CivilDate(year: year, month: month, day: day))
        let halfPastTwo: Int64 = 9_000_000_000
        #expect(
            rome.instant(date: date, microsecondOfDay: halfPastTwo)
                == Instant(rfc3339: expected))
    }

    @Test func bothHalfPastTwosShowTheSameClock() throws {
        let rome = try #require(Zone(identifier: "Europe/Rome"))
        let summer = try #require(Instant(rfc3339: "2026-10-25T00:30:00Z"))
        let winter = try #require(Instant(rfc3339: "2026-10-25T01:30:00Z"))
        #expect(rome.offsetSeconds(at: summer) == 7_200)
        #expect(rome.offsetSeconds(at: winter) == 3_600)
        #expect(rome.date(at: summer) == rome.date(at: winter))
    }

    /// Midnight itself is skipped where clocks go forward at 00:00.
    @Test func aSkippedMidnightIsTheFirstMomentOfItsDate() throws {
        let beirut = try #require(Zone(identifier: "Asia/Beirut"))
        let date = try #require(CivilDate(year: 2022, month: 3, day: 27))
        let start = beirut.start(of: date)
        #expect(start == Instant(rfc3339: "2022-03-26T22:00:00Z"))
        #expect(beirut.date(at: start) == date)
        #expect(beirut.date(at: Instant(microseconds: start.microseconds - 1)) < date)
    }

    @Test(arguments: ["", "Europe/Atlantis", "CEST", "Rome", "+02:00", "../etc/localtime"])
    func unknownNamesAreRefused(name: String) {
        #expect(Zone(identifier: name) == nil)
    }

    @Test(arguments: ["Europe/Rome", "Asia/Jerusalem", "America/New_York", "Europe/Amsterdam"])
    func instantInvertsTheClock(name: String) throws {
        let zone = try #require(Zone(identifier: name))
        var random = SeededNumbers(seed: 7)
        for _ in 0..<5_000 {
            let moment = Instant(microseconds: .random(in: sampled, using: &random))
            let date = zone.date(at: moment)
            let shown = moment.microseconds + Int64(zone.offsetSeconds(at: moment)) * 1_000_000
            let sinceMidnight = shown - Int64(date.daysSince1970) * 86_400_000_000
            let back = zone.instant(date: date, microsecondOfDay: sinceMidnight)
            // The second occurrence of an ambiguous clock time leads back to the first.
            let isTheSame = back == moment
            let isTheFirst =
                moment.microseconds - back.microseconds == 3_600_000_000
                && zone.offsetSeconds(at: back) == zone.offsetSeconds(at: moment) + 3_600
            #expect(isTheSame || isTheFirst)
        }
    }

    /// Skipped where python3 with zoneinfo is absent: it is the independent reader of the tz data.
    @Test(
        .enabled(if: hasZoneInfo, "python3 with zoneinfo is absent"),
        arguments: [
            "Europe/Rome", "Asia/Jerusalem", "America/New_York", "Europe/Amsterdam", "UTC",
        ])
    func offsetsAgreeWithPython(name: String) throws {
        let zone = try #require(Zone(identifier: name))
        var random = SeededNumbers(seed: 1960)
        var seconds = (0..<4_000).map { _ in
            Int64.random(in: sampled, using: &random) / 1_000_000
        }
        // Around every full hour of the days on which Europe changes its clocks.
        for day in ["2026-03-29", "2026-10-25", "1999-04-02", "1980-04-06", "2037-10-25"] {
            let midnight = try #require(Instant(rfc3339: "\(day)T00:00:00Z"))
            for hour in Int64(0)..<24 {
                let start = midnight.microseconds / 1_000_000 + hour * 3_600
                seconds += [start - 1, start, start + 1]
            }
        }
        let script = """
            import sys, datetime, zoneinfo
            zone = zoneinfo.ZoneInfo(sys.argv[1])
            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            for line in sys.stdin:
                moment = epoch + datetime.timedelta(seconds=int(line))
                print(int(moment.astimezone(zone).utcoffset().total_seconds()))
            """
        let answer = try Python.run(
            code: script, [name], input: .text(seconds.map { "\($0)\n" }.joined()))
        let expected = answer.lines.compactMap { Int($0) }
        try #require(expected.count == seconds.count)
        for (second, offset) in zip(seconds, expected) {
            let moment = Instant(microseconds: second * 1_000_000)
            if zone.offsetSeconds(at: moment) != offset {
                Issue.record("\(name) at \(moment): \(zone.offsetSeconds(at: moment)), \(offset)")
            }
        }
    }
}

/// 1960 to 2099.
private let sampled: Range<Int64> = -315_619_200_000_000..<4_102_444_800_000_000

/// Whether the independent reader of the tz data is there.
private let hasZoneInfo = Python.can("import zoneinfo; zoneinfo.ZoneInfo('Europe/Rome')")
