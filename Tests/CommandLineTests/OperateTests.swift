import Foundation
import OwnThread
import TestSupport
import Testing

/// Backup, restore, compaction, following and frozen reading, as operators do them.
@Suite("Operating a log", .ownThread)
struct OperateTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private var backup: String { "\(scratch.path)/backup" }

    private func line(_ number: Int) -> String {
        let id = String(format: "00000000-0000-4000-8000-%012d", number)
        return #"{"specversion":"1.0","id":"\#(id)","source":"urn:t","type":"t.n\#(number % 3)","#
            + #""subject":"s/\#(number % 5)","data":{"n":\#(number)}}"#
    }

    private func lines(_ numbers: Range<Int>) -> [String] { numbers.map { line($0) } }

    private func done(_ arguments: [String], log: String? = nil) throws -> Run {
        let run = try Ascolto.run(arguments, log: log ?? scratch.log)
        #expect(run.end == .exit(0), "\(arguments): \(run.error)")
        return run
    }

    @Test("A backup taken while another process appends restores to a prefix")
    func hotBackup() throws {
        try MakeLog.append(lines(0..<10), to: scratch.log)
        let pipe = Pipe()
        let writer = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        let input = pipe.fileHandleForWriting
        for number in 10..<400 { try input.write(contentsOf: Data((line(number) + "\n").utf8)) }
        let summary = try done(["backup", backup]).json()
        for number in 400..<800 { try input.write(contentsOf: Data((line(number) + "\n").utf8)) }
        let later = try done(["backup", backup]).json()
        try input.close()
        #expect(try writer.finish(within: 60).end == .exit(0))
        let first = try #require(summary["events"]?.integer)
        let second = try #require(later["events"]?.integer)
        #expect(11 <= first && first <= second && second <= 801)
        let copy = "\(scratch.path)/copy"
        #expect(try done(["restore", backup], log: copy).json()["events"]?.integer == second)
        _ = try done(["check"], log: copy)
        let restored = try MakeLog.export(copy).lines
        #expect(restored.count == Int(second))
        #expect(try MakeLog.export(scratch.log).lines.prefix(Int(second)) == restored[...])
        #expect(try MakeLog.stats(copy)["root"] == later["root"])
        // The restored log goes on, and then holds what the backup does not.
        try MakeLog.append([line(1_000)], to: copy)
        let refused = try Ascolto.run(["restore", backup], log: copy)
        #expect(refused.end == .exit(1))
        #expect(refused.error.contains("--replace"), "\(refused.error)")
        let replaced = try done(["restore", backup, "--replace"], log: copy).json()
        let aside = try #require(replaced["replaced"]?.text)
        #expect(try MakeLog.export(aside).lines.count == Int(second) + 1)
    }

    @Test("A damaged backup is told from no backup, and replaces nothing")
    func damagedBackup() throws {
        try MakeLog.append(lines(0..<300), to: scratch.log)
        _ = try done(["backup", backup])
        var bytes = try contents(of: backup)
        bytes[9_000] ^= 1
        try scratch.file("damaged", bytes)
        try scratch.file("text", text: String(repeating: "no backup\n", count: 1_000))
        let before = try MakeLog.export(scratch.log).output
        for (file, code) in [("damaged", 5), ("text", 1), ("missing", 1)] as [(String, Int32)] {
            let run = try Ascolto.run(
                ["restore", "\(scratch.path)/\(file)", "--replace"], log: scratch.log)
            #expect(run.end == .exit(code), "\(file): \(run.error)")
            #expect(run.error.contains(file), "\(run.error)")
        }
        #expect(try MakeLog.export(scratch.log).output == before)
        let kept = try Ascolto.run(["backup", "\(scratch.path)/text"], log: scratch.log)
        #expect(kept.end == .exit(1))
        #expect(kept.error.contains("no backup"))
    }

    @Test("Compacting shrinks the file, and is refused while others have the log open")
    func compact() throws {
        try MakeLog.generate(days: 2, contactsPerDay: 300, in: scratch.log)
        let export = try MakeLog.export(scratch.log).output
        let follower = try Ascolto.start(["tail"], log: scratch.log)
        try waitUntil("the follower reads") { hasOpen(follower, "lock.mdb") }
        let refused = try Ascolto.run(["compact"], log: scratch.log)
        #expect(refused.end == .exit(4))
        #expect(refused.error.contains("\(follower.identifier)"), "\(refused.error)")
        #expect(refused.output.isEmpty)
        follower.send(SIGTERM)
        #expect(try follower.finish(within: 20).end == .exit(0))
        let pipe = Pipe()
        let writer = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        try waitUntil("the writer has it open") { hasOpen(writer, "lock.mdb") }
        #expect(try Ascolto.run(["compact"], log: scratch.log).end == .exit(4))
        try pipe.fileHandleForWriting.close()
        #expect(try writer.finish(within: 20).end == .exit(0))
        let answer = try done(["compact"]).json()
        let before = try #require(answer["bytes_before"]?.integer)
        let after = try #require(answer["bytes_after"]?.integer)
        #expect(after < before)
        #expect(try contents(of: "\(scratch.log)/data.mdb").count == Int(after))
        #expect(try MakeLog.export(scratch.log).output == export)
        try MakeLog.append(lines(0..<10), to: scratch.log)
        _ = try done(["check"])
    }

    @Test("Who opens the log while it is being compacted sees all of it")
    func readersBesideCompaction() throws {
        try MakeLog.generate(days: 1, contactsPerDay: 200, in: scratch.log)
        for round in 0..<4 {
            // Something to compact.
            try MakeLog.append(lines(round * 500..<round * 500 + 500), to: scratch.log)
            let root = try MakeLog.stats(scratch.log)["root"]
            let compaction = try Ascolto.start(["compact"], log: scratch.log)
            var readers = 0
            while compaction.isRunning {
                #expect(try MakeLog.stats(scratch.log)["root"] == root)
                readers += 1
            }
            let run = try compaction.finish(within: 60)
            #expect(run.end == .exit(0), "\(run.error)")
            #expect(readers > 0)
            #expect(try MakeLog.stats(scratch.log)["root"] == root)
        }
        _ = try done(["check"])
    }

    private func hasOpen(_ program: Program, _ name: String) -> Bool {
        openFiles(of: program.identifier).values.contains { $0.hasSuffix(name) }
    }

    @Test(
        "Killed while compacting, the log is the old one or the new one", arguments: [5] as [UInt64]
    )
    func compactionKilled(seed: UInt64) throws {
        try MakeLog.generate(days: 1, contactsPerDay: 300, in: scratch.log)
        let root = try MakeLog.stats(scratch.log)["root"]
        let start = ContinuousClock.now
        _ = try done(["compact"], log: try scratch.copy(scratch.log, as: "whole"))
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var numbers = SeededNumbers(seed: seed)
        for round in 0..<8 {
            let log = try scratch.copy(scratch.log, as: "round\(round)")
            let running = try Ascolto.start(["compact"], log: log)
            pause(Double.random(in: 0...1, using: &numbers) * seconds)
            running.kill()
            _ = try running.finish(within: 20)
            #expect(try MakeLog.stats(log)["root"] == root, "seed \(seed), round \(round)")
            _ = try done(["compact"], log: log)
            _ = try done(["check"], log: log)
            #expect(!FileManager.default.fileExists(atPath: "\(log)/data.mdb.compacting"))
        }
    }

    @Test("tail follows another process, and a cursor resumes where it left off")
    func tail() throws {
        try MakeLog.append(lines(0..<20), to: scratch.log)
        var seen: [Substring] = []
        for round in 0..<3 {
            let follower = try Ascolto.start(["tail", "--cursor", "desk"], log: scratch.log)
            try MakeLog.append(lines(20 + round * 10..<30 + round * 10), to: scratch.log)
            let count = 31 + round * 10
            try waitUntil("the cursor comes to the end") {
                try self.cursor()?["position"]?.integer == Int64(count - 1)
            }
            let second = try Ascolto.run(["tail", "--cursor", "desk"], log: scratch.log)
            #expect(second.end == .exit(4), "\(second.error)")
            // Twice, as `timeout` signals: the process, and then its group.
            let signal = round == 0 ? SIGINT : SIGTERM
            kill(follower.identifier, signal)
            pause(Double(round) * 0.0003)
            kill(follower.identifier, signal)
            let run = try follower.finish(within: 20)
            #expect(run.end == .exit(0), "\(run.error)")
            seen += run.lines
        }
        #expect(try MakeLog.export(scratch.log).lines == seen)
        #expect(try cursor()?["lag_events"]?.integer == 0)
        let reset = try done(["cursors", "--reset", "desk", "--to", "40"]).json()
        #expect(reset.elements?.first?["position"]?.integer == 39)
        #expect(reset.elements?.first?["lag_events"]?.integer == 11)
        #expect(try done(["cursors", "--remove", "desk"]).json().elements?.isEmpty == true)
    }

    private func cursor() throws -> AnyJSON? {
        try Ascolto.run(["cursors"], log: scratch.log).json().elements?.first
    }

    @Test("tail shows what is asked for, from now on or from a position")
    func tailFilters() throws {
        try MakeLog.append(lines(0..<30), to: scratch.log)
        let now = try Ascolto.start(["tail", "--type", "t.n1"], log: scratch.log)
        let all = try Ascolto.start(
            ["tail", "--from", "0", "--stream", "s/2"], log: scratch.log)
        // When it has begun to follow shows by the first line that it prints.
        var next = 30
        try waitUntil("it has begun to follow") {
            try MakeLog.append([line(next), line(next + 1), line(next + 2)], to: scratch.log)
            next += 3
            return !now.linesSoFar.isEmpty
        }
        try MakeLog.append(lines(next..<next + 60), to: scratch.log)
        let export = try MakeLog.export(scratch.log).lines
        let typed = export.filter { $0.contains(#""type":"t.n1""#) }
        let ofStream = export.filter { $0.contains(#""subject":"s/2""#) }
        try waitUntil("the last of the type") { now.linesSoFar.last == typed.last }
        try waitUntil("the last of the stream") { all.linesSoFar.last == ofStream.last }
        for program in [now, all] { program.send(SIGTERM) }
        let lines = try now.finish(within: 20).lines
        #expect(21...typed.count - 10 ~= lines.count)
        #expect(lines == typed.suffix(lines.count))
        #expect(try all.finish(within: 20).lines == ofStream)
    }

    /// A commit is seen in the file before snapshots show it; who looks just then must look again.
    @Test("Each append shows without another one behind it")
    func everyCommitShows() throws {
        try MakeLog.append(lines(0..<1), to: scratch.log)
        let follower = try Ascolto.start(["tail", "--from", "0"], log: scratch.log)
        let pipe = Pipe()
        let writer = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        for number in 1..<60 {
            try pipe.fileHandleForWriting.write(contentsOf: Data((line(number) + "\n").utf8))
            try waitUntil("the next line") { follower.linesSoFar.count > number + 1 }
        }
        try pipe.fileHandleForWriting.close()
        #expect(try writer.finish(within: 60).end == .exit(0))
        follower.send(SIGTERM)
        #expect(try follower.finish(within: 20).lines.count == 61)
    }

    @Test("tail ends quietly when nobody takes its lines")
    func tailIntoClosedPipe() throws {
        try MakeLog.append(lines(0..<2_000), to: scratch.log)
        let run = try Program.run(
            "bash",
            [
                "-c",
                "'\(Ascolto.path)' tail --from 0 --log '\(scratch.log)' | head -n 2 | wc -l;"
                    + "echo ${PIPESTATUS[0]}",
            ], within: 60)
        #expect(run.lines == ["2", "0"])
        #expect(run.error == "")
    }

    @Test("--frozen reads where nothing can be written, and never beside a writer")
    func frozen() throws {
        try MakeLog.append(lines(0..<50), to: scratch.log)
        let export = try MakeLog.export(scratch.log).output
        let pipe = Pipe()
        let writer = try Ascolto.start(["append"], log: scratch.log, input: .pipe(pipe))
        try waitUntil("the writer has it open") { hasOpen(writer, "lock.mdb") }
        let refused = try Ascolto.run(["read", "--frozen"], log: scratch.log)
        #expect(refused.end == .exit(4))
        try pipe.fileHandleForWriting.close()
        #expect(try writer.finish(within: 20).end == .exit(0))
        #expect(
            try Ascolto.run(["append", "--frozen"], log: scratch.log, input: .text("")).end
                == .exit(2))
        try FileManager.default.removeItem(atPath: "\(scratch.log)/lock.mdb")
        #expect(try done(["export", "--frozen"]).output == export)
        for verb in ["stats", "check", "streams", "read"] {
            _ = try done([verb, "--frozen"])
        }
        _ = try done(["backup", backup, "--frozen"])
        #expect(!FileManager.default.fileExists(atPath: "\(scratch.log)/lock.mdb"))
    }

    private static let canMount = geteuid() == 0

    @Test(
        "a read-only mount is refused without --frozen",
        .enabled(if: canMount, "needs root, to mount a directory read-only"))
    func readOnlyMount() throws {
        try MakeLog.append(lines(0..<50), to: scratch.log)
        let place = "\(scratch.path)/mounted"
        try FileManager.default.createDirectory(
            atPath: place, withIntermediateDirectories: true)
        let script = """
            mount --bind '\(scratch.log)' '\(place)' || exit 99
            mount -o remount,bind,ro '\(place)' || exit 99
            '\(Ascolto.path)' stats --log '\(place)' >&2; echo $?
            '\(Ascolto.path)' export --frozen --log '\(place)' | wc -l
            '\(Ascolto.path)' check --frozen --log '\(place)' >&2; echo $?
            """
        let run = try Program.run("unshare", ["-m", "bash", "-c", script], within: 60)
        if run.end == .exit(99) {
            tell("not tested: this machine does not let root mount a directory")
            return
        }
        #expect(run.lines == ["1", "51", "0"], "\(run.error)")
        #expect(run.error.contains("--frozen"))
    }

    @Test("stats tells where every byte is, and who holds up the reuse of pages")
    func statistics() throws {
        try MakeLog.generate(days: 1, contactsPerDay: 300, in: scratch.log)
        let stats = try MakeLog.stats(scratch.log)
        let databases = ["meta", "tail", "blocks", "payloads", "runs", "tiles"].compactMap {
            stats["database_bytes"]?[$0]?.integer
        }
        #expect(databases.count == 6)
        let others = ["free_bytes", "lmdb_bytes", "unused_bytes"].compactMap {
            stats[$0]?.integer
        }
        let data = try #require(stats["data_file_bytes"]?.integer)
        #expect(databases.reduce(0, +) + others.reduce(0, +) == data)
        #expect(try contents(of: "\(scratch.log)/data.mdb").count == Int(data))
        #expect(stats["head_file_bytes"]?.integer == 4_096)
        #expect(stats["readers"]?.integer == 0)
    }
}
