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
    @Option(help: .hidden)
    var backup: String?
    @Option(help: .hidden)
    var copy: String?

    func run() throws {
        if inThisProcess { return try checkHere() }
        guard EventLog.exists(at: log.directory) else {
            throw LogError.noLog(directory: log.directory)
        }
        let report = try CheckInChild.run(
            ["--log=" + log.directory] + (quick ? ["--quick"] : [])
                + (log.frozen ? ["--frozen"] : []))
        Answer(object: [
            ("sound", .truth(report.problems.isEmpty)), ("events", .count(report.events)),
            ("root", .optional(report.root)),
            ("problems", .count(report.problems.count)),
        ]).write(as: output.chosen)
        for problem in report.problems { Standard.error(problem) }
        if !report.problems.isEmpty { throw VerbOutcome.corruptionFound }
    }

    /// The child's part: lines for the parent, which is why it prints no answer.
    private func checkHere() throws {
        var told = SuspendingClock.now
        let report = try check { events in
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

    private func check(progress: (UInt64) -> Void) throws -> CheckReport {
        if let backup { return try EventLog.checkBackup(at: backup, progress: progress) }
        if let copy {
            return try EventLog.checkCopy(at: copy, of: log.directory, progress: progress)
        }
        return try EventLog.check(
            at: log.directory, depth: quick ? .quick : .full, access: log.accessForReading,
            progress: progress)
    }
}
