import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Equity and access", .ownThread)
struct EquityTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private static func definitions(reference: String) -> String {
        """
        scheme: {id: test, version: 1}
        attributes:
          gender: {tag: group.gender, reference: \(reference)}
          area: {tag: group.area, reference: "0"}
          channel: {member: channel, reference: phone}
        outcomes:
          on_time: {begins: case.opened, avoids: sla.breached}
          closed: {begins: case.opened, reaches: case.closed, within: 2d}
          closed_later: {begins: case.opened, reaches: case.closed, within: 4d}
          left_open: {begins: case.opened, avoids: case.closed, within: 2d}
          kept: {begins: case.closed, avoids: case.reopened}
        """
    }

    private func references(_ arguments: [String], environment: [String: String] = [:]) throws
        -> [String?]
    {
        let project = try Ascolto.run(
            ["project", "equity-and-access"] + arguments, log: scratch.log,
            environment: environment)
        try #require(project.end == .exit(0), "\(project.error)")
        let query = try Ascolto.run(
            [
                "query", "equity-and-access", "attributes", "--where",
                "attribute = 'gender' AND outcome = 'kept'",
            ] + arguments, log: scratch.log, environment: environment)
        return try #require(try query.json().elements).map { $0["reference"]?.text }
    }

    @Test("reads its definitions from the option, the environment or the log's directory")
    func placesOfDefinitions() throws {
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let named = try scratch.file("named.yaml", text: Self.definitions(reference: "f"))
        let set = try scratch.file("set.yaml", text: Self.definitions(reference: "m"))
        let environment = ["ASCOLTO_DEFINITIONS": set]
        #expect(try references([]) == [])
        try Self.definitions(reference: "x").write(
            toFile: scratch.log + "/definitions.yaml", atomically: true, encoding: .utf8)
        #expect(try references([]) == ["x"])
        #expect(try references([], environment: environment) == ["m"])
        #expect(
            try references(["--definitions", named], environment: environment) == ["f"])
    }

    @Test("names the file and line of a mistake in its definitions, and one that is not there")
    func mistakes() throws {
        try MakeLog.append(EdgeEvents.lines(series: 1), to: scratch.log)
        let text = Self.definitions(reference: "f").replacingOccurrences(of: "2d", with: "2 d")
        let wrong = try scratch.file("wrong.yaml", text: text)
        for (path, told) in [(wrong, "wrong.yaml: line 8: "), (wrong + "x", "cannot be read")] {
            let run = try Ascolto.run(["project", "--definitions", path], log: scratch.log)
            #expect(run.end == .exit(2))
            #expect(run.error.contains(told), "\(run.error)")
        }
    }

    @Test(
        "releases nothing that tells a small count, whatever the groups",
        .enabled(if: Python.estimates, "\(Python.needed)"), arguments: UInt64(1)...16)
    func releases(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        try MakeLog.append(cases(&numbers), to: scratch.log)
        let file = try scratch.file("set.yaml", text: Self.definitions(reference: "f"))
        let project = try Ascolto.run(
            ["project", "equity-and-access", "--definitions", file], log: scratch.log)
        try #require(project.end == .exit(0), "\(project.error)")
        let release = try Ascolto.run(
            ["query", "equity-and-access", "release", "--definitions", file], log: scratch.log)
        let rows = try #require(try release.json().elements)
        #expect(rows.count > 20)
        for row in rows {
            for count in [row["units"]?.integer, row["favourable"]?.integer] {
                #expect(!(1..<10).contains(count ?? 0), "seed \(seed): \(row)")
            }
        }
        let attacked = try Python.run(
            "attack_release.py",
            ["opposite:closed:left_open", "nested:closed:closed_later"],
            input: .bytes(release.output))
        try #require(attacked.end == .exit(0), "seed \(seed): \(attacked.error)")
        let report = try attacked.json()
        #expect(report["told"]?.elements?.isEmpty == true, "seed \(seed): \(report)")
        #expect((report["hidden"]?.integer ?? 0) > 3, "seed \(seed): \(report)")
    }

    /// Some hundred cases of groups of very different sizes, some of them closed and reopened.
    private func cases(_ numbers: inout SeededNumbers) -> [String] {
        let count = Int.random(in: 60...500, using: &numbers)
        let areas = Int.random(in: 1...9, using: &numbers)
        let late = Int.random(in: 2...30, using: &numbers)
        var lines: [String] = []
        for number in 0..<count {
            func skewed() -> Int {
                Int.random(in: 0...Int.random(in: 0...areas, using: &numbers), using: &numbers)
            }
            let tags = [
                "group.gender:" + ["m", "f", "x"][min(2, skewed())],
                "group.area:\(Int.random(in: 0...skewed(), using: &numbers))",
            ]
            let channel = ["phone", "web_form", "counter"][min(2, skewed())]
            func tell(_ type: String, _ day: Int, data: String = "{}") {
                let digits = String(lines.count + 1_000_000_000_000)
                lines.append(
                    #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-\#(digits.suffix(12))","#
                        + #""source":"urn:x","type":"\#(type)","schema":1,"subject":"#
                        + #""case/\#(number)","tags":"\#(tags.joined(separator: " "))","#
                        + #""time":"2026-11-\#(day)T09:30:00Z","data":\#(data)}"#)
            }
            tell("case.opened", 10, data: #"{"channel":"\#(channel)"}"#)
            if numbers.happens(oneIn: late) { tell("sla.breached", 11) }
            guard !numbers.happens(oneIn: 4) else { continue }
            tell("case.closed", numbers.happens(oneIn: late) ? 14 : 12)
            if numbers.happens(oneIn: late) { tell("case.reopened", 15) }
        }
        return lines
    }
}
