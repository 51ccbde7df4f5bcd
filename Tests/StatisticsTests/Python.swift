import Foundation
import Testing

/// Runs the scripts of Tests/Independent that recompute statistics with statsmodels and scipy.
enum Python {
    private static let path =
        ProcessInfo.processInfo.environment["ASCOLTO_PYTHON"]
        ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../.venv/bin/python").path

    static let hasOracles =
        (try? run(["-c", "import scipy, statsmodels; print('here')"], input: "")) == "here\n"

    static let needed: Comment =
        "needs a Python with Tools/requirements.txt: Tools/test makes one, or set $ASCOLTO_PYTHON"

    /// What the script prints when it reads `input`.
    static func script(_ name: String, input: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        return try run([tests.appendingPathComponent("Independent/\(name)").path], input: input)
    }

    private static func run(_ arguments: [String], input: String) throws -> String {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("ascolto-\(UUID().uuidString).txt")
        try Data(input.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [path] + arguments
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
