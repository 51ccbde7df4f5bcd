internal import ContactCentre
internal import JSON
internal import ProjectionKit
internal import Projections
internal import TestSupport
internal import Testing

/// The figures against examples that were worked out by hand.
@Suite struct FiguresTests {
    /// The fixture of the metrics catalogue: its waits in seconds, by how the visit ended.
    private func catalogueFixture() throws -> ToldLog {
        let start = try at("2026-03-02T09:00:00Z")
        let waits: [(LeaveReason, [Double])] = [
            (.answered, [3, 8, 15, 19, 20, 21, 40, 75]), (.abandoned, [2, 4, 12, 25, 60]),
            (.callbackAccepted, [30]), (.overflowed, [10, 90]),
        ]
        var stories: [[Told]] = []
        for (reason, seconds) in waits {
            for wait in seconds {
                let story = try Story("\(reason.spelling)-\(wait)", from: start).received()
                    .queued("desk", after: 1).left("desk", reason, after: 1 + wait)
                stories.append(story.told)
            }
        }
        return ToldLog(told: inOrderOfTime(stories))
    }

    @Test func serviceLevelOfTheCatalogueFixture() async throws {
        let totals = try await catalogueFixture().answer(.table("totals")).shownRows[0]
        #expect(totals["received"] == .integer(16))
        #expect(totals["offered"] == .integer(16))
        #expect(totals["answered"] == .integer(8))
        #expect(totals["abandoned"] == .integer(5))
        #expect(totals["answered_within_threshold"] == .integer(5))
        #expect(totals["abandoned_within_threshold"] == .integer(3))
        #expect(totals["service_level"] == .real(5.0 / 13))
        #expect(totals["abandonment_rate"] == .real(5.0 / 13))
        #expect(totals["average_speed_of_answer_us"] == .integer(25_125_000))
        #expect(totals["wait_answered_us"] == .integer(201 * second))
        #expect(totals["wait_abandoned_us"] == .integer(103 * second))
        #expect(totals["average_handle_us"] == .null)
    }

    /// What is known by the day only says nothing about seconds; the visits count all the same.
    @Test func waitsOfPaperAreLeftOutAndCounted() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        func letter(_ id: String, _ precision: OccurredPrecision?) throws -> Story {
            try Story(id, from: start).received()
                .adding(.queued(.init(queue: queue("desk"))), 0, precision)
                .left("desk", .answered, after: 10).connected("anna", after: 10)
                .adding(.disconnected(by: nil), 70, precision)
        }
        let stories = try [
            letter("said nothing", nil), letter("by the second", .second),
            letter("by the minute", .minute), letter("by the day", .day),
        ]
        let totals = try await ToldLog(told: stories.flatMap(\.told)).answer(.table("totals"))
            .shownRows[0]
        #expect(totals["offered"] == .integer(4))
        #expect(totals["answered"] == .integer(4))
        #expect(totals["answered_with_known_wait"] == .integer(2))
        #expect(totals["wait_answered_us"] == .integer(20 * second))
        #expect(totals["excluded_by_precision"] == .integer(2))
        // Nobody knows whether the others were within the threshold.
        #expect(totals["wait_excluded_by_precision"] == .integer(2))
        #expect(totals["service_level"] == .real(1))
        #expect(totals["handled"] == .integer(2))
        #expect(totals["handle_us"] == .integer(120 * second))
        // A fine wait does not make the conversation behind it known.
        let talk = try Story("talk", from: start).received().queued("desk", after: 0)
            .left("desk", .answered, after: 10).connected("anna", after: 10)
            .adding(.disconnected(by: nil), 70, .minute)
        let row = try await ToldLog(told: talk.told).answer(.table("totals")).shownRows[0]
        #expect(row["answered_with_known_wait"] == .integer(1))
        #expect(row["handled"] == .integer(0))
        #expect(row["excluded_by_precision"] == .integer(1))
        #expect(row["wait_excluded_by_precision"] == .integer(0))
        #expect(row["service_level"] == .real(1))
    }

    /// A callback leaves the queue as such, and waits in a visit of its own for each attempt, of
    /// which only the one is answered that reaches the citizen; nobody arrives a second time.
    @Test func callbacksAreNeitherAnsweredNorAbandonedBeforeTheCitizenIsReached() async throws {
        let back = ContactEvent.Queued(queue: try queue("desk"), reason: .callback)
        let asked = try Story("1", from: at("2026-03-02T09:00:00Z")).received()
            .queued("desk", after: 0).left("desk", .callbackAccepted, after: 30)
            .adding(.callbackRequested(.init(queue: try queue("desk"))), 30)
        let failed = try asked.adding(.queued(back), 100).left("desk", .answered, after: 110)
            .adding(.callbackAttempted(nil), 111).adding(.callbackFailed(.noAnswer), 130)
        let reached = try failed.adding(.queued(back), 700).left("desk", .answered, after: 703)
            .adding(.callbackAttempted(nil), 704).adding(.callbackReached, 710)
            .connected("anna", after: 710).disconnected(after: 770)
        let totals = try await ToldLog(told: reached.told).answer(.table("totals")).shownRows[0]
        #expect(totals["received"] == .integer(1))
        #expect(totals["offered"] == .integer(3))
        #expect(totals["answered"] == .integer(1))
        #expect(totals["abandoned"] == .integer(0))
        #expect(totals["wait_answered_us"] == .integer(3 * second))
        #expect(totals["service_level"] == .real(1))
        #expect(totals["handle_us"] == .integer(60 * second))
    }

    @Test func theThresholdIncludesItsOwnMicrosecond() async throws {
        let exactly = OperatorQueues(serviceThreshold: .seconds(21))
        let justBelow = OperatorQueues(serviceThreshold: .microseconds(20_999_999))
        let log = try catalogueFixture()
        let query = Query.sql("SELECT answered_within_threshold FROM totals")
        #expect(try await log.answer(query, of: exactly).rows == [[.integer(6)]])
        #expect(try await log.answer(query, of: justBelow).rows == [[.integer(5)]])
    }

    /// An "é" of one scalar and one of two are equal strings, but not equal names.
    @Test(arguments: [UInt64(1), 4_096])
    func namesThatDifferInNormalisationOnlyStayApart(chunkEvents: UInt64) async throws {
        let start = try at("2026-03-02T09:00:00Z")
        var stories: [[Told]] = []
        for name in ["caf\u{E9}", "cafe\u{301}"] {
            let story = try Story(name, from: start).received().queued(name, after: 1)
                .left(name, .answered, after: 2).connected(name, after: 3).disconnected(after: 4)
            stories.append(story.told)
        }
        let mixed = try Story("mixed", from: start).received().queued("e\u{301}", after: 5)
            .left("\u{E9}", .abandoned, after: 6)
        stories.append(mixed.told)
        let directory = try Scratch()
        let source = try await ToldLog(told: inOrderOfTime(stories)).source()
        let projector = Projector(
            OperatorQueues(), in: directory.path, chunkEvents: chunkEvents)
        _ = try projector.bringUpToDate(from: source)
        let model = ReadModel(of: OperatorQueues(), in: directory.path)
        func rows(_ sql: String) throws -> [[QueryValue]] { try model.answer(.sql(sql)).rows }
        #expect(
            try rows("SELECT hex(queue), offered, answered FROM queues ORDER BY 1") == [
                ["63616665CC81", 1, 1], ["636166C3A9", 1, 1], ["65CC81", 1, 0],
            ])
        #expect(
            try rows("SELECT hex(operator), answered, handled FROM operators ORDER BY 1")
                == [["63616665CC81", 1, 1], ["636166C3A9", 1, 1]])
        #expect(try rows("SELECT count(*) FROM contacts") == [[3]])
    }

    @Test func anEmptyLogHasOneRowOfZerosAndNullRatios() async throws {
        let log = ToldLog(told: [])
        let totals = try await log.answer(.table("totals")).shownRows
        #expect(totals.count == 1)
        #expect(totals[0]["offered"] == .integer(0))
        #expect(totals[0]["service_level"] == .null)
        #expect(totals[0]["average_speed_of_answer_us"] == .null)
        for table in ["queues", "days", "half_hours", "operators", "waiting"] {
            #expect(try await log.answer(.table(table)).rows.isEmpty)
        }
    }

    @Test func aTransferredContactIsReceivedOnceAndOfferedTwice() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let story = try Story("1", from: start).received()
            .queued("desk", after: 10).left("desk", .answered, after: 15)
            .connected("anna", after: 15).disconnected(after: 75)
            .queued("tax", after: 76).left("tax", .answered, after: 106)
            .connected("bruno", after: 106).disconnected(after: 226)
        let log = ToldLog(told: story.told)
        let totals = try await log.answer(.table("totals")).shownRows[0]
        #expect(totals["received"] == .integer(1))
        #expect(totals["offered"] == .integer(2))
        #expect(totals["handled"] == .integer(2))
        #expect(totals["handle_us"] == .integer(180 * second))
        let queues = try await log.answer(
            .sql(
                """
                SELECT queue, received, offered, handle_us, service_level
                FROM queues ORDER BY queue
                """))
        #expect(
            queues.rows == [
                [.text("desk"), .integer(1), .integer(1), .integer(60 * second), .real(1)],
                [.text("tax"), .integer(0), .integer(1), .integer(120 * second), .real(0)],
            ])
        let operators = try await log.answer(.table("operators"))
        #expect(
            operators.rows == [
                [
                    .text("anna"), .integer(1), .integer(1), .integer(60 * second),
                    .integer(60 * second),
                ],
                [
                    .text("bruno"), .integer(1), .integer(1), .integer(120 * second),
                    .integer(120 * second),
                ],
            ])
    }

    /// Where clocks run backward, only the duration that they break is unknown.
    @Test func backwardClocksCostADurationButNoContact() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let backwardWait = try Story("1", from: start).received()
            .queued("desk", after: 10).left("desk", .answered, after: 9)
            .connected("anna", after: 10).disconnected(after: 40)
        let backwardHandle = try Story("2", from: start).received()
            .queued("desk", after: 10).left("desk", .answered, after: 14)
            .connected("anna", after: 20).disconnected(after: 19)
        let backwardAbandonment = try Story("3", from: start).received()
            .queued("desk", after: 10).left("desk", .abandoned, after: 8)
        let log = ToldLog(
            told: backwardWait.told + backwardHandle.told + backwardAbandonment.told)
        let totals = try await log.answer(.table("totals")).shownRows[0]
        #expect(totals["offered"] == .integer(3))
        #expect(totals["answered"] == .integer(2))
        #expect(totals["answered_with_known_wait"] == .integer(1))
        #expect(totals["answered_within_threshold"] == .integer(1))
        #expect(totals["average_speed_of_answer_us"] == .integer(4 * second))
        #expect(totals["abandoned"] == .integer(1))
        #expect(totals["abandoned_with_known_wait"] == .integer(0))
        #expect(totals["abandoned_within_threshold"] == .integer(0))
        #expect(totals["handled"] == .integer(1))
        #expect(totals["handle_us"] == .integer(30 * second))
        let days = try await log.answer(.sql("SELECT waiting_max FROM days"))
        #expect(days.rows == [[.integer(1)]])
    }

    @Test func afterWorkIsPartOfTheHandleTime() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let story = try Story("1", from: start).received()
            .queued("desk", after: 0).left("desk", .answered, after: 0)
            .connected(nil, after: 0).disconnected(after: 60)
            .adding(.afterWorkEnded(nil), 90)
        let log = ToldLog(told: story.told)
        let rows = try await log.answer(.table("operators")).rows
        let handle = QueryValue.integer(90 * second)
        #expect(rows == [[.text("unknown"), .integer(1), .integer(1), handle, handle]])
    }

    @Test func aTransferEndsTheConversationOfWhoTransfers() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let story = try Story("1", from: start).received()
            .queued("desk", after: 0).left("desk", .answered, after: 5)
            .connected("anna", after: 5).adding(.transferred(.blind), 35)
            .queued("tax", after: 35).left("tax", .answered, after: 45)
            .connected("bruno", after: 45).disconnected(after: 145)
        let log = ToldLog(told: story.told)
        let operators = try await log.answer(
            .sql("SELECT operator, answered, handled, handle_us FROM operators ORDER BY 1"))
        #expect(operators.rows == [["anna", 1, 1, 30_000_000], ["bruno", 1, 1, 100_000_000]])
        let queues = try await log.answer(
            .sql("SELECT queue, answered, handled, handle_us FROM queues ORDER BY 1"))
        #expect(queues.rows == [["desk", 1, 1, 30_000_000], ["tax", 1, 1, 100_000_000]])
    }

    /// Who hands a contact on may finish after whoever answered next.
    @Test(arguments: ["anna", "bruno", nil])
    func afterWorkIsOfWhomItNames(first: String?) async throws {
        let start = try at("2026-03-02T09:00:00Z")
        func finished(_ name: String?) throws -> ContactEvent {
            .afterWorkEnded(try name.map { try #require(OperatorID($0)) })
        }
        let story = try Story("1", from: start).received()
            .queued("desk", after: 0).left("desk", .answered, after: 0)
            .connected("anna", after: 0).adding(.transferred(.warm), 30)
            .queued("tax", after: 30).left("tax", .answered, after: 30)
            .connected("bruno", after: 30).disconnected(after: 130)
            .adding(try finished(first), 140)
            .adding(try finished(first == "anna" ? "bruno" : "anna"), 150)
        let operators = try await ToldLog(told: story.told).answer(
            .sql("SELECT operator, answered, handled, handle_us FROM operators ORDER BY 1"))
        let (anna, bruno): (QueryValue, QueryValue) =
            first == "anna" ? (140_000_000, 120_000_000) : (150_000_000, 110_000_000)
        #expect(operators.rows == [["anna", 1, 1, anna], ["bruno", 1, 1, bruno]])
    }

    /// The conversation in which it is agreed upon, and the call, are one answer each.
    @Test func aCallbackAgreedUponInAConversationIsAVisitOfItsOwn() async throws {
        let back = ContactEvent.Queued(queue: try queue("desk"), reason: .callback)
        let story = try Story("1", from: at("2026-03-02T09:00:00Z")).received()
            .queued("desk", after: 0).left("desk", .answered, after: 10)
            .connected("anna", after: 10)
            .adding(.callbackRequested(.init(queue: try queue("desk"))), 40)
            .disconnected(after: 50).adding(.afterWorkEnded(nil), 60)
            .adding(.queued(back), 3_600).left("desk", .answered, after: 3_605)
            .adding(.callbackAttempted(nil), 3_606).adding(.callbackReached, 3_610)
            .connected("anna", after: 3_610).disconnected(after: 3_640)
        let totals = try await ToldLog(told: story.told).answer(.table("totals")).shownRows[0]
        #expect(totals["received"] == .integer(1))
        #expect(totals["offered"] == .integer(2))
        #expect(totals["answered"] == .integer(2))
        #expect(totals["wait_answered_us"] == .integer(15 * second))
        #expect(totals["handle_us"] == .integer(80 * second))
    }

    @Test func contactsNeverOfferedBelongToTheirArrival() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let stories = [
            Story("1", from: start).received(queue: "desk").adding(.abandoned(.selfService), 30),
            Story("2", from: start).received().adding(.selfServiceEnded(.contained), 30),
            // A citizen at the counter speaks to an operator without any queue.
            Story("3", from: start).received().connected("anna", after: 5)
                .disconnected(after: 65),
            // Whoever is offered after all has not been given up in self-service.
            try Story("4", from: start).received(queue: "desk")
                .adding(.abandoned(.selfService), 30).queued("tax", after: 31),
        ]
        let log = ToldLog(told: stories.flatMap(\.told))
        let queues = try await log.answer(
            .sql(
                """
                SELECT queue, received, offered, abandoned_in_self_service, handled, handle_us
                FROM queues ORDER BY queue
                """))
        #expect(
            queues.rows == [
                ["desk", 1, 0, 1, 0, 0], ["tax", 1, 1, 0, 0, 0],
                ["unknown", 2, 0, 0, 1, 60_000_000],
            ])
    }

    /// Facts may arrive late: an end before its beginning, an arrival after everything else.
    @Test func factsThatArriveLateCountAsIfInTime() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let inTime = try Story("1", from: start).received(queue: "desk", zone: "Asia/Tokyo")
            .queued("desk", after: 5).left("desk", .answered, after: 9).told
        let late = [inTime[2], inTime[1], inTime[0]]
        for table in ["totals", "queues", "days", "half_hours", "operators"] {
            #expect(
                try await ToldLog(told: late).answer(.table(table))
                    == ToldLog(told: inTime).answer(.table(table)))
        }
    }

    @Test func otherTypesAndLaterSchemasPassThrough() async throws {
        let start = try at("2026-03-02T09:00:00Z")
        let story = try Story("1", from: start).received().queued("desk", after: 1)
        let other = Story("1", from: start).adding(.unknown, 2)
        var later = try Story("2", from: start).queued("desk", after: 3).told
        later[0].schema = 2
        let log = ToldLog(told: story.told + other.told + later)
        let rows = try await log.answer(.sql("SELECT received, offered FROM totals")).rows
        #expect(rows == [[1, 1]])
    }
}
