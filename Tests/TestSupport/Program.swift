internal import Dispatch
package import Foundation

/// A program that runs beside the test, and is killed where nobody holds this any more.
///
/// It runs in a directory of its own, and its output goes to files there, so that no pipe can fill
/// up. While it runs this process has none of these files open.
package final class Program {
    /// Standard input of a program.
    package enum Input {
        case nothing
        case bytes(Data)
        /// What comes out of an open file; the program gets it, and here it is closed.
        case handle(FileHandle)

        package static func text(_ text: String) -> Input { .bytes(Data(text.utf8)) }

        /// What the test will write into a pipe, until it closes it.
        package static func pipe(_ pipe: Pipe) -> Input { .handle(pipe.fileHandleForReading) }
    }

    private let process = Process()
    private let ended = DispatchSemaphore(value: 0)
    private let scratch: Scratch

    /// Starts a program, which is looked up in `PATH` unless its name is a path.
    ///
    /// One that cannot be found or run ends with 127 or 126.
    package init(
        _ name: String, _ arguments: [String] = [], input: Input = .nothing,
        environment: [String: String] = [:]
    ) throws {
        scratch = try Scratch()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // By `env`: Foundation changes directory with all that runs in this process, and leaves
        // those signals blocked that the threads of tests block, such as SIGTERM.
        process.arguments = ["--default-signal", "-C", scratch.path, name] + arguments
        var surroundings = ProcessInfo.processInfo.environment
        for name in ["ASCOLTO_LOG", "ASCOLTO_CLOCK"] { surroundings[name] = nil }
        process.environment = surroundings.merging(environment) { $1 }
        let streams = [try Self.open(input, in: scratch)] + (try Self.outputs(in: scratch))
        // Left to the process they would stay open for as long as it is remembered.
        defer { for stream in streams { try? stream.close() } }
        process.standardInput = streams[0]
        process.standardOutput = streams[1]
        process.standardError = streams[2]
        process.terminationHandler = { [ended] _ in ended.signal() }
        try process.run()
    }

    deinit {
        kill()
        forget()
    }

    private static func open(_ input: Input, in scratch: Scratch) throws -> FileHandle {
        let file: String
        switch input {
        case .handle(let handle): return handle
        case .nothing: file = "/dev/null"
        case .bytes(let bytes): file = try scratch.file("input", bytes)
        }
        return try FileHandle(forReadingFrom: URL(fileURLWithPath: file))
    }

    private static func outputs(in scratch: Scratch) throws -> [FileHandle] {
        try ["output", "error"].map { name in
            try FileHandle(forWritingTo: URL(fileURLWithPath: try scratch.file(name, text: "")))
        }
    }

    /// Runs a program to its end; what takes longer than `seconds` is killed.
    package static func run(
        _ name: String, _ arguments: [String] = [], input: Input = .nothing,
        environment: [String: String] = [:], within seconds: Double = 300
    ) throws -> Run {
        try Program(name, arguments, input: input, environment: environment)
            .finish(within: seconds)
    }

    package var identifier: Int32 { process.processIdentifier }

    package var isRunning: Bool { process.isRunning }

    /// The directory in which it runs.
    package var directory: String { scratch.path }

    /// The lines that it has written so far; the last may be a part of one.
    package var linesSoFar: [Substring] {
        let bytes = (try? contents(of: scratch.place("output"))) ?? Data()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    /// What it has said so far.
    package var errorsSoFar: String {
        String(
            decoding: (try? contents(of: scratch.place("error"))) ?? Data(), as: UTF8.self)
    }

    /// Anonymous memory only: pages of a mapped file are the system's to take back.
    package var residentKilobytes: Int {
        guard let status = try? contents(of: "/proc/\(identifier)/status") else { return 0 }
        let line = String(decoding: status, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("RssAnon:") }
        return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
            ?? 0
    }

    /// Waits until the program has written something, or has ended.
    package func awaitOutput() throws {
        try waitUntil("output, or the end", within: 300) { !isRunning || !linesSoFar.isEmpty }
    }

    package func kill() { send(SIGKILL) }

    package func send(_ signal: Int32) {
        if isRunning { Foundation.kill(identifier, signal) }
    }

    /// Waits for the end, once; what runs longer than `seconds` is killed.
    package func finish(within seconds: Double = 300) throws -> Run {
        let isOutOfTime = ended.wait(timeout: .now() + seconds) == .timedOut
        if isOutOfTime {
            kill()
            ended.wait()
        }
        forget()
        let status = process.terminationStatus
        let end: Run.End =
            if isOutOfTime { .outOfTime } else if process.terminationReason == .exit {
                .exit(status)
            } else { .signal(status) }
        return Run(
            end: end, output: try contents(of: scratch.place("output")),
            error: String(
                decoding: try contents(of: scratch.place("error")), as: UTF8.self))
    }

    /// Breaks the cycle of references that a process of Foundation is in from its start; nothing
    /// but this call does, however its end is noticed.
    private func forget() { process.waitUntilExit() }
}
