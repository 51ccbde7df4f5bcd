import EventLog
import Foundation

/// Holds one decoder against bytes that nobody wrote.
///
///     DecoderFuzzer KIND SEED FIRST BEHIND
///
/// The mutations FIRST to BEHIND - 1 of a seed are the same in every run. Every thousandth is named
/// on standard output before it is tried, so that a crash can be found again; the last line is
/// `ACCEPTED of TRIED`. Ends with 1 where an accepted value does not come back.
@main
struct DecoderFuzzer {
    static func main() async {
        do {
            let words = CommandLine.arguments
            guard words.count == 5, let target = Target(rawValue: words[1]),
                let seed = UInt64(words[2]), let first = Int(words[3]), let behind = Int(words[4])
            else { throw Misuse() }
            let samples = try await Samples.make(seed: seed)
            try run(target, samples, seed: seed, first..<behind)
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(1)
        }
    }

    private static func run(
        _ target: Target, _ samples: Samples, seed: UInt64, _ numbers: Range<Int>
    ) throws {
        let material = try samples.values(for: target)
        // A fuzzer that starts from nothing finds nothing.
        guard !material.isEmpty else { throw Misuse() }
        for sample in material { try target.judge(sample.value, key: sample.key).get() }
        var accepted = 0
        for number in numbers {
            if number % 1_000 == 0 {
                FileHandle.standardOutput.write(Data("\(number)\n".utf8))
            }
            var mutator = Mutator(seed: seed &* 1_000_003 &+ UInt64(number))
            let (value, key) = mutator.mutation(of: material, for: target)
            switch target.judge(value, key: key) {
            case .success: accepted += 1
            case .failure(let error as BrokenPromise):
                throw BrokenPromise(what: "mutation \(number): \(error.what)")
            case .failure: break
            }
        }
        FileHandle.standardOutput.write(Data("\(accepted) of \(numbers.count)\n".utf8))
    }
}

/// A command line that says nothing that can be done.
struct Misuse: Error {}

/// A value was accepted and is not what it seems.
struct BrokenPromise: Error {
    let what: String
}
