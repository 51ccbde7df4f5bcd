import EventLog
import Foundation
import Intake
import JSON
import TestSupport
import Testing

@Suite("Importing into a log")
struct RerunTests {
    private func rows(_ numbers: Range<Int>) -> String {
        "row,day,a,b,c\n"
            + numbers.map { "\($0),2026-01-01,12:\(10 + $0 % 50),12:\(10 + $0 % 37),\n" }.joined()
    }

    /// The lines of a log without its first, which no two logs share.
    private func lines(_ log: EventLog) throws -> [String] {
        var lines: [String] = []
        try log.read(Selection()) { event in
            if event.position.value > 0 {
                lines.append(
                    "\(event.position) \(event.id) \(event.type) \(event.stream) "
                        + "\(event.tags.joined) \(event.time?.microseconds ?? 0)")
            }
            return .next
        }
        return lines
    }

    private func log(in scratch: Scratch, _ name: String) throws -> EventLog {
        try EventLog.create(at: "\(scratch.path)/\(name)", zone: "UTC")
        return try EventLog.open(at: "\(scratch.path)/\(name)", access: .writing)
    }

    private func run(_ log: EventLog, _ paths: [String], _ scratch: Scratch) async throws
        -> ImportReport
    {
        let importer = Importer(
            destination: .log { try await log.append(each: $0) }, scratchDirectory: scratch.path,
            onRefusal: { Issue.record("\($0)") })
        return try await importer.importCSV(paths, mapping: try Mapping(yaml: OrderTests.mapping))
    }

    @Test("a rerun appends nothing, an added file only what is new")
    func rerun() async throws {
        let scratch = try Scratch()
        let first = try scratch.file("1.csv", text: rows(0..<3_000))
        let second = try scratch.file("2.csv", text: rows(2_500..<4_000))
        let log = try log(in: scratch, "log")
        defer { log.close() }
        let once = try await run(log, [first], scratch)
        #expect(once.events == 9_000)
        let again = try await run(log, [first], scratch)
        #expect(again.events == 0)
        #expect(again.alreadyAppended == 9_000)
        #expect(again.rows == once.rows)
        #expect(again.anomalies == once.anomalies)
        let added = try await run(log, [first, second], scratch)
        #expect(added.events == 3_000)
        #expect(added.alreadyAppended == 10_500)
    }

    @Test("two runs over the same files write the same events in the same order")
    func sameOrder() async throws {
        let scratch = try Scratch()
        let paths = [
            try scratch.file("1.csv", text: rows(0..<2_000)),
            try scratch.file("2.csv", text: rows(2_000..<3_000)),
        ]
        var found: [[String]] = []
        for name in ["a", "b"] {
            let log = try log(in: scratch, name)
            defer { log.close() }
            _ = try await run(log, paths, scratch)
            found.append(try lines(log))
        }
        #expect(found[0].count == 9_000)
        #expect(found[0] == found[1])
    }
}
