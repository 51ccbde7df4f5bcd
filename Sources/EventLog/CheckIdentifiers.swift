internal import Storage
internal import Synchronization

/// The identifiers of a log by 64 bits of each, to find out whether one comes twice.
///
/// Shared out by the first of these bits, so that the parts can be sorted on all cores.
struct CheckedIdentifiers {
    private var parts = [[Entry]](repeating: [], count: 256)

    private struct Entry: Comparable {
        let identifier: UInt64
        let position: UInt64

        static func < (left: Entry, right: Entry) -> Bool {
            left.identifier != right.identifier
                ? left.identifier < right.identifier : left.position < right.position
        }
    }

    /// Takes up the identifiers of consecutive events.
    mutating func append(_ identifiers: [UInt64], first: UInt64) {
        for (place, identifier) in identifiers.enumerated() {
            parts[Int(identifier >> 56)].append(
                Entry(identifier: identifier, position: first + UInt64(place)))
        }
    }

    /// Pairs of positions whose identifiers may be the same, in the order of the later one.
    func candidates() -> [(earlier: UInt64, later: UInt64)] {
        let next = Atomic<Int>(0)
        let found = Mutex<[(earlier: UInt64, later: UInt64)]>([])
        let parts = parts
        onThreads(coreCount) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < parts.count else { return }
                let sorted = parts[index].sorted()
                for (one, other) in zip(sorted, sorted.dropFirst())
                where one.identifier == other.identifier {
                    found.withLock { $0.append((one.position, other.position)) }
                }
            }
        }
        return found.withLock { $0 }.sorted { $0.later < $1.later }
    }
}
