import EventLog
import JSON
import TestSupport

/// How many events a request holds.
enum Shape: String {
    /// One each.
    case singles
    /// Hundreds each, so that many of them cross the border of a block.
    case batches
    /// Mostly one, at times hundreds.
    case mixed
}

/// Requests that a seed makes again, number by number.
struct MadeRequests: Sendable {
    let seed: UInt64
    let shape: Shape

    private static let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789 ".utf8)

    func events(of request: Int) throws -> [NewEvent] {
        var numbers = SeededNumbers(seed: seed &* 1_000_003 &+ UInt64(request))
        return try (0..<count(using: &numbers)).map { index in
            try event(EventID(high: seed, low: UInt64(request << 16 | index)), using: &numbers)
        }
    }

    private func count(using numbers: inout SeededNumbers) -> Int {
        switch (shape, Int.random(in: 0..<20, using: &numbers)) {
        case (.singles, _), (.mixed, 0..<15): 1
        case (.mixed, 15..<18): Int.random(in: 2...60, using: &numbers)
        default: Int.random(in: 200...900, using: &numbers)
        }
    }

    private func event(_ id: EventID, using numbers: inout SeededNumbers) throws -> NewEvent {
        // Long data become values of their own.
        let isLong = Int.random(in: 0..<100, using: &numbers) == 0
        let length = isLong ? 20_000 : Int.random(in: 0..<200, using: &numbers)
        let text = (0..<length).map { _ in
            Self.letters[Int.random(in: 0..<Self.letters.count, using: &numbers)]
        }
        let data = Array(#"{"text":""#.utf8) + text + Array(#""}"#.utf8)
        return NewEvent(
            id: id, type: try EventType("fault.\(id.low % 3)"), schema: 1,
            stream: try StreamName("fault/\(Int.random(in: 0..<40, using: &numbers))"),
            tags: try Tags([try Tag("seed:\(seed)"), try Tag("step:\(id.low % 7)")]),
            source: try Source("urn:test:faults"), time: nil,
            data: try .json(checking: data[...]))
    }
}
