import EventLog
import Foundation
import JSON
import TestSupport
import Testing

/// Conditions that are queries, against a plain array of what was appended.
@Suite struct ConditionTests {
    private let directory: Scratch

    init() throws {
        directory = try Scratch()
        try EventLog.create(at: directory.log, zone: "Europe/Rome")
    }

    private func open() throws -> EventLog {
        try EventLog.open(at: directory.log, access: .writing)
    }

    private func event(
        _ type: String, _ stream: String, tags: [String] = []
    ) throws -> NewEvent {
        NewEvent(
            id: nil, type: try EventType(type), schema: 1, stream: try StreamName(stream),
            tags: try Tags(try tags.map { try Tag($0) }), source: try Source("urn:test"), time: nil,
            data: .absent)
    }

    private func absence(
        types: [String] = [], tags: [String] = [], stream: String? = nil, after: UInt64? = nil
    ) throws -> Absence {
        let item = EventQuery.Item(
            types: Set(try types.map { try EventType($0) }), tags: try tags.map { try Tag($0) },
            stream: try stream.map { try StreamName($0) })
        return Absence(of: EventQuery([item]), after: after.map { Position($0) })
    }

    /// One contact, one decision: of two that decide on the same knowledge, one comes too late.
    @Test func aDecisionIsMadeOnce() async throws {
        let log = try open()
        let condition = Condition(absences: [
            try absence(types: ["contact.assigned"], tags: ["contact:7"])
        ])
        let assigned = try event("contact.assigned", "contact/7", tags: ["contact:7", "op:1"])
        let again = try event("contact.assigned", "contact/7", tags: ["contact:7", "op:2"])
        let outcomes = try await log.append(each: [
            Append([assigned], condition: condition), Append([again], condition: condition),
        ])
        #expect(outcomes[0] == .appended(PositionRange(first: Position(1), last: Position(1))))
        #expect(outcomes[1] == .conflict(.match(Position(1), assigned.type, assigned.stream)))
        #expect(try log.head().size == 2)
    }

    @Test func aRetryPassesTheQueryThatItFulfilledItself() async throws {
        let log = try open()
        var once = try event("case.opened", "case/1")
        once.id = EventID(high: 1, low: 1)
        let append = Append(
            [once], condition: Condition(absences: [try absence(stream: "case/1")]))
        let range = PositionRange(first: Position(1), last: Position(1))
        #expect(try await log.append(append) == .appended(range))
        #expect(try await log.append(append) == .alreadyAppended(range))
    }

    @Test func anItemOfNothingAsksWhetherTheLogIsUnchanged() async throws {
        let log = try open()
        let unchanged = Condition(absences: [try absence(after: 0)])
        let first = Append([try event("a", "s/1")], condition: unchanged)
        let second = Append([try event("a", "s/2")], condition: unchanged)
        #expect(
            try await log.append(first)
                == .appended(PositionRange(first: Position(1), last: Position(1))))
        guard case .conflict(let conflict) = try await log.append(second) else {
            Issue.record("the log had changed")
            return
        }
        #expect(conflict.position == Position(1))
        let never = Condition(absences: [Absence(of: EventQuery([]))])
        #expect(
            try await log.append(Append([try event("a", "s/2")], condition: never))
                == .appended(PositionRange(first: Position(2), last: Position(2))))
    }

    /// Blocks, short blocks, tail and the batch itself: wherever the event stands, it is found.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func queriesSeeWhatAnArraySees(seed: UInt64) async throws {
        var generator = SeededNumbers(seed: seed)
        var model: [NewEvent] = []
        var log: EventLog? = try open()
        for _ in 0..<9 {
            let count = [1, 70, 300, 2_500].randomElement(using: &generator) ?? 1
            var appends: [Append] = []
            var expected: [Bool] = []
            var grown = model
            for _ in 0..<count {
                let new = try randomEvent(using: &generator)
                var condition = Condition()
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    condition.absences = [try randomAbsence(size: grown.count, using: &generator)]
                }
                let isFree = condition.absences.allSatisfy { absence in
                    !grown.enumerated().contains { index, event in
                        UInt64(index + 1) > absence.after?.value ?? 0
                            && absence.query.items.contains { matches($0, event) }
                    }
                }
                appends.append(Append([new], condition: condition))
                expected.append(isFree)
                if isFree { grown.append(new) }
            }
            let outcomes = try await #require(log).append(each: appends)
            for (index, outcome) in outcomes.enumerated() {
                if case .appended = outcome {
                    #expect(expected[index], "seed \(seed): \(appends[index].condition)")
                } else {
                    #expect(!expected[index], "seed \(seed): \(outcome)")
                }
            }
            model = grown
            if Bool.random(using: &generator) {
                log = nil
                log = try open()
            }
        }
        log = nil
        #expect(try EventLog.check(at: directory.log, depth: .full) { _ in }.problems == [])
    }

    private func randomEvent(using generator: inout SeededNumbers) throws -> NewEvent {
        let number = Int.random(in: 0..<40, using: &generator)
        // Rare ones, so that queries without a match are among those that are asked.
        let rare = Int.random(in: 0..<400, using: &generator)
        return try event(
            rare == 0 ? "rare.type" : "type.\(number % 3)", "s/\(number)",
            tags: rare == 1 ? ["k:rare", "n:\(number)"] : ["n:\(number)"])
    }

    private func randomAbsence(
        size: Int, using generator: inout SeededNumbers
    ) throws -> Absence {
        var items: [EventQuery.Item] = []
        for _ in 0..<Int.random(in: 1...2, using: &generator) {
            var item = EventQuery.Item()
            let number = Int.random(in: 0..<40, using: &generator)
            if Bool.random(using: &generator) { item.types = [try EventType("rare.type")] }
            if Bool.random(using: &generator) { item.tags.append(try Tag("k:rare")) }
            if Bool.random(using: &generator) { item.tags.append(try Tag("n:\(number)")) }
            if Bool.random(using: &generator) { item.stream = try StreamName("s/\(number)") }
            items.append(item)
        }
        let after =
            size > 0 && Bool.random(using: &generator)
            ? Position(UInt64(Int.random(in: max(0, size - 600)...size, using: &generator))) : nil
        return Absence(of: EventQuery(items), after: after)
    }

    private func matches(_ item: EventQuery.Item, _ event: NewEvent) -> Bool {
        (item.types.isEmpty || item.types.contains(event.type))
            && item.tags.allSatisfy { event.tags.texts.contains($0.text[...]) }
            && (item.stream == nil || item.stream == event.stream)
    }
}
