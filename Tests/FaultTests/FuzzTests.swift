import Foundation
import OwnThread
import TestSupport
import Testing

/// Decoders against bytes that nobody wrote: they throw, or give what comes back the same.
@Suite("A decoder", .ownThread)
struct FuzzTests {
    /// One decoder, and how many mutations it is given: about as many as ten seconds hold.
    struct Budget: Sendable, CustomTestStringConvertible {
        let kind: String
        let mutations: Int

        var testDescription: String { "\(mutations) mutations of \(kind)" }
    }

    @Test(
        "throws or answers, whatever it is given",
        arguments: [
            Budget(kind: "headRecord", mutations: 100_000),
            Budget(kind: "headSlot", mutations: 100_000),
            Budget(kind: "tail", mutations: 20_000),
            Budget(kind: "block", mutations: 3_000),
            Budget(kind: "subframe", mutations: 20_000),
            Budget(kind: "payload", mutations: 50_000),
            Budget(kind: "hashPage", mutations: 30_000),
            Budget(kind: "timePage", mutations: 100_000),
            Budget(kind: "tile", mutations: 100_000),
            Budget(kind: "runKey", mutations: 100_000),
            Budget(kind: "line", mutations: 100_000),
            Budget(kind: "cloudEvent", mutations: 100_000),
            Budget(kind: "json", mutations: 100_000),
        ], [2026] as [UInt64])
    func fuzz(budget: Budget, seed: UInt64) throws {
        let fuzzer = Ascolto.neighbour("DecoderFuzzer")
        let words = [budget.kind, "\(seed)", "0", "\(budget.mutations * patience)"]
        // With half a gigabyte of memory, so that a length that nobody wrote cannot take more.
        let run = try Program.run(
            "/bin/sh", ["-c", #"ulimit -d 524288; exec "$0" "$@""#, fuzzer] + words, within: 300)
        let told = run.text.split(separator: "\n")
        let story = "\(words), behind mutation \(told.last ?? "none")"
        #expect(run.end == .exit(0), "\(story): \(run.end) \(run.error.prefix(2_000))")
        #expect(told.last?.contains(" of ") == true)
        tell("fuzzing \(budget.kind), seed \(seed): \(told.last ?? "nothing") accepted")
    }
}
