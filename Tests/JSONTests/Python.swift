import Foundation

/// Python as a reader of JSON that shares nothing with ours.
struct Python: Sendable {
    static let isPresent = (try? run("print('here')", input: "")) == "here\n"

    /// What `script` prints when it reads `input`.
    static func run(_ script: String, input: String) throws -> String {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("ascolto-\(UUID().uuidString).txt")
        try Data(input.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-c", script]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
