import Intake
import JSON
import Testing

@Suite("Time formats")
struct TimeFormatTests {
    /// The reading as `date microseconds offset`, or nil.
    private func read(_ text: String, _ pattern: String, yearsFrom: Int = 1970) throws -> String? {
        let format = try TimeFormat(pattern, twoDigitYearsFrom: yearsFrom)
        return format.read(Array(text.utf8)[...]).map { reading in
            "\(reading.date) \(reading.microsecondOfDay)"
                + (reading.offsetSeconds.map { " \($0)" } ?? "")
        }
    }

    @Test(
        "reads what fits",
        arguments: [
            ("yyMMdd H:m:s", "990131 6:05:09", "1999-01-31 21909000000"),
            ("yyMMdd H:m:s", "690131 23:59:59", "2069-01-31 86399000000"),
            ("yyyy-MM-dd HH:mm:ss", "2026-11-23 00:00:00", "2026-11-23 0"),
            ("yyyy-MM-dd", "2024-02-29", "2024-02-29 0"),
            ("dd/MM/yyyy HH:mm:ss", "01/02/2021 18:46:09", "2021-02-01 67569000000"),
            ("d.M.yyyy H:mm", "1.2.2021 8:05", "2021-02-01 29100000000"),
            ("MM/dd/yyyy hh:mm:ss a", "01/02/2015 12:00:01 AM", "2015-01-02 1000000"),
            ("MM/dd/yyyy hh:mm:ss a", "01/02/2015 12:00:00 pm", "2015-01-02 43200000000"),
            ("MM/dd/yyyy h:mm a", "01/02/2015 4:17 PM", "2015-01-02 58620000000"),
            (
                "yyyy-MM-dd'T'HH:mm:ssXXX", "2010-03-31T15:59:42+01:00",
                "2010-03-31 57582000000 3600"
            ),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2010-03-31T15:59:42Z", "2010-03-31 57582000000 0"),
            ("yyyy-MM-dd HH:mm:ssXX", "2010-03-31 00:00:01-0330", "2010-03-31 1000000 -12600"),
            ("yyyy-MM-dd HH:mm:ss.S", "2010-03-31 00:00:01.5", "2010-03-31 1500000"),
            ("yyyy-MM-dd HH:mm:ss.S", "2010-03-31 00:00:01.123456789", "2010-03-31 1123456"),
            (
                "yyyy-MM-dd HH:mm:ss[.SSS]XXX", "2011-10-11 13:42:22+02:00",
                "2011-10-11 49342000000 7200"
            ),
            (
                "yyyy-MM-dd HH:mm:ss[.SSS]XXX", "2011-10-11 13:42:22.688000+02:00",
                "2011-10-11 49342688000 7200"
            ),
            ("yyyy-MM-dd[ HH:mm]", "2011-10-11", "2011-10-11 0"),
            ("yyyy-MM-dd''HH", "2026-11-23'07", "2026-11-23 25200000000"),
            ("HH 'o''clock' dd MM yyyy", "07 o'clock 01 02 2003", "2003-02-01 25200000000"),
        ])
    func reads(pattern: String, text: String, expected: String) throws {
        #expect(try read(text, pattern) == expected)
    }

    @Test(
        "refuses what does not fit",
        arguments: [
            ("yyMMdd H:m:s", "990101 24:00:00"), ("yyMMdd H:m:s", "990101 23:60:00"),
            ("yyMMdd H:m:s", "990101 23:59:60"), ("yyMMdd H:m:s", "990101 -1:00:00"),
            ("yyMMdd H:m:s", "990101 1:00"), ("yyMMdd H:m:s", "990101 "),
            ("yyMMdd H:m:s", "990230 1:00:00"), ("yyMMdd H:m:s", "990101 1:00:00 "),
            ("yyMMdd H:m:s", "99010a 1:00:00"), ("yyMMdd H:m:s", ""),
            ("yyyy-MM-dd HH:mm", "2026-11-23 7:05"), ("yyyy-MM-dd", "2023-02-29"),
            ("yyyy-MM-dd h a", "2023-02-28 13 PM"), ("yyyy-MM-dd h a", "2023-02-28 0 AM"),
            ("yyyy-MM-dd h a", "2023-02-28 1 XM"), ("yyyy-MM-dd HH:mmXXX", "2026-11-23 07:05+0100"),
            ("yyyy-MM-dd HH:mmXXX", "2026-11-23 07:05"), ("yyyy-MM-dd.S", "2026-11-23."),
            ("yyyy-MM-dd[ HH:mm]", "2026-11-23 07"),
        ])
    func refuses(pattern: String, text: String) throws {
        #expect(try read(text, pattern) == nil)
    }

    @Test("two-digit years lie in the hundred years from the one that is given")
    func shortYears() throws {
        #expect(try read("050101", "yyMMdd", yearsFrom: 1900) == "1905-01-01 0")
        #expect(try read("050101", "yyMMdd", yearsFrom: 1930) == "2005-01-01 0")
        #expect(try read("300101", "yyMMdd", yearsFrom: 1930) == "1930-01-01 0")
    }

    @Test(
        "says what is wrong with a pattern",
        arguments: [
            ("YYYY-MM-dd", TimeFormatError.unknownLetters("YYYY")),
            ("yyyy-MMM-dd", .unknownLetters("MMM")), ("yyyy-MM-dd'T", .openQuote),
            ("yyyy-MM-dd[ HH", .unevenBrackets), ("yyyy-MM-dd]", .unevenBrackets),
            ("MM-dd", .needsOne("year")), ("yyyy-mm-dd", .needsOne("month")),
            ("yyyy-MM", .needsOne("day")), ("yyyy-MM-dd HH HH", .needsOne("hour")),
            ("yyyy-MM-dd hh:mm", .needsHalfOfDay), ("yyyy-MM-dd HH:mm a", .needsHalfOfDay),
        ])
    func badPatterns(pattern: String, expected: TimeFormatError) {
        #expect(throws: expected) { try TimeFormat(pattern) }
    }
}
