/// Finds numbers by the hashes of what they stand for; whoever asks tells equals apart.
///
/// Open addressing with linear probing; a slot holds the upper half of a hash above the number plus
/// one. Hashes come from outside, and have to be keyed where strangers choose what is hashed.
package struct NumberTable: Sendable {
    private var slots: [UInt64]
    package private(set) var count = 0

    /// A table with room for so many numbers before it grows.
    package init(capacity: Int = 8) {
        var slots = 16
        while 3 * slots < 4 * capacity { slots *= 2 }
        self.slots = Array(repeating: 0, count: slots)
    }

    /// The number with this hash that `isWanted`, or nil.
    package func number(_ hash: UInt64, where isWanted: (Int) -> Bool) -> Int? {
        var slot = place(hash)
        while slots[slot] != 0 {
            let entry = slots[slot]
            if (entry ^ hash) >> 32 == 0, isWanted(Self.number(entry)) {
                return Self.number(entry)
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Adds a number, less than 2^32 - 1, that the table does not have.
    package mutating func insert(_ number: Int, _ hash: UInt64) {
        if 4 * (count + 1) > 3 * slots.count { grow() }
        count += 1
        put(hash & ~0xFFFF_FFFF | UInt64(UInt32(number) + 1))
    }

    /// Takes all numbers out and keeps the room for them.
    package mutating func removeAll() {
        count = 0
        for slot in slots.indices { slots[slot] = 0 }
    }

    private mutating func grow() {
        let entries = slots
        slots = Array(repeating: 0, count: 2 * entries.count)
        for entry in entries where entry != 0 { put(entry) }
    }

    private mutating func put(_ entry: UInt64) {
        var slot = place(entry)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = entry
    }

    /// Where the search for a hash begins; only its upper half counts, which entries have too.
    private func place(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash >> 32) & (slots.count - 1)
    }

    private static func number(_ entry: UInt64) -> Int { Int(entry & 0xFFFF_FFFF) - 1 }
}

/// The end of each stream that the writer remembers.
package struct StreamEnds: Sendable {
    private var names: [StreamName] = []
    private var ends: [StreamEnd] = []
    private var table = NumberTable()

    package init() {}

    package var count: Int { names.count }

    package subscript(stream: StreamName) -> StreamEnd? { self[stream, stream.keyedHash] }

    /// The end of a stream with this keyed hash.
    subscript(stream: StreamName, hash: UInt64) -> StreamEnd? {
        number(of: stream, hash).map { ends[$0] }
    }

    package mutating func set(_ end: StreamEnd, of stream: StreamName) {
        let hash = stream.keyedHash
        if let number = number(of: stream, hash) {
            ends[number] = end
        } else {
            insert(end, of: stream, hash)
        }
    }

    /// Gives the stream's next revision to the event at a position.
    package mutating func advance(
        _ stream: StreamName, _ hash: UInt64, to position: Position
    ) -> Revision {
        guard let number = number(of: stream, hash) else {
            insert(StreamEnd(revision: Revision(0), position: position), of: stream, hash)
            return Revision(0)
        }
        let revision = ends[number].revision.next
        ends[number] = StreamEnd(revision: revision, position: position)
        return revision
    }

    /// Forgets the streams that end before a position.
    package mutating func removeAll(endingBefore position: UInt64) {
        var kept = StreamEnds()
        for (name, end) in zip(names, ends) where end.position.value >= position {
            kept.insert(end, of: name, name.keyedHash)
        }
        self = kept
    }

    private func number(of stream: StreamName, _ hash: UInt64) -> Int? {
        table.number(hash) { names[$0] == stream }
    }

    private mutating func insert(_ end: StreamEnd, of stream: StreamName, _ hash: UInt64) {
        table.insert(names.count, hash)
        names.append(stream)
        ends.append(end)
    }
}
