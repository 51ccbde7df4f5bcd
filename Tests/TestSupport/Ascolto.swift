internal import Foundation

/// The binary under test.
package enum Ascolto {
    package static let path =
        ProcessInfo.processInfo.environment["ASCOLTO_BINARY"]
        ?? "\(Places.package)/.build/release/ascolto"

    /// A program of the tests that is built like the binary, and beside it.
    package static func neighbour(_ name: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path + "/\(name)"
    }

    /// Starts the binary on a log and does not wait.
    package static func start(
        _ arguments: [String], log: String, input: Program.Input = .nothing,
        environment: [String: String] = [:]
    ) throws -> Program {
        try Program(path, arguments + ["--log", log], input: input, environment: environment)
    }

    /// Runs the binary on a log to its end.
    package static func run(
        _ arguments: [String], log: String, input: Program.Input = .nothing,
        environment: [String: String] = [:], within seconds: Double = 300
    ) throws -> Run {
        try start(arguments, log: log, input: input, environment: environment)
            .finish(within: seconds)
    }
}
