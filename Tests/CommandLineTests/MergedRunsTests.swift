import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("Merged indexes", .ownThread)
struct MergedRunsTests {
    private static let count = 73 * 4_096 / 2

    private static func line(_ number: Int) -> String {
        let id = String(
            format: "%08x-%04x-4000-8000-%012x", number &* 2_654_435_761 & 0xFFFF_FFFF,
            number & 0xFFFF, number)
        return #"{"specversion":"1.0","id":"\#(id)","source":"urn:x","type":"t.\#(number % 5)","#
            + #""subject":"s/\#(number / 6)","schema":1,"tags":"n:\#(number % 997)","data":{}}"#
    }

    /// Enough blocks for eight runs to become one, four times over: every look-up then goes
    /// through merged runs.
    @Test("find what is there and nothing else")
    func lookUps() throws {
        let scratch = try Scratch()
        let input = (0..<Self.count).map(Self.line).joined(separator: "\n") + "\n"
        let appended = try Ascolto.run(["append"], log: scratch.log, input: .text(input))
        #expect(appended.end == .exit(0), "\(appended.error)")
        let check = try Ascolto.run(["check"], log: scratch.log)
        #expect(check.end == .exit(0), "\(check.text)\(check.error)")
        let again = try Ascolto.run(["append"], log: scratch.log, input: .text(input))
        #expect(try again.json()["already_appended"] == .integer(Int64(Self.count)))
        for number in [0, 4_095, 32_767, 32_768, 100_000, Self.count - 1] {
            let lines = try positions(["--stream", "s/\(number / 6)"], scratch)
            let start = number / 6 * 6
            #expect(lines == Array(start..<min(start + 6, Self.count)).map { $0 + 1 })
        }
        let both = try positions(["--tag", "n:7", "--type", "t.2"], scratch)
        #expect(both == (0..<Self.count).filter { $0 % 997 == 7 && $0 % 5 == 2 }.map { $0 + 1 })
        #expect(try positions(["--tag", "n:none"], scratch) == [])
    }

    private func positions(_ selection: [String], _ scratch: Scratch) throws -> [Int] {
        let run = try Ascolto.run(["read"] + selection, log: scratch.log)
        #expect(run.end == .exit(0), "\(run.error)")
        return try run.lines.map { line in
            let start = try #require(line.range(of: #""position":""#)).upperBound
            return try #require(Int(line[start...].prefix { $0 != "\"" }))
        }
    }
}
