internal import Storage

/// How a file of rows is written.
struct CSVFormat: Sendable {
    var delimiter = UInt8(ascii: ",")
    var encoding = TextEncoding.utf8
    var decimalSeparator = DecimalSeparator.point
    var padding = Padding.keep
    /// Lines before the first row, whatever they hold.
    var skippedLines = 0
    /// The names of the columns where no row of the file has them.
    var columns: [String]?
    var raggedRows = RaggedRows.refuse
}

enum TextEncoding: String, CaseIterable, Sendable {
    case utf8 = "utf-8"
    case latin1 = "latin-1"
    case windows1252 = "windows-1252"

    /// The characters 0x80 to 0x9F of windows-1252, which leaves five of them open.
    fileprivate static let upperControls: [Unicode.Scalar?] = [
        "\u{20AC}", nil, "\u{201A}", "\u{0192}", "\u{201E}", "\u{2026}",
        "\u{2020}", "\u{2021}", "\u{02C6}", "\u{2030}", "\u{0160}", "\u{2039}",
        "\u{0152}", nil, "\u{017D}", nil, nil, "\u{2018}",
        "\u{2019}", "\u{201C}", "\u{201D}", "\u{2022}", "\u{2013}", "\u{2014}",
        "\u{02DC}", "\u{2122}", "\u{0161}", "\u{203A}", "\u{0153}", nil,
        "\u{017E}", "\u{0178}",
    ]
}

/// What becomes of spaces around a field that is not in quotes.
enum Padding: String, CaseIterable, Sendable {
    case keep
    case remove
}

/// What becomes of a row whose number of fields is not the header's.
enum RaggedRows: String, CaseIterable, Sendable {
    case refuse
    /// Missing fields are empty, surplus ones are ignored.
    case pad
}

enum CSVLimits {
    /// A row that goes on for longer has most likely lost a closing quote.
    static let rowBytesMax = 1 << 20
    static let skippedLinesMax = 10_000
}

/// The fields of one row as UTF-8, one after the other in one array.
struct CSVFields: Equatable, Sendable {
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    /// The bytes of a field; empty where the row has no such field.
    subscript(index: Int) -> ArraySlice<UInt8> {
        guard index < ends.count else { return [] }
        return bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
    }

    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    mutating func append(_ character: Unicode.Scalar) {
        bytes += UTF8.encode(character) ?? UTF8.encodedReplacementCharacter
    }

    mutating func endField() { ends.append(bytes.count) }

    /// Takes back the spaces at the end of the field that has begun.
    mutating func dropSpaces() {
        let start = ends.last ?? 0
        while bytes.count > start, bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
    }

    /// Takes back a carriage return that belongs to the line's end.
    mutating func dropCarriageReturn() {
        let start = ends.last ?? 0
        if bytes.count > start, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    }

    /// The first field that is not UTF-8, or nil.
    var firstInvalidField: Int? {
        guard bytes.contains(where: { $0 >= 0x80 }) else { return nil }
        return (0..<count).first { String(validating: self[$0], as: UTF8.self) == nil }
    }
}

/// Why a row is no row; the lines after it are read all the same.
package enum CSVFault: Equatable, Sendable {
    case textAfterQuote
    case unterminatedQuote
    case tooLong
    /// Counted from 1.
    case invalidUTF8(field: Int)
    /// A byte that stands for no character in windows-1252.
    case undefinedByte(UInt8)
    /// Outside of quotes, with no line feed after it.
    case loneCarriageReturn
    /// The file begins with a byte-order mark of UTF-16.
    case utf16
    /// The file begins with a byte-order mark of UTF-8, and should be in another encoding.
    case utf8Mark
    /// There are fewer lines than those that should be stepped over.
    case tooFewLines(skipped: Int)
    case fieldCount(Int, expected: Int)
}

extension CSVFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .textAfterQuote:
            "text follows a closing quote; a quote inside a quoted field is written twice"
        case .unterminatedQuote: "a quote that opens in this row is never closed"
        case .tooLong:
            "the row is longer than \(CSVLimits.rowBytesMax) bytes; is a closing quote missing?"
        case .invalidUTF8(let field):
            "field \(field) is not UTF-8; should the mapping say "
                + "\"encoding: windows-1252\"?"
        case .undefinedByte(let byte):
            "the byte 0x\(String(byte, radix: 16, uppercase: true)) stands for no character in "
                + "windows-1252"
        case .loneCarriageReturn:
            "a carriage return stands without a line feed; lines end in LF or CRLF, and a field "
                + "that holds one stands in quotes"
        case .utf8Mark:
            "it begins with the byte-order mark of UTF-8; should the mapping say "
                + "\"encoding: utf-8\"?"
        case .tooFewLines(let skipped):
            "it has no line after the \(skipped) that \"skip_lines\" steps over"
        case .utf16: "it is UTF-16; bring it into UTF-8, as with iconv -f UTF-16 -t UTF-8"
        case .fieldCount(let count, let expected):
            "it has \(count) fields, and there are \(expected) columns"
        }
    }
}

/// One row, or why it is none, with the line where it begins.
struct CSVRow: Equatable, Sendable {
    let line: Int
    let content: Content

    enum Content: Equatable {
        case fields(CSVFields)
        case fault(CSVFault)
    }
}

/// Reads a file of delimited rows (RFC 4180) in bounded memory.
///
/// Lines end in LF or CRLF; empty lines are stepped over. A quote only opens a field at its very
/// start. After a row that is none, reading goes on with the line after the one where it began,
/// so that a stray quote costs one line.
struct CSVReader: ~Copyable {
    private var file: InputFile
    private let format: CSVFormat
    private var buffer: [UInt8] = []
    /// Where the next row starts in the buffer.
    private var start = 0
    private var line = 1
    private var end = End.ahead
    private var fields = CSVFields()
    /// The last byte of the row so far that stands for no character.
    private var undefinedByte: UInt8?

    private enum End {
        case ahead
        case buffered
    }

    private enum Scan {
        case row(next: Int, lineBreaks: Int)
        case needsMore
        case fault(CSVFault)
    }

    init(_ file: consuming InputFile, format: CSVFormat) {
        self.file = file
        self.format = format
    }

    var bytesTaken: Int { file.bytesTaken }

    /// Steps over what stands before the rows, once and first; why the file cannot be read, or nil.
    mutating func begin() throws(InputFileError) -> CSVFault? {
        while buffer.count < 3 && end == .ahead { try fill() }
        let utf16Marks: [[UInt8]] = [[0xFF, 0xFE], [0xFE, 0xFF]]
        if utf16Marks.contains(where: { buffer.starts(with: $0) }) { return .utf16 }
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) {
            guard format.encoding == .utf8 else { return .utf8Mark }
            start = 3
        }
        while line <= format.skippedLines {
            if let lineBreak = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                start = lineBreak + 1
                line += 1
            } else {
                start = buffer.count
                if end == .buffered { return .tooFewLines(skipped: format.skippedLines) }
                try fill()
            }
        }
        return nil
    }

    /// The next row that is not empty, or nil after the last.
    mutating func next() throws(InputFileError) -> CSVRow? {
        while true {
            guard try skipEmptyLines() else { return nil }
            switch scan() {
            case .needsMore:
                if buffer.count - start > CSVLimits.rowBytesMax { return try fault(.tooLong) }
                try fill()
            case .fault(let reason): return try fault(reason)
            case .row(let next, let lineBreaks):
                let isBlank = format.padding == .remove && isBlank(buffer[start..<next])
                let row = CSVRow(line: line, content: content())
                start = next
                line += lineBreaks
                if !isBlank { return row }
            }
        }
    }

    private func isBlank(_ line: ArraySlice<UInt8>) -> Bool {
        fields.count == 1 && line.allSatisfy { " \r\n".utf8.contains($0) }
    }

    private func content() -> CSVRow.Content {
        if format.encoding == .utf8, let field = fields.firstInvalidField {
            return .fault(.invalidUTF8(field: field + 1))
        }
        if let undefinedByte { return .fault(.undefinedByte(undefinedByte)) }
        return .fields(fields)
    }

    /// Reports the row at `start` and steps over its first line.
    private mutating func fault(_ reason: CSVFault) throws(InputFileError) -> CSVRow {
        let row = CSVRow(line: line, content: .fault(reason))
        while true {
            if let lineBreak = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                start = lineBreak + 1
                line += 1
                return row
            }
            start = buffer.count
            if end == .buffered { return row }
            try fill()
        }
    }

    /// Whether there is a row; empty lines before it are stepped over.
    private mutating func skipEmptyLines() throws(InputFileError) -> Bool {
        while true {
            let rest = buffer[start...].prefix(2)
            if rest.first == UInt8(ascii: "\n") {
                start += 1
                line += 1
            } else if rest.elementsEqual("\r\n".utf8) {
                start += 2
                line += 1
            } else if rest.count == 2 || (end == .buffered && !rest.isEmpty) {
                return true
            } else if end == .buffered {
                return false
            } else {
                try fill()
            }
        }
    }

    /// Moves the row that has begun to the front and reads more behind it.
    private mutating func fill() throws(InputFileError) {
        buffer.removeFirst(start)
        start = 0
        // Doubling keeps rescanning a long row linear.
        let more = try file.read(upTo: max(1 << 16, buffer.count))
        if more.isEmpty { end = .buffered }
        buffer += more
    }

    /// Reads the row at `start` into `fields`.
    private mutating func scan() -> Scan {
        fields.removeAll()
        undefinedByte = nil
        var at = start
        var lineBreaks = 0
        while true {
            if format.padding == .remove {
                while at < buffer.count, buffer[at] == UInt8(ascii: " ") { at += 1 }
            }
            if at < buffer.count, buffer[at] == UInt8(ascii: "\"") {
                if let problem = scanQuoted(&at, &lineBreaks) { return problem }
            } else {
                while at < buffer.count, buffer[at] != format.delimiter,
                    buffer[at] != UInt8(ascii: "\n")
                {
                    if buffer[at] == UInt8(ascii: "\r"), at + 1 < buffer.count,
                        buffer[at + 1] != UInt8(ascii: "\n")
                    {
                        return .fault(.loneCarriageReturn)
                    }
                    append(buffer[at])
                    at += 1
                }
                if at == buffer.count || buffer[at] == UInt8(ascii: "\n") {
                    fields.dropCarriageReturn()
                }
                if format.padding == .remove { fields.dropSpaces() }
            }
            guard at < buffer.count else {
                guard end == .buffered else { return .needsMore }
                fields.endField()
                return .row(next: at, lineBreaks: lineBreaks)
            }
            fields.endField()
            at += 1
            if buffer[at - 1] != format.delimiter {
                return .row(next: at, lineBreaks: lineBreaks + 1)
            }
        }
    }

    /// Reads a quoted field up to the delimiter or line end after it.
    private mutating func scanQuoted(_ at: inout Int, _ lineBreaks: inout Int) -> Scan? {
        let quote = UInt8(ascii: "\"")
        at += 1
        while true {
            guard at < buffer.count else {
                return end == .buffered ? .fault(.unterminatedQuote) : .needsMore
            }
            let byte = buffer[at]
            at += 1
            if byte == quote {
                guard at < buffer.count else { return end == .buffered ? nil : .needsMore }
                if buffer[at] != quote { break }
                at += 1
            } else if byte == UInt8(ascii: "\n") {
                lineBreaks += 1
            }
            append(byte)
        }
        if format.padding == .remove {
            while at < buffer.count, buffer[at] == UInt8(ascii: " ") { at += 1 }
            guard at < buffer.count else { return end == .buffered ? nil : .needsMore }
        }
        if buffer[at] == format.delimiter { return nil }
        if buffer[at] == UInt8(ascii: "\r") {
            at += 1
            if at == buffer.count { return end == .buffered ? nil : .needsMore }
        }
        return buffer[at] == UInt8(ascii: "\n") ? nil : .fault(.textAfterQuote)
    }

    private mutating func append(_ byte: UInt8) {
        if byte < 0x80 || format.encoding == .utf8 {
            fields.append(byte)
        } else if byte < 0xA0 && format.encoding == .windows1252 {
            if let character = TextEncoding.upperControls[Int(byte - 0x80)] {
                fields.append(character)
            } else {
                undefinedByte = byte
            }
        } else {
            fields.append(Unicode.Scalar(byte))
        }
    }
}
