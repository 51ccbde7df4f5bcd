import Foundation
import OwnThread
import TestSupport
import Testing

/// The power fails under ext4, on a disk that loses and reorders what was not flushed.
@Suite("A power cut", .ownThread, .serialized, .enabled(if: CrashStates.work, CrashStates.needed))
struct CrashStateTests {
    struct Run: Sendable, CustomTestStringConvertible {
        let seed: Int
        let states: Int
        let requests: Int
        let shape: String
        let width: Int

        var testDescription: String {
            "\(states) states, \(requests) requests, \(shape), \(width) wide, seed \(seed)"
        }
    }

    @Test(
        "loses nothing that was acknowledged",
        arguments: [
            Run(seed: 71, states: 40, requests: 200, shape: "singles", width: 1),
            Run(seed: 72, states: 20, requests: 600, shape: "singles", width: 16),
            Run(seed: 73, states: 30, requests: 60, shape: "mixed", width: 2),
            Run(seed: 74, states: 20, requests: 15, shape: "batches", width: 1),
        ])
    func keepsAll(run: Run) throws {
        let report = try CrashStates.visit(run)
        #expect(report.acknowledged == run.requests)
        #expect(report.flushes > 20, "the log's syncs do not reach the disk")
        #expect(report.failures == [], "\(run.testDescription)")
        tell(
            "power cuts, \(run.testDescription): \(report.states) states over \(report.writes) "
                + "writes and \(report.flushes) flushes, none lost anything")
    }

    @Test("is noticed by this harness: without syncs it has to lose data")
    func control() throws {
        let run = Run(seed: 75, states: 30, requests: 200, shape: "singles", width: 2)
        let report = try CrashStates.visit(run, preload: CrashStates.syncEater)
        #expect(report.acknowledged == run.requests)
        #expect(report.failures.count >= 5, "the harness does not notice lost data")
        tell(
            "power cuts without syncs, as a control: \(report.failures.count) of "
                + "\(report.states) states lost data, as they must")
    }
}

/// The harness in Tests/Independent.
private enum CrashStates {
    struct Report: Decodable {
        let flushes: Int
        let writes: Int
        let acknowledged: Int
        let states: Int
        let failures: [String]
    }

    /// A library that makes all calls that sync succeed without doing anything.
    static let syncEater: String = {
        let folders = ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu" } + ["/usr/lib64"]
        let files = folders.map { "\($0)/libeatmydata.so" }
        return files.first(where: FileManager.default.fileExists) ?? ""
    }()

    /// Whether this machine lets us play a disk.
    static let work: Bool = {
        let files = ["/dev/fuse", "/dev/loop-control", "/usr/bin/fusermount3", "/sbin/mkfs.ext4"]
        guard geteuid() == 0, !syncEater.isEmpty,
            files.allSatisfy({ FileManager.default.fileExists(atPath: $0) })
        else { return false }
        let script = "import mfusepy, subprocess; subprocess.check_call(['losetup', '--find'])"
        return Python.can(script)
    }()

    static let needed: Comment = """
        skipped: cutting the power needs root, /dev/fuse, a free loop device, and what \
        Tools/prepare --with-tests and Tools/requirements.txt install
        """

    static func visit(_ run: CrashStateTests.Run, preload: String? = nil) throws -> Report {
        let words = [
            Ascolto.path, Promise.appender, "\(run.seed)", "\(run.states * patience)",
            "\(run.requests)", run.shape, "\(run.width)",
        ]
        let ended = try Python.run(
            "crash_states.py", words + (preload.map { [$0] } ?? []), within: 1_200)
        try #require(ended.end == .exit(0), "\(ended.end) \(ended.error)")
        return try JSONDecoder().decode(Report.self, from: ended.output)
    }
}
