import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Answers", .ownThread)
struct FormatTests {
    private func answer(_ arguments: [String], _ format: String?, in log: String) throws -> Run {
        let run = try Ascolto.run(
            arguments + (format.map { ["--format", $0] } ?? []), log: log)
        #expect(run.end == .exit(0), "\(arguments) \(run.error)")
        // An answer of a read model says beside it how far the read model is.
        let standing = /operator-queues as of position [1-9][0-9]*\n/
        let isTold =
            try arguments[0] == "query"
            ? standing.wholeMatch(in: run.error) != nil : run.error.isEmpty
        #expect(isTold, "\(arguments): \(run.error)")
        return run
    }

    /// Fields of a CSV text by RFC 4180.
    private func fields(_ text: String) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field = ""
        var isQuoted = false
        for character in text {
            switch character {
            case "\"": isQuoted.toggle()
            case ",", "\n", "\r\n":
                if isQuoted {
                    field.append(character)
                } else {
                    row.append(field)
                    field = ""
                    if character != "," {
                        rows.append(row)
                        row = []
                    }
                }
            default: field.append(character)
            }
        }
        return rows
    }

    /// Whether text for people says the value, up to the digits of the text.
    private func says(_ text: String, _ value: AnyJSON, null: String) -> Bool {
        switch value {
        case .null: return text == null
        case .text(let string): return text == string
        // Foundation reads 1.0 as a whole number, too.
        case .integer(let integer): return Double(text) == Double(integer)
        case .truth(let truth): return text == String(truth)
        case .real(let real):
            guard let shown = Double(text) else { return false }
            let digits = text.split(separator: ".").last.map(\.count) ?? 0
            return abs(shown - real) <= 0.51 * pow(10, -Double(digits))
        case .object(let members):
            return members.allSatisfy { text.contains("\($0.key) ") }
        case .array: return false
        }
    }

    /// Whether `12.3s`, `4:05` or `1:04:05` is this number of microseconds, rounded.
    private func saysDuration(_ text: String, _ value: AnyJSON) -> Bool {
        guard case .integer(let microseconds) = value else {
            return says(text, value, null: "–")
        }
        let parts = text.replacingOccurrences(of: "s", with: "").split(separator: ":")
        let seconds = parts.reduce(0.0) { $0 * 60 + (Double($1) ?? .nan) }
        let error = abs(seconds * 1e6 - Double(microseconds))
        return error <= (parts.count == 1 ? 51_000 : 510_000)
    }

    private func compareRows(_ arguments: [String], in log: String) throws {
        let json = try answer(arguments, "json", in: log)
        let rows = try #require(try json.json().elements)
        try #require(!rows.isEmpty)
        #expect(try answer(arguments, nil, in: log).output == json.output)
        let ndjson = try answer(arguments, "ndjson", in: log)
        #expect(try ndjson.lines.map { try AnyJSON($0) } == rows)
        let csv = fields(try answer(arguments, "csv", in: log).text)
        let columns = try #require(csv.first)
        #expect(csv.count == rows.count + 1)
        let table = try answer(arguments, "table", in: log).lines
        #expect(table.count == rows.count + 2)
        let names = columns.map { $0.hasSuffix("_us") ? String($0.dropLast(3)) : $0 }
        #expect(table[0].split(separator: " ").map(String.init) == names)
        for (index, row) in rows.enumerated() {
            #expect(Set(try #require(row.members).keys) == Set(columns))
            let shown = table[index + 2].split(separator: " ").map(String.init)
            for (column, name) in columns.enumerated() {
                let value = try #require(row[name])
                #expect(says(csv[index + 1][column], value, null: ""), "\(name)")
                let isSaid =
                    name.hasSuffix("_us")
                    ? saysDuration(shown[column], value) : says(shown[column], value, null: "–")
                #expect(isSaid, "\(name) \(shown[column])")
            }
        }
    }

    private func compareObjects(_ arguments: [String], in log: String) throws {
        let json = try answer(arguments, "json", in: log)
        let object = try json.json()
        let members = try #require(object.members)
        #expect(try answer(arguments, nil, in: log).output == json.output)
        #expect(try answer(arguments, "ndjson", in: log).json() == object)
        let csv = fields(try answer(arguments, "csv", in: log).text)
        try #require(csv.count == 2)
        #expect(Set(csv[0]) == Set(members.keys))
        for (name, text) in zip(csv[0], csv[1]) {
            #expect(says(text, try #require(members[name]), null: ""), "\(name)")
        }
        let table = try answer(arguments, "table", in: log).lines
        #expect(table.count == members.count)
        for line in table {
            let parts = line.split(separator: " ", maxSplits: 1)
            let text = parts[1].drop { $0 == " " }
            #expect(says(String(text), try #require(members[String(parts[0])]), null: "–"))
        }
    }

    @Test("say the same in every format, and JSON where nothing is asked for")
    func formats() throws {
        let scratch = try Scratch()
        try MakeLog.generate(days: 2, contactsPerDay: 200, in: scratch.log)
        let projected = try Ascolto.run(["project"], log: scratch.log)
        #expect(projected.end == .exit(0), "\(projected.error)")
        for table in ["totals", "queues", "days", "half_hours", "operators"] {
            try compareRows(["query", "operator-queues", table], in: scratch.log)
        }
        try compareRows(["streams"], in: scratch.log)
        try compareRows(["projections"], in: scratch.log)
        try compareObjects(["stats"], in: scratch.log)
        try compareObjects(["check"], in: scratch.log)
    }

    @Test("have null where nothing was counted, and an empty array where there are no rows")
    func nothing() throws {
        let scratch = try Scratch()
        #expect(try Ascolto.run(["init"], log: scratch.log).end == .exit(0))
        #expect(try Ascolto.run(["project"], log: scratch.log).end == .exit(0))
        let rows = try #require(try MakeLog.query("totals", in: scratch.log).elements)
        try #require(rows.count == 1)
        #expect(rows[0]["offered"] == .integer(0))
        for ratio in [
            "service_level", "abandonment_rate", "average_speed_of_answer_us", "average_handle_us",
        ] {
            #expect(rows[0][ratio] == .null, "\(ratio)")
        }
        #expect(try MakeLog.query("days", in: scratch.log) == .array([]))
        let csv = try Ascolto.run(
            ["query", "operator-queues", "totals", "--format", "csv"], log: scratch.log)
        #expect(csv.text.contains("0,,,,") || csv.text.contains(",,"), "\(csv.text)")
    }
}
