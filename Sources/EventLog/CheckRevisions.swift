internal import Storage

/// The revision that the next event of each stream must have.
///
/// By 128 bits of a name: streams of a large log do not fill the memory.
struct ExpectedRevisions {
    /// A power of two, of which at most three quarters are used.
    private var slots = [Slot](repeating: Slot(), count: 1_024)
    private var count = 0

    private struct Slot {
        /// Zero for none, which is the fingerprint of hardly any name.
        var stream = Fingerprint(high: 0, low: 0)
        var next: UInt64 = 0

        var isEmpty: Bool { stream.low | stream.high == 0 }

        func isOf(_ other: Fingerprint) -> Bool {
            stream.low == other.low && stream.high == other.high
        }
    }

    /// Takes up the next events of a stream; answers which revision they should have begun with.
    mutating func take(_ steps: CheckedUnit.StreamSteps) -> UInt64 {
        let slot = slot(of: steps.stream)
        let expected = slots[slot].next
        let isNew = !slots[slot].isOf(steps.stream)
        slots[slot] = Slot(stream: steps.stream, next: steps.revision &+ steps.count)
        if isNew {
            count += 1
            if 4 * count > 3 * slots.count { grow() }
        }
        return expected
    }

    /// Where the stream is, or belongs.
    private func slot(of stream: Fingerprint) -> Int {
        var slot = Int(truncatingIfNeeded: stream.low) & (slots.count - 1)
        while !slots[slot].isEmpty, !slots[slot].isOf(stream) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: 2 * old.count)
        for entry in old where !entry.isEmpty {
            slots[slot(of: entry.stream)] = entry
        }
    }
}
