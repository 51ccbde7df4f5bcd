import Dispatch
import Foundation

/// What a program left behind that ran and ended.
struct Run {
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

    /// The lines of the output, without their ends.
    var lines: [Substring] { text.split(separator: "\n") }

    /// The answer, read as JSON.
    func json() throws -> AnyJSON { try JSONDecoder().decode(AnyJSON.self, from: output) }
}

/// A program that runs, with its output going to files so that no pipe can fill up.
final class RunningProgram {
    private let process = Process()
    private let ended = DispatchSemaphore(value: 0)
    private let scratch: Scratch
    private let output: String
    private let error: String

    /// Standard input of a program: nothing, bytes, or what the test will write later.
    enum Input {
        case nothing
        case bytes(Data)
        case pipe(Pipe)
    }

    init(
        _ program: String, arguments: [String], input: Input = .nothing,
        environment: [String: String] = [:]
    ) throws {
        scratch = try Scratch()
        output = try scratch.file("output", text: "")
        error = try scratch.file("error", text: "")
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var surroundings = ProcessInfo.processInfo.environment
        for name in ["ASCOLTO_LOG", "ASCOLTO_CLOCK"] { surroundings[name] = nil }
        process.environment = surroundings.merging(environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: scratch.path)
        switch input {
        case .nothing: process.standardInput = FileHandle.nullDevice
        case .bytes(let bytes):
            let file = try scratch.file("input", bytes)
            process.standardInput = try FileHandle(
                forReadingFrom: URL(fileURLWithPath: file))
        case .pipe(let pipe): process.standardInput = pipe
        }
        process.standardOutput = try FileHandle(
            forWritingTo: URL(fileURLWithPath: output))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: error))
        process.terminationHandler = { [ended] _ in ended.signal() }
        try process.run()
    }

    var identifier: Int32 { process.processIdentifier }

    var isRunning: Bool { process.isRunning }

    /// The lines that it has written so far; the last may be a part of one.
    var linesSoFar: [Substring] {
        let bytes = (try? contents(of: output)) ?? Data()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    /// Waits for the end; what runs longer than `seconds` is killed.
    func finish(within seconds: Double) throws -> Run {
        var isOutOfTime = false
        if ended.wait(timeout: .now() + seconds) == .timedOut {
            isOutOfTime = true
            kill()
            ended.wait()
        }
        let status = process.terminationStatus
        let end: Run.End =
            if isOutOfTime { .outOfTime } else if process.terminationReason == .exit {
                .exit(status)
            } else { .signal(status) }
        return Run(
            end: end, output: try Data(contentsOf: URL(fileURLWithPath: output)),
            error: String(
                decoding: try Data(contentsOf: URL(fileURLWithPath: error)), as: UTF8.self))
    }
}

/// The binary under test.
enum Ascolto {
    static let path =
        ProcessInfo.processInfo.environment["ASCOLTO_BINARY"]
        ?? "\(Places.package)/.build/debug/ascolto"

    /// Starts the binary on a log and does not wait.
    static func start(
        _ arguments: [String], log: String, input: RunningProgram.Input = .nothing,
        environment: [String: String] = [:]
    ) throws -> RunningProgram {
        try RunningProgram(
            path, arguments: arguments + ["--log", log], input: input, environment: environment)
    }

    /// Runs the binary on a log to its end.
    static func run(
        _ arguments: [String], log: String, input: String? = nil,
        environment: [String: String] = [:], seconds: Double = 300
    ) throws -> Run {
        try run(
            arguments, log: log, bytes: input.map { Data($0.utf8) }, environment: environment,
            seconds: seconds)
    }

    /// Runs the binary on a log to its end, with bytes as its standard input.
    static func run(
        _ arguments: [String], log: String, bytes: Data?,
        environment: [String: String] = [:], seconds: Double = 300
    ) throws -> Run {
        try start(
            arguments, log: log, input: bytes.map { .bytes($0) } ?? .nothing,
            environment: environment
        ).finish(within: seconds)
    }
}

/// Anonymous memory only: pages of the mapped file are the system's to take back.
func residentKilobytes(of process: Int32) -> Int {
    guard let status = try? contents(of: "/proc/\(process)/status") else { return 0 }
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n")
        .first { $0.hasPrefix("RssAnon:") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
        ?? 0
}
