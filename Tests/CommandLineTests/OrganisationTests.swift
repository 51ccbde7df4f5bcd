import OwnThread
import TestSupport
import Testing

@Suite("The organisation is what a model has that shares nothing with us", .ownThread)
struct OrganisationTests {
    @Test(
        "over random descriptions, decisions, clock changes, and beside a server",
        .enabled(if: Python.can("import yaml, holidays"), "\(Python.needed)"),
        .timeLimit(.minutes(3)))
    func descriptions() throws {
        let run = try Python.run("organisation.py", [Ascolto.path, "--seed", "11"], within: 150)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}

@Suite("Corrected is as if it had been right from the start", .ownThread)
struct CorrectionTests {
    @Test(
        "in every read model, with and without hindsight, in stories, and beside a server",
        .enabled(if: Python.can("import yaml"), "\(Python.needed)"), .timeLimit(.minutes(4)))
    func corrections() throws {
        let run = try Python.run(
            "corrections.py", [Ascolto.path, "--seed", "5", "--rounds", "3"], within: 200)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}
