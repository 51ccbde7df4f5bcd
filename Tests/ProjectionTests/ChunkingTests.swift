internal import EventLog
internal import JSON
internal import ProjectionKit
internal import Projections
internal import Testing

/// A read model that grew with its log equals one that is built at once.
@Suite struct ChunkingTests {
    private func log(seed: UInt64) throws -> (log: ToldLog, numbers: SeededNumbers) {
        var maker = ContactMaker(seed: seed, zones: ["Europe/Rome", "Asia/Tokyo"])
        let contacts = maker.contacts(80, from: try at("2026-03-26T20:00:00Z"))
        let told =
            seed % 2 == 0 ? contacts.inOrderOfTime() : contacts.shuffled(by: &maker.numbers)
        return (ToldLog(zone: "Europe/Rome", told: told), maker.numbers)
    }

    private func rebuiltDigest(of log: ToldLog) throws -> ReadModelDigest {
        let directory = try TemporaryDirectory()
        _ = try Projector(OperatorQueues(), in: directory.path).rebuild(from: log.source())
        return try ReadModel(of: OperatorQueues(), in: directory.path).digest()
    }

    /// Every stop is a restart: another projector goes on from the file alone.
    @Test(arguments: UInt64(1)...12) func anyChunkingGivesTheSameDigest(seed: UInt64) throws {
        var (log, numbers) = try log(seed: seed)
        let directory = try TemporaryDirectory()
        let model = ReadModel(of: OperatorQueues(), in: directory.path)
        var size = 0
        while size < log.told.count {
            size = min(log.told.count, size + .random(in: 1...120, using: &numbers))
            let chunk = UInt64.random(in: 1...40, using: &numbers)
            let projector = Projector(
                OperatorQueues(), in: directory.path, chunkEvents: chunk)
            let outcome = try projector.bringUpToDate(from: log.first(size).source())
            #expect(outcome.size == UInt64(size))
            if numbers.chance(oneIn: 3) {
                #expect(
                    try model.digest() == rebuiltDigest(of: log.first(size)),
                    "seed \(seed), \(size) events")
            }
        }
        #expect(try model.digest() == rebuiltDigest(of: log), "seed \(seed)")
    }

    /// Contacts do not know of one another, so the order between them makes no difference.
    @Test(arguments: UInt64(1)...6) func anyOrderOfContactsGivesTheSameDigest(seed: UInt64) throws {
        var maker = ContactMaker(seed: seed)
        let contacts = maker.contacts(80, from: try at("2026-03-26T20:00:00Z"))
        let inOrder = ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
        let shuffled = ToldLog(
            zone: "Europe/Rome", told: contacts.shuffled(by: &maker.numbers))
        #expect(try rebuiltDigest(of: inOrder) == rebuiltDigest(of: shuffled))
    }

    @Test func otherRowsHaveAnotherDigest() throws {
        let (log, _) = try log(seed: 2)
        #expect(
            try rebuiltDigest(of: log) != rebuiltDigest(of: log.first(log.told.count / 2)))
    }

    @Test(arguments: UInt64(1)...6) func asOfIsTheReadModelOfThePrefix(seed: UInt64) throws {
        var (log, numbers) = try log(seed: seed)
        let last = Int.random(in: 0..<log.told.count, using: &numbers)
        let expected = try rebuiltDigest(of: log.first(last + 1))
        let betweenRecordings = ToldLog.recorded(last).plus(seconds: 0.5)
        for asOf in [
            AsOf.position(Position(UInt64(last))), .recorded(ToldLog.recorded(last)),
            .recorded(betweenRecordings),
        ] {
            let directory = try TemporaryDirectory()
            let projector = Projector(OperatorQueues(), in: directory.path, chunkEvents: 17)
            let outcome = try projector.build(asOf: asOf, from: log.source())
            #expect(outcome.size == UInt64(last + 1))
            let model = ReadModel(of: OperatorQueues(), in: directory.path)
            #expect(try model.digest() == expected, "seed \(seed), as of \(asOf)")
        }
    }

    @Test func asOfBeforeTheFirstRecordingIsEmptyAndBeyondTheLogIsRefused() throws {
        let (log, _) = try log(seed: 1)
        let directory = try TemporaryDirectory()
        let projector = Projector(OperatorQueues(), in: directory.path)
        let before = Instant(microseconds: ToldLog.firstRecording.microseconds - 1)
        #expect(try projector.build(asOf: .recorded(before), from: log.source()).size == 0)
        let beyond = Position(UInt64(log.told.count))
        #expect(
            throws: ReadModelError.asOfBeyondLog(beyond, logEvents: UInt64(log.told.count))
        ) {
            try projector.build(asOf: .position(beyond), from: log.source())
        }
    }
}
