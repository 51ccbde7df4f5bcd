import EventLog
import Foundation
import JSON
import OwnThread
import Synchronization
import TestSupport
import Testing

/// Random operations on a log and on a plain array, which must agree after each.
@Suite(.ownThread) struct ModelTests {
    /// Operations of one run.
    private static let steps = 100 * patience

    @Test(.timeLimit(.minutes(10)), arguments: [101, 102, 103, 104] as [UInt64])
    func aLogIsAnArray(seed: UInt64) async throws {
        let directory = try Scratch()
        let clock = SteppingClock()
        try EventLog.create(at: directory.log, zone: "Europe/Rome", clock: clock.clock)
        var generator = SeededNumbers(seed: seed)
        var log: EventLog? = try EventLog.open(
            at: directory.log, access: .writing, clock: clock.clock)
        var model = ModelLog(try #require(log).events())
        for step in 0..<Self.steps {
            let story: Comment = "seed \(seed), step \(step)"
            if Int.random(in: 0..<20, using: &generator) == 0 {
                log?.close()
                log = nil
                log = try EventLog.open(at: directory.log, access: .writing, clock: clock.clock)
            }
            let opened = try #require(log)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<8:
                for _ in 0..<3 {
                    let selection = try model.randomSelection(using: &generator)
                    let found = try opened.events(selection)
                    try #require(found == model.selected(selection), story)
                }
            default:
                try await append(to: opened, &model, &generator, story)
            }
            try #require(try log?.head().size == UInt64(model.events.count), story)
        }
        log?.close()
        log = nil
        let report = try EventLog.check(at: directory.log, depth: .full) { _ in }
        #expect(report.problems == [], "seed \(seed)")
        let reader = try EventLog.open(at: directory.log, access: .reading)
        #expect(try reader.events() == model.events, "seed \(seed)")
    }

    private func append(
        to log: EventLog, _ model: inout ModelLog, _ generator: inout SeededNumbers,
        _ story: Comment
    ) async throws {
        var appends: [Append] = []
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
            appends.append(try model.randomAppend(using: &generator))
        }
        let before = UInt64(model.events.count)
        let expected = appends.map { model.outcome(of: $0) }
        let outcomes = try await log.append(each: appends)
        for (outcome, expectation) in zip(outcomes, expected) {
            try #require(expectation.isMet(by: outcome), "\(story): \(outcome), not \(expectation)")
        }
        var selection = Selection()
        selection.from = Position(before)
        let stored = try log.events(selection)
        try #require(stored.map(\.sent) == model.pending, story)
        let isRight = model.take(stored)
        try #require(isRight, story)
    }
}

/// A clock that goes on by a millisecond whenever it is read.
private final class SteppingClock: Sendable {
    private let ticks = Mutex<Int64>(0)

    var clock: LogClock {
        LogClock(
            wall: { [self] in
                Instant(
                    microseconds: ticks.withLock { ticks in
                        ticks += 1_000
                        return ticks
                    })
            }, boot: { 0 }, bootID: EventID(high: 0, low: 0))
    }
}

/// What a log is: an array of events, and rules for what may be added.
private struct ModelLog {
    private(set) var events: [Event]
    /// Sent and expected to be stored, not yet read back.
    private(set) var pending: [NewEvent] = []
    /// All that is stored or pending, as it was sent.
    private var all: [NewEvent] = []
    private var places: [EventID: Int] = [:]
    private var revisions: [StreamName: UInt64] = [:]
    private var history: [Append] = []

    /// What an append must come to, as far as the array tells.
    enum Expectation: Equatable {
        case appended(PositionRange)
        case alreadyAppended(PositionRange)
        case conflict(Position?)
        case rejected

        func isMet(by outcome: AppendOutcome) -> Bool {
            switch outcome {
            case .appended(let range): self == .appended(range)
            case .alreadyAppended(let range): self == .alreadyAppended(range)
            case .conflict(let conflict): self == .conflict(conflict.position)
            case .rejected: self == .rejected
            }
        }
    }

    init(_ events: [Event]) {
        self.events = events
        all = events.map(\.sent)
        for event in events {
            places[event.id] = places.count
            revisions[event.stream, default: 0] += 1
        }
    }

    private var size: Int { all.count }

    private func range(_ first: Int, count: Int) -> PositionRange {
        PositionRange(
            first: Position(UInt64(first)), last: Position(UInt64(first + count - 1)))
    }

    /// Decides on an append, and takes up its events where they are to be stored.
    mutating func outcome(of append: Append) -> Expectation {
        let ids = append.events.compactMap(\.id)
        guard !ids.isEmpty, Set(ids).count == ids.count else { return .rejected }
        let known = ids.compactMap { places[$0] }
        if !known.isEmpty {
            let first = known[0]
            let isSame =
                known == Array(first..<first + ids.count)
                && zip(append.events, known).allSatisfy { $0 == all[$1] }
            return isSame ? .alreadyAppended(range(first, count: ids.count)) : .rejected
        }
        if let conflict = conflict(with: append.condition) { return conflict }
        let first = size
        for event in append.events {
            if let id = event.id { places[id] = size }
            pending.append(event)
            all.append(event)
        }
        return .appended(range(first, count: ids.count))
    }

    private func conflict(with condition: Condition) -> Expectation? {
        for (stream, expectation) in condition.streams {
            let last = all.lastIndex { $0.stream == stream }
            let count = all.count { $0.stream == stream }
            let holds =
                switch expectation {
                case .exists: last != nil
                case .doesNotExist: last == nil
                case .isAt(let revision): count > 0 && UInt64(count - 1) == revision.value
                }
            if !holds { return .conflict(last.map { Position(UInt64($0)) }) }
        }
        for absence in condition.absences {
            let from = absence.after.map { Int($0.value) + 1 } ?? 0
            let match = all.indices.last { place in
                place >= from && absence.query.items.contains { $0.isMet(by: all[place]) }
            }
            if let match { return .conflict(Position(UInt64(match))) }
        }
        return nil
    }

    /// Takes what the log has stored for what was pending; false where revision, position or time
    /// is not what it must be.
    mutating func take(_ stored: [Event]) -> Bool {
        for event in stored {
            let revision = revisions[event.stream, default: 0]
            guard event.position.value == UInt64(events.count),
                event.revision.value == revision,
                event.recorded >= events[events.count - 1].recorded
            else { return false }
            events.append(event)
            revisions[event.stream] = revision + 1
        }
        pending = []
        return true
    }
}

extension EventQuery.Item {
    fileprivate func isMet(by event: NewEvent) -> Bool {
        let own = event.tags.texts.map(String.init)
        return (stream == nil || stream == event.stream)
            && (types.isEmpty || types.contains(event.type))
            && tags.allSatisfy { own.contains($0.text) }
    }
}

// What is asked of the log.
extension ModelLog {
    private static let streams = 12

    mutating func randomAppend(using generator: inout SeededNumbers) throws -> Append {
        switch Int.random(in: 0..<10, using: &generator) {
        case 0 where !history.isEmpty:
            // A retry, word for word.
            return history[Int.random(in: 0..<history.count, using: &generator)]
        case 1 where !history.isEmpty:
            return try altered(
                history[Int.random(in: 0..<history.count, using: &generator)], using: &generator)
        default: break
        }
        var events: [NewEvent] = []
        let count = Int.random(in: 0..<40, using: &generator) == 0 ? 500 : 6
        for _ in 0..<Int.random(in: 1...count, using: &generator) {
            events.append(
                Int.random(in: 0..<8, using: &generator) == 0
                    ? try .random(using: &generator, streams: Self.streams)
                    : try .small(using: &generator, streams: Self.streams))
        }
        let append = Append(events, condition: try randomCondition(using: &generator))
        history.append(append)
        return append
    }

    /// The same ids, but one thing is not as it was.
    private func altered(
        _ append: Append, using generator: inout SeededNumbers
    ) throws -> Append {
        var altered = append
        let index = Int.random(in: 0..<append.events.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: altered.events[index].schema += 1
        case 1: altered.events[index].stream = try StreamName("contact/other")
        case 2: altered.events.append(try .small(using: &generator, streams: Self.streams))
        case 3: altered.events.append(append.events[index])
        default: altered.events.reverse()
        }
        return altered
    }

    private func randomCondition(using generator: inout SeededNumbers) throws -> Condition {
        let stream = try StreamName(
            "contact/\(Int.random(in: 0..<Self.streams + 2, using: &generator))")
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: return Condition(streams: [stream: .exists])
        case 1: return Condition(streams: [stream: .doesNotExist])
        case 2:
            let count = all.count { $0.stream == stream }
            let revision = max(0, count - Int.random(in: 1...2, using: &generator))
            return Condition(streams: [stream: .isAt(Revision(UInt64(revision)))])
        case 3:
            let item = EventQuery.Item(
                types: [try EventType("contact.queued")],
                tags: [try Tag("k1:v\(Int.random(in: 0..<6, using: &generator))")],
                stream: Bool.random(using: &generator) ? stream : nil)
            let after = Int.random(in: max(0, size - 20)..<size, using: &generator)
            return Condition(absences: [
                Absence(of: EventQuery([item]), after: Position(UInt64(after)))
            ])
        default: return .nothing
        }
    }

    func randomSelection(using generator: inout SeededNumbers) throws -> Selection {
        func chance(_ percent: Int) -> Bool {
            Int.random(in: 0..<100, using: &generator) < percent
        }
        func position() -> Position {
            Position(UInt64.random(in: 0..<UInt64(events.count + 9), using: &generator))
        }
        func recording() -> Instant { events[Int(position().value) % events.count].recorded }
        func occurrence() -> Instant { events[Int(position().value) % events.count].occurred }
        var selection = Selection()
        if chance(30) { selection.from = position() }
        if chance(30) { selection.to = position() }
        if chance(40) {
            selection.stream = try StreamName("contact/\(position().value % 14)")
        }
        if chance(30) { selection.types = [try EventType("contact.queued")] }
        if chance(20) { selection.types.insert(try EventType("x.y\"z\\")) }
        if chance(25) { selection.tags = [try Tag("k1:v\(position().value % 6)")] }
        if chance(10) { selection.since = occurrence() }
        if chance(10) { selection.until = occurrence() }
        if chance(10) { selection.recordedSince = recording() }
        if chance(10) { selection.recordedUntil = recording() }
        if chance(15) {
            selection.asOf = .position(Position(position().value % UInt64(events.count)))
        }
        if chance(15) { selection.asOf = .recorded(recording()) }
        if chance(50) { selection.direction = .backward }
        if chance(30) { selection.limit = Int.random(in: 0..<50, using: &generator) }
        return selection
    }

    func selected(_ selection: Selection) -> [Event] {
        var found = events.filter { event in
            let isKnown =
                switch selection.asOf {
                case .position(let last): event.position <= last
                case .recorded(let moment): event.recorded <= moment
                case nil: true
                }
            let item = EventQuery.Item(
                types: selection.types, tags: selection.tags, stream: selection.stream)
            return isKnown && item.isMet(by: event.sent)
                && event.position >= selection.from ?? event.position
                && event.position <= selection.to ?? event.position
                && event.occurred >= selection.since ?? event.occurred
                && (selection.until.map { event.occurred < $0 } ?? true)
                && event.recorded >= selection.recordedSince ?? event.recorded
                && (selection.recordedUntil.map { event.recorded < $0 } ?? true)
        }
        if selection.direction == .backward { found.reverse() }
        return Array(found.prefix(selection.limit ?? .max))
    }
}
