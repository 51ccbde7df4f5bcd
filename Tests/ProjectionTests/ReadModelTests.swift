internal import ContactCentre
internal import EventLog
internal import Foundation
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Projections
internal import Testing

/// What a read model's file promises: its own log only, whole states only, replaced in one step.
@Suite struct ReadModelTests {
    private let directory: TemporaryDirectory
    private let log: ToldLog

    init() throws {
        directory = try TemporaryDirectory()
        var maker = ContactMaker(seed: 1)
        let contacts = maker.contacts(30, from: try at("2026-03-02T08:00:00Z"))
        log = ToldLog(zone: "Europe/Rome", told: contacts.inOrderOfTime())
    }

    private var live: String { directory.file("operator-queues.sqlite") }

    private func projector(_ projection: OperatorQueues = OperatorQueues()) -> Projector {
        Projector(projection, in: directory.path, chunkEvents: 16)
    }

    private func model(_ projection: OperatorQueues = OperatorQueues()) -> ReadModel {
        ReadModel(of: projection, in: directory.path)
    }

    private func project(
        _ log: ToldLog, _ projection: OperatorQueues = OperatorQueues()
    ) throws -> ProjectionOutcome {
        try projector(projection).bringUpToDate(from: log.source())
    }

    @Test func aSecondRunHasNothingToDo() throws {
        let size = UInt64(log.told.count)
        let first = try project(log)
        #expect(first.events == size)
        #expect(first.size == size)
        #expect(first.rebuilt == .notBuilt)
        let second = try project(log)
        #expect(second.events == 0)
        #expect(second.size == size)
        #expect(second.rebuilt == nil)
    }

    @Test func progressReachesTheEnd() throws {
        var seen: [UInt64] = []
        _ = try projector().bringUpToDate(from: log.source()) { seen.append($0.done) }
        #expect(seen == seen.sorted())
        #expect(seen.last == UInt64(log.told.count))
    }

    @Test func anotherLogsReadModelIsRefused() throws {
        _ = try project(log)
        var other = log
        other.id = EventID(high: 7, low: 7)
        let refusal = ReadModelError.otherLog(path: live, found: log.id, expected: other.id)
        #expect(throws: refusal) { try project(other) }
        #expect(throws: refusal) { try model().status(towards: other.source()) }
        #expect(try projector().rebuild(from: other.source()).rebuilt == .asked)
        #expect(try project(other).events == 0)
    }

    @Test func aLogThatWasRolledBackIsRefused() throws {
        _ = try project(log)
        let size = UInt64(log.told.count)
        #expect(
            throws: ReadModelError.aheadOfLog(path: live, events: size, logEvents: size - 1)
        ) { try project(log.first(log.told.count - 1)) }
        var rewritten = log
        let last = rewritten.told.removeLast()
        for shift in [1, 2] {
            rewritten.told.append(
                Told(
                    stream: last.stream, event: last.event,
                    time: last.time.plus(seconds: Double(shift) * 1e-6)))
        }
        #expect(
            throws: ReadModelError.otherHistory(path: live, at: Position(size - 1))
        ) { try project(rewritten) }
    }

    @Test func anotherThresholdMeansARebuild() throws {
        _ = try project(log)
        let patient = OperatorQueues(serviceThreshold: .seconds(60))
        #expect {
            try model(patient).answer(.table("totals"))
        } throws: {
            "\($0)".contains("service_threshold_us=20000000")
        }
        let outcome = try project(log, patient)
        #expect(outcome.events == UInt64(log.told.count))
        guard case .configuration = outcome.rebuilt else {
            Issue.record("rebuilt because: \(String(describing: outcome.rebuilt))")
            return
        }
        #expect(try model(patient).answer(.table("totals")).rows.count == 1)
    }

    @Test func anotherVersionMeansARebuild() throws {
        _ = try project(log)
        try edit("UPDATE read_model SET version = 0")
        #expect(
            throws: ReadModelError.outdated(
                name: "operator-queues", .version(found: 0, current: 1))
        ) { try model().answer(.table("totals")) }
        #expect(try project(log).rebuilt == .version(found: 0, current: 1))
        try edit("UPDATE read_model SET format = 99")
        #expect(try project(log).rebuilt == .format(found: 99, current: 1))
    }

    @Test(arguments: ["no database at all", ""]) func aDamagedFileIsNamedAndRebuilt(
        content: String
    ) throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: live))
        #expect {
            try project(log)
        } throws: { error in
            guard case .damaged(live, _) = error as? ReadModelError else { return false }
            return "\(error)".contains("--rebuild")
        }
        _ = try projector().rebuild(from: log.source())
        #expect(try project(log).events == 0)
    }

    /// A write-ahead log whose database was deleted must not be replayed into the next one.
    @Test func deletingTheFileIsAlwaysSafe() throws {
        _ = try project(log.first(60))
        _ = try project(log.first(100))
        let digest = try model().digest()
        let queue = try DatabaseQueue(path: live)
        try queue.writeWithoutTransaction { try $0.execute(sql: "DELETE FROM days") }
        #expect(FileManager.default.fileExists(atPath: live + "-wal"))
        try FileManager.default.copyItem(atPath: live + "-wal", toPath: directory.file("kept"))
        try queue.close()
        try FileManager.default.removeItem(atPath: live)
        try FileManager.default.moveItem(atPath: directory.file("kept"), toPath: live + "-wal")
        _ = try project(log.first(100))
        #expect(try model().digest() == digest)
    }

    @Test func leftoversOfAnInterruptedBuildAreRemoved() throws {
        let leftover = directory.file("operator-queues@0.building.sqlite")
        try Data("half".utf8).write(to: URL(fileURLWithPath: leftover))
        try Data("half".utf8).write(
            to: URL(fileURLWithPath: directory.file("operator-queues@1.building.sqlite")))
        _ = try project(log)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path)
                == ["operator-queues.sqlite"])
    }

    @Test func onlyOneProcessProjectsAtATime() throws {
        let handle = try #require(FileHandle(forReadingAtPath: directory.path))
        #expect(flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: ReadModelError.locked(directory: directory.path)) { try project(log) }
        try handle.close()
        _ = try project(log)
    }

    /// A reader of the old file keeps its answers whole, and the swap waits until it is done.
    @Test func aRebuildWaitsForReadersAndReplacesTheFile() throws {
        _ = try project(log.first(60))
        _ = try project(log)
        let reader = try DatabaseQueue(path: live)
        let counted = try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM days") }
        let path = directory.path
        let source = log
        let rebuilding = Thread {
            let projector = Projector(OperatorQueues(), in: path)
            guard let events = try? source.source() else { return }
            _ = try? projector.rebuild(from: events)
        }
        rebuilding.start()
        let building = directory.file("operator-queues@1.building.sqlite")
        while !FileManager.default.fileExists(atPath: building) {
            Thread.sleep(forTimeInterval: 0.001)
        }
        Thread.sleep(forTimeInterval: 0.2)
        #expect(FileManager.default.fileExists(atPath: building))
        let again = try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM days") }
        #expect(again == counted)
        try reader.close()
        while !rebuilding.isFinished { Thread.sleep(forTimeInterval: 0.01) }
        #expect(!FileManager.default.fileExists(atPath: building))
        #expect(try model().status(towards: log.source())?.lagEvents == 0)
    }

    /// An event that cannot be read stops the run at its position; what was committed stays.
    @Test func aFailingEventIsNamedByItsPosition() throws {
        var broken = log
        broken.told.insert(
            Told(
                stream: "contact/x",
                event: .received(
                    ContactEvent.Received(
                        channel: .phone, direction: .incoming, zone: "Mars/Olympus")),
                time: try at("2026-03-02T09:00:00Z")), at: 40)
        #expect {
            try project(broken)
        } throws: { error in
            "\(error)".contains("position 40") && "\(error)".contains("Mars/Olympus")
        }
        _ = try project(broken.first(40))
        #expect {
            try project(broken)
        } throws: { "\($0)".contains("position 40 (contact.received)") }
        let status = try #require(try model().status(towards: broken.source()))
        #expect(status.position == Position(39))
    }

    @Test func statusTellsTheLag() throws {
        #expect(try model().status(towards: log.source()) == nil)
        _ = try project(log.first(50))
        let status = try #require(try model().status(towards: log.source()))
        #expect(status.name == "operator-queues")
        #expect(status.version == 1)
        #expect(status.position == Position(49))
        #expect(status.lagEvents == UInt64(log.told.count - 50))
        #expect(status.lagSeconds == Double(log.told.count - 50))
        #expect(status.tables.first?.rows == 1)
        #expect(status.digest == (try model().digest()))
        #expect(status.digest.hex.count == 64)
    }

    private func edit(_ sql: String) throws {
        let queue = try DatabaseQueue(path: live)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }
}
