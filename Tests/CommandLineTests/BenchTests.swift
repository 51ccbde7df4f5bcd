import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("bench", .ownThread)
struct BenchTests {
    /// Keys that outside scripts read.
    private static let keys = [
        "appends_per_second_1", "appends_per_second_64", "bulk_events_per_second",
        "replay_events_per_second", "scan_events_per_second", "check_events_per_second",
        "raw_lmdb_appends_per_second_1", "raw_lmdb_appends_per_second_64",
    ]

    @Test("measures every figure of the contract and leaves nothing behind")
    func figures() throws {
        let scratch = try Scratch()
        let run = try Ascolto.run(
            ["bench", "--events", "6000", "--rounds", "1", "--format", "json"],
            log: scratch.path + "/log")
        #expect(run.end == .exit(0), "\(run.error)")
        let answer = try run.json()
        for key in Self.keys {
            #expect((answer[key]?.number ?? 0) > 0, "\(key)")
        }
        #expect(answer["check_problems"]?.integer == 0)
        #expect(answer["events"]?.integer == 6000)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }

    @Test("tells the size that small commits leave, near that of great ones")
    func trickle() throws {
        let scratch = try Scratch()
        let run = try Ascolto.run(
            ["bench", "--only", "trickle", "--events", "3000", "--format", "json"],
            log: scratch.path + "/log")
        #expect(run.end == .exit(0), "\(run.error)")
        let answer = try run.json()
        let bulk = try #require(answer["bulk_bytes_per_event"]?.number)
        for appenders in [1, 4, 16, 64] {
            let bytes = try #require(answer["trickle_bytes_per_event_\(appenders)"]?.number)
            // So few events leave much room: pages that were in use once are most of the file.
            #expect((bulk / 2...4 * bulk).contains(bytes), "\(appenders): \(bytes), \(bulk)")
        }
        #expect(answer["appends_per_second_1"] == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }

    @Test("takes its directory away when it is interrupted", arguments: [SIGINT, SIGTERM])
    func interruption(signal: Int32) throws {
        let scratch = try Scratch()
        let running = try Ascolto.start(
            ["bench", "--only", "appends", "--rounds", "1000"], log: scratch.path + "/log")
        let files = FileManager.default
        try waitUntil("its directory, or the end") {
            try !files.contentsOfDirectory(atPath: scratch.path).isEmpty || !running.isRunning
        }
        // Once the directory is there, the signal is caught soon; before that it ends the process.
        pause(0.5)
        kill(running.identifier, signal)
        #expect(try running.finish(within: 60).end == .exit(128 + signal))
        #expect(try files.contentsOfDirectory(atPath: scratch.path).isEmpty)
    }

    @Test(
        "refuses counts that measure nothing",
        arguments: [
            ["--events", "10"], ["--rounds", "0"],
        ])
    func refusals(arguments: [String]) throws {
        let scratch = try Scratch()
        let run = try Ascolto.run(["bench"] + arguments, log: scratch.path + "/log")
        #expect(run.end == .exit(2))
    }
}
