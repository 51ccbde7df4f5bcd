import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("The server in trouble, and those who watch it", .ownThread)
struct TroubleTests {
    private func run(_ script: String) throws {
        let scratch = try Scratch()
        let run = try Python.run(script, [Ascolto.path, scratch.place("here")], within: 300)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    private static let isRoot = geteuid() == 0

    private static func isThere(_ program: String) -> Bool {
        ["/usr/bin/", "/bin/", "/usr/local/bin/"].contains {
            FileManager.default.isExecutableFile(atPath: $0 + program)
        }
    }

    @Test(
        "a full disk: what cannot be written is told so, all else goes on, also afterwards",
        .enabled(if: isRoot, "skipped: needs root, to mount a small disk"),
        .timeLimit(.minutes(6)))
    func fullDisk() throws { try run("full_disk.py") }

    @Test(
        "a disk with little room: blocks wait for more, appends do not",
        .enabled(if: isRoot, "skipped: needs root, to mount a small disk"),
        .timeLimit(.minutes(6)))
    func littleRoom() throws { try run("little_room.py") }

    @Test(
        "a clock that jumps ahead and back",
        .enabled(if: isThere("cc"), "skipped: needs cc, to make another clock"),
        .timeLimit(.minutes(6)))
    func clockJump() throws { try run("clock_jump.py") }

    @Test(
        "Prometheus scrapes the metrics and finds nothing wrong with them",
        .enabled(
            if: isThere("prometheus"),
            "skipped: needs prometheus, which Tools/prepare --with-tests installs"),
        .timeLimit(.minutes(6)))
    func prometheus() throws { try run("prometheus_scrapes.py") }

    @Test(
        "limits of size, time, rate and connections, and every example of the documents",
        .enabled(if: Python.speaksHTTP, "\(Python.needed)"), .timeLimit(.minutes(6)))
    func limits() throws { try run("limits_and_curl.py") }

    @Test(
        "clients that go away, and those that ask too much", .timeLimit(.minutes(6)))
    func brokenOff() throws { try run("broken_off.py") }

    @Test("slow queries keep nobody waiting but themselves", .timeLimit(.minutes(6)))
    func slowQueries() throws { try run("slow_queries.py") }

    @Test("who reads slowly is waited for, who does not read is not", .timeLimit(.minutes(6)))
    func slowReaders() throws { try run("slow_readers.py") }

    @Test("API keys, from making them to revoking them", .timeLimit(.minutes(6)))
    func keys() throws { try run("api_keys.py") }
}
