internal import Crypto

extension EventID {
    /// The UUID of version 5 (RFC 9562, 5.5) for `name` within `namespace`: the same name always
    /// gives the same id.
    package init(namespace: EventID, name: some Collection<UInt8>) {
        var input: [UInt8] = []
        input.reserveCapacity(16 + name.count)
        namespace.appendBytes(to: &input)
        input.append(contentsOf: name)
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in Insecure.SHA1.hash(data: input).enumerated() where index < 16 {
            if index < 8 {
                words.0 = words.0 << 8 | UInt64(byte)
            } else {
                words.1 = words.1 << 8 | UInt64(byte)
            }
        }
        self.init(
            high: words.0 & ~0xF000 | 0x5000, low: words.1 & ~(0b11 << 62) | 0b10 << 62)
    }

    func appendBytes(to bytes: inout [UInt8]) {
        for word in [high, low] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
    }
}
