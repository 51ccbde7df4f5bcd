import Foundation
import TestSupport
import Testing

@Suite("The server keeps its contract, as programs see it that share nothing with it")
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
}
