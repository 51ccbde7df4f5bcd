internal import Foundation
internal import Synchronization

/// Runs a check in a process of its own, because damaged pages can kill or stall LMDB.
enum CheckInChild {
    /// What the parent learns of its child.
    struct Report {
        var events: UInt64 = 0
        var root: String?
        var problems: [String] = []
        fileprivate var isComplete = false

        fileprivate mutating func take(_ line: Substring) {
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

    /// The last steps of a check of many millions of events tell nothing for a while.
    private static let silenceMax: Duration = .seconds(300)

    /// Checks what `arguments` name, and refuses it where it is not sound.
    static func requireSound(_ arguments: [String]) throws {
        let report = try run(arguments)
        for problem in report.problems { Standard.error(problem) }
        if !report.problems.isEmpty { throw VerbOutcome.corruptionFound }
    }

    /// Checks what `arguments` name.
    static func run(_ arguments: [String]) throws -> Report {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = ["check", "--in-this-process"] + arguments
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
        var report = Report()
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
                // The child has said why it could not look.
                throw VerbOutcome.toldByChild(status)
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
