/// How a duration is written.
enum DurationUnit: String, CaseIterable, Sendable {
    case days
    case hours
    case minutes
    case seconds
    case milliseconds
    case hoursMinutesSeconds = "h:mm:ss"
    case hoursMinutes = "h:mm"
    case minutesSeconds = "m:ss"

    /// Microseconds of the last part of the text, and how many parts there are.
    private var parts: (microseconds: Int64, count: Int) {
        switch self {
        case .days: (86_400_000_000, 1)
        case .hours: (3_600_000_000, 1)
        case .minutes: (60_000_000, 1)
        case .seconds: (1_000_000, 1)
        case .milliseconds: (1_000, 1)
        case .hoursMinutesSeconds: (1_000_000, 3)
        case .hoursMinutes: (60_000_000, 2)
        case .minutesSeconds: (1_000_000, 2)
        }
    }

    /// What a field of this unit looks like, for an error.
    var expected: String {
        parts.count == 1 ? "a number of \(rawValue), 0 or more" : "a duration like \(rawValue)"
    }

    /// The duration in microseconds, what is finer cut off.
    ///
    /// Nil where the text is none, has a sign or is longer than 292,000 years. After a colon stand
    /// two digits, 59 at most; the last part may have a fraction.
    func microseconds(_ text: ArraySlice<UInt8>, _ separator: DecimalSeparator) -> Int64? {
        let (unit, count) = parts
        let texts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard texts.count == count else { return nil }
        var total: Int128 = 0
        for (index, text) in texts.enumerated() {
            guard text.first.map("0123456789".utf8.contains) == true,
                let number = ExactDecimal(text, separator: separator),
                number.places == 0 || index == count - 1,
                index == 0 || (number.wholeDigits(of: text) == 2 && number.times(1) < 60)
            else { return nil }
            total = total * 60 + number.times(unit)
        }
        return Int64(exactly: total)
    }
}
