import ContactCentre
import EventLog
import JSON
import Routing
import TestSupport
import Testing

/// Several routers at one log, in any order, with what happens in between and with crashes.
@Suite struct RouterTests {
    @Test(
        "offer nothing twice, give nobody too much, and decide the same again",
        arguments: [1, 2, 3, 4] as [UInt64])
    func interleavings(seed: UInt64) async throws {
        let world = try await World(seed: seed)
        for _ in 0..<800 * patience {
            do { try await world.turn() } catch { throw Failed(seed: seed, cause: error) }
        }
        let counts = try await world.end()
        #expect(counts.decisions > 200, "seed \(seed)")
        #expect(counts.overtaken > 5, "seed \(seed)")
        #expect(counts.crashes > 10, "seed \(seed)")
        try await world.finishCalls()
        let outcomes = await world.outcomes
        for outcome in ["reached", "expired", "abandoned", "overridden"] {
            #expect(outcomes[outcome, default: 0] > 0, "seed \(seed), \(outcomes)")
        }
        var same = 0
        try await world.redecide { redecision in
            #expect(redecision.verdict == .same, "seed \(seed), \(redecision.position)")
            same += 1
        }
        #expect(same >= counts.decisions, "seed \(seed)")
        // Decisions that did not know all that stands before them are the hard ones.
        #expect(counts.behindOthers > 5, "seed \(seed)")
    }

    @Test("look again when there may be something to do, and not before", arguments: [5, 6])
    func rests(seed: UInt64) async throws {
        let hall = try await TownHall(seed: seed)
        var numbers = SeededNumbers(seed: seed)
        var woken = 0
        for _ in 0..<120 {
            for _ in 0..<3 { try await hall.live() }
            var router = try Router(hall.log, name: "1") { try await hall.log.appendRouted($0) }
            var step = try await router.step(at: await hall.now)
            while case .decided = step { step = try await router.step(at: await hall.now) }
            while case .settled = step { step = try await router.step(at: await hall.now) }
            guard case .nothing(let moment?) = step else { continue }
            // One that remembers nothing of having rested.
            var other = try Router(hall.log, name: "2") { try await hall.log.appendRouted($0) }
            let early = Int64.random(
                in: (await hall.now).microseconds..<moment.microseconds, using: &numbers)
            let found = try await other.step(at: Instant(microseconds: early))
            guard case .nothing(moment) = found else {
                Issue.record("seed \(seed): \(found) before \(moment)")
                return
            }
            await hall.wait(until: moment)
            if case .nothing = try await router.step(at: moment) { continue }
            woken += 1
        }
        #expect(woken > 40, "seed \(seed)")
    }

    struct Failed: Error {
        let seed: UInt64
        let cause: any Error
    }
}

/// A town hall and its routers, each of which can be stopped in the middle of an append.
private actor World {
    private let hall: TownHall
    private var routers: [Int: Router] = [:]
    private var numbers: SeededNumbers
    private var counts = Counts()
    private var depth = 0

    struct Counts {
        var decisions = 0
        var overtaken = 0
        var crashes = 0
        /// Appends behind events that the router had not seen.
        var behindOthers = 0
    }

    struct Crash: Error {}

    init(seed: UInt64) async throws {
        hall = try await TownHall(seed: seed)
        numbers = SeededNumbers(seed: seed ^ 0xFACE)
        for number in 0..<3 { routers[number] = try router(number) }
    }

    private func router(_ number: Int) throws -> Router {
        var limits = RouterLimits()
        // One that crashed goes on from what it, or another one, has kept.
        limits.snapshotInterval = 40
        limits.snapshotEventsPerContact = 0
        return try Router(hall.log, name: "\(number)", limits: limits) { append in
            try await self.append(append)
        }
    }

    func turn() async throws {
        if numbers.happens(oneIn: 3) { try await step() } else { try await hall.live() }
    }

    /// One router looks at the log, if it does not already.
    private func step() async throws {
        let number = Int.random(in: 0..<3, using: &numbers)
        guard var router = routers.removeValue(forKey: number) else { return }
        do {
            switch try await router.step(at: await hall.now) {
            case .decided(let count): counts.decisions += count
            case .overtaken: counts.overtaken += 1
            case .settled, .nothing: break
            case .leftAside(let stream, let reason): Issue.record("\(stream): \(reason)")
            }
            routers[number] = router
        } catch is Crash {
            counts.crashes += 1
            // What it knew is gone.
            routers[number] = try self.router(number)
        }
    }

    private func append(_ append: Append) async throws -> RouterAppend {
        let size = try hall.log.head().size
        if depth < 2, numbers.happens(oneIn: 3) {
            depth += 1
            for _ in 0..<Int.random(in: 1...3, using: &numbers) { try await turn() }
            depth -= 1
        }
        if numbers.happens(oneIn: 12) { throw Crash() }
        let appended = try await hall.log.appendRouted(append)
        if case .at(let range) = appended, range.first.value > size { counts.behindOthers += 1 }
        if numbers.happens(oneIn: 12) { throw Crash() }
        return appended
    }

    /// Lets time go by until every callback has come out, each in one way.
    func finishCalls() async throws {
        // Nothing comes in between any more.
        depth = 2
        for _ in 0..<60 {
            try await hall.finishCalls()
            _ = try await end()
        }
        let owed = await hall.callbacksOwed
        #expect(owed.isEmpty, "\(owed)")
    }

    var outcomes: [String: Int] { get async { await hall.outcomes } }

    /// Lets the routers do what is left to do, and holds everything against the log once more.
    func end() async throws -> Counts {
        var router = try router(9)
        var isDone = false
        while !isDone {
            do {
                let step = try await router.step(at: await hall.now)
                if case .decided(let count) = step { counts.decisions += count }
                if case .nothing = step { isDone = true }
            } catch is Crash { router = try self.router(9) }
        }
        try await hall.look()
        return counts
    }

    func redecide(_ visit: (Redecision) throws -> Void) throws {
        _ = try hall.log.redecide(0..<UInt64.max, visit)
    }
}
