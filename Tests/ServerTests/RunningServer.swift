import Foundation
import TestSupport

/// `ascolto serve`, until nobody holds this any more.
final class RunningServer {
    let program: Program
    let port: Int

    var address: String { "http://127.0.0.1:\(port)" }

    /// Starts it on a log, and waits until it listens; port 0 takes a free one.
    init(log: String, port: Int = 0, _ arguments: String...) throws {
        program = try Ascolto.start(
            ["serve", "--listen", "127.0.0.1:\(port)", "--insecure"] + arguments, log: log)
        try waitUntil("the server listens, or ends", within: 30) { [program] in
            Self.port(in: program.errorsSoFar) != nil || !program.isRunning
        }
        guard let port = Self.port(in: program.errorsSoFar) else {
            throw DidNotBegin(said: program.errorsSoFar)
        }
        self.port = port
    }

    struct DidNotBegin: Error {
        let said: String
    }

    private static func port(in text: String) -> Int? {
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("listening on") })
        else { return nil }
        return line.split(separator: ":").last.flatMap { Int($0) }
    }

    /// Tells it to end, and waits until it has.
    func end() throws -> Run {
        program.send(SIGTERM)
        return try program.finish(within: 60)
    }
}
