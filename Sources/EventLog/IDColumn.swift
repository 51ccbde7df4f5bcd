internal import Storage

/// How the identifiers of a sub-frame stand on disk.
enum IDPacking {
    /// 16 bytes each.
    case whole
    /// Without the six bits of version and variant, which are the same for all.
    case packed
}

/// The identifiers of a sub-frame as they stand on disk; `Format.md` defines both ways.
struct IDColumn: Sendable, Equatable {
    private let bytes: [UInt8]
    private let packing: IDPacking

    private static let count = LogLimits.subframeEvents
    /// Version (1), 15 bytes of each identifier, then the two bits of each that are left.
    private static let packedBytes = 1 + 15 * count + count / 4

    static func byteCount(_ packing: IDPacking) -> Int {
        switch packing {
        case .whole: 16 * count
        case .packed: packedBytes
        }
    }

    /// The identifiers of `count` events; packed ones are always those of a whole sub-frame.
    init(_ bytes: [UInt8], _ packing: IDPacking, count: Int) throws(MalformedBytes) {
        let isRight =
            switch packing {
            case .whole: bytes.count == 16 * count
            case .packed: bytes.count == Self.packedBytes && bytes[0] <= 15 && count == Self.count
            }
        guard isRight else { throw MalformedBytes(offset: 0) }
        self.bytes = bytes
        self.packing = packing
    }

    /// Packs what can be packed; the inverse of the subscript.
    static func encode(_ ids: [EventID]) -> (bytes: [UInt8], packing: IDPacking) {
        var bytes: [UInt8] = []
        guard let version = commonVersion(ids) else {
            bytes.reserveCapacity(byteCount(.whole))
            for id in ids { id.appendBytes(to: &bytes) }
            return (bytes, .whole)
        }
        bytes.reserveCapacity(packedBytes)
        bytes.append(version)
        for id in ids {
            // 60 bits of either half: the version goes out of the first, and the variant and the
            // last two bits go out of the second.
            let high = (id.high >> 16) << 12 | id.high & 0xFFF
            let low = (id.low << 2) >> 4
            for shift in stride(from: UInt64(52), through: 4, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: high >> shift))
            }
            bytes.append(UInt8(truncatingIfNeeded: high << 4 | low >> 56))
            for shift in stride(from: UInt64(48), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: low >> shift))
            }
        }
        for start in stride(from: 0, to: ids.count, by: 4) {
            var byte: UInt8 = 0
            for index in 0..<4 { byte |= UInt8(ids[start + index].low & 3) << UInt8(2 * index) }
            bytes.append(byte)
        }
        return (bytes, .packed)
    }

    /// The version of all, or nil where they differ or one has another variant than RFC 9562's.
    private static func commonVersion(_ ids: [EventID]) -> UInt8? {
        guard ids.count == count, let version = ids.first.map({ $0.high >> 12 & 15 }),
            ids.allSatisfy({ $0.high >> 12 & 15 == version && $0.low >> 62 == 2 })
        else { return nil }
        return UInt8(version)
    }

    subscript(index: Int) -> EventID {
        switch packing {
        case .whole:
            return EventID(high: word(16 * index), low: word(16 * index + 8))
        case .packed:
            let start = 1 + 15 * index
            let (first, second) = (word(start), word(start + 7))
            let (high, low) = (first >> 4, second & 0x0FFF_FFFF_FFFF_FFFF)
            let rest = bytes[1 + 15 * Self.count + index / 4] >> UInt8(2 * (index % 4)) & 3
            return EventID(
                high: (high >> 12) << 16 | UInt64(bytes[0] & 15) << 12 | high & 0xFFF,
                low: 2 << 62 | low << 2 | UInt64(rest))
        }
    }

    /// Eight bytes, most significant first.
    private func word(_ start: Int) -> UInt64 { bytes.span.bigEndian64(at: start) }
}
