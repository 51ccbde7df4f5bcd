internal import ContactCentre
internal import EventLog
internal import JSON
internal import ProjectionKit
internal import Projections
internal import Testing

/// Events that no sound source writes, but that a log may hold: they never break the figures.
@Suite struct HostileEventTests {
    private let directory: TemporaryDirectory
    private var model: ReadModel { ReadModel(of: OperatorQueues(), in: directory.path) }

    init() throws { directory = try TemporaryDirectory() }

    private func rebuilt(_ source: EventSource) throws -> ReadModelDigest {
        let other = try TemporaryDirectory()
        _ = try Projector(OperatorQueues(), in: other.path).rebuild(from: source)
        return try ReadModel(of: OperatorQueues(), in: other.path).digest()
    }

    /// Projects in steps of so many events, each of which resumes from the file alone.
    private func project(_ source: EventSource, inStepsOf step: Int) throws {
        let end = Int(try source.size())
        for size in stride(from: step, to: end + step, by: step) {
            _ = try Projector(OperatorQueues(), in: directory.path)
                .bringUpToDate(from: source.first(min(size, end)))
        }
    }

    @Test(arguments: UInt64(1)...6)
    func theZeroCharacterInNamesKeepsThemApart(seed: UInt64) async throws {
        var maker = ContactMaker(seed: seed)
        maker.queues = ["desk", "desk\0", "desk\0a", "desk\0b", "\0"]
        maker.operators = ["anna", "anna\0", "\0", nil]
        let contacts = maker.contacts(30, from: try at("2026-03-26T20:00:00Z"))
        let source = try await ToldLog(told: contacts.inOrderOfTime()).source()
        try project(source, inStepsOf: .random(in: 5...40, using: &maker.numbers))
        #expect(try model.digest() == rebuilt(source), "seed \(seed)")
        let names = try model.answer(.table("queues", condition: "queue != 'unknown'"))
            .values(of: "queue")
        #expect(names == ["desk", "desk␀", "desk␀a", "desk␀b", "␀"], "seed \(seed)")
    }
}
