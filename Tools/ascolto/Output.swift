internal import ArgumentParser
internal import Foundation
internal import JSON
internal import Synchronization

/// What a verb prints its answer as.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
    case csv
    case ndjson
}

struct OutputOptions: ParsableArguments {
    @Option(help: "How the answer is printed: a table on a terminal, JSON otherwise.")
    var format: OutputFormat?

    var chosen: OutputFormat { format ?? (isatty(1) == 1 ? .table : .json) }
}

/// One value of an answer.
typealias Cell = JSONNode

extension Cell {
    /// As people read it; empty for null.
    var plain: String {
        switch self {
        case .null: ""
        case .text(let text): text
        case .object(let members): members.map { "\($0) \($1.plain)" }.joined(separator: ", ")
        case .array(let values): values.map(\.plain).joined(separator: ", ")
        case .integer, .real, .truth, .written: json
        }
    }

    /// As a table shows it: ratios and means without digits that mean nothing.
    var shown: String {
        switch self {
        case .null: "–"
        case .real(let value) where abs(value) < 100: String(format: "%.4f", value)
        case .real(let value): String(format: "%.1f", value)
        default: printable(plain)
        }
    }

    /// Microseconds as hours, minutes and seconds.
    var shownAsDuration: String {
        guard case .integer(let microseconds) = self else { return shown }
        let seconds = Double(microseconds.magnitude) / 1e6
        let sign = microseconds < 0 ? "-" : ""
        if seconds < 60 { return sign + String(format: "%.1fs", seconds) }
        let whole = Int(seconds.rounded())
        let (hours, minutes) = (whole / 3600, whole / 60 % 60)
        let rest = padded(whole % 60, to: 2)
        return hours > 0
            ? "\(sign)\(hours):\(padded(minutes, to: 2)):\(rest)" : "\(sign)\(minutes):\(rest)"
    }

    var isNumber: Bool {
        switch self {
        case .integer, .real, .null: true
        case .text, .truth, .array, .object, .written: false
        }
    }
}

/// The text with its control characters and line ends escaped, as `\u{1B}`.
///
/// Texts come from outside: on a terminal they could move the cursor, and in a table make rows.
func printable(_ text: String) -> String {
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator:
            let digits = String(scalar.value, radix: 16, uppercase: true)
            shown.append(contentsOf: "\\u{\(digits)}".unicodeScalars)
        default: shown.append(scalar)
        }
    }
    return String(shown)
}

/// Rows under named columns, or one object, printed in the chosen format.
struct Answer {
    let columns: [String]
    let rows: [[Cell]]
    private let shape: Shape

    private enum Shape {
        case rows
        case object
    }

    init(columns: [String], rows: [[Cell]]) {
        self.columns = columns
        self.rows = rows
        shape = .rows
    }

    init(object members: [(String, Cell)]) {
        columns = members.map(\.0)
        rows = [members.map(\.1)]
        shape = .object
    }

    func write(as format: OutputFormat, to output: StandardOutput = Standard.output) {
        switch (format, shape) {
        case (.json, .object): output.write(line: json(rows[0]))
        case (.json, .rows): writeArray(to: output)
        case (.ndjson, _): for row in rows { output.write(line: json(row)) }
        case (.csv, _):
            output.write(line: columns.map(csvField).joined(separator: ","))
            for row in rows {
                output.write(line: row.map { csvField($0.plain) }.joined(separator: ","))
            }
        case (.table, .object): writeMembers(to: output)
        case (.table, .rows): writeTable(to: output)
        }
        output.flush()
    }

    private func json(_ row: [Cell]) -> String { Cell.object(Array(zip(columns, row))).json }

    private func writeArray(to output: StandardOutput) {
        guard let last = rows.last else { return output.write(line: "[]") }
        output.write(line: "[")
        for row in rows.dropLast() { output.write(line: json(row) + ",") }
        output.write(line: json(last))
        output.write(line: "]")
    }

    private func writeMembers(to output: StandardOutput) {
        let names = columns.map(printable)
        let width = names.map(\.count).max() ?? 0
        for (name, cell) in zip(names, rows[0]) {
            let gap = String(repeating: " ", count: width - name.count)
            output.write(line: "\(name)\(gap)  \(cell.shown)")
        }
    }

    /// For people: durations in minutes and seconds under names without their unit, and an estimate
    /// with its interval in one column.
    private func writeTable(to output: StandardOutput) {
        let shown = shownColumns()
        func line(_ field: (ShownColumn) -> String) -> String {
            var text = shown.map { $0.padding(field($0)) }.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
        output.write(line: line(\.name))
        output.write(line: line { String(repeating: "─", count: $0.width) })
        for row in rows.indices { output.write(line: line { $0.fields[row] }) }
    }

    private struct ShownColumn {
        let name: String
        let fields: [String]
        let width: Int
        private let isRight: Bool

        init(_ name: String, _ fields: [String], numbers: [Cell]) {
            self.name = printable(name)
            self.fields = fields
            width = fields.reduce(self.name.count) { max($0, $1.count) }
            isRight = !numbers.isEmpty && numbers.allSatisfy(\.isNumber)
        }

        func padding(_ field: String) -> String {
            let gap = String(repeating: " ", count: width - field.count)
            return isRight ? gap + field : field + gap
        }
    }

    private func shownColumns() -> [ShownColumn] {
        var shown: [ShownColumn] = []
        var next = 0
        while next < columns.count {
            let (name, cells) = (columns[next], rows.map { $0[next] })
            if columns[next...].starts(with: [name, name + "_low", name + "_high"]) {
                let fields = rows.map { shownEstimate($0[next], $0[next + 1], $0[next + 2]) }
                shown.append(ShownColumn(name, fields, numbers: cells))
                next += 3
            } else if name.hasSuffix("_us") {
                let fields = cells.map(\.shownAsDuration)
                shown.append(ShownColumn(String(name.dropLast(3)), fields, numbers: cells))
                next += 1
            } else {
                shown.append(ShownColumn(name, cells.map(\.shown), numbers: cells))
                next += 1
            }
        }
        return shown
    }
}

/// An estimate and its interval, `0.560 [0.527, 0.592]`.
private func shownEstimate(_ estimate: Cell, _ low: Cell, _ high: Cell) -> String {
    func digits(_ cell: Cell) -> String {
        guard case .real(let value) = cell else { return cell.shown }
        return String(format: "%.3f", value)
    }
    guard low != .null || high != .null else { return digits(estimate) }
    return "\(digits(estimate)) [\(digits(low)), \(digits(high))]"
}

private func csvField(_ text: String) -> String {
    let needsQuotes = text.utf8.contains { [0x2C, 0x22, 0x0A, 0x0D].contains($0) }
    return needsQuotes ? "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\"" : text
}

/// Standard output, gathered into large writes.
final class StandardOutput: Sendable {
    private let pending = Mutex<[UInt8]>([])
    private static let pendingMax = 1 << 16

    func write(line: String) { write(line: Array(line.utf8)[...]) }

    func write(line: ArraySlice<UInt8>) {
        let full = pending.withLock { pending -> [UInt8]? in
            pending.append(contentsOf: line)
            pending.append(0x0A)
            guard pending.count >= Self.pendingMax else { return nil }
            defer { pending.removeAll(keepingCapacity: true) }
            return pending
        }
        if let full { send(full) }
    }

    /// Lines with their ends.
    func write(_ lines: [UInt8]) {
        flush()
        send(lines)
    }

    func flush() {
        let rest = pending.withLock { pending in
            defer { pending.removeAll(keepingCapacity: true) }
            return pending
        }
        if !rest.isEmpty { send(rest) }
    }

    private func send(_ bytes: [UInt8]) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            // Who reads has seen enough. Verbs that do not ignore SIGPIPE have ended before.
            if error.isBrokenPipe { exit(0) }
            Standard.error("ascolto: the answer cannot be written: \(error.localizedDescription)")
            exit(ExitStatus.no)
        }
    }
}

extension Error {
    fileprivate var isBrokenPipe: Bool {
        let error = self as NSError
        let below = error.userInfo[NSUnderlyingErrorKey] as? NSError
        return [error, below].contains {
            $0?.domain == NSPOSIXErrorDomain && $0?.code == Int(EPIPE)
        }
    }
}

enum Standard {
    static let output = StandardOutput()

    /// A line for people, beside the answer.
    static func error(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }
}
