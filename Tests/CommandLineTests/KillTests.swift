import Foundation
import OwnThread
import TestSupport
import Testing

/// An import that is killed at any moment is completed by running it again.
@Suite("An import killed with kill -9", .ownThread)
struct KillTests {
    private static let clock = MakeLog.noon
    private static let rounds = 10

    /// The import of the real calls where they are, of made ones elsewhere.
    private func importArguments(in scratch: Scratch) throws -> [String] {
        if Places.hasCalls {
            return [
                "import", "csv", "--mapping", Places.technionMapping, Places.calls(month: "01"),
            ]
        }
        let mapping = try scratch.file(
            "map.yaml",
            text: """
                namespace: urn:test:rows
                source: urn:test:rows
                file:
                  delimiter: tab
                times:
                  zone: Europe/Rome
                  format: yyyy-MM-dd H:m:s
                key: [call]
                values:
                  call: {column: call}
                  came: {time: [came], absent: []}
                stream: contact/{call}
                events:
                  - name: received
                    type: contact.received
                    time: came
                    data: {channel: phone, direction: in, zone: Europe/Rome}

                """)
        let rows = (1...100_000).map { "\($0)\t2026-11-23 10:\($0 % 60):\($0 % 59)\n" }
        let file = try scratch.file("rows.tsv", text: "call\tcame\n" + rows.joined())
        return ["import", "csv", "--mapping", mapping, file]
    }

    @Test("is completed to the same root by running it again", arguments: [2026] as [UInt64])
    func killed(seed: UInt64) throws {
        let scratch = try Scratch()
        let arguments = try importArguments(in: scratch)
        let made = try Ascolto.run(["init"], log: scratch.log, environment: Self.clock)
        try #require(made.end == .exit(0), "\(made.error)")
        let undisturbed = try scratch.copy(scratch.log, as: "undisturbed")
        let start = ContinuousClock.now
        let whole = try Ascolto.run(arguments, log: undisturbed, environment: Self.clock)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        #expect(whole.end == .exit(0), "\(whole.error)")
        let export = try MakeLog.export(undisturbed).output
        let root = try MakeLog.stats(undisturbed)["root"]

        var numbers = SeededNumbers(seed: seed)
        var story: [String] = []
        var partial = 0
        for round in 0..<Self.rounds {
            // Half of the rounds begin anew, so that some kill falls into the first block too.
            let log = "\(scratch.path)/round"
            if round % 2 == 0 {
                try? FileManager.default.removeItem(atPath: log)
                _ = try scratch.copy(scratch.log, as: "round")
            }
            let delay = Double.random(in: 0...1, using: &numbers) * seconds
            let running = try Ascolto.start(arguments, log: log, environment: Self.clock)
            pause(delay)
            running.kill()
            let end = try running.finish(within: 60).end
            #expect([.signal(9), .exit(0)].contains(end))
            let check = try Ascolto.run(["check"], log: log)
            #expect(check.end == .exit(0), "seed \(seed), round \(round): \(check.error)")
            let kept = try MakeLog.export(log)
            #expect(export.prefix(kept.output.count) == kept.output, "seed \(seed), round \(round)")
            let count = try #require(try MakeLog.stats(log)["events"]?.integer)
            if count > 1 && kept.output.count < export.count { partial += 1 }
            story.append("\(Int(delay * 1_000)) ms: \(count) events")
            guard round % 2 == 1 else { continue }
            let again = try Ascolto.run(arguments, log: log, environment: Self.clock)
            #expect(again.end == .exit(0), "\(again.error)")
            let report = try again.json()
            #expect(report["already_appended"]?.integer == count - 1)
            #expect(try MakeLog.stats(log)["root"] == root, "seed \(seed), round \(round)")
            #expect(try MakeLog.export(log).output == export)
        }
        #expect(partial > 0, "no kill fell between the first and the last commit: \(story)")
        tell("kills of an import of \(seconds) s, seed \(seed): \(story.joined(separator: ", "))")
    }
}
