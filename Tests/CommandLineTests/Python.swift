import Foundation
import Testing

/// Runs the scripts of Tests/Independent, which share nothing with the project's code.
enum Python {
    static let path =
        ProcessInfo.processInfo.environment["ASCOLTO_PYTHON"]
        ?? "\(Places.package)/.venv/bin/python"

    /// Whether the modules are there that reading a log takes.
    static let readsLogs = has("lmdb, zstandard")
    /// Whether the modules are there that intervals take.
    static let estimates = has("scipy, statsmodels")

    private static func has(_ modules: String) -> Bool {
        guard FileManager.default.isExecutableFile(atPath: path) else { return false }
        let run = try? RunningProgram(path, arguments: ["-c", "import \(modules)"])
            .finish(within: 60)
        return run?.end == .exit(0)
    }

    static let needed: Comment =
        "needs a Python with Tools/requirements.txt: Tools/test makes one, or set $ASCOLTO_PYTHON"

    static func run(
        _ script: String, arguments: [String] = [], input: Data? = nil
    ) throws -> Run {
        try RunningProgram(
            path, arguments: ["\(Places.package)/Tests/Independent/\(script)"] + arguments,
            input: input.map { .bytes($0) } ?? .nothing
        ).finish(within: 600)
    }
}
