import Dispatch
import Foundation
import Testing

/// What a program left behind that ran and ended.
struct Ended {
    enum End: Equatable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)
        case outOfTime

        var description: String {
            switch self {
            case .exit(let code): "exit \(code)"
            case .signal(let number): "signal \(number)"
            case .outOfTime: "killed after its time limit"
            }
        }
    }

    let end: End
    let output: Data
    let error: String

    var text: String { String(decoding: output, as: UTF8.self) }
}

/// A program that runs, with its output going to files so that no pipe can fill up.
final class Program {
    private let process = Process()
    private let ended = DispatchSemaphore(value: 0)
    private let scratch: Scratch

    init(_ path: String, _ arguments: [String], input: Data = Data()) throws {
        scratch = try Scratch()
        for name in ["output", "error"] { try Data().write(to: scratch.url(name)) }
        try input.write(to: scratch.url("input"))
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var surroundings = ProcessInfo.processInfo.environment
        for name in ["ASCOLTO_LOG", "ASCOLTO_CLOCK"] { surroundings[name] = nil }
        process.environment = surroundings
        process.standardInput = try FileHandle(forReadingFrom: scratch.url("input"))
        process.standardOutput = try FileHandle(forWritingTo: scratch.url("output"))
        process.standardError = try FileHandle(forWritingTo: scratch.url("error"))
        process.terminationHandler = { [ended] _ in ended.signal() }
        try process.run()
    }

    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Waits until the program has written something, or has ended.
    func awaitOutput() {
        let file = scratch.url("output").path
        while process.isRunning {
            let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
            if size ?? 0 > 0 { return }
            Thread.sleep(forTimeInterval: 0.002)
        }
    }

    /// Waits for the end; what runs longer than `seconds` is killed.
    func finish(within seconds: Double = 120) throws -> Ended {
        var isOutOfTime = false
        if ended.wait(timeout: .now() + seconds) == .timedOut {
            isOutOfTime = true
            kill()
            ended.wait()
        }
        let status = process.terminationStatus
        let end: Ended.End =
            if isOutOfTime { .outOfTime } else if process.terminationReason == .exit {
                .exit(status)
            } else { .signal(status) }
        return Ended(
            end: end, output: try Data(contentsOf: scratch.url("output")),
            error: String(decoding: try Data(contentsOf: scratch.url("error")), as: UTF8.self))
    }

    static func run(
        _ path: String, _ arguments: [String], input: Data = Data(), within seconds: Double = 120
    ) throws -> Ended {
        try Program(path, arguments, input: input).finish(within: seconds)
    }
}

/// A directory of its own for one test, removed with the value.
final class Scratch {
    let path: String

    init(in parent: String = FileManager.default.temporaryDirectory.path) throws {
        path = "\(parent)/ascolto-fault-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func url(_ name: String) -> URL { URL(fileURLWithPath: "\(path)/\(name)") }

    /// A directory for a log, not made yet.
    var log: String { "\(path)/log" }
}

/// Where the tests find what lies outside their own folder.
enum Places {
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// The binary under test.
    static let ascolto =
        ProcessInfo.processInfo.environment["ASCOLTO_BINARY"]
        ?? "\(package)/.build/debug/ascolto"

    /// The program that appends and is killed, built like the binary and beside it.
    static let appender =
        URL(fileURLWithPath: ascolto).deletingLastPathComponent().path + "/FaultAppender"

    static let python =
        ProcessInfo.processInfo.environment["ASCOLTO_PYTHON"]
        ?? "\(package)/.venv/bin/python"

    static let strace = "/usr/bin/strace"

    static let isRoot = getuid() == 0

    /// Many more rounds than a test run has time for, for those who look for trouble.
    static let patience =
        ProcessInfo.processInfo.environment["ASCOLTO_FAULT_PATIENCE"].flatMap(Int.init) ?? 1
}

/// Random numbers that a seed repeats (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Writes a figure that people want to see beside the results of the tests.
func tell(_ figure: String) {
    FileHandle.standardError.write(Data("figure: \(figure)\n".utf8))
}
