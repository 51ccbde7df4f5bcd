internal import ContactCentre
internal import EventLog
internal import GRDB
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// Events that no sound source writes, but that a log may hold: they never break the figures.
@Suite struct HostileEventTests {
    private let directory: Scratch
    private var model: ReadModel { ReadModel(of: OperatorQueues(), in: directory.path) }

    init() throws { directory = try Scratch() }

    private func rebuilt(_ source: EventSource) throws -> ReadModelDigest {
        let other = try Scratch()
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

    /// A clock that was not set makes a duration of two thousand years, which is none.
    @Test func impossibleDurationsAreUnknownHoweverTheyArrive() async throws {
        let (unset, now) = (try at("0001-01-03T00:00:00Z"), try at("2026-03-26T20:00:00Z"))
        let years = Double(now.microseconds - unset.microseconds) / 1e6
        let stories = try (0..<200).map { number in
            try Story("\(number)", from: unset).received().queued("desk", after: 1)
                .left("desk", .answered, after: number == 0 ? 3 : years)
                .connected("anna", after: 3).disconnected(after: number == 0 ? 63 : years).told
        }
        let source = try await ToldLog(told: inOrderOfTime(stories)).source()
        try project(source, inStepsOf: 250)
        #expect(try model.digest() == rebuilt(source))
        let totals = try model.answer(.table("totals")).shownRows[0]
        #expect(totals["answered"] == 200)
        #expect(totals["answered_with_known_wait"] == 1)
        #expect(totals["wait_answered_us"] == .integer(2 * second))
        #expect(totals["handled"] == 1)
        #expect(totals["handle_us"] == .integer(60 * second))
    }

    @Test(arguments: [(366 * 86_400.0, 1), (366 * 86_400.0 + 1, 0)])
    func aDurationOf366DaysIsTheLongest(seconds: Double, known: Int64) async throws {
        let story = try Story("1", from: try at("2025-01-01T00:00:00Z")).queued("desk", after: 0)
            .left("desk", .answered, after: seconds)
            .connected("anna", after: 1).disconnected(after: 1 + seconds)
        let totals = try await ToldLog(told: story.told).answer(.table("totals")).shownRows[0]
        #expect(totals["answered_with_known_wait"] == .integer(known))
        #expect(totals["handled"] == .integer(known))
    }

    /// Neither a wrapped integer nor a real number ever stands for a sum.
    @Test(arguments: ["totals", "queues", "days", "half_hours", "operators"])
    func aSumThatIsTooLargeEndsTheRun(table: String) async throws {
        let start = try at("2026-03-26T20:00:00Z")
        let stories = try (0..<2).map { number in
            try Story("\(number)", from: start.plus(seconds: Double(number) * 100))
                .received().queued("desk", after: 1).left("desk", .answered, after: 3)
                .connected("anna", after: 3).disconnected(after: 63).told
        }
        let source = try await ToldLog(told: inOrderOfTime(stories)).source()
        try project(source.first(6), inStepsOf: 6)
        try edit("UPDATE \(table) SET handle_us = 1 << 62")
        let before = try model.digest()
        #expect {
            try project(source, inStepsOf: 11)
        } throws: {
            guard case .sumTooLarge = $0 as? ReadModelError else { return false }
            return true
        }
        #expect(try model.digest() == before)
    }

    /// What this version cannot read is counted and passed over, at every size of step.
    @Test(arguments: [1, 7, 100]) func unreadableEventsAreCounted(step: Int) async throws {
        var maker = ContactMaker(seed: 3)
        let told = maker.contacts(12, from: try at("2026-03-26T20:00:00Z")).inOrderOfTime()
        let time = try #require(told.first).time
        func arrival(zone: String) -> ContactEvent {
            .received(ContactEvent.Received(channel: .phone, direction: .incoming, zone: zone))
        }
        let start = ContactEvent.connected(nil)
        let unreadable = [
            Told(stream: "contact/x", event: arrival(zone: "Mars/X"), time: time),
            Told(stream: "contact/x", event: arrival(zone: "Europe/Rome\0"), time: time),
            Told(stream: "contact/x", event: start, time: time, schema: 0),
            Told(stream: "contact/x", event: start, time: time, schema: 7),
            Told(
                stream: "contact/x", event: start, time: time,
                payload: #"{"operatorId":["anna"]}"#),
            // SQLite ends some texts at a zero character, so that two names would become one.
            Told(
                stream: "contact/x", event: start, time: time,
                payload: #"{"operatorId":"anna\u0000"}"#),
            Told(
                stream: "contact/x", event: .queued(ContactEvent.Queued(queue: try queue("desk"))),
                time: time,
                payload: #"{"queueId":"desk\u0000"}"#),
        ]
        let passedOver = [
            Told(stream: "contact/y", event: .unknown, time: time, schema: 9),
            Told(stream: "contact/y", event: .selfServiceEnded(.failed), time: time, schema: 9),
        ]
        let sound = try await ToldLog(told: told).source()
        let source = try await ToldLog(
            told: told.prefix(9) + unreadable + passedOver + told.dropFirst(9)
        ).source()
        try project(source, inStepsOf: step)
        #expect(try model.digest() == rebuilt(sound))
        let status = try #require(try model.status(towards: source))
        #expect(status.standing.lagEvents == 0)
        #expect(status.standing.unreadable.count == UInt64(unreadable.count))
        #expect(status.standing.unreadable.first?.position == Position(10))
        #expect(status.standing.unreadable.first?.reason.contains(#""Mars/X" is unknown"#) == true)
    }

    /// Labels of other years would sort wrongly.
    @Test func onlyLocalDatesOfFourDigitYearsCount() async throws {
        let times = try [
            "0000-01-01T23:59:59.999999Z", "0000-01-02T00:00:00Z", "9999-12-30T23:59:59Z",
            "9999-12-31T00:00:00Z",
        ].map(at)
        let zones = ["America/Juneau", "Pacific/Kiritimati"]
        let told = try zones.flatMap { (zone: String) in
            try times.enumerated().flatMap { index, time in
                try Story("\(zone)\(index)", from: time).received(zone: zone)
                    .queued("desk", after: 0).told
            }
        }
        let source = try await ToldLog(told: told).source()
        try project(source, inStepsOf: 3)
        #expect(try model.digest() == rebuilt(source))
        #expect(try model.status(towards: source)?.standing.unreadable.count == 8)
        let days = try model.answer(.table("days")).values(of: "day")
        #expect(days == ["0000-01-01", "9999-12-30", "9999-12-31"])
        let starts = try model.answer(.table("half_hours")).values(of: "start") ?? []
        #expect(starts.count == 4)
    }

    private func edit(_ sql: String) throws {
        let queue = try DatabaseQueue(path: directory.place("operator-queues.sqlite"))
        try queue.write { try $0.execute(sql: sql) }
        try queue.close()
    }
}
