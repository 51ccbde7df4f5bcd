import Foundation
import OwnThread
import TestSupport
import Testing

/// A process that appends is killed at any moment, again and again.
@Suite("A writer killed with kill -9", .ownThread)
struct KillTests {
    /// What is appended, by how many at a time, and for how many rounds.
    struct Sweep: Sendable, CustomTestStringConvertible {
        let shape: String
        let width: Int
        let rounds: Int
        let seed: UInt64

        var testDescription: String { "\(rounds) rounds of \(shape), \(width) wide, seed \(seed)" }
    }

    /// A log lives this long; then the whole of it is appended again.
    private static let roundsOfALog = 10

    @Test(
        "loses nothing that was acknowledged",
        arguments: [
            Sweep(shape: "singles", width: 1, rounds: 30, seed: 41),
            Sweep(shape: "singles", width: 16, rounds: 30, seed: 42),
            Sweep(shape: "mixed", width: 1, rounds: 30, seed: 43),
            Sweep(shape: "batches", width: 3, rounds: 30, seed: 44),
        ])
    func killed(sweep: Sweep) throws {
        var numbers = SeededNumbers(seed: sweep.seed)
        var (acknowledgements, killed, events) = (0, 0, 0 as UInt64)
        for log in 0..<sweep.rounds * patience / Self.roundsOfALog {
            let scratch = try Scratch()
            let made = try Ascolto.run(["keys", "generate"], log: scratch.log)
            try #require(made.end == .exit(0), "\(made.error)")
            let seed = sweep.seed << 16 | UInt64(log)
            var promise = Promise(seed: seed, shape: sweep.shape, log: scratch.log)
            var begun = 0
            for round in 0..<Self.roundsOfALog {
                let story = "\(sweep.testDescription), log \(log), round \(round)"
                let running = try promise.append(begun..<1 << 30, width: sweep.width)
                // A fifth of the kills may fall while the log is opened, on however slow a machine.
                if round % 5 > 0 { try running.awaitOutput() }
                pause(Double.random(in: 0..<0.15, using: &numbers))
                running.kill()
                let run = try running.finish()
                try #require(run.end == .signal(9), "\(story): \(run.end) \(run.error)")
                let count = try promise.take(run, story)
                acknowledgements += count
                if count > 0 { killed += 1 }
                try promise.requireSound(story)
                // What may have been under way is completed before the next round.
                let behind = promise.next + sweep.width
                try promise.requireCompletable(begun..<behind, story)
                begun = behind
            }
            try promise.requireCompletable(0..<begun, "\(sweep.testDescription), log \(log)")
            try promise.requireKept("\(sweep.testDescription), log \(log), at its end")
            events += promise.acknowledged.values.map(\.upperBound).max() ?? 0
        }
        #expect(killed * 2 > sweep.rounds, "too few kills fell behind the first acknowledgement")
        tell(
            "kill -9, \(sweep.testDescription): \(acknowledgements) acknowledgements before "
                + "the kills, \(killed) kills behind one, \(events) events in the end, none lost")
    }
}
