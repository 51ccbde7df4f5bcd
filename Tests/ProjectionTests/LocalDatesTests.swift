internal import ContactCentre
internal import EventLog
internal import Foundation
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// Local dates and half-hours on the days when clocks change.
@Suite struct LocalDatesTests {
    /// One contact every ten minutes of a local date in Rome.
    private func everyTenMinutes(of day: CivilDate) throws -> ToldLog {
        let zone = try rome()
        let next = CivilDate(daysSince1970: day.daysSince1970 + 1)
        var moment = zone.start(of: day)
        var stories: [[Told]] = []
        while moment < zone.start(of: next) {
            let story = try Story("\(moment)", from: moment).received()
                .queued("desk", after: 0).left("desk", .answered, after: 1)
            stories.append(story.told)
            moment = moment.plus(seconds: 600)
        }
        return ToldLog(zone: "Europe/Rome", told: inOrderOfTime(stories))
    }

    private func rome() throws -> Zone {
        try #require(Zone(identifier: "Europe/Rome"))
    }

    @Test(arguments: [(3, 29, 46), (10, 25, 50), (6, 1, 48)])
    func aDayHasItsHalfHours(month: Int, day: Int, halfHours: Int) async throws {
        let date = try #require(CivilDate(year: 2026, month: month, day: day))
        let log = try everyTenMinutes(of: date)
        let rows = try await log.answer(.sql("SELECT day, offered FROM days")).rows
        #expect(rows == [[.text(date.description), .integer(Int64(halfHours) * 3)]])
        let labels = try await log.answer(.table("half_hours")).shownRows.map { row in
            #expect(row["offered"] == .integer(3))
            return row["start"]
        }
        #expect(labels.count == halfHours)
        #expect(Set(labels).count == halfHours)
        // In the order of time, each label names the moment half an hour after the one before.
        let moments = labels.compactMap { label in
            if case .text(let text) = label { Instant(rfc3339: text) } else { nil }
        }
        let start = try rome().start(of: date)
        #expect(
            moments == (0..<halfHours).map { start.plus(seconds: Double($0) * 1800) })
    }

    @Test func labelsCarryTheOffsetThatHeld() async throws {
        let spring = try everyTenMinutes(
            of: #require(CivilDate(year: 2026, month: 3, day: 29)))
        let starts = try await spring.answer(.table("half_hours")).values(of: "start") ?? []
        #expect(
            starts[2...5] == [
                .text("2026-03-29T01:00:00+01:00"), .text("2026-03-29T01:30:00+01:00"),
                .text("2026-03-29T03:00:00+02:00"), .text("2026-03-29T03:30:00+02:00"),
            ])
        let autumn = try everyTenMinutes(
            of: #require(CivilDate(year: 2026, month: 10, day: 25)))
        let twice = try await autumn.answer(.table("half_hours")).values(of: "start") ?? []
        #expect(
            twice[4...7] == [
                .text("2026-10-25T02:00:00+02:00"), .text("2026-10-25T02:30:00+02:00"),
                .text("2026-10-25T02:00:00+01:00"), .text("2026-10-25T02:30:00+01:00"),
            ])
    }

    @Test func theContactsZoneComesBeforeTheLogs() async throws {
        let start = try at("2026-03-02T23:10:00Z")
        let stories = [
            try Story("1", from: start).received(zone: "Asia/Tokyo").queued("desk", after: 1),
            try Story("2", from: start).received().queued("desk", after: 1),
            try Story("3", from: start).received(zone: "America/New_York")
                .queued("desk", after: 1),
        ]
        let log = ToldLog(zone: "Europe/Rome", told: stories.flatMap(\.told))
        #expect(
            try await log.answer(.table("days")).values(of: "day")
                == [.text("2026-03-02"), .text("2026-03-03")])
        #expect(
            try await log.answer(.sql("SELECT start, offered FROM half_hours ORDER BY start")).rows
                == [
                    [.text("2026-03-02T18:00:00-05:00"), .integer(1)],
                    [.text("2026-03-03T00:00:00+01:00"), .integer(1)],
                    [.text("2026-03-03T08:00:00+09:00"), .integer(1)],
                ])
    }

    @Test func anEventOfAnUnknownZoneIsCountedAsUnreadable() async throws {
        let story = Story("1", from: try at("2026-03-02T23:10:00Z")).received(zone: "Rome/Europe")
        let source = try await ToldLog(told: story.told).source()
        let directory = try Scratch()
        let outcome = try Projector(OperatorQueues(), in: directory.path)
            .bringUpToDate(from: source)
        #expect(outcome.unreadable.count == 1)
        #expect(outcome.unreadable.first?.position == Position(1))
        #expect(outcome.unreadable.first?.reason.contains("Rome/Europe") == true)
    }
}
