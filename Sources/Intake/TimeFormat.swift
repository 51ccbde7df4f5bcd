package import JSON

/// How times are written in a column: a pattern such as `yyyy-MM-dd HH:mm:ss`.
///
/// | letters | reads |
/// |---|---|
/// | `yyyy`, `yy` | a year of four or two digits |
/// | `MM`, `dd`, `HH`, `hh`, `mm`, `ss` | two digits; a single letter reads one or two |
/// | `S…` | digits of a fraction of a second, any number of them; finer than a µs is cut off |
/// | `a` | `AM` or `PM` in either case, with `h` |
/// | `X`, three or two of them | `Z` or an offset, `+01:00` or `+0100` |
/// | `'T'` | the text between the quotes; `''` is a quote |
/// | `[…]` | a part that may be missing |
///
/// Every other character that is not a letter stands for itself.
package struct TimeFormat: Sendable {
    package let pattern: String
    private let steps: [Step]
    private let twoDigitYearsFrom: Int

    /// Whether a time in this format names its offset, so that no zone is needed.
    package let offset: Offset

    package enum Offset: Sendable {
        case written
        case fromZone
    }

    fileprivate enum Step: Equatable {
        case number(Part, digits: ClosedRange<Int>)
        case fraction
        case halfOfDay
        case offset(OffsetStyle)
        case literal(UInt8)
        /// A part that may be missing, up to the step at this index.
        case optional(upTo: Int)
    }

    fileprivate enum Part {
        case year, shortYear, month, day, hour, hourOfHalf, minute, second
    }

    fileprivate enum OffsetStyle {
        case withColon
        case withoutColon
    }

    /// - Parameters:
    ///   - pattern: The letters above.
    ///   - twoDigitYearsFrom: The first of the hundred years that `yy` can mean.
    /// - Throws: ``TimeFormatError`` where the pattern is none.
    package init(_ pattern: String, twoDigitYearsFrom: Int = 1970) throws(TimeFormatError) {
        var compiler = PatternCompiler(pattern: Array(pattern.utf8))
        steps = try compiler.steps()
        self.pattern = pattern
        self.twoDigitYearsFrom = twoDigitYearsFrom
        offset =
            steps.contains { if case .offset = $0 { true } else { false } }
            ? .written : .fromZone
    }

    /// The date and clock time that `text` shows, or nil where it does not fit the pattern.
    ///
    /// A clock outside 00:00:00 to 23:59:59 and a date that no calendar has do not fit.
    package func read(_ text: ArraySlice<UInt8>) -> ClockReading? {
        var parts = TimeParts()
        guard let rest = read(text, steps[...], into: &parts), rest.isEmpty else { return nil }
        return parts.reading(twoDigitYearsFrom: twoDigitYearsFrom)
    }

    /// What remains of `text` after the steps, or nil where one of them does not fit.
    private func read(
        _ text: ArraySlice<UInt8>, _ steps: ArraySlice<Step>, into parts: inout TimeParts
    ) -> ArraySlice<UInt8>? {
        var text = text
        var at = steps.startIndex
        while at < steps.endIndex {
            if case .optional(let end) = steps[at] {
                var attempt = parts
                if let rest = read(text, steps[at + 1..<end], into: &attempt) {
                    parts = attempt
                    text = rest
                }
                at = end
            } else {
                guard parts.take(steps[at], from: &text) else { return nil }
                at += 1
            }
        }
        return text
    }
}

/// A date and a clock time as a text shows them.
package struct ClockReading: Equatable, Sendable {
    package let date: CivilDate
    package let microsecondOfDay: Int64
    /// Seconds ahead of UTC, where the text says so.
    package let offsetSeconds: Int?
}

/// Why a pattern is no time format.
package enum TimeFormatError: Error, Equatable, Sendable {
    case unknownLetters(String)
    case openQuote
    case unevenBrackets
    /// The pattern misses a year, month or day, or names a part twice.
    case needsOne(String)
    case needsHalfOfDay
}

extension TimeFormatError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownLetters(let letters):
            "the time format does not know \"\(letters)\"; it knows yyyy yy MM M dd d HH H hh h "
                + "mm m ss s S a XXX XX, text in '…' and optional parts in […]"
        case .openQuote: "a ' in the time format is not closed"
        case .unevenBrackets: "the [ and ] of the time format do not match"
        case .needsOne(let part): "the time format must name the \(part) exactly once"
        case .needsHalfOfDay: "h in a time format goes with a (AM or PM), and H without it"
        }
    }
}

/// The numbers of one time while it is read.
private struct TimeParts {
    var year = 0
    var shortYear: Int?
    var month = 0
    var day = 0
    var hour = 0
    var minute = 0
    var second = 0
    var microsecond = 0
    var half: Half?
    var offsetSeconds: Int?

    enum Half {
        case morning
        case afternoon
    }

    /// Takes what one step reads; false where it does not fit.
    mutating func take(_ step: TimeFormat.Step, from text: inout ArraySlice<UInt8>) -> Bool {
        switch step {
        case .number(let part, let digits):
            guard let number = text.takeNumber(digits: digits) else { return false }
            set(part, number)
        case .fraction:
            guard let fraction = text.takeFraction() else { return false }
            microsecond = fraction
        case .halfOfDay:
            let letters = text.prefix(2).map { $0 | 0x20 }
            guard letters.elementsEqual("am".utf8) || letters.elementsEqual("pm".utf8) else {
                return false
            }
            half = letters.first == UInt8(ascii: "a") ? .morning : .afternoon
            text.removeFirst(2)
        case .offset(let style):
            guard let seconds = text.takeOffset(style) else { return false }
            offsetSeconds = seconds
        case .literal(let byte):
            guard text.first == byte else { return false }
            text.removeFirst()
        case .optional: return false
        }
        return true
    }

    private mutating func set(_ part: TimeFormat.Part, _ number: Int) {
        switch part {
        case .year: year = number
        case .shortYear: shortYear = number
        case .month: month = number
        case .day: day = number
        case .hour, .hourOfHalf: hour = number
        case .minute: minute = number
        case .second: second = number
        }
    }

    func reading(twoDigitYearsFrom first: Int) -> ClockReading? {
        var year = year
        if let shortYear {
            let offset = (shortYear - first % 100 + 100) % 100
            year = first + offset
        }
        var hour = hour
        if let half {
            guard (1...12).contains(hour) else { return nil }
            hour = hour % 12 + (half == .afternoon ? 12 : 0)
        }
        guard let date = CivilDate(year: year, month: month, day: day), hour < 24, minute < 60,
            second < 60
        else { return nil }
        let microsecondOfDay = ((hour * 60 + minute) * 60 + second) * 1_000_000 + microsecond
        return ClockReading(
            date: date, microsecondOfDay: Int64(microsecondOfDay), offsetSeconds: offsetSeconds)
    }
}

extension ArraySlice<UInt8> {
    fileprivate mutating func takeDigit() -> Int? {
        guard let first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return nil
        }
        removeFirst()
        return Int(first - UInt8(ascii: "0"))
    }

    fileprivate mutating func takeNumber(digits: ClosedRange<Int>) -> Int? {
        var number = 0
        var count = 0
        while count < digits.upperBound, let digit = takeDigit() {
            number = number * 10 + digit
            count += 1
        }
        return digits.contains(count) ? number : nil
    }

    /// Microseconds of the digits after the decimal point.
    fileprivate mutating func takeFraction() -> Int? {
        var microseconds = 0
        var unit = 100_000
        guard var digit = takeDigit() else { return nil }
        while true {
            microseconds += digit * unit
            unit /= 10
            guard let next = takeDigit() else { return microseconds }
            digit = next
        }
    }

    fileprivate mutating func takeOffset(_ style: TimeFormat.OffsetStyle) -> Int? {
        guard let sign = popFirst() else { return nil }
        if sign == UInt8(ascii: "Z") { return 0 }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
            let hours = takeNumber(digits: 2...2), hours < 24
        else { return nil }
        if style == .withColon {
            guard popFirst() == UInt8(ascii: ":") else { return nil }
        }
        guard let minutes = takeNumber(digits: 2...2), minutes < 60 else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
    }
}

/// Turns a pattern into steps.
private struct PatternCompiler {
    let pattern: [UInt8]
    private var at = 0
    private var found: [TimeFormat.Step] = []

    init(pattern: [UInt8]) { self.pattern = pattern }

    mutating func steps() throws(TimeFormatError) -> [TimeFormat.Step] {
        var openBracket: Int?
        while at < pattern.count {
            switch pattern[at] {
            case UInt8(ascii: "'"): try quotedText()
            case UInt8(ascii: "["):
                guard openBracket == nil else { throw .unevenBrackets }
                openBracket = found.count
                found.append(.optional(upTo: 0))
                at += 1
            case UInt8(ascii: "]"):
                guard let start = openBracket else { throw .unevenBrackets }
                found[start] = .optional(upTo: found.count)
                openBracket = nil
                at += 1
            case let byte where (byte | 0x20).isLowercaseLetter: try letters(byte)
            case let byte:
                found.append(.literal(byte))
                at += 1
            }
        }
        guard openBracket == nil else { throw .unevenBrackets }
        try checkCompleteness()
        return found
    }

    /// Text up to a quote that stands alone; `''` is a quote, inside the text and outside.
    private mutating func quotedText() throws(TimeFormatError) {
        let quote = UInt8(ascii: "'")
        let start = at + 1
        var end = start
        while true {
            guard end < pattern.count else { throw .openQuote }
            if pattern[end] != quote {
                found.append(.literal(pattern[end]))
            } else if end + 1 < pattern.count, pattern[end + 1] == quote, end > start {
                found.append(.literal(quote))
                end += 1
            } else {
                break
            }
            end += 1
        }
        if end == start { found.append(.literal(quote)) }
        at = end + 1
    }

    private mutating func letters(_ letter: UInt8) throws(TimeFormatError) {
        let run = pattern[at...].prefix { $0 == letter }
        let text = String(decoding: run, as: UTF8.self)
        let width = run.count == 1 ? 1...2 : 2...2
        let step: TimeFormat.Step
        switch text {
        case "yyyy": step = .number(.year, digits: 4...4)
        case "yy": step = .number(.shortYear, digits: 2...2)
        case "MM", "M": step = .number(.month, digits: width)
        case "dd", "d": step = .number(.day, digits: width)
        case "HH", "H": step = .number(.hour, digits: width)
        case "hh", "h": step = .number(.hourOfHalf, digits: width)
        case "mm", "m": step = .number(.minute, digits: width)
        case "ss", "s": step = .number(.second, digits: width)
        case "a": step = .halfOfDay
        case "XXX": step = .offset(.withColon)
        case "XX": step = .offset(.withoutColon)
        case _ where letter == UInt8(ascii: "S"): step = .fraction
        default: throw .unknownLetters(text)
        }
        found.append(step)
        at = run.endIndex
    }

    private func checkCompleteness() throws(TimeFormatError) {
        func count(_ parts: TimeFormat.Part...) -> Int {
            found.count {
                if case .number(let part, _) = $0 { parts.contains(part) } else { false }
            }
        }
        guard count(.year, .shortYear) == 1 else { throw .needsOne("year") }
        guard count(.month) == 1 else { throw .needsOne("month") }
        guard count(.day) == 1 else { throw .needsOne("day") }
        guard count(.hour, .hourOfHalf) <= 1 else { throw .needsOne("hour") }
        guard count(.minute) <= 1 else { throw .needsOne("minute") }
        guard count(.second) <= 1 else { throw .needsOne("second") }
        guard count(.hourOfHalf) == found.count(where: { $0 == .halfOfDay }) else {
            throw .needsHalfOfDay
        }
    }
}

extension UInt8 {
    fileprivate var isLowercaseLetter: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self)
    }
}
