internal import ContactCentre
internal import EventLog
internal import Foundation
internal import GRDB
internal import JSON
internal import OwnThread
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// What a read model's file promises: its own log only, whole states only, replaced in one step.
@Suite(.ownThread) struct ReadModelTests {
    private let directory: Scratch
    private let told: [Told]
    private let source: EventSource
    private var size: UInt64 { UInt64(told.count + 1) }

    init() async throws {
        directory = try Scratch()
        var maker = ContactMaker(seed: 1)
        let contacts = maker.contacts(30, from: try at("2026-03-02T08:00:00Z"))
        told = contacts.inOrderOfTime()
        let parts = [Array(told[..<50]), Array(told[50...])]
        source = try await ToldLog(zone: "Europe/Rome", parts: parts).source()
    }

    private var live: String { directory.place("operator-queues.sqlite") }

    private func projector(_ projection: OperatorQueues = OperatorQueues()) -> Projector {
        Projector(projection, in: directory.path, chunkEvents: 16)
    }

    private func model(_ projection: OperatorQueues = OperatorQueues()) -> ReadModel {
        ReadModel(of: projection, in: directory.path)
    }

    private func project(
        _ source: EventSource, _ projection: OperatorQueues = OperatorQueues()
    ) throws -> ProjectionOutcome {
        try projector(projection).bringUpToDate(from: source)
    }

    @Test func aSecondRunHasNothingToDo() throws {
        let first = try project(source)
        #expect(first.events == size)
        #expect(first.size == size)
        #expect(first.rebuilt == .notBuilt)
        let second = try project(source)
        #expect(second.events == 0)
        #expect(second.size == size)
        #expect(second.rebuilt == nil)
    }

    @Test func progressReachesTheEnd() throws {
        var seen: [UInt64] = []
        _ = try projector().bringUpToDate(from: source) { seen.append($0.done) }
        #expect(seen == seen.sorted())
        #expect(seen.last == size)
    }

    /// The same files of a log that goes on being written, one process beside the other.
    @Test func itFollowsALogThatGrows() async throws {
        let path = directory.log
        try await ToldLog(zone: "Europe/Rome", told: Array(told[..<20])).write(to: path)
        for border in stride(from: 20, to: told.count, by: 30) {
            let more = Array(told[border...].prefix(30))
            try await ToldLog.append(more, to: path, clock: .system)
            let log = try EventLog.open(at: path, access: .reading)
            let outcome = try project(EventSource(log))
            #expect(outcome.size == UInt64(1 + border + more.count))
            #expect(outcome.rebuilt == (border == 20 ? .notBuilt : nil))
        }
        let grown = try model().digest()
        _ = try projector().rebuild(from: source)
        #expect(try model().digest() == grown)
    }

    @Test func anotherLogsReadModelIsRefused() async throws {
        _ = try project(source)
        let other = try await ToldLog(zone: "Europe/Rome", told: told).source()
        let refusal = ReadModelError.otherLog(
            path: live, found: source.log.id, expected: other.log.id)
        #expect(throws: refusal) { try project(other) }
        #expect(throws: refusal) { try model().status(towards: other) }
        #expect(try projector().rebuild(from: other).rebuilt == .asked)
        #expect(try project(other).events == 0)
    }

    @Test func aLogThatWasRolledBackIsRefused() async throws {
        let path = directory.log
        let earlier = directory.place("earlier")
        try await ToldLog(told: Array(told[..<20])).write(to: path)
        try FileManager.default.copyItem(atPath: path, toPath: earlier)
        try await ToldLog.append([told[20]], to: path, clock: .system)
        let log = try EventLog.open(at: path, access: .reading)
        _ = try project(EventSource(log))
        let rolledBack = EventSource(try EventLog.open(at: earlier, access: .reading))
        #expect(throws: ReadModelError.aheadOfLog(path: live, events: 22, logEvents: 21)) {
            try project(rolledBack)
        }
    }

    @Test func aLogThatWasRolledBackAndWentOnIsRefused() async throws {
        let path = directory.log
        let earlier = directory.place("earlier")
        try await ToldLog(told: Array(told[..<20])).write(to: path)
        try FileManager.default.copyItem(atPath: path, toPath: earlier)
        try await ToldLog.append([told[20]], to: path, clock: .system)
        let log = try EventLog.open(at: path, access: .reading)
        _ = try project(EventSource(log))
        try await ToldLog.append([told[21], told[22]], to: earlier, clock: .system)
        let other = EventSource(try EventLog.open(at: earlier, access: .reading))
        #expect(throws: ReadModelError.otherHistory(path: live, at: Position(21))) {
            try project(other)
        }
    }

    @Test func anotherThresholdMeansARebuild() throws {
        _ = try project(source)
        let patient = OperatorQueues(serviceThreshold: .seconds(60))
        #expect {
            try model(patient).answer(.table("totals"))
        } throws: {
            "\($0)".contains("service_threshold_us=20000000")
        }
        let outcome = try project(source, patient)
        #expect(outcome.events == size)
        guard case .configuration = outcome.rebuilt else {
            Issue.record("rebuilt because: \(String(describing: outcome.rebuilt))")
            return
        }
        #expect(try model(patient).answer(.table("totals")).rows.count == 1)
    }

    @Test func anotherVersionMeansARebuild() throws {
        _ = try project(source)
        try edit("UPDATE read_model SET version = 0")
        #expect(
            throws: ReadModelError.outdated(
                name: "operator-queues", .version(found: 0, current: 7))
        ) { try model().answer(.table("totals")) }
        #expect(
            try project(source).rebuilt == .version(found: 0, current: 7))
        try edit("UPDATE read_model SET format = 99")
        #expect(try project(source).rebuilt == .format(found: 99, current: 2))
    }

    @Test(arguments: ["no database at all", ""])
    func aDamagedFileIsNamedAndRebuilt(content: String) throws {
        try Data(content.utf8).write(to: URL(fileURLWithPath: live))
        #expect {
            try project(source)
        } throws: { error in
            guard case .damaged(live, _) = error as? ReadModelError else { return false }
            return "\(error)".contains("--rebuild")
        }
        _ = try projector().rebuild(from: source)
        #expect(try project(source).events == 0)
    }

    /// A write-ahead log whose database was deleted must not be replayed into the next one.
    @Test func deletingTheFileIsAlwaysSafe() throws {
        _ = try project(source.first(60))
        _ = try project(source.first(100))
        let digest = try model().digest()
        let queue = try DatabaseQueue(path: live)
        try queue.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA journal_mode = WAL; DELETE FROM days")
        }
        #expect(FileManager.default.fileExists(atPath: live + "-wal"))
        try FileManager.default.copyItem(atPath: live + "-wal", toPath: directory.place("kept"))
        try queue.close()
        try FileManager.default.removeItem(atPath: live)
        try FileManager.default.moveItem(atPath: directory.place("kept"), toPath: live + "-wal")
        _ = try project(source.first(100))
        #expect(try model().digest() == digest)
    }

    /// Who may only read the directory cannot open a database with a write-ahead log.
    @Test func aRunLeavesOnePlainFile() throws {
        _ = try project(source.first(60))
        _ = try project(source)
        let queue = try DatabaseQueue(path: live)
        let mode = try queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        try queue.close()
        #expect(mode == "delete")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path)
                == ["operator-queues.sqlite"])
    }

    /// What is kept up for readers is one plain file again in the end, and no file where none was.
    @Test func aFileIsSettledInTheEnd() throws {
        try projector().settle()
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        func mode() throws -> String? {
            let queue = try DatabaseQueue(path: live)
            defer { try? queue.close() }
            return try queue.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") }
        }
        for size in [60, 100] {
            _ = try projector().bringUpToDate(from: source.first(size), upkeep: .live)
            #expect(try mode() == "wal")
        }
        let digest = try model().digest()
        try projector().settle()
        #expect(try mode() == "delete")
        #expect(try model().digest() == digest)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path)
                == ["operator-queues.sqlite"])
    }

    /// A first build that is broken off leaves nothing that is asked, and is begun anew.
    @Test func aBuildIsBrokenOff() throws {
        #expect(throws: CancellationError.self) {
            try projector().bringUpToDate(from: source) { _ in throw CancellationError() }
        }
        #expect(!FileManager.default.fileExists(atPath: live))
        #expect(try project(source).rebuilt == .notBuilt)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 1)
    }

    /// Each chunk is committed beside a reader that holds on to an older state.
    @Test func aRunGoesOnBesideAReader() throws {
        _ = try project(source.first(60))
        let reader = try DatabasePool(path: live)
        let before = try reader.read { database in
            let before = try Int.fetchOne(database, sql: "SELECT events FROM read_model")
            #expect(try project(source).size == size)
            #expect(try Int.fetchOne(database, sql: "SELECT events FROM read_model") == before)
            return before
        }
        #expect(before == 60)
        try reader.close()
        #expect(try project(source).events == 0)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path)
                == ["operator-queues.sqlite"])
    }

    @Test func anAnswerSaysHowFarItIsAndIsOfThisLog() async throws {
        _ = try project(source.first(60))
        let standing = try model().answer(.table("totals"), towards: source).standing
        #expect(standing.position == Position(59))
        #expect(standing.lagEvents == size - 60)
        let other = try await ToldLog(zone: "Europe/Rome", told: told).source()
        #expect(
            throws: ReadModelError.otherLog(
                path: live, found: source.log.id, expected: other.log.id)
        ) { try model().answer(.table("totals"), towards: other) }
    }

    @Test func anAnswerAsOfAPositionLeavesNothingBehind() throws {
        let answered = try projector().answer(
            .table("queues"), asOf: .position(Position(59)), from: source)
        #expect(answered.standing.position == Position(59))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
        _ = try project(source.first(60))
        #expect(try model().answer(.table("queues")) == answered.result)
        #expect(throws: ReadModelError.self) {
            try projector().answer(
                .sql("DELETE FROM days RETURNING day"), asOf: .position(Position(59)),
                from: source)
        }
    }

    /// The file that a rebuild writes, until it takes the place of the old one.
    private static let building =
        "operator-queues@\(OperatorQueues().version).building.sqlite"

    @Test func leftoversOfAnInterruptedBuildAreRemoved() throws {
        let leftover = directory.place("operator-queues@0.building.sqlite")
        try Data("half".utf8).write(to: URL(fileURLWithPath: leftover))
        try Data("half".utf8).write(
            to: URL(fileURLWithPath: directory.place(Self.building)))
        _ = try project(source)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path)
                == ["operator-queues.sqlite"])
    }

    @Test func onlyOneProcessProjectsAtATime() throws {
        let handle = try #require(FileHandle(forReadingAtPath: directory.path))
        #expect(flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) == 0)
        #expect(throws: ReadModelError.locked(directory: directory.path)) { try project(source) }
        try handle.close()
        _ = try project(source)
    }

    /// A reader of the old file keeps its answers whole, and the swap waits until it is done.
    @Test func aRebuildWaitsForReadersAndReplacesTheFile() throws {
        _ = try project(source.first(60))
        _ = try project(source)
        let reader = try DatabaseQueue(path: live)
        try reader.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
        let counted = try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM days") }
        let path = directory.path
        let rebuilding = Thread { [source] in
            _ = try? Projector(OperatorQueues(), in: path).rebuild(from: source)
        }
        rebuilding.start()
        let building = directory.place(Self.building)
        try waitUntil("a rebuild has begun") { FileManager.default.fileExists(atPath: building) }
        pause(0.2)
        #expect(FileManager.default.fileExists(atPath: building))
        let again = try reader.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM days") }
        #expect(again == counted)
        try reader.close()
        try waitUntil("the rebuild ends") { rebuilding.isFinished }
        #expect(!FileManager.default.fileExists(atPath: building))
        #expect(try model().status(towards: source)?.standing.lagEvents == 0)
    }

    @Test func statusTellsTheLag() throws {
        #expect(try model().status(towards: source) == nil)
        _ = try project(source.first(51))
        let status = try #require(try model().status(towards: source))
        #expect(status.name == "operator-queues")
        #expect(status.version == 7)
        #expect(status.standing.position == Position(50))
        #expect(status.standing.lagEvents == size - 51)
        #expect(status.lagSeconds == 7)
        #expect(status.tables.first?.rows == 1)
        #expect(status.digest == (try model().digest()))
        #expect(status.digest.hex.count == 64)
        _ = try project(source)
        let upToDate = try #require(try model().status(towards: source))
        #expect(upToDate.standing.lagEvents == 0)
        #expect(upToDate.lagSeconds == 0)
    }

    private func edit(_ sql: String) throws {
        let queue = try DatabaseQueue(path: live)
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }
}
