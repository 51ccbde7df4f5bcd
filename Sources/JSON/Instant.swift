/// A moment in microseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// The range is years 0000 to 9999, which is what RFC 3339 can write.
package struct Instant: Hashable, Comparable, Sendable {
    package let microseconds: Int64

    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The first moment that RFC 3339 can write, 0000-01-01T00:00:00Z.
    package static let earliest = Instant(microseconds: -62_167_219_200_000_000)
    /// The last moment that RFC 3339 can write, 9999-12-31T23:59:59.999999Z.
    package static let latest = Instant(microseconds: 253_402_300_799_999_999)

    package static func < (left: Instant, right: Instant) -> Bool {
        left.microseconds < right.microseconds
    }
}

/// A date of the proleptic Gregorian calendar and its distance from 1970-01-01.
package struct CivilDate: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let year: Int
    package let month: Int
    package let day: Int

    /// The date, or nil where the calendar has no such day.
    package init?(year: Int, month: Int, day: Int) {
        guard (0...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= Self.daysInMonth(month, of: year)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// The date of a text such as `2026-11-23`, or nil where it is none.
    package init?(text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.utf8.count) == [4, 2, 2],
            parts.allSatisfy({
                $0.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
            }
            ), let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// The date that lies `days` after 1970-01-01.
    ///
    /// Source: era arithmetic over the 400-year cycle of 146,097 days, the year counted from March.
    package init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Days from 1970-01-01 to this date; negative before.
    package var daysSince1970: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    package static func < (left: CivilDate, right: CivilDate) -> Bool {
        (left.year, left.month, left.day) < (right.year, right.month, right.day)
    }

    /// `2026-11-23`.
    package var description: String {
        "\(padded(year, to: 4))-\(padded(month, to: 2))-\(padded(day, to: 2))"
    }

    package static func daysInMonth(_ month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// `number` in decimal with leading zeros up to `width` digits.
package func padded(_ number: Int, to width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Instant: CustomStringConvertible {
    /// RFC 3339 in UTC: whole seconds without a fraction, otherwise six digits.
    ///
    /// A moment that RFC 3339 cannot write is shown as the nearest that it can.
    package var description: String {
        String(decoding: rfc3339Bytes, as: UTF8.self)
    }

    /// RFC 3339 with an offset from UTC in minutes, such as `2026-10-25T02:30:00+02:00`.
    ///
    /// A moment that cannot be written so is written in UTC.
    package func rfc3339(offsetMinutes: Int) -> String {
        let (local, isBeyond) = microseconds.addingReportingOverflow(
            Int64(offsetMinutes) * 60_000_000)
        let moment = Instant(microseconds: local)
        guard !isBeyond, abs(offsetMinutes) < 1_440, (.earliest ... .latest).contains(moment) else {
            return description
        }
        let minutes = abs(offsetMinutes)
        return moment.description.dropLast() + (offsetMinutes < 0 ? "-" : "+")
            + "\(padded(minutes / 60, to: 2)):\(padded(minutes % 60, to: 2))"
    }

    /// The bytes of ``description``; 20 or 27 of them.
    package var rfc3339Bytes: [UInt8] {
        [UInt8](capacity: Self.rfc3339BytesMax) { appendRFC3339(to: &$0) }
    }

    /// Bytes of a text with a fraction.
    package static let rfc3339BytesMax = 27

    /// Appends ``rfc3339Bytes`` to `output`, which must have room for ``rfc3339BytesMax``.
    package func appendRFC3339(to output: inout OutputSpan<UInt8>) {
        let moment = min(max(self, .earliest), .latest)
        let (day, inDay) = moment.microseconds.flooredDivision(by: Self.microsecondsOfDay)
        let date = CivilDate(daysSince1970: Int(day))
        appendPair(date.year / 100, to: &output)
        appendPair(date.year % 100, to: &output)
        output.append(UInt8(ascii: "-"))
        appendPair(date.month, to: &output)
        output.append(UInt8(ascii: "-"))
        appendPair(date.day, to: &output)
        output.append(UInt8(ascii: "T"))
        Self.appendTime(inDay, to: &output)
    }

    package static let microsecondsOfDay: Int64 = 86_400_000_000

    /// Appends the time of day after so many microseconds, and the `Z`: up to 16 bytes.
    package static func appendTime(_ inDay: Int64, to output: inout OutputSpan<UInt8>) {
        let (seconds, fraction) = (Int(inDay / 1_000_000), Int(inDay % 1_000_000))
        appendPair(seconds / 3600, to: &output)
        output.append(UInt8(ascii: ":"))
        appendPair(seconds / 60 % 60, to: &output)
        output.append(UInt8(ascii: ":"))
        appendPair(seconds % 60, to: &output)
        if fraction != 0 {
            output.append(UInt8(ascii: "."))
            appendPair(fraction / 10_000, to: &output)
            appendPair(fraction / 100 % 100, to: &output)
            appendPair(fraction % 100, to: &output)
        }
        output.append(UInt8(ascii: "Z"))
    }

    /// The moment that an RFC 3339 text names, digits finer than a microsecond cut off.
    ///
    /// Nil where the text is not RFC 3339, names no real date, or names a leap second.
    package init?(rfc3339 text: ArraySlice<UInt8>) {
        var rest = DigitReader(rest: text)
        guard let year = rest.number(digits: 4), rest.skip("-"),
            let month = rest.number(digits: 2), rest.skip("-"),
            let day = rest.number(digits: 2), rest.skip("T") || rest.skip("t"),
            let hour = rest.number(digits: 2), hour < 24, rest.skip(":"),
            let minute = rest.number(digits: 2), minute < 60, rest.skip(":"),
            let second = rest.number(digits: 2), second < 60,
            let fraction = rest.fractionInMicroseconds(),
            let offset = rest.offsetInSeconds(), rest.isAtEnd,
            let date = CivilDate(year: year, month: month, day: day)
        else { return nil }
        let seconds = date.daysSince1970 * 86_400 + hour * 3600 + minute * 60 + second - offset
        let moment = Instant(microseconds: Int64(seconds) * 1_000_000 + Int64(fraction))
        guard moment >= .earliest, moment <= .latest else { return nil }
        self = moment
    }

    package init?(rfc3339 text: String) {
        self.init(rfc3339: Array(text.utf8)[...])
    }
}

extension Int64 {
    /// Quotient rounded down and the remainder, which is never negative.
    package func flooredDivision(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// Appends two decimal digits.
private func appendPair(_ number: Int, to output: inout OutputSpan<UInt8>) {
    output.append(UInt8(ascii: "0") + UInt8(number / 10))
    output.append(UInt8(ascii: "0") + UInt8(number % 10))
}

/// Reads the fixed-width numbers of a timestamp from left to right.
private struct DigitReader {
    var rest: ArraySlice<UInt8>

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first, UInt32(first) == character.value else { return false }
        rest.removeFirst()
        return true
    }

    mutating func digit() -> Int? {
        guard let first = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first)
        else { return nil }
        rest.removeFirst()
        return Int(first - UInt8(ascii: "0"))
    }

    mutating func number(digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let next = digit() else { return nil }
            value = value * 10 + next
        }
        return value
    }

    mutating func fractionInMicroseconds() -> Int? {
        guard skip(".") else { return 0 }
        var value = 0
        var digits = 0
        while let next = digit() {
            if digits < 6 { value = value * 10 + next }
            digits += 1
        }
        guard digits > 0 else { return nil }
        for _ in min(digits, 6)..<6 { value *= 10 }
        return value
    }

    mutating func offsetInSeconds() -> Int? {
        if skip("Z") || skip("z") { return 0 }
        let sign: Int
        if skip("+") { sign = 1 } else if skip("-") { sign = -1 } else { return nil }
        guard let hours = number(digits: 2), hours < 24, skip(":"),
            let minutes = number(digits: 2), minutes < 60
        else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }
}
