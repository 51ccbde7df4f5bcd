import Foundation
import Testing

/// What the README tells a newcomer to type works, line by line.
@Suite struct ReadmeTests {
    @Test(.timeLimit(.minutes(5))) func theWalkRuns() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(
            contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let blocks = readme.components(separatedBy: "```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "```").first
        }
        #expect(blocks.count == 7)
        let binary =
            ProcessInfo.processInfo.environment["ASCOLTO_BINARY"]
            ?? root.appendingPathComponent(".build/debug/ascolto").path
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("ascolto-readme-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let walk = Process()
        walk.executableURL = URL(fileURLWithPath: "/bin/bash")
        walk.arguments = ["-euxo", "pipefail", "-c", blocks.joined()]
        walk.currentDirectoryURL = directory
        var environment = ProcessInfo.processInfo.environment
        let folder = (binary as NSString).deletingLastPathComponent
        environment["PATH"] = folder + ":" + (environment["PATH"] ?? "")
        walk.environment = environment
        let transcript = directory.appendingPathComponent("transcript")
        try Data().write(to: transcript)
        let output = try FileHandle(forWritingTo: transcript)
        walk.standardOutput = output
        walk.standardError = output
        try walk.run()
        walk.waitUntilExit()
        let text = try String(contentsOf: transcript, encoding: .utf8)
        #expect(walk.terminationStatus == 0, "\(text.suffix(2_000))")
        // The independent root and the one of stats stand in the last two lines.
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("+") }
        let independent = lines.dropLast().last?.split(separator: " ").last ?? ""
        #expect(independent.count == 64)
        #expect(lines.last?.contains(independent) == true, "\(lines.suffix(2))")
    }
}
