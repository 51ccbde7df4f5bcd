import EventLog
import JSON
import TestSupport
import Testing

@Suite struct OutcomeTests {
    private let directory: Scratch
    private let log: EventLog

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
        log = try EventLog.open(at: directory.log, access: .writing)
    }

    private func event(
        _ number: UInt64, stream: String = "contact/1", text: String = "{}"
    ) throws -> NewEvent {
        NewEvent(
            id: EventID(high: 7, low: number), type: try EventType("contact.received"), schema: 1,
            stream: try StreamName(stream), source: try Source("urn:test"), time: nil,
            data: try .json(checking: Array(text.utf8)[...]))
    }

    private func range(_ first: UInt64, _ last: UInt64) -> PositionRange {
        PositionRange(first: Position(first), last: Position(last))
    }

    @Test func aRetryIsRecognisedHoweverOld() async throws {
        let old = Append([try event(1), try event(2)])
        #expect(try await log.append(old) == .appended(range(1, 2)))
        #expect(try await log.append(old) == .alreadyAppended(range(1, 2)))
        // Push the events out of the tail into a block.
        for portion in 0..<2 {
            let appends = try (0..<3_000).map { number in
                Append([try event(UInt64(100 + portion * 3_000 + number))])
            }
            _ = try await log.append(each: appends)
        }
        #expect(try log.statistics().blocks >= 1)
        #expect(try await log.append(old) == .alreadyAppended(range(1, 2)))
        let size = try log.head().size
        #expect(try await log.append(Append([try event(50)])) == .appended(range(size, size)))
    }

    @Test func aRetryPassesTheConditionThatItFulfilledItself() async throws {
        let stream = try StreamName("case/1")
        let append = Append(
            [try event(1, stream: "case/1")], condition: Condition(streams: [stream: .doesNotExist])
        )
        #expect(try await log.append(append) == .appended(range(1, 1)))
        #expect(try await log.append(append) == .alreadyAppended(range(1, 1)))
    }

    @Test(arguments: [
        Int64.min, Instant.earliest.microseconds - 1, Instant.latest.microseconds + 1, Int64.max,
    ])
    func aTimeThatNothingCanWriteIsRejected(microseconds: Int64) async throws {
        var late = try event(2)
        late.time = Instant(microseconds: microseconds)
        let appends = [Append([try event(1)]), Append([late]), Append([try event(3)])]
        let id = EventID(high: 7, low: 2)
        #expect(
            try await log.append(each: appends) == [
                .appended(range(1, 1)), .rejected(.impossibleTime(id)), .appended(range(2, 2)),
            ])
        late.time = microseconds < 0 ? .earliest : .latest
        #expect(try await log.append(Append([late])) == .appended(range(3, 3)))
        #expect(try log.event(at: Position(3))?.time == late.time)
    }

    @Test func otherContentUnderAKnownIDIsRejected() async throws {
        _ = try await log.append(Append([try event(1)]))
        let other = try event(1, text: #"{"a":1}"#)
        #expect(
            try await log.append(Append([other]))
                == .rejected(.idKnownWithOtherContent(EventID(high: 7, low: 1), at: Position(1))))
        #expect(
            try await log.append(Append([try event(1, stream: "contact/2")]))
                == .rejected(.idKnownWithOtherContent(EventID(high: 7, low: 1), at: Position(1))))
        #expect(try log.head().size == 2)
    }

    @Test func halfKnownOrShuffledIDsAreRejected() async throws {
        let (one, two, three) = (try event(1), try event(2), try event(3))
        _ = try await log.append(Append([one, two]))
        #expect(
            try await log.append(Append([two, three]))
                == .rejected(.someIDsKnown([EventID(high: 7, low: 2)])))
        #expect(
            try await log.append(Append([two, one]))
                == .rejected(
                    .someIDsKnown([EventID(high: 7, low: 2), EventID(high: 7, low: 1)])))
        #expect(
            try await log.append(Append([three, three]))
                == .rejected(.repeatedID(EventID(high: 7, low: 3))))
        #expect(try log.head().size == 3)
    }

    @Test func expectationsAreJudgedAgainstTheBatchItself() async throws {
        let stream = try StreamName("case/2")
        func append(_ number: UInt64, _ expected: StreamExpectation) throws -> Append {
            Append(
                [try event(number, stream: "case/2")],
                condition: Condition(streams: [stream: expected]))
        }
        let outcomes = try await log.append(each: [
            append(1, .exists), append(2, .doesNotExist), append(3, .doesNotExist),
            append(4, .isAt(Revision(0))), append(5, .isAt(Revision(0))), append(6, .exists),
        ])
        #expect(
            outcomes == [
                .conflict(.stream(stream, expected: .exists, found: nil)),
                .appended(range(1, 1)),
                .conflict(
                    .stream(
                        stream, expected: .doesNotExist,
                        found: StreamEnd(revision: Revision(0), position: Position(1)))),
                .appended(range(2, 2)),
                .conflict(
                    .stream(
                        stream, expected: .isAt(Revision(0)),
                        found: StreamEnd(revision: Revision(1), position: Position(2)))),
                .appended(range(3, 3)),
            ])
        let revisions = try log.events().dropFirst().map(\.revision.value)
        #expect(revisions == [0, 1, 2])
    }

    @Test func limitsAreRejections() async throws {
        #expect(try await log.append(Append([])) == .rejected(.noEvents))
        let many = try (0..<10_001).map { try event(UInt64($0)) }
        #expect(try await log.append(Append(many)) == .rejected(.tooManyEvents(10_001)))
        let long = "\"" + String(repeating: "x", count: 1_048_574) + "\""
        let heavy = try (0..<17).map { try event(UInt64($0), text: long) }
        guard case .rejected(.tooManyBytes) = try await log.append(Append(heavy)) else {
            Issue.record("17 MiB in one append were accepted")
            return
        }
        #expect(try await log.append(Append([heavy[0]])) == .appended(range(1, 1)))
        var created = try event(99)
        created.type = try EventType("meta.log_created")
        #expect(try await log.append(Append([created])) == .rejected(.reservedType(created.type)))
    }

    @Test func manyCallersGetGaplessPositionsAndOneRecordingPerCommit() async throws {
        let log = log
        let outcomes = try await withThrowingTaskGroup(of: [AppendOutcome].self) { group in
            for caller in 0..<20 {
                let events = try (0..<50).map { try event(UInt64(caller * 1_000 + $0)) }
                group.addTask {
                    var outcomes: [AppendOutcome] = []
                    for event in events { outcomes.append(try await log.append(Append([event]))) }
                    return outcomes
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        var positions: [UInt64] = []
        for outcome in outcomes {
            guard case .appended(let range) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            positions.append(range.first.value)
        }
        #expect(positions.sorted() == Array(1...1_000))
        let recorded = try log.events().map(\.recorded)
        #expect(zip(recorded, recorded.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func afterClosingAppendsAreRefusedAndReadingGoesOn() async throws {
        _ = try await log.append(Append([try event(1)]))
        log.close()
        let late = Append([try event(2)])
        await #expect(throws: LogError.self) { try await log.append(late) }
        #expect(try log.events().count == 2)
    }
}

extension OutcomeTests {
    /// "é" as one character and as two: equal for Swift's strings, two names for a producer.
    @Test func canonicallyEquivalentTextsStayApart() async throws {
        let composed = "caf\u{E9}"
        let decomposed = "cafe\u{301}"
        var sent: [NewEvent] = []
        for number in 0..<4_200 {
            let name = number % 2 == 0 ? composed : decomposed
            var event = try event(UInt64(number), stream: "contact/\(name)")
            event.type = try EventType("type.\(name)")
            event.tags = try Tags(joined: "k:\(name) \u{301}k:v")
            sent.append(event)
        }
        _ = try await log.append(each: sent.map { Append([$0]) })
        let events = try log.events().dropFirst()
        #expect(
            events.map { Array($0.stream.text.utf8) } == sent.map { Array($0.stream.text.utf8) })
        #expect(events.map(\.revision.value) == (0..<4_200).map { UInt64($0 / 2) })
        #expect(events.allSatisfy { $0.tags.texts.count == 2 })
        var selection = Selection()
        selection.stream = try StreamName("contact/\(decomposed)")
        #expect(try log.events(selection).count == 2_100)
        selection.stream = nil
        selection.types = [try EventType("type.\(composed)")]
        #expect(try log.events(selection).count == 2_100)
    }
}
