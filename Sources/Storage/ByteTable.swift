internal import Glibc

extension [UInt8] {
    /// A copy of all bytes at once.
    package init(copying bytes: Span<UInt8>) {
        // The buffer is copied before the call returns.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe [UInt8]($0) }
    }
}

extension Span<UInt8> {
    /// Whether both hold the same bytes.
    package func elementsEqual(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        // Both buffers are used within the call only, and words lie within them.
        return unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                func isSame<Word: FixedWidthInteger & BitwiseCopyable>(
                    _ at: Int, _: Word.Type
                ) -> Bool {
                    unsafe left.loadUnaligned(fromByteOffset: at, as: Word.self)
                        == right.loadUnaligned(fromByteOffset: at, as: Word.self)
                }
                guard count >= 8 else {
                    return (0..<count).allSatisfy { isSame($0, UInt8.self) }
                }
                var at = 0
                while at + 8 < count {
                    guard isSame(at, UInt64.self) else { return false }
                    at += 8
                }
                // The last word reaches back over bytes that were compared before.
                return isSame(count - 8, UInt64.self)
            }
        }
    }

    /// Whether every byte is below 0x80.
    package var isASCII: Bool {
        // The buffer is used within the call only.
        unsafe withUnsafeBytes { buffer in
            var all: UInt64 = 0
            var at = 0
            while at + 8 <= buffer.count {
                unsafe all |= buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                at += 8
            }
            while at < buffer.count {
                unsafe all |= UInt64(buffer[at])
                at += 1
            }
            return all & 0x8080_8080_8080_8080 == 0
        }
    }

    /// A number of 64 bits that equal bytes share under one seed; no promise beyond one process.
    func mixed(seed: UInt64) -> UInt64 {
        // The buffer is used within the call only.
        unsafe withUnsafeBytes { buffer in
            var state = seed ^ UInt64(truncatingIfNeeded: buffer.count)
            guard buffer.count >= 8 else {
                var rest: UInt64 = 0
                for index in 0..<buffer.count { unsafe rest = rest << 8 | UInt64(buffer[index]) }
                return folded(state ^ rest, times: 0xD6E8_FEB8_6659_FD93)
            }
            var at = 0
            while at + 8 < buffer.count {
                let word = unsafe buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                state = folded(state ^ word, times: 0x9E37_79B9_7F4A_7C15)
                at += 8
            }
            // The last word reaches back over bytes that were taken in before.
            let word = unsafe buffer.loadUnaligned(
                fromByteOffset: buffer.count - 8, as: UInt64.self)
            return folded(state ^ word, times: 0xD6E8_FEB8_6659_FD93)
        }
    }

    /// 64 bits that equal bytes share in this process, keyed so that strangers cannot choose them.
    package var keyedHash: UInt64 { mixed(seed: processSeed) }

    /// 128 bits that stand for the bytes, keyed by the process: nobody can find two texts for one.
    package var fingerprint: Fingerprint {
        // The buffer is used within the call only.
        unsafe withUnsafeBytes { buffer in
            var hasher = Hasher()
            unsafe hasher.combine(bytes: buffer)
            return Fingerprint(
                high: UInt64(bitPattern: Int64(hasher.finalize())), low: mixed(seed: processSeed))
        }
    }
}

private let processSeed = UInt64.random(in: .min ... .max)

extension UInt64 {
    /// 64 bits for this number and another, keyed as ``Swift/Span/keyedHash`` is.
    package func keyedHash(with other: UInt64) -> UInt64 {
        folded(
            folded(self ^ processSeed, times: 0x9E37_79B9_7F4A_7C15) ^ other,
            times: 0xD6E8_FEB8_6659_FD93)
    }
}

/// 128 bits in place of bytes that would fill the memory; for one process only.
package struct Fingerprint: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// Both halves of the product of 128 bits, so that every bit of the factors counts.
private func folded(_ value: UInt64, times factor: UInt64) -> UInt64 {
    let (high, low) = value.multipliedFullWidth(by: factor)
    return high ^ low
}

/// Numbers byte strings from 0 in the order in which they are first seen.
///
/// What is asked for again is found without making a string of it.
package struct ByteTable: Sendable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// What hashes here: its number plus one, below the upper half of its hash; 0 for nothing.
    ///
    /// There are as many as a power of two.
    private var slots: [UInt64]
    private var hashes: [UInt64] = []
    private let seed: UInt64

    package init(slots: Int = 16) {
        precondition(slots > 0 && slots & (slots - 1) == 0, "the slots are a power of two")
        self.slots = [UInt64](repeating: 0, count: slots)
        seed = .random(in: .min ... .max)
    }

    /// A table with room for so many byte strings before it grows.
    package init(expecting count: Int) {
        var slots = 1_024
        while slots < 2 * count { slots *= 2 }
        self.init(slots: slots)
        ends.reserveCapacity(count)
        hashes.reserveCapacity(count)
    }

    package var count: Int { ends.count }

    /// Where the bytes with this number stand in ``withBytes(_:)``.
    private func range(_ number: Int) -> Range<Int> {
        (number == 0 ? 0 : ends[number - 1])..<ends[number]
    }

    /// Copies the bytes with this number.
    package subscript(number: Int) -> [UInt8] {
        [UInt8](copying: bytes.span.extracting(range(number)))
    }

    package func fingerprint(_ number: Int) -> Fingerprint {
        bytes.span.extracting(range(number)).fingerprint
    }

    /// Whether these are the bytes with this number.
    package func has(_ wanted: Span<UInt8>, as number: Int) -> Bool {
        bytes.span.extracting(range(number)).elementsEqual(wanted)
    }

    /// The number of these bytes, which are taken in where they are new: then it equals the count
    /// before.
    package mutating func number(of wanted: Span<UInt8>) -> Int {
        let hash = wanted.mixed(seed: seed)
        let slot = slot(of: wanted, hash)
        guard slots[slot] == 0 else { return Self.number(slots[slot]) }
        let number = ends.count
        bytes.append(wanted)
        ends.append(bytes.count)
        hashes.append(hash)
        slots[slot] = Self.entry(number, hash)
        if 2 * ends.count > slots.count { grow() }
        return number
    }

    /// The number of these bytes, or nil where they were never seen.
    package func find(_ wanted: Span<UInt8>) -> Int? {
        let slot = slot(of: wanted, wanted.mixed(seed: seed))
        return slots[slot] == 0 ? nil : Self.number(slots[slot])
    }

    private static func entry(_ number: Int, _ hash: UInt64) -> UInt64 {
        hash & ~0xFFFF_FFFF | UInt64(number + 1)
    }

    private static func number(_ entry: UInt64) -> Int { Int(entry & 0xFFFF_FFFF) - 1 }

    /// The slot that has these bytes, or the empty one where they belong.
    private func slot(of wanted: Span<UInt8>, _ hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let entry = slots[slot]
            if (entry ^ hash) >> 32 == 0,
                bytes.span.extracting(range(Self.number(entry))).elementsEqual(wanted)
            {
                break
            }
            slot = (slot + 1) & mask
        }
        return slot
    }

    private mutating func grow() {
        slots = [UInt64](repeating: 0, count: 2 * slots.count)
        let mask = slots.count - 1
        for (number, hash) in hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = Self.entry(number, hash)
        }
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = 0 }
    }
}

extension String {
    /// A copy of UTF-8 bytes as text.
    package init(copying bytes: Span<UInt8>) {
        self.init(decoding: [UInt8](copying: bytes), as: UTF8.self)
    }
}

extension [UInt8] {
    package mutating func append(_ bytes: Span<UInt8>) {
        // The buffer is copied before the call returns.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
