internal import Foundation

/// Python, whose programs share nothing with the project's code.
package enum Python {
    /// The one that Tools/test prepares; where there is none, the machine's own.
    package static let path: String = {
        let prepared = "\(Places.package)/.venv/bin/python"
        let isPrepared = FileManager.default.isExecutableFile(atPath: prepared)
        return ProcessInfo.processInfo.environment["ASCOLTO_PYTHON"]
            ?? (isPrepared ? prepared : "python3")
    }()

    /// Whether the modules are there that reading a log takes.
    package static let readsLogs = can("import lmdb, zstandard")
    /// Whether the modules are there that talk to a server and sign tokens.
    package static let speaksHTTP = can(
        "import jwt, cryptography, zstandard, schemathesis, cloudevents")
    /// Whether the modules are there that intervals take.
    package static let estimates = can("import scipy, statsmodels")

    package static let needed =
        "needs a Python with Tools/requirements.txt: Tools/test makes one, or set $ASCOLTO_PYTHON"

    /// Whether code runs to its end.
    package static func can(_ code: String) -> Bool {
        (try? run(code: code))?.end == .exit(0)
    }

    /// Runs a script of Tests/Independent.
    package static func run(
        _ script: String, _ arguments: [String] = [], input: Program.Input = .nothing,
        within seconds: Double = 600
    ) throws -> Run {
        try Program.run(
            path, ["\(Places.package)/Tests/Independent/\(script)"] + arguments, input: input,
            within: seconds)
    }

    package static func run(
        code: String, _ arguments: [String] = [], input: Program.Input = .nothing
    ) throws -> Run {
        try Program.run(path, ["-c", code] + arguments, input: input)
    }
}
