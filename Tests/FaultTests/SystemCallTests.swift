import Foundation
import OwnThread
import TestSupport
import Testing

/// System calls that fail, do less than asked or never return, one after the other.
@Suite("A failing system call", .ownThread, .enabled(if: Strace.works, Strace.needed))
struct SystemCallTests {
    /// What happens to the n-th call of a kind.
    struct Fault: Sendable, CustomTestStringConvertible {
        let call: String
        let action: String

        var testDescription: String { "\(call): \(action)" }
        var kills: Bool { action == "signal=KILL" }
    }

    /// What LMDB and the head file write with, and what the log syncs with.
    private static let faults: [Fault] = {
        var faults: [Fault] = []
        for call in ["pwrite64", "writev"] {
            // A short write of 100 bytes did not happen at all; the caller believes it did.
            for action in ["error=EIO", "error=ENOSPC", "retval=100", "retval=0", "signal=KILL"] {
                faults.append(Fault(call: call, action: action))
            }
        }
        for call in ["fdatasync", "fsync", "msync", "ftruncate", "pwritev", "write"] {
            for action in ["error=EIO", "error=ENOSPC", "signal=KILL"] {
                faults.append(Fault(call: call, action: action))
            }
        }
        for action in ["error=EIO", "signal=KILL"] {
            faults.append(Fault(call: "lseek", action: action))
        }
        return faults
    }()

    /// Requests before and after the sealing of a block; the first of them are there already.
    private static let (there, behind) = (24, 32)

    @Test("loses nothing that was acknowledged, and is told", arguments: faults)
    func fault(fault: Fault) throws {
        let scratch = try Scratch()
        let made = try Ascolto.run(["keys", "generate"], log: scratch.log)
        try #require(made.end == .exit(0), "\(made.error)")
        var sound = Promise(seed: 9, shape: "mixed", log: scratch.log)
        try sound.requireCompletable(0..<Self.there, "before all faults")
        let kept = "\(scratch.path)/kept"
        try FileManager.default.moveItem(atPath: scratch.log, toPath: kept)
        var (call, hits, told) = (1, 0, 0)
        while true {
            let story = "\(fault.testDescription), call \(call)"
            try? FileManager.default.removeItem(atPath: scratch.log)
            try FileManager.default.copyItem(atPath: kept, toPath: scratch.log)
            var promise = sound
            let trace = "\(scratch.path)/trace"
            let running = try promise.append(
                Self.there..<Self.behind, under: Strace.command(fault, call: call, trace: trace))
            let run = try running.finish()
            try promise.take(run, story)
            guard try Strace.hit(trace) || run.end == .signal(9) else {
                #expect(run.end == .exit(0), "\(story): without a fault: \(run.end) \(run.error)")
                break
            }
            hits += 1
            try judge(run, fault, story)
            if run.end != .exit(0) { told += 1 }
            try promise.requireSound(story)
            try promise.requireCompletable(0..<Self.behind, story)
            try promise.requireOnce("\(story), completed")
            try promise.requireExtended("\(story), completed")
            // Every call at first, then some of the many that are alike.
            call += 1 + call / (8 * patience)
        }
        tell("\(fault.testDescription): \(hits) calls hit, \(told) told, nothing lost")
    }

    private func judge(_ run: Run, _ fault: Fault, _ story: String) throws {
        switch run.end {
        case .signal(9):
            #expect(fault.kills, "\(story): killed")
        case .exit(0):
            break
        case .exit(1) where fault.call == "write":
            // An acknowledgement, or the message itself, could not be written.
            break
        case .exit(4):
            let words = ["failed: ", "disk is full", "writer has stopped", "error", "No space"]
            #expect(words.contains(where: run.error.contains), "\(story): \(run.error)")
        default: Issue.record("\(story): \(run.end) \(run.error)")
        }
    }

    @Test(
        "ends the verb append with 4 and a message",
        arguments: ["pwrite64", "writev", "fdatasync"], ["error=EIO", "error=ENOSPC"])
    func verb(call: String, action: String) throws {
        let fault = Fault(call: call, action: action)
        let scratch = try Scratch()
        var number = 1
        while true {
            let story = "\(fault.testDescription), call \(number)"
            try? FileManager.default.removeItem(atPath: scratch.log)
            _ = try Ascolto.run(["keys", "generate"], log: scratch.log)
            let line = Self.line(number)
            let trace = "\(scratch.path)/trace"
            let words =
                Strace.command(fault, call: number, trace: trace)
                + [Ascolto.path, "append", "--log", scratch.log]
            let run = try Program.run(words[0], Array(words.dropFirst()), input: .text(line))
            guard try Strace.hit(trace) else { break }
            // The head file is remembered after the commit; where that fails, the append is done.
            if run.end != .exit(0) {
                #expect(run.end == .exit(4), "\(story): \(run.error)")
                #expect(run.error.contains("ascolto: "), "\(story): \(run.error)")
                // Where opening fails there is no answer at all.
                let isRight = run.text.isEmpty || run.text.contains(#""appended":0"#)
                #expect(isRight, "\(story): \(run.text)")
            }
            let check = try Ascolto.run(["check"], log: scratch.log)
            #expect(check.end == .exit(0), "\(story): \(check.error)")
            let again = try Ascolto.run(["append"], log: scratch.log, input: .text(line))
            #expect(again.end == .exit(0), "\(story): \(again.error)")
            if run.end == .exit(0) {
                #expect(again.text.contains(#""already_appended":1"#), "\(story): \(again.text)")
            }
            number += 1
        }
        #expect(number > 1, "no call of \(call) was made to fail")
    }

    private static func line(_ number: Int) -> String {
        let tail = String(repeating: "0", count: 8) + "\(1_000 + number)"
        return #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-\#(tail)","source":"urn:x","#
            + #""type":"fault.sent","subject":"s/1","data":{"n":\#(number)}}"# + "\n"
    }
}

/// The tracer that makes system calls fail.
enum Strace {
    /// Whether it is there and may trace; containers often forbid it.
    static let works: Bool = {
        let run = try? Program.run(
            "strace", ["-qq", "-o", "/dev/null", "-e", "trace=fsync", "/bin/true"])
        return run?.end == .exit(0)
    }()

    static let needed: Comment =
        "skipped: needs strace and the right to trace; Tools/prepare --with-tests has it"

    /// The words before a command that let one of its system calls fail.
    static func command(
        _ fault: SystemCallTests.Fault, call: Int, trace: String
    ) -> [String] {
        [
            // Only calls that are in the trace can be made to fail.
            "strace", "-f", "-qq", "-o", trace, "-e", "trace=\(fault.call)",
            "-e", "inject=\(fault.call):\(fault.action):when=\(call)",
        ]
    }

    /// Whether a call was made to fail.
    static func hit(_ trace: String) throws -> Bool {
        let text = try String(contentsOfFile: trace, encoding: .utf8)
        return text.contains("(INJECTED)")
    }
}
