import EventLog
import Foundation
import Storage
import Synchronization

/// Appends made events to a log and tells each acknowledgement the moment it has it.
///
///     FaultAppender LOG SEED FIRST BEHIND SHAPE WIDTH
///
/// Request number n holds the same events in every run of a seed. The requests FIRST to BEHIND - 1
/// are appended, WIDTH at a time. For each, a line on standard output says
/// `REQUEST appended|already FIRST LAST NANOSECONDS`, by the clock that Linux calls monotonic.
/// It ends with 0, with 4 where the log takes nothing more, with 5 where it finds corruption.
@main
struct FaultAppender {
    static func main() async {
        do {
            try await Order(CommandLine.arguments.dropFirst()).carryOut()
        } catch {
            // Standard error may be what is broken.
            try? FileHandle.standardError.write(contentsOf: Data("\(error)\n".utf8))
            exit(code(of: error))
        }
    }

    private static func code(of error: any Error) -> Int32 {
        switch error {
        case LogError.corruption, LogError.behindHeadFile, LogError.storage(.corrupted): 5
        case is LogError: 4
        case is Refusal: 3
        default: 1
        }
    }
}

/// An outcome that no fault explains.
private struct Refusal: Error {
    let request: Int
    let outcome: AppendOutcome
}

/// Hands each number out once, to whoever asks next.
private final class Dispenser: Sendable {
    private let rest: Mutex<Range<Int>>

    init(_ numbers: Range<Int>) { rest = Mutex(numbers) }

    func next() -> Int? { rest.withLock { $0.popFirst() } }
}

/// A command line that says nothing that can be done.
private struct Misuse: Error {}

/// What the command line asks for.
private struct Order: Sendable {
    private let log: String
    private let requests: MadeRequests
    private let numbers: Range<Int>
    private let width: Int

    init(_ arguments: ArraySlice<String>) throws {
        let words = Array(arguments)
        guard words.count == 6, let seed = UInt64(words[1]), let first = Int(words[2]),
            let behind = Int(words[3]), first <= behind, let shape = Shape(rawValue: words[4]),
            let width = Int(words[5]), width > 0
        else { throw Misuse() }
        log = words[0]
        requests = MadeRequests(seed: seed, shape: shape)
        numbers = first..<behind
        self.width = width
    }

    func carryOut() async throws {
        let opened = try EventLog.open(at: log, access: .writing)
        defer { opened.close() }
        let dispenser = Dispenser(numbers)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<width {
                group.addTask {
                    while let number = dispenser.next() { try await append(number, to: opened) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func append(_ number: Int, to opened: EventLog) async throws {
        let outcome = try await opened.append(Append(try requests.events(of: number)))
        let (word, range) =
            switch outcome {
            case .appended(let range): ("appended", range)
            case .alreadyAppended(let range): ("already", range)
            default: throw Refusal(request: number, outcome: outcome)
            }
        let now = DispatchTime.now().uptimeNanoseconds
        // One call of the system, so that a kill leaves a whole line or none.
        try FileHandle.standardOutput.write(
            contentsOf: Data("\(number) \(word) \(range.first) \(range.last) \(now)\n".utf8))
    }
}
