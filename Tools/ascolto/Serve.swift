internal import ArgumentParser
internal import EventLog
internal import Foundation
internal import Server

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the log over HTTP until told to end by SIGTERM or SIGINT.")

    @OptionGroup var log: LogOptions
    @OptionGroup var known: ProjectionOptions
    @Option(help: ArgumentHelp("Where to listen.", valueName: "host:port"))
    var listen = "127.0.0.1:8080"
    @Flag(help: "Without tokens: everybody may do everything. For loopback only.")
    var insecure = false
    @Flag(help: "Append although the clock has run more than 10 minutes ahead.")
    var acceptClock = false

    func run() async throws {
        let (host, port) = try address()
        guard insecure else { throw UsageError("tokens are not there yet: add --insecure") }
        if insecure, !["127.0.0.1", "::1", "localhost"].contains(host) {
            throw UsageError("--insecure is for loopback only, not for \(host)")
        }
        let projections = try known.all(of: log)
        let opened = try log.openForWriting(
            clockPolicy: acceptClock ? .acceptJump : .refuseJumps)
        defer { opened.close() }
        let server = LogServer(
            opened, projections: projections, in: log.projectionsDirectory,
            LogServer.Settings(host: host, port: port, gate: .open))
        try await server.run { _ in Standard.error("listening on http://\(host):\(port)") }
    }

    private func address() throws -> (host: String, port: Int) {
        guard let colon = listen.lastIndex(of: ":"),
            let port = Int(listen[listen.index(after: colon)...]), (0...65_535).contains(port)
        else { throw UsageError("--listen needs HOST:PORT, not \(listen)") }
        return (String(listen[..<colon]).trimmingCharacters(in: ["[", "]"]), port)
    }
}
