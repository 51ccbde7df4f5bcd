import TestSupport
import Testing

@Suite("Routing decides as its document says, by a reader of it that shares nothing with us")
struct RoutingTests {
    @Test(
        "over random organisations and towns, and what was changed since is found with its cause",
        .enabled(if: Python.can("import json"), "\(Python.needed)"), .timeLimit(.minutes(5)))
    func decisions() throws {
        let run = try Python.run(
            "routing.py", [Ascolto.path, "--seed", "3", "--rounds", "3", "--mutations", "20"],
            within: 280)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }

    @Test(
        "so does who answered in histories that were not routed here, a month of real calls too",
        .enabled(if: Python.can("import json"), "\(Python.needed)"), .timeLimit(.minutes(5)))
    func assignments() throws {
        let run = try Python.run(
            "assignments.py", [Ascolto.path, "--seed", "5", "--rounds", "10"], within: 280)
        #expect(run.end == .exit(0), "\(run.text.suffix(4_000)) \(run.error.suffix(2_000))")
    }
}
