internal import EventLog
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// A read model that grew with its log equals one that is built at once.
@Suite struct ChunkingTests {
    private func log(seed: UInt64) throws -> (log: ToldLog, numbers: SeededNumbers) {
        var maker = ContactMaker(seed: seed, zones: ["Europe/Rome", "Asia/Tokyo"])
        let contacts = maker.contacts(45, from: try at("2026-03-26T20:00:00Z"))
        let told =
            seed % 2 == 0 ? contacts.inOrderOfTime() : contacts.shuffled(by: &maker.numbers)
        return (ToldLog(zone: "Europe/Rome", told: told), maker.numbers)
    }

    private func rebuiltDigest(of source: EventSource) throws -> ReadModelDigest {
        let directory = try Scratch()
        _ = try Projector(OperatorQueues(), in: directory.path).rebuild(from: source)
        return try ReadModel(of: OperatorQueues(), in: directory.path).digest()
    }

    /// Every stop is a restart: another projector goes on from the file alone.
    @Test(arguments: UInt64(1)...12) func anyChunkingGivesTheSameDigest(seed: UInt64) async throws {
        var (log, numbers) = try log(seed: seed)
        let source = try await log.source()
        let directory = try Scratch()
        let model = ReadModel(of: OperatorQueues(), in: directory.path)
        var size = 0
        while size < log.size {
            size = min(log.size, size + .random(in: 1...120, using: &numbers))
            let chunk = UInt64.random(in: 1...40, using: &numbers)
            let projector = Projector(
                OperatorQueues(), in: directory.path, chunkEvents: chunk)
            let outcome = try projector.bringUpToDate(from: source.first(size))
            #expect(outcome.size == UInt64(size))
            if numbers.happens(oneIn: 3) {
                #expect(
                    try model.digest() == rebuiltDigest(of: source.first(size)),
                    "seed \(seed), \(size) events")
            }
        }
        #expect(try model.digest() == rebuiltDigest(of: source), "seed \(seed)")
    }

    /// Contacts do not know of one another, so the order between them makes no difference.
    @Test(arguments: UInt64(1)...6)
    func anyOrderOfContactsGivesTheSameDigest(seed: UInt64) async throws {
        var maker = ContactMaker(seed: seed)
        let contacts = maker.contacts(45, from: try at("2026-03-26T20:00:00Z"))
        let inOrder = ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
        let shuffled = ToldLog(
            zone: "Europe/Rome", told: contacts.shuffled(by: &maker.numbers))
        #expect(
            try rebuiltDigest(of: await inOrder.source())
                == rebuiltDigest(of: await shuffled.source()))
    }

    @Test func otherRowsHaveAnotherDigest() async throws {
        let log = try log(seed: 2).log
        let source = try await log.source()
        #expect(
            try rebuiltDigest(of: source) != rebuiltDigest(of: source.first(log.size / 2)))
    }

    @Test(arguments: UInt64(1)...6)
    func asOfIsTheReadModelOfThePrefix(seed: UInt64) async throws {
        var (whole, numbers) = try log(seed: seed)
        let told = whole.parts[0]
        let border = Int.random(in: 1..<told.count, using: &numbers)
        let log = ToldLog(
            zone: whole.zone, parts: [Array(told[..<border]), Array(told[border...])])
        let source = try await log.source()
        let expected = try rebuiltDigest(of: source.first(border + 1))
        let recording = ToldLog.recording(ofPart: 0)
        for asOf in [
            AsOf.position(Position(UInt64(border))), .recorded(recording),
            .recorded(recording.plus(seconds: 6.9)),
        ] {
            let directory = try Scratch()
            let projector = Projector(OperatorQueues(), in: directory.path, chunkEvents: 17)
            let outcome = try projector.build(asOf: asOf, from: source)
            #expect(outcome.size == UInt64(border + 1))
            let model = ReadModel(of: OperatorQueues(), in: directory.path)
            #expect(try model.digest() == expected, "seed \(seed), as of \(asOf)")
        }
    }

    @Test func asOfBeforeTheFirstRecordingIsEmptyAndBeyondTheLogIsRefused() async throws {
        let log = try log(seed: 1).log
        let source = try await log.source()
        let directory = try Scratch()
        let projector = Projector(OperatorQueues(), in: directory.path)
        let before = ToldLog.firstRecording.plus(seconds: -61)
        #expect(try projector.build(asOf: .recorded(before), from: source).size == 0)
        let beyond = Position(UInt64(log.size))
        #expect(throws: ReadModelError.asOfBeyondLog(beyond, logEvents: beyond.value)) {
            try projector.build(asOf: .position(beyond), from: source)
        }
    }
}
