import EventLog
import Foundation
import OwnThread
import TestSupport
import Testing

/// Files that are cut, torn or older than they should be.
@Suite("A damaged data.mdb", .ownThread)
struct DamagedFileTests {
    private static let pageBytes = 4_096
    /// Where a meta page's content ends, behind its transaction number.
    private static let metaBytes = 152

    /// A log of some blocks and a tail, its answer, and its file after each of the last commits.
    private struct Whole {
        let scratch: Scratch
        let export: Data
        let head: Data
        /// The newest last.
        let files: [Data]

        var log: String { scratch.log }
        var newest: Data { files[files.count - 1] }

        init(seed: UInt64) throws {
            scratch = try Scratch()
            let made = try Ascolto.run(["keys", "generate"], log: scratch.log)
            try #require(made.end == .exit(0), "\(made.error)")
            var promise = Promise(seed: seed, shape: "mixed", log: scratch.log)
            try promise.requireCompletable(0..<60, "whole")
            var files: [Data] = []
            for request in 60..<66 {
                try promise.requireCompletable(request..<request + 1, "whole")
                files.append(try contents(of: scratch.log + "/data.mdb"))
            }
            self.files = files
            export = try Ascolto.run(["export"], log: scratch.log).output
            head = try contents(of: scratch.log + "/head")
        }

        /// Lays a file in the place of the log's, and the head file as it was.
        func lay(_ file: Data) throws {
            try scratch.file("log/data.mdb", file)
            try scratch.file("log/head", head)
        }
    }

    /// Every verb answers as if nothing had happened, or says "corruption"; tells whether any did.
    private func isRefused(_ file: Data, _ whole: Whole, _ story: String) throws -> Bool {
        var isRefused = false
        for verb in ["check", "export", "stats", "append"] {
            try whole.lay(file)
            let run = try Ascolto.run([verb], log: whole.log, input: .text(Self.line), within: 90)
            switch run.end {
            case .exit(5):
                isRefused = true
                #expect(run.error.contains("corrupt"), "\(story), \(verb): \(run.error)")
            case .exit(0):
                if verb == "export" { #expect(run.output == whole.export, "\(story): export") }
                guard verb == "append" else { continue }
                let check = try Ascolto.run(["check"], log: whole.log)
                #expect(check.end == .exit(0), "\(story), then appended: \(check.error)")
                let export = try Ascolto.run(["export"], log: whole.log)
                #expect(
                    export.output.prefix(whole.export.count) == whole.export,
                    "\(story), then appended: export")
            default: Issue.record("\(story), \(verb): \(run.end) \(run.error)")
            }
        }
        return isRefused
    }

    private static let line =
        #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"urn:x","#
        + #""type":"fault.sent","subject":"s/1","data":{}}"# + "\n"

    @Test("is refused at whatever length it was cut", arguments: [51] as [UInt64])
    func truncated(seed: UInt64) throws {
        let whole = try Whole(seed: seed)
        var numbers = SeededNumbers(seed: seed)
        var lengths = [0, 1, 100, Self.pageBytes, 2 * Self.pageBytes]
        lengths += (0..<25).map { _ in Int.random(in: 0..<whole.newest.count, using: &numbers) }
        var refused = 0
        for length in lengths {
            let story = "seed \(seed), cut to \(length) of \(whole.newest.count) bytes"
            if try isRefused(whole.newest.prefix(length), whole, story) { refused += 1 }
        }
        // What is cut behind the last page that is in use is missed by nobody.
        #expect(refused >= lengths.count - 5)
        tell("cut at \(lengths.count) lengths: \(refused) refused, the others read in full")
    }

    @Test("is refused or read in full with a torn or stale meta page", arguments: [0, 1])
    func metaPage(page: Int) throws {
        let whole = try Whole(seed: 52)
        let place = page * Self.pageBytes
        var (refused, tried) = (0, 0)
        func look(_ name: String, _ damage: (inout Data) -> Void) throws {
            var file = whole.newest
            damage(&file)
            tried += 1
            if try isRefused(file, whole, "meta page \(page), \(name)") { refused += 1 }
        }
        try look("zeroed") { file in
            for byte in place..<place + Self.pageBytes { file[byte] = 0 }
        }
        try look("all ones") { file in
            for byte in place..<place + Self.metaBytes { file[byte] = 0xFF }
        }
        for (age, older) in whole.files.dropLast().reversed().enumerated() {
            try look("\(age + 1) commits older") { file in
                for byte in place..<place + Self.pageBytes { file[byte] = older[byte] }
            }
            // The map size, the two trees and the transaction number are what a commit changes.
            for cut in [24, 32, 48, 80, 100, 128, 136, 144, 148] where age < 3 {
                try look("torn at \(cut), the rest \(age + 1) commits older") { file in
                    for byte in place + cut..<place + Self.metaBytes { file[byte] = older[byte] }
                }
            }
        }
        tell("meta page \(page): \(refused) of \(tried) kinds of damage refused, else read in full")
    }

    @Test("is refused when all of it is older than the head file remembers")
    func rolledBack() throws {
        let whole = try Whole(seed: 53)
        for (age, older) in whole.files.dropLast().reversed().enumerated() {
            let story = "\(age + 1) commits older"
            #expect(try isRefused(older, whole, story), "\(story) was taken for the newest")
        }
    }
}

/// Ways to open a log that would ruin it.
@Suite("Opening a log", .ownThread)
struct OpeningTests {
    @Test("twice in one process ends the process before LMDB loses its locks")
    func twice() async throws {
        let scratch = try Scratch()
        let made = try Ascolto.run(["keys", "generate"], log: scratch.log)
        try #require(made.end == .exit(0), "\(made.error)")
        await #expect(processExitsWith: .failure) { [log = scratch.log as String] in
            let one = try EventLog.open(at: log, access: .reading)
            let two = try EventLog.open(at: log + "/.", access: .writing)
            withExtendedLifetime((one, two)) {}
        }
        let check = try Ascolto.run(["check"], log: scratch.log)
        #expect(check.end == .exit(0), "\(check.error)")
    }

    /// From one of its calls on, the process is told another number of its own, as after a fork.
    @Test(
        "and using it in a forked process is refused, and loses nothing",
        .enabled(if: Strace.works, Strace.needed))
    func forked() throws {
        let scratch = try Scratch()
        let made = try Ascolto.run(["keys", "generate"], log: scratch.log)
        try #require(made.end == .exit(0), "\(made.error)")
        var promise = Promise(seed: 54, shape: "singles", log: scratch.log)
        var refused = 0
        for call in 1...12 {
            let words = [
                "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=getpid",
                "-e", "inject=getpid:retval=4242:when=\(call)+",
            ]
            let first = promise.next
            let run = try promise.append(first..<first + 5, under: words).finish()
            try promise.take(run, "call \(call)")
            if run.error.contains("before this process was forked") { refused += 1 }
            try promise.requireCompletable(0..<first + 5, "call \(call)")
        }
        try promise.requireKept("at the end")
        #expect(refused > 0, "no process was taken for a forked one")
    }
}
