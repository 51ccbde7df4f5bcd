import Foundation
import OwnThread
import TestSupport
import Testing

/// What the README tells a newcomer to type works, line by line.
@Suite(.ownThread) struct ReadmeTests {
    /// What a walk that breaks off has left running would keep its end from being noticed.
    private static let trap = "trap 'jobs -p | xargs -r kill' EXIT\n"

    @Test(.timeLimit(.minutes(5))) func theWalkRuns() throws {
        let blocks = try Places.text("README.md").components(separatedBy: "```sh\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(blocks.count == 15)
        let folder = URL(fileURLWithPath: Ascolto.path).deletingLastPathComponent().path
        let port = String(Int.random(in: 20_000..<30_000))
        let lines = blocks.joined().replacingOccurrences(of: ":8080", with: ":" + port)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let walk = try Program.run(
            "bash", ["-euxo", "pipefail", "-c", Self.trap + lines],
            environment: ["PATH": "\(folder):\(path)"])
        #expect(walk.end == .exit(0), "\(walk.text.suffix(2_000)) \(walk.error.suffix(2_000))")
        // The independent root and the one of stats stand in the last two lines.
        let independent = walk.lines.dropLast().last?.split(separator: " ").last ?? ""
        #expect(independent.count == 64)
        #expect(walk.lines.last?.contains(independent) == true, "\(walk.lines.suffix(2))")
    }
}
