import JSON
import TestSupport
import Testing

/// Times as RFC 3339 text, there and back.
struct InstantTests {
    @Test(arguments: UInt64(0)..<20)
    func printedTimesAreReadBack(seed: UInt64) {
        var random = SeededNumbers(seed: seed)
        let range = Instant.earliest.microseconds...Instant.latest.microseconds
        for number in 0..<500 {
            var microseconds = Int64.random(in: range, using: &random)
            if number % 3 == 0 { microseconds -= microseconds % 1_000_000 }
            let moment = Instant(microseconds: microseconds)
            let text = moment.description
            #expect(text.utf8.count == (microseconds % 1_000_000 == 0 ? 20 : 27))
            #expect(Instant(rfc3339: text) == moment)
            #expect(moment.rfc3339Bytes == Array(text.utf8))
        }
    }

    /// The same moment, written with any offset, is read as the same.
    @Test(arguments: UInt64(0)..<20)
    func offsetsAreSubtracted(seed: UInt64) throws {
        var random = SeededNumbers(seed: seed)
        for _ in 0..<200 {
            let seconds = Int64.random(in: -50_000_000_000...200_000_000_000, using: &random)
            let offset = Int64.random(in: -1_439...1_439, using: &random)
            let shown = Instant(microseconds: (seconds + offset * 60) * 1_000_000).description
            let sign = offset < 0 ? "-" : "+"
            let (hours, minutes) = (Int(abs(offset) / 60), Int(abs(offset) % 60))
            let text =
                shown.dropLast() + "\(sign)\(padded(hours, to: 2)):\(padded(minutes, to: 2))"
            #expect(Instant(rfc3339: String(text)) == Instant(microseconds: seconds * 1_000_000))
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0),
        ("1969-12-31T23:59:59.999999Z", -1), ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.0000019Z", 1), ("1970-01-01T00:00:00.1Z", 100_000),
        ("1970-01-01T00:00:00-00:00", 0), ("1970-01-01T05:30:00+05:30", 0),
        ("2026-10-25T02:30:00+02:00", 1_792_888_200_000_000),
        ("2026-10-25T02:30:00+01:00", 1_792_891_800_000_000),
        ("2000-02-29T12:00:00Z", 951_825_600_000_000),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("1970-01-01T00:00:00.123456789012345678901234567890Z", 123_456),
    ])
    func read(text: String, microseconds: Int64) {
        #expect(Instant(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z", "70-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z", "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z",
        "1970-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "1970-04-31T00:00:00Z",
        "1970-01-00T00:00:00Z", "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00,5Z",
        "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00Zx", " 1970-01-01T00:00:00Z", "-970-01-01T00:00:00Z",
        "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "19700-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z\n", "１970-01-01T00:00:00Z",
    ])
    func refused(text: String) {
        #expect(Instant(rfc3339: text) == nil)
    }

    /// No change of one character of a time traps, and what is still read prints the same moment.
    @Test func everyMutationGivesNilOrATime() {
        let text = Array("2026-10-25T02:30:00.123456+02:00".utf8)
        for at in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[at] = byte
                guard let moment = Instant(rfc3339: changed[...]) else { continue }
                #expect(Instant(rfc3339: moment.description) == moment)
            }
            #expect(Instant(rfc3339: text[..<at]) == nil)
        }
    }

    @Test func flooredDivisionRoundsDown() {
        for number in Int64(-20)...20 {
            for divisor in Int64(1)...7 {
                let (quotient, remainder) = number.flooredDivision(by: divisor)
                #expect(quotient * divisor + remainder == number)
                #expect((0..<divisor).contains(remainder))
            }
        }
    }
}

/// The calendar, against a walk that only knows how long months are.
struct CivilDateTests {
    /// All 3,652,425 days of years 0000 to 9999, one after another.
    @Test func everyDayFollowsTheOneBefore() {
        var (year, month, day) = (0, 1, 1)
        var mistakes = 0
        for days in -719_528..<2_932_897 {
            let date = CivilDate(daysSince1970: days)
            if (date.year, date.month, date.day) != (year, month, day)
                || date.daysSince1970 != days
            {
                mistakes += 1
            }
            day += 1
            if day > monthLength(month, year) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(mistakes == 0)
        #expect((year, month, day) == (10_000, 1, 1))
    }

    @Test func onlyRealDaysAreDates() {
        for year in [0, 4, 1900, 1970, 2000, 2024, 2025, 9999] {
            for month in 0...13 {
                for day in 0...32 {
                    let isReal =
                        (1...12).contains(month) && day >= 1 && day <= monthLength(month, year)
                    #expect((CivilDate(year: year, month: month, day: day) != nil) == isReal)
                }
            }
        }
        #expect(CivilDate(year: -1, month: 1, day: 1) == nil)
        #expect(CivilDate(year: 10_000, month: 1, day: 1) == nil)
    }

    @Test func datesAreOrderedAndPrinted() throws {
        let date = try #require(CivilDate(year: 33, month: 4, day: 3))
        #expect(date.description == "0033-04-03")
        for days in -1_000...1_000 {
            #expect(CivilDate(daysSince1970: days) < CivilDate(daysSince1970: days + 1))
        }
        #expect(padded(7, to: 1) == "7")
        #expect(padded(1_234, to: 2) == "1234")
    }

    private func monthLength(_ month: Int, _ year: Int) -> Int {
        let isLeap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0
        return month == 2 && isLeap
            ? 29 : [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }
    @Test func whatNothingCanWriteIsShownAsTheNearestThatCanBe() {
        for beyond in [Int64.min, Instant.earliest.microseconds - 1] {
            #expect(Instant(microseconds: beyond).description == "0000-01-01T00:00:00Z")
        }
        for beyond in [Int64.max, Instant.latest.microseconds + 1] {
            #expect(Instant(microseconds: beyond).description == "9999-12-31T23:59:59.999999Z")
        }
    }
}
