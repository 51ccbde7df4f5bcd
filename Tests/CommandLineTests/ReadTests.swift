import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("read", .ownThread)
struct ReadTests {
    /// What an exported line says, for a filter that shares nothing with the log's.
    private struct Entry {
        let line: Substring
        let position: Int
        let stream: String
        let type: String
        let tags: [String]
        /// Times in UTC with six digits, which sort as text.
        let time: String
        let recorded: String

        init(_ line: Substring) throws {
            self.line = line
            let json = try AnyJSON(line)
            position = Int(json["position"]?.text ?? "") ?? -1
            stream = json["subject"]?.text ?? ""
            type = json["type"]?.text ?? ""
            tags = (json["tags"]?.text ?? "").split(separator: " ").map(String.init)
            recorded = Self.sortable(json["recorded"]?.text ?? "")
            time = json["time"]?.text.map(Self.sortable) ?? recorded
        }

        private static func sortable(_ time: String) -> String {
            let bare = time.dropLast()
            return bare.contains(".") ? bare + "Z" : bare + ".000000Z"
        }
    }

    /// Options of `read`, and what they mean.
    private struct Question {
        var options: [String] = []
        var conditions: [(Entry) -> Bool] = []
        var isBackward = false
        var limit = Int.max

        mutating func add(
            _ option: String, _ value: String, _ condition: @escaping (Entry) -> Bool
        ) {
            options += [option, value]
            conditions.append(condition)
        }

        func answer(_ entries: [Entry]) -> [Substring] {
            let found = entries.filter { entry in conditions.allSatisfy { $0(entry) } }
            let ordered = isBackward ? found.reversed() : found
            return ordered.prefix(limit).map(\.line)
        }
    }

    /// Each option with one chance in four, and bounds that stand in the log.
    private func question(
        about entries: [Entry], _ numbers: inout SeededNumbers
    ) throws -> Question {
        var question = Question()
        let some = try (0..<8).map { _ in try #require(entries.randomElement(using: &numbers)) }
        let asked = (0..<11).map { _ in numbers.happens(oneIn: 4) }
        if asked[0] {
            question.add("--from", "\(some[0].position)") { $0.position >= some[0].position }
        }
        if asked[1] {
            question.add("--to", "\(some[1].position)") { $0.position <= some[1].position }
        }
        if asked[2] { question.add("--stream", some[2].stream) { $0.stream == some[2].stream } }
        if asked[3] {
            let types = [some[2].type, some[3].type]
            for type in types { question.add("--type", type) { types.contains($0.type) } }
        }
        if asked[4], !some[2].tags.isEmpty {
            for tag in some[2].tags.prefix(2) {
                question.add("--tag", tag) { $0.tags.contains(tag) }
            }
        }
        if asked[5] { question.add("--since", some[4].time) { $0.time >= some[4].time } }
        if asked[6] { question.add("--until", some[5].time) { $0.time < some[5].time } }
        if asked[7] {
            question.add("--recorded-since", some[6].recorded) { $0.recorded >= some[6].recorded }
        }
        if asked[8] {
            question.add("--recorded-until", some[7].recorded) { $0.recorded < some[7].recorded }
        }
        if asked[9] {
            if numbers.happens(oneIn: 2) {
                question.add("--as-of", "\(some[0].position)") { $0.position <= some[0].position }
            } else {
                question.add("--as-of", some[1].recorded) { $0.recorded <= some[1].recorded }
            }
        }
        if asked[10] {
            question.isBackward = true
            question.options.append("--backward")
        }
        if numbers.happens(oneIn: 3) {
            question.limit = Int.random(in: 0..<300, using: &numbers)
            question.options += ["--limit", "\(question.limit)"]
        }
        return question
    }

    @Test("answers every combination of options as a filter over the export", arguments: [1, 2])
    func options(seed: UInt64) throws {
        let scratch = try Scratch()
        try MakeLog.mixed(in: scratch.log)
        let entries = try MakeLog.export(scratch.log).lines.map(Entry.init)
        #expect(Set(entries.map(\.recorded)).count == 3)
        var numbers = SeededNumbers(seed: seed)
        var answered = 0
        for _ in 0..<100 {
            let question = try question(about: entries, &numbers)
            let run = try Ascolto.run(["read"] + question.options, log: scratch.log)
            let expected = question.answer(entries)
            #expect(run.end == .exit(0), "seed \(seed), \(question.options): \(run.error)")
            #expect(
                run.lines == expected,
                "seed \(seed), \(question.options): \(run.lines.count), not \(expected.count)")
            if !expected.isEmpty { answered += 1 }
        }
        #expect(answered > 30, "the questions are too narrow to tell anything")
    }

    @Test("prints one array where JSON is asked for, and takes several types at once")
    func formats() throws {
        let scratch = try Scratch()
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let lines = try MakeLog.export(scratch.log).lines
        let array = try Ascolto.run(["export", "--format", "json"], log: scratch.log).json()
        #expect(try array.elements == lines.map { try AnyJSON($0) })
        let types = try lines.suffix(2).map { try #require(try AnyJSON($0)["type"]?.text) }
        let some = try Ascolto.run(["read", "--type"] + types, log: scratch.log).lines
        let wanted = try lines.filter { types.contains(try AnyJSON($0)["type"]?.text ?? "") }
        #expect(some == wanted)
        let none = try Ascolto.run(
            ["read", "--stream", "nobody", "--format", "json"], log: scratch.log)
        #expect(none.text == "[]\n")
    }
}
