import Foundation
import OwnThread
import TestSupport
import Testing

/// What auditors get, judged by programs that share nothing with ours.
@Suite("Proofs are accepted by Go, pymerkle and PyNaCl, and altered ones are not", .ownThread)
struct IndependentProofTests {
    /// Go's packages of Debian, which have no modules.
    private static let environment = ["GO111MODULE": "off", "GOPATH": "/usr/share/gocode"]
    private static let package = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog"
    private static let hasGo =
        FileManager.default.fileExists(atPath: package)
        && (try? Program.run("go", ["version"]).end) == .exit(0)
    private static let hasPython = Python.can("import nacl, pymerkle")

    private static var needed: String {
        "needs golang-go, golang-golang-x-mod-dev and a Python with Tools/requirements.txt: "
            + "Tools/test installs them"
    }

    private static func run(_ log: String, mutations: Int, in scratch: Scratch) throws {
        let checker = scratch.place("check_tree")
        let cache = ["GOCACHE": scratch.place("cache"), "HOME": scratch.path]
        let built = try Program.run(
            "go", ["build", "-o", checker, "\(Places.package)/Tests/Independent/check_tree.go"],
            environment: environment.merging(cache) { $1 })
        try #require(built.end == .exit(0), "\(built.error)")
        let run = try Python.run(
            "proofs.py",
            [
                Ascolto.path, Ascolto.neighbour("ascolto-verify"), log, "--go", checker,
                "--mutations", "\(mutations)", "--seed", "9",
            ], within: 900)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    @Test(
        "of a small log, with 300 changes of one byte",
        .enabled(if: hasGo && hasPython, "\(needed)"), .timeLimit(.minutes(10)))
    func altered() throws {
        let scratch = try Scratch()
        try MakeLog.generate(days: 2, contactsPerDay: 100, in: scratch.log)
        try Self.run(scratch.log, mutations: 300, in: scratch)
    }

    @Test(
        "of two months of real calls",
        .enabled(if: hasGo && hasPython, "\(needed)"),
        .enabled(if: Places.hasCalls, "\(Places.callsNeeded)"), .timeLimit(.minutes(15)))
    func realCalls() throws {
        let scratch = try Scratch()
        let run = try MakeLog.importCalls(
            [Places.calls(month: "01"), Places.calls(month: "02")], to: scratch.log)
        #expect(run.end == .exit(0), "\(run.error)")
        try Self.run(scratch.log, mutations: 4, in: scratch)
    }
}

@Suite("Timestamps are those of RFC 3161, as OpenSSL and rfc3161-client read it", .ownThread)
struct IndependentTimestampTests {
    @Test(
        "of an authority that OpenSSL plays, well, badly and not at all",
        .enabled(
            if: Python.can("import nacl, cryptography, rfc3161_client")
                && (try? Program.run("openssl", ["version"]).end) == .exit(0),
            "needs openssl, and a Python with Tools/requirements.txt: Tools/test installs them"),
        .timeLimit(.minutes(10)))
    func exchanges() throws {
        let run = try Python.run(
            "timestamps.py", [Ascolto.path, "--mutations", "60", "--seed", "7"], within: 500)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}

@Suite("Reports for the audit repeat themselves, and prove what they say", .ownThread)
struct IndependentReportTests {
    private static let canRun =
        Python.can("import nacl, cryptography")
        && (try? Program.run("jq", ["--version"]).end) == .exit(0)
        && (try? Program.run("openssl", ["version"]).end) == .exit(0)

    @Test(
        "in every command that they tell the reader to type",
        .enabled(
            if: canRun,
            "needs jq, openssl and a Python with Tools/requirements.txt: Tools/test installs them"),
        .timeLimit(.minutes(10)))
    func reports() throws {
        let run = try Python.run(
            "audit_report.py",
            [
                Ascolto.path, Ascolto.neighbour("ascolto-verify"),
                "\(Places.package)/Tools/definitions/boston-311.yaml", "--mutations", "60",
                "--seed", "7",
            ], within: 500)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}

@Suite("Personal data are sealed as the format says, and erased for ever", .ownThread)
struct IndependentVaultTests {
    @Test(
        "as another program opens them, and finds them nowhere after it",
        .enabled(if: Python.can("import lmdb, cryptography"), "\(Python.needed)"),
        .timeLimit(.minutes(10)))
    func vault() throws {
        let run = try Python.run(
            "vault.py", [Ascolto.path, Ascolto.neighbour("ascolto-verify")], within: 500)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}
