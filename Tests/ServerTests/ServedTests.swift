import Foundation
import OwnThread
import TestSupport
import Testing

@Suite("The server keeps its contract, as programs see it that share nothing with it", .ownThread)
struct ServedTests {
    private func run(_ script: String, _ arguments: String..., within seconds: Double = 300) throws
    {
        let scratch = try Scratch()
        let run = try Python.run(
            script, [Ascolto.path, scratch.log] + arguments, within: seconds)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    @Test(
        "appending, reading, following and read models over HTTP",
        .enabled(if: Python.speaksHTTP, "\(Python.needed)"), .timeLimit(.minutes(6)))
    func contract() throws { try run("http_contract.py") }

    @Test(
        "every endpoint as every role, and with every kind of bad token",
        .enabled(if: Python.speaksHTTP, "\(Python.needed)"), .timeLimit(.minutes(6)))
    func access() throws { try run("access_matrix.py") }

    @Test(
        "persons: keys, erasure, retention and epochs, beside appends and through kills",
        .enabled(if: Python.speaksHTTP, "\(Python.needed)"), .timeLimit(.minutes(6)))
    func subjects() throws {
        let run = try Python.run("served_subjects.py", [Ascolto.path], within: 300)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    @Test(
        "checkpoints, receipts, tiles and proofs of growth, verified by an auditor's program",
        .timeLimit(.minutes(6)))
    func proofs() throws { try run("served_proofs.py", Ascolto.neighbour("ascolto-verify")) }

    @Test(
        "witnesses refuse forks, remember through kills, and give a quorum",
        .enabled(if: Python.can("import nacl"), "\(Python.needed)"), .timeLimit(.minutes(6)))
    func witnesses() throws {
        let run = try Python.run(
            "witnessing.py",
            [
                Ascolto.path, Ascolto.neighbour("ascolto-verify"), "--kills", "\(30 * patience)",
                "--seed", "5",
            ])
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    @Test(
        "killed under load, it has every acknowledged event once, and subscribers go on",
        .timeLimit(.minutes(6)))
    func kills() throws {
        try run("kill_server.py", "--kills", String(4 * patience), "--seed", "11")
    }

    @Test(
        "requests that are none, or not whole, or not one", .timeLimit(.minutes(6)),
        arguments: [3, 4])
    func hostileRequests(seed: Int) throws {
        try run(
            "fuzz_http.py", "--requests", String(1_000 * patience), "--seed", String(seed))
    }

    @Test(
        "the description of the interface is true",
        .enabled(if: Python.speaksHTTP, "\(Python.needed)"), .timeLimit(.minutes(6)))
    func description() throws {
        let scratch = try Scratch()
        // With a checkpoint, tiles and receipts to be had.
        _ = try Ascolto.run(["keys", "generate"], log: scratch.log)
        let server = try RunningServer(log: scratch.log)
        let run = try Python.run("openapi_conformance.py", [server.address, "--seed", "5"])
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
        #expect(try server.end().end == .exit(0))
    }

    @Test(
        "a newcomer's first event, with the official package",
        .enabled(if: Python.speaksHTTP, "\(Python.needed)"), .timeLimit(.minutes(2)))
    func firstEvent() throws {
        let scratch = try Scratch()
        let server = try RunningServer(log: scratch.log)
        let run = try Program.run(
            Python.path, ["\(Places.package)/Tools/examples/first_event.py", server.address])
        #expect(run.end == .exit(0), "\(run.error)")
        #expect(run.lines.first == "201 appended at position 1")
        #expect(run.lines.dropFirst().first == "200 already appended at position 1")
    }
}

@Suite("A server that cannot begin says why, and leaves the log as it is", .ownThread)
struct FaultsAtStartTests {
    @Test("another writer, a port that is taken, settings that are wrong", .timeLimit(.minutes(2)))
    func faults() throws {
        let scratch = try Scratch()
        let server = try RunningServer(log: scratch.log)
        let other = try Scratch()
        let port = "127.0.0.1:\(server.port)"
        let (certificate, key) = try Self.certificate(in: other)
        let wrong: [(arguments: [String], log: String, exit: Int32, says: String)] = [
            (["--insecure", "--listen", "127.0.0.1:0"], scratch.log, 4, "another process"),
            (["--insecure", "--listen", port], other.log, 4, "another program listens"),
            (["--insecure", "--listen", "0.0.0.0:0"], other.log, 2, "loopback only"),
            (["--listen", "0.0.0.0:0"], other.log, 2, "in clear"),
            (["--listen", "nowhere"], other.log, 2, "HOST:PORT"),
            (["--tls-certificate", certificate], other.log, 2, "together"),
            (
                ["--tls-certificate", "/nowhere.pem", "--tls-key", key], other.log, 2,
                "/nowhere.pem"
            ),
            (["--tls-certificate", key, "--tls-key", key], other.log, 2, "certificate"),
            (["--tls-certificate", certificate, "--tls-key", certificate], other.log, 2, "key"),
            (["--log-level", "loud"], other.log, 2, "log_level"),
            (["--requests-per-second", "0"], other.log, 2, "requests_per_second"),
            (["--config", "/nowhere.yaml"], other.log, 2, "/nowhere.yaml"),
            (
                [
                    "--jwt-keys", certificate, "--jwt-issuer", "a", "--jwt-audience", "b",
                    "--listen", "127.0.0.1:0",
                ], other.log, 2, "JWK set"
            ),
        ]
        for fault in wrong {
            let run = try Ascolto.run(["serve"] + fault.arguments, log: fault.log, within: 30)
            #expect(run.end == .exit(fault.exit), "\(fault.arguments): \(run.error)")
            #expect(run.error.contains(fault.says), "\(fault.arguments): \(run.error)")
        }
        #expect(try server.end().end == .exit(0))
        #expect(try Ascolto.run(["check"], log: scratch.log).end == .exit(0))
    }

    @Test("flags go before the environment, and that before the file", .timeLimit(.minutes(2)))
    func settings() throws {
        let scratch = try Scratch()
        let file = try scratch.file(
            "serve.yaml", text: "listen: 127.0.0.1:1\nlog_level: silent\n")
        let run = try Ascolto.run(
            ["serve", "--config", file], log: scratch.log,
            environment: ["ASCOLTO_LISTEN": "127.0.0.1:2", "ASCOLTO_LOG_LEVEL": "quiet"])
        #expect(run.end == .exit(2))
        #expect(run.error.contains("quiet"), "\(run.error)")
        let typed = try Ascolto.run(
            ["serve", "--config", file, "--log-level", "mute"], log: scratch.log,
            environment: ["ASCOLTO_LOG_LEVEL": "quiet"])
        #expect(typed.error.contains("mute"), "\(typed.error)")
        let misspelt = try scratch.file("wrong.yaml", text: "listn: 127.0.0.1:1\n")
        let refused = try Ascolto.run(["serve", "--config", misspelt], log: scratch.log)
        #expect(refused.end == .exit(2))
        #expect(refused.error.contains("listn"), "\(refused.error)")
    }

    @Test("HTTP/2 and HTTP/1.1 under TLS", .timeLimit(.minutes(2)))
    func encrypted() throws {
        let scratch = try Scratch()
        let (certificate, key) = try Self.certificate(in: scratch)
        let server = try RunningServer(
            log: scratch.log, "--tls-certificate", certificate, "--tls-key", key)
        for (option, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
            let run = try Program.run(
                "curl",
                [
                    "-s", option, "--cacert", certificate, "-w", " %{http_version} %{http_code}",
                    "-H", "Content-Type: application/cloudevents+json", "-d",
                    Self.event(id: version == "2" ? 2 : 1),
                    "https://127.0.0.1:\(server.port)/v1/events",
                ])
            #expect(run.text.hasSuffix(" \(version) 201"), "\(run.text) \(run.error)")
        }
        #expect(try server.end().end == .exit(0))
    }

    private static func event(id: Int) -> String {
        #"{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b3022099a800","#
            .replacingOccurrences(of: "b3022099a800", with: "b302099a805\(id)")
            + #""type":"a.b","source":"x","subject":"s"}"#
    }

    private static func certificate(in scratch: Scratch) throws -> (String, String) {
        let (certificate, key) = (scratch.place("c.pem"), scratch.place("k.pem"))
        let run = try Program.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=IP:127.0.0.1",
            ])
        #expect(run.end == .exit(0), "\(run.error)")
        return (certificate, key)
    }
}

@Suite("What the documents say of the server is true", .ownThread)
struct OperateTests {
    private func document() throws -> String {
        try Places.text("Sources/Server/Server.docc/Operate.md")
    }

    @Test("every setting stands in the table, as it is typed and in the environment")
    func settings() throws {
        let scratch = try Scratch()
        let help = try Ascolto.run(["serve", "--help"], log: scratch.log).text
        let table = try document()
        let flags = help.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix("--") }
        let known: Set<Substring> = [
            "--log", "--frozen", "--service-threshold", "--definitions", "--config", "--insecure",
            "--accept-clock",
        ]
        let settings = Set(flags.map { $0.prefix { $0 != "." && $0 != ")" } }).subtracting(known)
            .filter { help.contains("  \($0)") }
        #expect(settings.count == 16, "\(settings)")
        for flag in settings {
            let name = flag.dropFirst(2).replacingOccurrences(of: "-", with: "_")
            #expect(
                table.contains("| `\(name)` | `\(flag)` | `ASCOLTO_\(name.uppercased())` |"),
                "\(flag)")
        }
    }

    @Test("every kind of problem stands in the description", .timeLimit(.minutes(2)))
    func problems() throws {
        let scratch = try Scratch()
        let server = try RunningServer(log: scratch.log)
        let page = try Program.run("curl", ["-s", server.address + "/problems"]).text
        let kinds = page.components(separatedBy: "<h2 id=\"").dropFirst().map {
            $0.prefix { $0 != "\"" }
        }
        #expect(kinds.count > 15)
        let description = try Places.text("Sources/Server/openapi.yaml")
        for kind in kinds { #expect(description.contains("| `\(kind)` |"), "\(kind)") }
        #expect(try server.end().end == .exit(0))
    }

    @Test("every metric is explained, and has few labels", .timeLimit(.minutes(2)))
    func metrics() throws {
        let scratch = try Scratch()
        let server = try RunningServer(log: scratch.log)
        let run = try Program.run("curl", ["-s", server.address + "/metrics"])
        let names = run.lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        #expect(names.count > 15)
        let table = try document()
        for name in names { #expect(table.contains("`\(name)`"), "\(name)") }
        #expect(try server.end().end == .exit(0))
    }
}
