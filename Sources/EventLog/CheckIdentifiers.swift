internal import Storage

/// The identifiers of a log by 64 bits of each, to find out whether one comes twice.
///
/// Shared out by the first of these bits, so that the parts can be searched on all cores.
struct CheckedIdentifiers {
    private var pieces: [SharedOut] = []

    fileprivate static let parts = 256

    /// A number that equal identifiers share, and hardly any others.
    ///
    /// Keyed by the process: nobody can choose identifiers whose numbers crowd.
    fileprivate static func number(of id: EventID) -> UInt64 {
        let (high, low) = (id.high ^ keys.0).multipliedFullWidth(by: id.low ^ keys.1)
        // Zero stands for none.
        return max(1, high ^ low)
    }

    private static let keys = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))

    /// The numbers of the identifiers of some neighbouring units, part by part.
    struct SharedOut: Sendable {
        private let first: UInt64
        private let numbers: [UInt64]
        /// How far each event is from the first.
        private let places: [UInt16]
        /// Where each part ends.
        private let ends: [UInt32]

        /// Takes units in their order, of which the last begins at most 65,280 behind the first.
        init(_ units: [CheckedUnit]) {
            let first = units.first?.first ?? 0
            var all: [(number: UInt64, place: UInt16)] = []
            all.reserveCapacity(units.reduce(0) { $0 + $1.count })
            var next = [UInt32](repeating: 0, count: CheckedIdentifiers.parts + 1)
            for unit in units {
                var place = UInt16(unit.first - first)
                for id in unit.ids {
                    let number = CheckedIdentifiers.number(of: id)
                    all.append((number, place))
                    next[Int(number >> 56) + 1] += 1
                    place &+= 1
                }
            }
            for part in 0..<CheckedIdentifiers.parts { next[part + 1] += next[part] }
            var numbers = [UInt64](repeating: 0, count: all.count)
            var places = [UInt16](repeating: 0, count: all.count)
            for (number, place) in all {
                let slot = Int(next[Int(number >> 56)])
                next[Int(number >> 56)] += 1
                numbers[slot] = number
                places[slot] = place
            }
            (self.first, self.numbers, self.places) = (first, numbers, places)
            // Each part was filled up to its end.
            ends = Array(next.dropLast())
        }

        /// Visits the numbers of one part with their positions, which ascend.
        fileprivate func forEach(of part: Int, _ body: (_ number: UInt64, UInt64) -> Void) {
            for slot in (part == 0 ? 0 : Int(ends[part - 1]))..<Int(ends[part]) {
                body(numbers[slot], first + UInt64(places[slot]))
            }
        }

        fileprivate func count(of part: Int) -> Int {
            Int(ends[part] - (part == 0 ? 0 : ends[part - 1]))
        }
    }

    /// Takes up what follows.
    mutating func append(_ piece: SharedOut) { pieces.append(piece) }

    /// Pairs of positions whose identifiers may be the same, in the order of the later one.
    func candidates() -> [(earlier: UInt64, later: UInt64)] {
        let pieces = pieces
        return madeOnThreads(Self.parts, on: .all) { Self.pairs(of: $0, in: pieces) }
            .flatMap(\.self).sorted { $0.later < $1.later }
    }

    private static func pairs(
        of part: Int, in pieces: [SharedOut]
    ) -> [(earlier: UInt64, later: UInt64)] {
        var size = 16
        let count = pieces.reduce(0) { $0 + $1.count(of: part) }
        while size < 2 * count { size *= 2 }
        // The last position of each number; those of a part differ in their lower bits.
        var slots = [(number: UInt64, position: UInt64)](repeating: (0, 0), count: size)
        var pairs: [(earlier: UInt64, later: UInt64)] = []
        for piece in pieces {
            piece.forEach(of: part) { number, position in
                var slot = Int(truncatingIfNeeded: number) & (size - 1)
                while slots[slot].number != 0, slots[slot].number != number {
                    slot = (slot + 1) & (size - 1)
                }
                if slots[slot].number == number { pairs.append((slots[slot].position, position)) }
                slots[slot] = (number, position)
            }
        }
        return pairs
    }
}
