import OwnThread
import TestSupport
import Testing

@Suite("Schemas and append agree, as a validator sees it that shares nothing with us", .ownThread)
struct SchemaTests {
    @Test(
        "on data of every type, good and spoilt",
        .enabled(if: Python.can("import jsonschema_rs"), "\(Python.needed)"),
        .timeLimit(.minutes(3)))
    func schemas() throws {
        let run = try Python.run("schemas.py", [Ascolto.path, "--seed", "3"], within: 150)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}
