internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import JSON
internal import Merkle
internal import Synchronization

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify everything on disk; exit with 5 and positions where something is wrong.")

    @OptionGroup var log: LogOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Only the head, the edge of the tree, the tail and the free pages.")
    var quick = false
    @Flag(help: .hidden)
    var inThisProcess = false

    func run() throws {
        if inThisProcess { return try checkHere() }
        let report = try checkInChild()
        Answer(object: [
            ("sound", .truth(report.problems.isEmpty)), ("events", .count(report.events)),
            ("root", .optional(report.root)),
            ("problems", .count(report.problems.count)),
        ]).write(as: output.chosen)
        for problem in report.problems { Standard.error(problem) }
        if !report.problems.isEmpty { throw VerbOutcome.corruptionFound }
    }

    /// What the parent learns of its child.
    private struct ChildReport {
        var events: UInt64 = 0
        var root: String?
        var problems: [String] = []
        var isComplete = false

        mutating func take(_ line: Substring) {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2 else { return }
            switch parts[0] {
            case "events": events = UInt64(parts[1]) ?? 0
            case "root": root = String(parts[1])
            case "problem": problems.append(String(parts[1]))
            case "done": isComplete = true
            default: break
            }
        }
    }

    /// The child's part: lines for the parent, which is why it prints no answer.
    private func checkHere() throws {
        var told = SuspendingClock.now
        let report = try EventLog.check(at: log.directory, depth: quick ? .quick : .full) {
            events in
            guard SuspendingClock.now - told > .seconds(1) else { return }
            told = SuspendingClock.now
            Standard.output.write(line: "progress \(events)")
            Standard.output.flush()
        }
        Standard.output.write(line: "events \(report.events)")
        if let root = report.root { Standard.output.write(line: "root \(root.hex)") }
        for problem in report.problems {
            let text = "\(problem)".replacingOccurrences(of: "\n", with: " ")
            Standard.output.write(line: "problem \(text)")
        }
        Standard.output.write(line: "done 1")
        Standard.output.flush()
    }

    /// The last steps of a check of many millions of events tell nothing for a while.
    private static let silenceMax: Duration = .seconds(300)

    /// Runs the check in a child, because damaged pages can kill or stall LMDB.
    private func checkInChild() throws -> ChildReport {
        guard EventLog.exists(at: log.directory) else {
            throw LogError.noLog(directory: log.directory)
        }
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments =
            ["check", "--in-this-process", "--log=" + log.directory] + (quick ? ["--quick"] : [])
        let pipe = Pipe()
        child.standardOutput = pipe
        let lastSign = Mutex(SuspendingClock.now)
        let finished = Mutex(false)
        try child.run()
        let watch = Thread {
            while !finished.withLock({ $0 }) {
                Thread.sleep(forTimeInterval: 0.2)
                if SuspendingClock.now - lastSign.withLock({ $0 }) > Self.silenceMax {
                    kill(child.processIdentifier, SIGKILL)
                    return
                }
            }
        }
        watch.start()
        var report = ChildReport()
        var pending = ""
        while case let bytes = pipe.fileHandleForReading.availableData, !bytes.isEmpty {
            lastSign.withLock { $0 = .now }
            pending += String(decoding: bytes, as: UTF8.self)
            while let end = pending.firstIndex(of: "\n") {
                report.take(pending[..<end])
                pending = String(pending[pending.index(after: end)...])
            }
        }
        child.waitUntilExit()
        finished.withLock { $0 = true }
        if !report.isComplete {
            let status = child.terminationStatus
            if child.terminationReason == .exit, status != ExitStatus.corruption {
                // The child has said why the log could not be looked at.
                Foundation.exit(status)
            }
            report.problems.append(
                child.terminationReason == .exit
                    ? "corruption: LMDB failed on damaged pages, the check broke off"
                    : "corruption: the check was ended by signal \(status), after a crash or "
                        + "\(Self.silenceMax) of silence")
        }
        return report
    }
}
